// Growing tables in HDF5: written in the order that SWMR asks for, so that a reader, or whoever
// comes after a killed writer, finds all rows up to the last flush.
#include "core/hdf5_log.h"

#include "core/file.h"
#include "core/hdf5_log_table.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CHUNK_BYTES = 1 << 16,      // what one table grows by
    TAKE_OVER_BYTES = 16 << 20, // rows of the old file read at once
};

static struct hdf5_log *opened; // all logs that this process writes; under the library's lock

// A second handle of a file that this process writes would share what the library has in memory, in
// a forked child as well: such a file is read through the writer's.
const struct hdf5_log *hdf5_log_find(dev_t device, ino_t inode)
{
    const struct hdf5_log *log = opened;
    while (log != NULL && (log->device != device || log->inode != inode)) {
        log = log->next;
    }
    return log;
}

// By hand: H5TBmake_table would note the time of day in the file.
static hid_t create_table(hid_t file, const struct hdf5_table *table)
{
    const size_t bytes = hdf5_table_packed(table);
    const hsize_t none = 0, any = H5S_UNLIMITED;
    const hsize_t chunk = bytes < CHUNK_BYTES ? CHUNK_BYTES / bytes : 1;
    const hid_t type = hdf5_table_type(table);
    const hid_t space = H5Screate_simple(1, &none, &any);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    hid_t set = H5I_INVALID_HID;
    if (type >= 0 && space >= 0 && creation >= 0 && H5Pset_chunk(creation, 1, &chunk) >= 0 &&
        H5Pset_obj_track_times(creation, false) >= 0) {
        set = H5Dcreate2(file, table->name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    }
    hdf5_library_close(creation);
    hdf5_library_close(space);
    hdf5_library_close(type);
    return set;
}

// As a text of any length: h5py shows it as a str.
static bool add_text(hid_t file, const struct hdf5_text *text)
{
    const hid_t type = hdf5_text_type(H5T_VARIABLE);
    const hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5I_INVALID_HID;
    if (type >= 0 && space >= 0) {
        attribute = H5Acreate2(file, text->name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    }
    const bool fine = attribute >= 0 && H5Awrite(attribute, type, &text->value) >= 0;
    hdf5_library_close(attribute);
    hdf5_library_close(space);
    hdf5_library_close(type);
    return fine;
}

static enum status fail_write(struct hdf5_log *log)
{
    log->failed = true;
    FAIL(ERR_IO, "%s: writing failed: %s", log->path, hdf5_library_reason());
}

// The new file, under its temporary name.
static enum status create_file(struct hdf5_log *log, const char *temporary,
                               const struct hdf5_text *texts, int n_texts)
{
    const hid_t access = hdf5_log_access();
    const hid_t creation = H5Pcreate(H5P_FILE_CREATE);
    if (access >= 0 && creation >= 0 && H5Pset_obj_track_times(creation, false) >= 0) {
        log->file = H5Fcreate(temporary, H5F_ACC_TRUNC, creation, access);
    }
    bool fine = log->file >= 0;
    int *descriptor = NULL;
    struct stat info;
    if (fine && H5Fget_vfd_handle(log->file, access, (void **)&descriptor) >= 0 &&
        fstat(*descriptor, &info) == 0) {
        log->descriptor = *descriptor;
        log->device = info.st_dev;
        log->inode = info.st_ino;
    } else {
        fine = false;
    }
    hdf5_library_close(creation);
    hdf5_library_close(access);
    log->transfer = hdf5_rows_transfer(log->tables, log->n_tables);
    fine = fine && log->transfer >= 0;
    for (int i = 0; i < log->n_tables && fine; i++) {
        log->sets[i] = create_table(log->file, &log->tables[i]);
        log->row_types[i] = hdf5_row_type(&log->tables[i]);
        fine = log->sets[i] >= 0 && log->row_types[i] >= 0;
    }
    for (int i = 0; i < n_texts && fine; i++) {
        fine = add_text(log->file, &texts[i]);
    }
    return fine ? OK : fail_write(log);
}

static enum status check_whole(const struct hdf5_log *log)
{
    if (log->failed) {
        FAIL(ERR_IO, "%s: writing failed before: not all rows are in it", log->path);
    }
    return OK;
}

static enum status append(struct hdf5_log *log, int index, const void *rows, int64_t n)
{
    const hsize_t after = (hsize_t)log->rows[index] + (hsize_t)n;
    if (n > 0 && (H5Dset_extent(log->sets[index], &after) < 0 ||
                  !hdf5_rows_write(log->sets[index], log->row_types[index], log->transfer,
                                   log->rows[index], n, rows))) {
        return fail_write(log);
    }
    log->rows[index] += n;
    return OK;
}

enum status hdf5_log_append(struct hdf5_log *log, int table, const void *rows, int n)
{
    CHECK(table >= 0 && table < log->n_tables && n >= 0);
    TRY(check_whole(log));
    hdf5_library_lock();
    const enum status status = append(log, table, rows, n);
    hdf5_library_unlock();
    return status;
}

int64_t hdf5_log_rows(const struct hdf5_log *log, int table)
{
    CHECK(table >= 0 && table < log->n_tables);
    return log->rows[table];
}

enum status hdf5_log_flush(struct hdf5_log *log, bool durable)
{
    TRY(check_whole(log));
    hdf5_library_lock();
    const enum status status = H5Fflush(log->file, H5F_SCOPE_LOCAL) >= 0 ? OK : fail_write(log);
    hdf5_library_unlock();
    if (status == OK && durable && fsync(log->descriptor) != 0) {
        log->failed = true;
        FAIL(ERR_IO, "%s: writing failed: %s", log->path, strerror(errno));
    }
    return status;
}

// After a failure: nothing more gets into the file, which stays as if the writer had been killed.
// To close it in the orderly way would call it complete.
static void cut_off(struct hdf5_log *log)
{
    const int nowhere = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nowhere >= 0) {
        dup2(nowhere, log->descriptor);
        close(nowhere);
    }
}

// Closes what is open and frees the log. False when the library could not.
static bool release(struct hdf5_log *log)
{
    hdf5_library_lock();
    for (struct hdf5_log **at = &opened; *at != NULL; at = &(*at)->next) {
        if (*at == log) {
            *at = log->next;
            break;
        }
    }
    if (log->failed && log->file >= 0) {
        cut_off(log);
    }
    bool fine = true;
    hdf5_library_close(log->transfer);
    for (int i = 0; i < log->n_tables; i++) {
        hdf5_library_close(log->row_types[i]);
        fine = (log->sets[i] < 0 || H5Dclose(log->sets[i]) >= 0) && fine;
    }
    fine = (log->file < 0 || H5Fclose(log->file) >= 0) && fine;
    hdf5_library_unlock();
    free(log);
    return fine;
}

enum status hdf5_log_close(struct hdf5_log *log)
{
    if (log == NULL) {
        return OK;
    }
    const enum status status = hdf5_log_flush(log, true);
    char path[sizeof log->path];
    memcpy(path, log->path, sizeof path);
    if (!release(log) && status == OK) {
        FAIL(ERR_IO, "%s: closing failed", path);
    }
    return status;
}

static enum status check_counts(const struct hdf5_log *log, const int64_t *keep)
{
    int64_t there[HDF5_TABLES_MAX];
    TRY(hdf5_log_count_all(log->path, log->tables, log->n_tables, there));
    for (int i = 0; i < log->n_tables; i++) {
        if (keep[i] < 0 || there[i] < keep[i]) {
            FAIL(ERR_INPUT, "%s: '%s' has %lld rows, expected at least %lld", log->path,
                 log->tables[i].name, (long long)there[i], (long long)keep[i]);
        }
    }
    return OK;
}

// The next rows of the old file, of all tables, that fit `buffer` [TAKE_OVER_BYTES]. keep: rows
// wanted of each table. *done: there were none left.
static enum status take_over_some(struct hdf5_log *log, const int64_t *keep, char *buffer,
                                  bool *done)
{
    struct hdf5_log_part parts[HDF5_TABLES_MAX];
    int number[HDF5_TABLES_MAX], n = 0;
    size_t used = 0;
    for (int i = 0; i < log->n_tables; i++) {
        const int64_t left = keep[i] - log->rows[i];
        const int64_t fit = (int64_t)((TAKE_OVER_BYTES - used) / log->tables[i].row_bytes);
        const int64_t here = left < fit ? left : fit;
        if (here > 0) {
            parts[n] =
                (struct hdf5_log_part){.table = &log->tables[i], .first = log->rows[i], .n = here};
            parts[n].rows = buffer + used;
            used += (size_t)here * log->tables[i].row_bytes;
            number[n++] = i;
        }
    }
    *done = n == 0;
    if (n > 0) {
        TRY(hdf5_log_read_parts(log->path, parts, n));
    }
    for (int i = 0; i < n; i++) {
        TRY(hdf5_log_append(log, number[i], parts[i].rows, (int)parts[i].n));
    }
    return OK;
}

// The first keep[i] rows of each table of the old file.
static enum status take_over(struct hdf5_log *log, const int64_t *keep)
{
    for (int i = 0; i < log->n_tables; i++) {
        CHECK(log->tables[i].row_bytes <= TAKE_OVER_BYTES);
    }
    TRY(check_counts(log, keep));
    char *buffer = malloc(TAKE_OVER_BYTES);
    if (buffer == NULL) {
        FAIL(ERR_MEMORY, "%s: out of memory", log->path);
    }
    enum status status = OK;
    for (bool done = false; !done && status == OK;) {
        status = take_over_some(log, keep, buffer, &done);
    }
    free(buffer);
    return status;
}

// From here on readers may come: nothing but rows can be added.
static enum status start(struct hdf5_log *log)
{
    hdf5_library_lock();
    enum status status = H5Fstart_swmr_write(log->file) >= 0 ? OK : fail_write(log);
    if (status == OK) {
        log->next = opened;
        opened = log;
    }
    hdf5_library_unlock();
    return status;
}

static enum status fill_file(struct hdf5_log *log, const char *temporary,
                             const struct hdf5_text *texts, int n_texts, const int64_t *keep)
{
    hdf5_library_lock();
    const enum status status = create_file(log, temporary, texts, n_texts);
    hdf5_library_unlock();
    TRY(status);
    if (keep != NULL) {
        TRY(take_over(log, keep));
    }
    TRY(start(log));
    return hdf5_log_flush(log, false); // renaming syncs it
}

enum status hdf5_log_open(const char *path, const struct hdf5_table *tables, int n_tables,
                          const struct hdf5_text *texts, int n_texts, const int64_t *keep,
                          struct hdf5_log **out)
{
    CHECK(n_tables > 0 && n_tables <= HDF5_TABLES_MAX);
    struct hdf5_log *log = calloc(1, sizeof *log);
    if (log == NULL) {
        FAIL(ERR_MEMORY, "%s: out of memory", path);
    }
    log->tables = tables;
    log->n_tables = n_tables;
    log->file = log->transfer = H5I_INVALID_HID;
    for (int i = 0; i < HDF5_TABLES_MAX; i++) {
        log->sets[i] = log->row_types[i] = H5I_INVALID_HID;
    }
    snprintf(log->path, sizeof log->path, "%s", path);
    file_remove_leftovers(path);
    struct file_writer writer = {0};
    enum status status = file_writer_open(path, &writer);
    if (status == OK) {
        status = fill_file(log, writer.temporary, texts, n_texts, keep);
    }
    if (status == OK) {
        status = file_writer_commit(&writer);
    }
    if (status != OK) {
        file_writer_cancel(&writer);
        (void)release(log);
        return status;
    }
    *out = log;
    return OK;
}
