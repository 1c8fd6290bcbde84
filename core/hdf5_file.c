// HDF5: reading named arrays with every claim of the file checked before it is believed. The
// library crashes on some damaged files: it meets files only in a child process, and what it read
// comes back as plain numbers in shared memory. One child answers for any number of arrays.
#include "core/hdf5_file.h"

#include "core/file.h"
#include "core/hdf5_library.h"
#include "core/text.h"

#include <hdf5.h>
#include <hdf5_hl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct hdf5_file {
    size_t bytes; // of the file on the disk
    char path[4096];
};

// One question to a file and its answer, in memory shared with the child that finds it out.
struct request {
    const struct hdf5_file *file;
    const char *name; // of the array to describe, or of the one that is being read
    struct hdf5_array array;
    hid_t opened;                     // the file, in the child
    const struct hdf5_wanted *wanted; // [n] arrays to read
    int n;
    char *to; // shared memory for their elements, one array after the other, each on ALIGNMENT
};

enum { DIMS_MAX = HDF5_DIMS_MAX, LISTED_MAX = 16, ALIGNMENT = 64 };

// Bytes that an array takes in the shared memory.
static size_t padded_bytes(const struct hdf5_wanted *wanted)
{
    const size_t bytes = wanted->count * hdf5_type_bytes(wanted->type);
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

// From here to read_work: only in the child, whose end closes everything.

struct listing {
    struct text text;
    int n;
};

static herr_t list_set(hid_t root, const char *name, const H5O_info_t *info, void *context)
{
    (void)root;
    struct listing *listing = context;
    if (info->type == H5O_TYPE_DATASET) {
        if (listing->n == LISTED_MAX) {
            text_add(&listing->text, ", ...");
            return 1;
        }
        text_add(&listing->text, "%s'%.60s'", listing->n > 0 ? ", " : "", name);
        listing->n++;
    }
    return 0;
}

static enum status fail_absent(const struct hdf5_file *file, hid_t id, const char *name)
{
    struct listing listing = {0};
    if (H5Ovisit2(id, H5_INDEX_NAME, H5_ITER_INC, list_set, &listing, H5O_INFO_BASIC) < 0) {
        text_close(&listing.text);
        FAIL(ERR_INPUT, "%s: damaged: its list of data sets cannot be read: %s", file->path,
             hdf5_library_reason());
    }
    (void)status_fail(ERR_INPUT, __FILE__, __LINE__, "%s: has no data set '%s'; it has %s",
                      file->path, name,
                      listing.text.length > 0 ? listing.text.bytes : "none at all");
    text_close(&listing.text);
    return ERR_INPUT;
}

static enum status open_file(const struct hdf5_file *file, hid_t *out)
{
    *out = H5Fopen(file->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (*out < 0) {
        FAIL(ERR_INPUT, "%s: not a readable HDF5 file: %s", file->path, hdf5_library_reason());
    }
    return OK;
}

static enum status open_set(const struct request *request, hid_t *out)
{
    const struct hdf5_file *file = request->file;
    const char *name = request->name;
    if (*name == '\0' || H5LTpath_valid(request->opened, name, false) <= 0) {
        return fail_absent(file, request->opened, name);
    }
    *out = H5Dopen2(request->opened, name, H5P_DEFAULT);
    if (*out < 0) {
        FAIL(ERR_INPUT, "%s: '%s' cannot be opened as a data set: %s", file->path, name,
             hdf5_library_reason());
    }
    return OK;
}

static enum hdf5_type type_of(hid_t type)
{
    const size_t bytes = H5Tget_size(type);
    switch (H5Tget_class(type)) {
    case H5T_INTEGER:
        if (H5Tget_sign(type) == H5T_SGN_2) {
            return bytes == 4 ? HDF5_I32 : bytes == 8 ? HDF5_I64 : HDF5_OTHER;
        }
        return bytes == 1 ? HDF5_U8 : HDF5_OTHER;
    case H5T_FLOAT:
        return bytes == 4 ? HDF5_F32 : bytes == 8 ? HDF5_F64 : HDF5_OTHER;
    default: // strings, compounds and the like
        return HDF5_OTHER;
    }
}

static enum status read_shape(const struct hdf5_file *file, const char *name, hid_t space,
                              struct hdf5_array *out)
{
    hsize_t dims[DIMS_MAX] = {0};
    const int n_dims = H5Sget_simple_extent_ndims(space);
    if (H5Sis_simple(space) <= 0 || H5Sget_simple_extent_type(space) == H5S_NULL || n_dims < 0 ||
        n_dims > DIMS_MAX) {
        FAIL(ERR_INPUT, "%s: '%s' has no shape, or more than %d dimensions", file->path, name,
             DIMS_MAX);
    }
    if (H5Sget_simple_extent_dims(space, dims, NULL) < 0) {
        FAIL(ERR_INPUT, "%s: the shape of '%s' cannot be read: %s", file->path, name,
             hdf5_library_reason());
    }
    *out = (struct hdf5_array){.type = out->type, .n_dims = n_dims};
    size_t count = 1;
    bool empty = false;
    for (int i = 0; i < n_dims; i++) {
        out->dims[i] = (int64_t)dims[i];
        empty = empty || dims[i] == 0;
    }
    for (int i = 0; i < n_dims && !empty; i++) {
        const size_t most = (size_t)INT64_MAX / 8; // all of it must be countable in bytes
        if (dims[i] > most / count) {
            FAIL(ERR_INPUT, "%s: '%s' claims more elements than any memory can hold", file->path,
                 name);
        }
        count *= (size_t)dims[i];
    }
    out->count = empty ? 0 : count;
    return OK;
}

// The elements must be in this very file: not mapped from others, and not more than it can hold.
static enum status check_storage(const struct request *request, hid_t set, size_t element_bytes)
{
    const char *path = request->file->path, *name = request->name;
    const hid_t properties = H5Dget_create_plist(set);
    if (properties < 0) {
        FAIL(ERR_INPUT, "%s: '%s' is damaged: %s", path, name, hdf5_library_reason());
    }
    H5O_info_t of_set, of_file;
    if (H5Pget_layout(properties) == H5D_VIRTUAL || H5Pget_external_count(properties) != 0 ||
        H5Oget_info2(set, &of_set, H5O_INFO_BASIC) < 0 ||
        H5Oget_info2(request->opened, &of_file, H5O_INFO_BASIC) < 0 ||
        of_set.fileno != of_file.fileno) {
        FAIL(ERR_INPUT, "%s: '%s' takes its data from another file, which is not read", path, name);
    }
    const size_t stored = (size_t)H5Dget_storage_size(set);
    const size_t held = stored < request->file->bytes ? stored : request->file->bytes;
    size_t most = element_bytes > 0 ? held / element_bytes : 0;
    if (H5Pget_nfilters(properties) != 0) {
        most = (most + 1) * 4096; // compressed: zlib's best is about 1030 to 1
    }
    if (request->array.count > most) {
        FAIL(ERR_INPUT,
             "%s: '%s' claims %zu elements of %zu bytes, but the file holds only %zu bytes of it",
             path, name, request->array.count, element_bytes, held);
    }
    return OK;
}

static enum status describe_set(struct request *request, hid_t *set, H5T_class_t *class)
{
    TRY(open_set(request, set));
    const hid_t type = H5Dget_type(*set);
    const hid_t space = H5Dget_space(*set);
    if (type < 0 || space < 0) {
        FAIL(ERR_INPUT, "%s: type and shape of '%s' cannot be read: %s", request->file->path,
             request->name, hdf5_library_reason());
    }
    request->array.type = type_of(type);
    *class = H5Tget_class(type);
    TRY(read_shape(request->file, request->name, space, &request->array));
    return check_storage(request, *set, H5Tget_size(type));
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
    struct request *request = context;
    return open_file(request->file, &request->opened);
}

static enum status describe_work(void *context)
{
    struct request *request = context;
    hid_t set;
    H5T_class_t class;
    TRY(open_file(request->file, &request->opened));
    return describe_set(request, &set, &class);
}

// The array that is there must be the one that was asked for, before anything is read.
static enum status check_wanted(const struct request *request, const struct hdf5_wanted *wanted,
                                H5T_class_t class)
{
    const char *path = request->file->path, *name = wanted->name;
    const struct hdf5_array *array = &request->array;
    const bool want_float = wanted->type == HDF5_F32 || wanted->type == HDF5_F64;
    if (class != H5T_INTEGER && !(want_float && class == H5T_FLOAT)) {
        FAIL(ERR_INPUT, "%s: '%s' holds %s, expected %s", path, name,
             class == H5T_FLOAT ? "floating-point numbers" : "no plain numbers",
             want_float ? "numbers" : "integers");
    }
    if (array->count != wanted->count || (wanted->exact && array->type != wanted->type)) {
        FAIL(ERR_INPUT, "%s: '%s' holds %zu elements of type %s, expected %zu of type %s", path,
             name, array->count, hdf5_type_name(array->type), wanted->count,
             hdf5_type_name(wanted->type));
    }
    return OK;
}

static enum status read_one(struct request *request, const struct hdf5_wanted *wanted, void *to)
{
    hid_t set;
    H5T_class_t class;
    request->name = wanted->name;
    TRY(describe_set(request, &set, &class));
    TRY(check_wanted(request, wanted, class));
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
    struct request *request = context;
    char *to = request->to;
    TRY(open_file(request->file, &request->opened));
    for (int i = 0; i < request->n; i++) {
        TRY(read_one(request, &request->wanted[i], to));
        to += padded_bytes(&request->wanted[i]);
    }
    return OK;
}

// Asks a child; `answer` is written only on OK.
static enum status ask(const struct request *question, const struct isolate_limits *limits,
                       enum status (*work)(void *context), struct hdf5_array *answer)
{
    struct request *shared = isolate_share(sizeof *shared);
    if (shared == NULL) {
        return ERR_MEMORY;
    }
    *shared = *question;
    hdf5_library_lock();
    const enum status status = isolate_run(question->file->path, limits, work, shared);
    hdf5_library_unlock();
    if (status == OK && answer != NULL) {
        *answer = shared->array;
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
        ask(&(struct request){.file = file}, &hdf5_small_limits, open_work, NULL);
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

enum status hdf5_describe(struct hdf5_file *file, const char *name, struct hdf5_array *out)
{
    return ask(&(struct request){.file = file, .name = name}, &hdf5_small_limits, describe_work,
               out);
}

enum status hdf5_read_all(struct hdf5_file *file, const struct hdf5_wanted *wanted, int n)
{
    struct request request = {.file = file, .wanted = wanted, .n = n};
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
    const enum status status = ask(&request, &limits, read_work, NULL);
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
