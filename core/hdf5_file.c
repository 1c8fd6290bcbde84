// HDF5: reading named arrays with every claim of the file checked before it is believed. The
// library crashes on some damaged files: it meets files only in a child process, and what it read
// comes back as plain numbers in shared memory. One child answers for any number of arrays.
#include "core/hdf5_file.h"

#include "core/hdf5_library.h"
#include "core/hdf5_set.h"

#include <hdf5.h>
#include <hdf5_hl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { ALIGNMENT = 64 };

// Bytes that an array takes in the shared memory.
static size_t padded_bytes(const struct hdf5_wanted *wanted)
{
    const size_t bytes = wanted->count * hdf5_type_bytes(wanted->type);
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

// A number that the wanted type cannot hold ends the reading, instead of being clipped.
static H5T_conv_ret_t refuse_overflow(H5T_conv_except_t kind, hid_t from, hid_t to, void *source,
                                      void *target, void *context)
{
    (void)from, (void)to, (void)source, (void)target;
    if (kind == H5T_CONV_EXCEPT_RANGE_HI || kind == H5T_CONV_EXCEPT_RANGE_LOW) {
        *(bool *)context = true;
        return H5T_CONV_ABORT;
    }
    return H5T_CONV_UNHANDLED;
}

static enum status open_work(void *context)
{
    struct hdf5_request *request = context;
    return hdf5_set_open_file(request->file, &request->opened);
}

static enum status describe_work(void *context)
{
    struct hdf5_request *request = context;
    int64_t set;
    TRY(hdf5_set_open_file(request->file, &request->opened));
    return hdf5_set_describe(request, &set);
}

static enum status read_one(struct hdf5_request *request, const struct hdf5_wanted *wanted,
                            void *to)
{
    int64_t set;
    request->name = wanted->name;
    TRY(hdf5_set_describe(request, &set));
    TRY(hdf5_set_check(request, wanted));
    bool overflow = false;
    const hid_t transfer = H5Pcreate(H5P_DATASET_XFER);
    if (wanted->count > 0 &&
        (transfer < 0 || H5Pset_type_conv_cb(transfer, refuse_overflow, &overflow) < 0 ||
         H5Dread(set, hdf5_library_type(wanted->type), H5S_ALL, H5S_ALL, transfer, to) < 0)) {
        FAIL(ERR_INPUT, "%s: '%s' cannot be read: %s", request->file->path, wanted->name,
             overflow ? "a number is outside the range of the type wanted" : hdf5_library_reason());
    }
    hdf5_library_close(transfer);
    hdf5_library_close(set);
    return OK;
}

static enum status read_work(void *context)
{
    struct hdf5_request *request = context;
    char *to = request->to;
    TRY(hdf5_set_open_file(request->file, &request->opened));
    for (int i = 0; i < request->n; i++) {
        TRY(read_one(request, &request->wanted[i], to));
        to += padded_bytes(&request->wanted[i]);
    }
    return OK;
}

// Asks a child; `request` gets the answer only on OK.
static enum status ask(struct hdf5_request *request, const struct isolate_limits *limits,
                       enum status (*work)(void *context))
{
    struct hdf5_request *shared = isolate_share(sizeof *shared);
    if (shared == NULL) {
        return ERR_MEMORY;
    }
    *shared = *request;
    hdf5_library_lock();
    const enum status status = isolate_run(request->file->path, limits, work, shared);
    hdf5_library_unlock();
    if (status == OK) {
        *request = *shared;
    }
    isolate_unshare(shared, sizeof *shared);
    return status;
}

enum status hdf5_open(const char *path, struct hdf5_file **out)
{
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) {
        FAIL(ERR_INPUT, "%s: there is no such file, expected an HDF5 file", path);
    }
    struct hdf5_file *file = calloc(1, sizeof *file);
    if (file == NULL) {
        FAIL(ERR_MEMORY, "%s: out of memory", path);
    }
    file->bytes = (size_t)info.st_size;
    snprintf(file->path, sizeof file->path, "%s", path); // fits: stat took it
    const enum status status =
        ask(&(struct hdf5_request){.file = file}, &hdf5_small_limits, open_work);
    if (status != OK) {
        free(file);
        return status;
    }
    *out = file;
    return OK;
}

void hdf5_close(struct hdf5_file *file)
{
    free(file);
}

enum status hdf5_look(struct hdf5_file *file, const char *name, struct hdf5_found *out)
{
    struct hdf5_request request = {.file = file, .name = name};
    TRY(ask(&request, &hdf5_small_limits, describe_work));
    *out = request.found;
    return OK;
}

static enum status has_work(void *context)
{
    struct hdf5_request *request = context;
    TRY(hdf5_set_open_file(request->file, &request->opened));
    const htri_t valid = H5LTpath_valid(request->opened, request->name, false);
    if (valid < 0) {
        FAIL(ERR_INPUT, "%s: damaged: whether it has '%s' cannot be read: %s", request->file->path,
             request->name, hdf5_library_reason());
    }
    request->there = valid > 0;
    return OK;
}

enum status hdf5_has(struct hdf5_file *file, const char *name, bool *out)
{
    struct hdf5_request request = {.file = file, .name = name};
    TRY(ask(&request, &hdf5_small_limits, has_work));
    *out = request.there;
    return OK;
}

enum status hdf5_describe(struct hdf5_file *file, const char *name, struct hdf5_array *out)
{
    struct hdf5_found found;
    TRY(hdf5_look(file, name, &found));
    *out = found.array;
    return OK;
}

enum status hdf5_read_all(struct hdf5_file *file, const struct hdf5_wanted *wanted, int n)
{
    struct hdf5_request request = {.file = file, .wanted = wanted, .n = n};
    size_t bytes = 0, elements = 0;
    for (int i = 0; i < n; i++) {
        bytes += padded_bytes(&wanted[i]);
        elements += wanted[i].count;
    }
    request.to = isolate_share(bytes);
    if (request.to == NULL) {
        return status_context(ERR_MEMORY, "reading %s", file->path);
    }
    // A slow disk gives 1 MB/s. A chunk may be the whole array, with 8 bytes per element, and a
    // filter may hold it several times.
    const struct isolate_limits limits = {.seconds =
                                              hdf5_small_limits.seconds + (double)bytes / 1e6,
                                          .bytes = hdf5_small_limits.bytes + elements * 32};
    const enum status status = ask(&request, &limits, read_work);
    const char *from = request.to;
    for (int i = 0; i < n && status == OK; i++) {
        if (wanted[i].count > 0) {
            memcpy(wanted[i].to, from, wanted[i].count * hdf5_type_bytes(wanted[i].type));
        }
        from += padded_bytes(&wanted[i]);
    }
    isolate_unshare(request.to, bytes);
    return status;
}

enum status hdf5_read(struct hdf5_file *file, const char *name, enum hdf5_type type, size_t count,
                      void *to)
{
    const struct hdf5_wanted wanted = {.name = name, .type = type, .count = count, .to = to};
    return hdf5_read_all(file, &wanted, 1);
}
