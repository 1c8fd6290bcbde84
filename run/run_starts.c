#include "run/run_starts.h"

#include "compute/blas.h"
#include "core/config.h"
#include "core/file.h"
#include "core/machine.h"
#include "core/shell_word.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_BYTES = 16 << 20 };

#define AT(field) .offset = offsetof(struct run_start, field)
static const struct option start_table[] = {
    {"command", "", OPTION_STRING, AT(command)},
    {"time", "", OPTION_STRING, AT(time)},
    {"dikdik", "", OPTION_STRING, AT(version)},
    {"host", "", OPTION_STRING, AT(host)},
    {"processor", "", OPTION_STRING, AT(processor)},
    {"backend", "", OPTION_STRING, AT(backend)},
    {"library", "", OPTION_STRING, AT(library)},
    {"openblas", "", OPTION_STRING, AT(openblas)},
    {"cores", "", OPTION_INT64, AT(cores)},
    {"memory_bytes", "", OPTION_INT64, AT(memory_bytes)},
    {"processes", "", OPTION_INT64, AT(processes)},
    {"hosts", "", OPTION_INT64, AT(hosts)},
    {.key = NULL},
};
#undef AT

const char *run_start_command(char *const *argv, int argc, struct arena *arena)
{
    struct text text = {0};
    text_add(&text, "dikdik");
    for (int i = 0; i < argc; i++) {
        text_add(&text, " ");
        shell_add_word(&text, argv[i]);
    }
    const char *command = text.failed ? NULL : arena_copy_text(arena, text.bytes);
    text_close(&text);
    return command;
}

static void fill(const struct run_session *session, char *host, size_t host_bytes, char *now,
                 size_t now_bytes, struct run_start *out)
{
    const time_t seconds = time(NULL);
    struct tm utc;
    if (gethostname(host, host_bytes - 1) != 0) {
        host[0] = '\0';
    }
    if (gmtime_r(&seconds, &utc) == NULL ||
        strftime(now, now_bytes, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0) {
        now[0] = '\0';
    }
    *out = (struct run_start){.command = session->command != NULL ? session->command : "",
                              .time = now,
                              .version = DIKDIK_VERSION,
                              .host = host,
                              .processor = machine_processor(),
                              .backend = session->backend.name,
                              .library = session->backend.facts.library,
                              .openblas = blas_version(),
                              .cores = machine_cores(),
                              .memory_bytes = (int64_t)machine_memory_bytes(),
                              .processes = session->collective->ranks,
                              .hosts = session->n_hosts};
}

enum status run_start_note(const struct run_session *session)
{
    struct run_start start;
    struct arena arena = {0};
    struct text text = {0};
    char host[256] = "", now[40] = "", *earlier = NULL;
    size_t bytes = 0;
    const char *path = run_path(session, &arena, "", "starts", ".jsonl");
    enum status code = path != NULL ? OK : ERR_MEMORY;
    fill(session, host, sizeof host, now, sizeof now, &start);
    if (code == OK && file_exists(path)) {
        code = file_read(path, MOST_BYTES, &arena, &earlier, &bytes);
    }
    if (code == OK) {
        struct json_writer w = {.out = &text};
        if (bytes > 0) {
            text_add_bytes(&text, earlier, bytes);
            text_add(&text, earlier[bytes - 1] == '\n' ? "" : "\n");
        }
        config_write(start_table, &start, &w, NULL);
        text_add(&text, "\n");
        code = text.failed ? ERR_MEMORY : file_write(path, text.bytes, text.length);
    }
    text_close(&text);
    arena_close(&arena);
    return code;
}

static bool read_line(const char *line, size_t n, const char *path, struct arena *arena,
                      struct run_start *out)
{
    struct json *document = NULL;
    enum status code = json_parse(line, n, path, &document);
    if (code == OK) {
        code = config_read(document, path, start_table, out, arena);
    }
    json_close(document);
    return code == OK;
}

enum status run_starts_read(const char *path, struct arena *arena, struct run_start **starts,
                            int *n)
{
    char *text = NULL;
    size_t bytes = 0;
    *n = 0;
    ARENA_NEW(arena, *starts, RUN_STARTS_MOST);
    if (!file_exists(path)) {
        return OK;
    }
    TRY(file_read(path, MOST_BYTES, arena, &text, &bytes));
    for (char *line = text, *end = text + bytes; line < end;) {
        const size_t length = strcspn(line, "\n");
        if (*n == RUN_STARTS_MOST) {
            memmove(*starts, *starts + 1, (RUN_STARTS_MOST - 1) * sizeof **starts);
            --*n;
        }
        *n += read_line(line, length, path, arena, &(*starts)[*n]) ? 1 : 0;
        line += length + 1;
    }
    return OK;
}
