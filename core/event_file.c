// Event files: framing, and the names that readers look for.
#include "core/event_file.h"

#include "core/file.h"

#include <dirent.h>
#include <errno.h>
#include <event.pb-c.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define UNNAMED "events.next" // no reader takes it for an event file
#define PREFIX "events.out.tfevents."
#define OURS ".dikdik"                         // at the end of a name
#define CRC32C_POLYNOMIAL UINT32_C(0x82f63b78) // reflected

enum { RECORD_BYTES = 16 << 10 }; // of one event

uint32_t event_file_crc(const void *bytes, size_t n)
{
    const uint8_t *at = bytes;
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? CRC32C_POLYNOMIAL : 0);
        }
    }
    return ~crc;
}

// As the format has it: a checksum of what itself holds checksums would be weak.
static uint32_t masked_crc(const void *bytes, size_t n)
{
    const uint32_t crc = event_file_crc(bytes, n);
    return (crc >> 15 | crc << 17) + UINT32_C(0xa282ead8);
}

static void put_little(uint8_t *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        to[i] = (uint8_t)(value >> 8 * i);
    }
}

static enum status fail_write(const struct event_file *file)
{
    FAIL(ERR_IO, "%s: writing failed: %s", file->path, strerror(errno));
}

static enum status add_event(struct event_file *file, const Event__Event *event)
{
    uint8_t record[8 + 4 + RECORD_BYTES + 4];
    const size_t n = event__event__get_packed_size(event);
    if (n > RECORD_BYTES) {
        FAIL(ERR_INPUT, "%s: an event of %zu bytes, and %d is the most; are names that long?",
             file->path, n, RECORD_BYTES);
    }
    put_little(record, n, 8);
    put_little(record + 8, masked_crc(record, 8), 4);
    event__event__pack(event, record + 12);
    put_little(record + 12 + n, masked_crc(record + 12, n), 4);
    const size_t whole = n + 16;
    return fwrite(record, 1, whole, file->file) == whole ? OK : fail_write(file);
}

// protobuf-c's structs have no const.
static char *text_of(const char *text)
{
    return (char *)(uintptr_t)text;
}

static enum status add_version(struct event_file *file)
{
    Event__Event event = EVENT__EVENT__INIT;
    event.wall_time = (double)time(NULL);
    event.what_case = EVENT__EVENT__WHAT_FILE_VERSION;
    event.file_version = text_of("brain.Event:2");
    return add_event(file, &event);
}

static enum status add_start(struct event_file *file)
{
    Event__Event event = EVENT__EVENT__INIT;
    Event__SessionLog start = EVENT__SESSION_LOG__INIT;
    start.status = EVENT__SESSION_LOG__STATUS__START;
    event.wall_time = (double)time(NULL);
    event.what_case = EVENT__EVENT__WHAT_SESSION_LOG;
    event.session_log = &start;
    return add_event(file, &event);
}

static enum status begin(struct event_file *file)
{
    file->file = fopen(file->path, "wbe");
    if (file->file == NULL) {
        FAIL(ERR_IO, "%s: cannot be written: %s", file->path, strerror(errno));
    }
    TRY(add_version(file));
    return add_start(file); // of step 0: all that came before is void
}

enum status event_file_open(const char *folder, struct event_file *out)
{
    *out = (struct event_file){.file = NULL};
    TRY(file_join(out->folder, sizeof out->folder, folder, "."));
    TRY(file_join(out->path, sizeof out->path, folder, UNNAMED));
    snprintf(out->folder, sizeof out->folder, "%s", folder);
    const enum status status = begin(out);
    if (status != OK) {
        struct status_note note;
        status_save(&note);
        (void)event_file_close(out);
        status_restore(&note);
    }
    return status;
}

enum status event_file_add(struct event_file *file, int64_t step, double wall_seconds,
                           const struct event_scalar *scalars, int n)
{
    Event__Scalar values[EVENT_MOST_SCALARS];
    Event__Scalar *list[EVENT_MOST_SCALARS];
    Event__Event event = EVENT__EVENT__INIT;
    Event__Summary summary = EVENT__SUMMARY__INIT;
    CHECK(n >= 0 && n <= EVENT_MOST_SCALARS);
    for (int i = 0; i < n; i++) {
        event__scalar__init(&values[i]);
        values[i].tag = text_of(scalars[i].tag);
        values[i].value_case = EVENT__SCALAR__VALUE_SIMPLE_VALUE;
        values[i].simple_value = (float)scalars[i].value;
        list[i] = &values[i];
    }
    summary.n_value = (size_t)n;
    summary.value = list;
    event.wall_time = wall_seconds;
    event.step = step;
    event.what_case = EVENT__EVENT__WHAT_SUMMARY;
    event.summary = &summary;
    return n > 0 ? add_event(file, &event) : OK;
}

// ---- names
// The seconds in the name of an event file of ours; 0 for another name.
static long long named_seconds(const char *name)
{
    const size_t prefix = strlen(PREFIX), suffix = strlen(OURS), length = strlen(name);
    if (length <= prefix + suffix || strncmp(name, PREFIX, prefix) != 0 ||
        strcmp(name + length - suffix, OURS) != 0) {
        return 0;
    }
    return strtoll(name + prefix, NULL, 10);
}

// The newest of the folder's event files, of those other than `keep` if they are to be removed.
static long long visit(const char *folder, bool removes, const char *keep)
{
    char path[4096];
    long long newest = 0;
    DIR *entries = opendir(folder);
    if (entries == NULL) {
        return 0; // renaming into it will say why
    }
    for (const struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        const long long seconds = named_seconds(entry->d_name);
        newest = seconds > newest ? seconds : newest;
        if (removes && seconds > 0 && file_join(path, sizeof path, folder, entry->d_name) == OK &&
            strcmp(path, keep) != 0) {
            (void)unlink(path); // where it stays, readers are told that it is void
        }
    }
    closedir(entries);
    return newest;
}

enum status event_file_publish(struct event_file *file)
{
    char host[128] = "", name[256], path[4096];
    TRY(event_file_flush(file, true));
    if (gethostname(host, sizeof host - 1) != 0 || host[0] == '\0') {
        snprintf(host, sizeof host, "localhost");
    }
    // Readers take files in the order of their names.
    const long long now = (long long)time(NULL), newest = visit(file->folder, false, "");
    snprintf(name, sizeof name, PREFIX "%lld.%s" OURS, now > newest ? now : newest + 1, host);
    TRY(file_join(path, sizeof path, file->folder, name));
    if (rename(file->path, path) != 0) {
        FAIL(ERR_IO, "%s: cannot be renamed to %s: %s", file->path, name, strerror(errno));
    }
    snprintf(file->path, sizeof file->path, "%s", path);
    (void)visit(file->folder, true, path);
    return OK;
}

enum status event_file_flush(struct event_file *file, bool durable)
{
    if (fflush(file->file) != 0 || ferror(file->file)) {
        return fail_write(file);
    }
    return !durable || fsync(fileno(file->file)) == 0 ? OK : fail_write(file);
}

enum status event_file_close(struct event_file *file)
{
    if (file->file == NULL) {
        return OK;
    }
    const char *slash = strrchr(file->path, '/');
    const bool named = slash == NULL || strcmp(slash + 1, UNNAMED) != 0;
    const enum status status = event_file_flush(file, false);
    fclose(file->file);
    file->file = NULL;
    if (!named) {
        (void)unlink(file->path);
    }
    return status;
}
