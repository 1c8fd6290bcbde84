// Reading growing tables back, in a child, as hdf5_file.c does: the file may be damaged, or half
// written by whoever was killed.
#include "core/hdf5_log_table.h"

#include <hdf5.h>
#include <hdf5_hl.h>
#include <string.h>
#include <sys/stat.h>

// A question to a file about some of its tables, and its answer.
struct request {
    const char *path;
    const struct hdf5_log_part *parts; // what is asked for, in the order of the answers
    int n_parts;
    bool read;                      // the rows too, not only how many there are
    char *to;                       // memory for them, one part after the other
    int64_t there[HDF5_TABLES_MAX]; // answer: rows of each part's table
    // The part that is being answered.
    const struct hdf5_table *table;
    int64_t *rows_there;
};

static size_t part_bytes(const struct hdf5_log_part *part)
{
    return (size_t)part->n * part->table->row_bytes;
}

static enum status fail_damaged(const struct request *request)
{
    FAIL(ERR_INPUT, "%s: '%s' is damaged: %s", request->path, request->table->name,
         hdf5_library_reason());
}

static bool same_column(hid_t there, hid_t wanted, int i)
{
    char *a = H5Tget_member_name(there, (unsigned)i), *b = H5Tget_member_name(wanted, (unsigned)i);
    const hid_t type_a = H5Tget_member_type(there, (unsigned)i),
                type_b = H5Tget_member_type(wanted, (unsigned)i);
    const bool same = a != NULL && b != NULL && strcmp(a, b) == 0 && H5Tequal(type_a, type_b) > 0;
    H5free_memory(a);
    H5free_memory(b);
    hdf5_library_close(type_a);
    hdf5_library_close(type_b);
    return same;
}

static enum status compare_columns(const struct request *request, hid_t there, hid_t wanted)
{
    const struct hdf5_table *table = request->table;
    const int n = H5Tget_class(there) == H5T_COMPOUND ? H5Tget_nmembers(there) : 0;
    for (int i = 0; i < n && i < table->n_columns; i++) {
        if (!same_column(there, wanted, i)) {
            char *name = H5Tget_member_name(there, (unsigned)i);
            const enum status status = status_fail(
                ERR_INPUT, __FILE__, __LINE__,
                "%s: column %d of '%s' is '%.60s', expected '%s' (or its type differs)",
                request->path, i, table->name, name != NULL ? name : "?", table->columns[i].name);
            H5free_memory(name);
            return status;
        }
    }
    if (n != table->n_columns || H5Tequal(there, wanted) <= 0) {
        FAIL(ERR_INPUT, "%s: '%s' has other columns than expected (%d, expected %d)", request->path,
             table->name, n, table->n_columns);
    }
    return OK;
}

static enum status check_columns(const struct request *request, hid_t set)
{
    const hid_t there = H5Dget_type(set), wanted = hdf5_table_type(request->table);
    const enum status status =
        there >= 0 && wanted >= 0 ? compare_columns(request, there, wanted) : fail_damaged(request);
    hdf5_library_close(there);
    hdf5_library_close(wanted);
    return status;
}

// The rows must be in this very file. Counts those that it holds.
static enum status check_rows(struct request *request, hid_t set)
{
    const hid_t creation = H5Dget_create_plist(set), space = H5Dget_space(set);
    hsize_t rows = 0;
    if (creation < 0 || space < 0 || H5Sget_simple_extent_ndims(space) != 1 ||
        H5Sget_simple_extent_dims(space, &rows, NULL) < 0 ||
        H5Pget_layout(creation) != H5D_CHUNKED || H5Pget_nfilters(creation) != 0) {
        FAIL(ERR_INPUT, "%s: '%s' is no table that grows", request->path, request->table->name);
    }
    struct stat info; // taken now: it may be growing
    const hsize_t stored = H5Dget_storage_size(set);
    if (stat(request->path, &info) != 0 || stored > (hsize_t)info.st_size) {
        FAIL(ERR_INPUT, "%s: '%s' claims more than the file holds", request->path,
             request->table->name);
    }
    // A writer whose disk was full leaves a count that is ahead of what got into the file.
    const hsize_t held = stored / hdf5_table_packed(request->table);
    rows = rows < held ? rows : held;
    *request->rows_there = (int64_t)rows;
    return OK;
}

static enum status read_rows(const struct request *request, const struct hdf5_log_part *part,
                             hid_t set, char *to)
{
    const struct hdf5_table *table = part->table;
    if (part->n > *request->rows_there - part->first) {
        FAIL(ERR_INPUT, "%s: '%s' has %lld rows, expected at least %lld", request->path,
             table->name, (long long)*request->rows_there, (long long)(part->first + part->n));
    }
    const hid_t type = hdf5_row_type(table), transfer = hdf5_rows_transfer(table, 1);
    const bool fine =
        part->n == 0 || (type >= 0 && transfer >= 0 &&
                         hdf5_rows_read(set, type, transfer, part->first, part->n, to));
    hdf5_library_close(type);
    hdf5_library_close(transfer);
    return fine ? OK : fail_damaged(request);
}

static enum status answer_part(struct request *request, const struct hdf5_log_part *part,
                               hid_t file, char *to)
{
    const char *path = request->path, *name = part->table->name;
    const hid_t set =
        H5LTpath_valid(file, name, false) > 0 ? H5Dopen2(file, name, H5P_DEFAULT) : H5I_INVALID_HID;
    if (set < 0) {
        FAIL(ERR_INPUT, "%s: has no table '%s'", path, name);
    }
    TRY(check_columns(request, set));
    TRY(check_rows(request, set));
    return request->read ? read_rows(request, part, set, to) : OK;
}

// Only in the child, whose end closes everything.
static enum status answer(void *context)
{
    struct request *request = context;
    const char *path = request->path;
    const hid_t file = H5Fopen(path, H5F_ACC_RDONLY | H5F_ACC_SWMR_READ, hdf5_log_access());
    if (file < 0) {
        FAIL(ERR_INPUT, "%s: not a readable file of growing tables: %s", path,
             hdf5_library_reason());
    }
    char *to = request->to;
    for (int i = 0; i < request->n_parts; i++) {
        request->table = request->parts[i].table;
        request->rows_there = &request->there[i];
        TRY(answer_part(request, &request->parts[i], file, to));
        to += request->read ? part_bytes(&request->parts[i]) : 0;
    }
    return OK;
}

static enum status answer_own_part(const struct hdf5_log *log, struct request *request,
                                   const struct hdf5_log_part *part, char *to)
{
    const char *name = part->table->name;
    for (int i = 0; i < log->n_tables; i++) {
        if (strcmp(log->tables[i].name, name) == 0) {
            TRY(check_columns(request, log->sets[i]));
            *request->rows_there = log->rows[i];
            return request->read ? read_rows(request, part, log->sets[i], to) : OK;
        }
    }
    FAIL(ERR_INPUT, "%s: has no table '%s'", log->path, name);
}

static enum status answer_own(const struct hdf5_log *log, struct request *request)
{
    char *to = request->to;
    for (int i = 0; i < request->n_parts; i++) {
        request->table = request->parts[i].table;
        request->rows_there = &request->there[i];
        TRY(answer_own_part(log, request, &request->parts[i], to));
        to += request->read ? part_bytes(&request->parts[i]) : 0;
    }
    return OK;
}

// request: in memory shared with the child.
static enum status ask(struct request *request, const struct isolate_limits *limits)
{
    struct stat info;
    if (stat(request->path, &info) != 0 || !S_ISREG(info.st_mode)) {
        FAIL(ERR_INPUT, "%s: there is no such file, expected one of growing tables", request->path);
    }
    hdf5_library_lock();
    const struct hdf5_log *own = hdf5_log_find(info.st_dev, info.st_ino);
    const enum status status = own != NULL ? answer_own(own, request)
                                           : isolate_run(request->path, limits, answer, request);
    hdf5_library_unlock();
    return status;
}

enum status hdf5_log_count_all(const char *path, const struct hdf5_table *tables, int n_tables,
                               int64_t *rows)
{
    CHECK(n_tables > 0 && n_tables <= HDF5_TABLES_MAX);
    struct hdf5_log_part parts[HDF5_TABLES_MAX];
    struct request *shared = isolate_share(sizeof *shared);
    if (shared == NULL) {
        return ERR_MEMORY;
    }
    for (int i = 0; i < n_tables; i++) {
        parts[i] = (struct hdf5_log_part){.table = &tables[i]};
    }
    *shared = (struct request){.path = path, .parts = parts, .n_parts = n_tables};
    const enum status status = ask(shared, &hdf5_small_limits);
    for (int i = 0; i < n_tables && status == OK; i++) {
        rows[i] = shared->there[i];
    }
    isolate_unshare(shared, sizeof *shared);
    return status;
}

enum status hdf5_log_count(const char *path, const struct hdf5_table *table, int64_t *rows)
{
    return hdf5_log_count_all(path, table, 1, rows);
}

enum status hdf5_log_read_parts(const char *path, const struct hdf5_log_part *parts, int n_parts)
{
    CHECK(n_parts > 0 && n_parts <= HDF5_TABLES_MAX);
    size_t bytes = 0;
    for (int i = 0; i < n_parts; i++) {
        CHECK(parts[i].first >= 0 && parts[i].n >= 0);
        bytes += part_bytes(&parts[i]);
    }
    char *shared = isolate_share(bytes);
    if (shared == NULL) {
        return status_context(ERR_MEMORY, "reading '%s' of %s", parts[0].table->name, path);
    }
    struct request request = {
        .path = path, .parts = parts, .n_parts = n_parts, .read = true, .to = shared};
    // A slow disk gives 1 MB/s.
    const struct isolate_limits limits = {.seconds =
                                              hdf5_small_limits.seconds + (double)bytes / 1e6,
                                          .bytes = hdf5_small_limits.bytes + 2 * bytes};
    const enum status status = ask(&request, &limits);
    const char *from = shared;
    for (int i = 0; i < n_parts && status == OK; i++) {
        if (parts[i].n > 0) {
            memcpy(parts[i].rows, from, part_bytes(&parts[i]));
        }
        from += part_bytes(&parts[i]);
    }
    isolate_unshare(shared, bytes);
    return status;
}

enum status hdf5_log_read(const char *path, const struct hdf5_table *table, int64_t first,
                          int64_t n, void *rows)
{
    const struct hdf5_log_part part = {.table = table, .first = first, .n = n, .rows = rows};
    return hdf5_log_read_parts(path, &part, 1);
}
