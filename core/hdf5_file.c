// HDF5: reading named arrays with every claim of the file checked before it is believed, and
// writing a file of arrays through an image in memory, so that a full disk or a kill never leaves
// half a file. The library crashes on some damaged files: it meets files only in a child process.
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
    const char *name;
    enum hdf5_type type; // wanted
    void *to;            // shared memory for the elements
    struct hdf5_array array;
};

enum { DIMS_MAX = 8, LISTED_MAX = 16 };

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

static enum status open_set(const struct hdf5_file *file, const char *name, hid_t *out_file,
                            hid_t *out)
{
    TRY(open_file(file, out_file));
    if (*name == '\0' || H5LTpath_valid(*out_file, name, false) <= 0) {
        return fail_absent(file, *out_file, name);
    }
    *out = H5Dopen2(*out_file, name, H5P_DEFAULT);
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
    out->n_dims = n_dims;
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
static enum status check_storage(const struct request *request, hid_t file, hid_t set,
                                 size_t element_bytes)
{
    const char *path = request->file->path, *name = request->name;
    const hid_t properties = H5Dget_create_plist(set);
    if (properties < 0) {
        FAIL(ERR_INPUT, "%s: '%s' is damaged: %s", path, name, hdf5_library_reason());
    }
    H5O_info_t of_set, of_file;
    if (H5Pget_layout(properties) == H5D_VIRTUAL || H5Pget_external_count(properties) != 0 ||
        H5Oget_info2(set, &of_set, H5O_INFO_BASIC) < 0 ||
        H5Oget_info2(file, &of_file, H5O_INFO_BASIC) < 0 || of_set.fileno != of_file.fileno) {
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
    hid_t file;
    TRY(open_set(request->file, request->name, &file, set));
    const hid_t type = H5Dget_type(*set);
    const hid_t space = H5Dget_space(*set);
    if (type < 0 || space < 0) {
        FAIL(ERR_INPUT, "%s: type and shape of '%s' cannot be read: %s", request->file->path,
             request->name, hdf5_library_reason());
    }
    request->array.type = type_of(type);
    *class = H5Tget_class(type);
    TRY(read_shape(request->file, request->name, space, &request->array));
    return check_storage(request, file, *set, H5Tget_size(type));
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
    const struct request *request = context;
    hid_t file;
    return open_file(request->file, &file);
}

static enum status describe_work(void *context)
{
    hid_t set;
    H5T_class_t class;
    return describe_set(context, &set, &class);
}

static enum status read_work(void *context)
{
    struct request *request = context;
    const char *path = request->file->path, *name = request->name;
    const size_t room = request->array.count;
    hid_t set;
    H5T_class_t class;
    TRY(describe_set(request, &set, &class));
    const bool want_float = request->type == HDF5_F32 || request->type == HDF5_F64;
    if (class != H5T_INTEGER && !(want_float && class == H5T_FLOAT)) {
        FAIL(ERR_INPUT, "%s: '%s' holds %s, expected %s", path, name,
             class == H5T_FLOAT ? "floating-point numbers" : "no plain numbers",
             want_float ? "numbers" : "integers");
    }
    if (request->array.count != room) {
        FAIL(ERR_INPUT, "%s: '%s' changed while it was read", path, name);
    }
    bool overflow = false;
    const hid_t transfer = H5Pcreate(H5P_DATASET_XFER);
    if (room > 0 &&
        (transfer < 0 || H5Pset_type_conv_cb(transfer, refuse_overflow, &overflow) < 0 ||
         H5Dread(set, hdf5_library_type(request->type), H5S_ALL, H5S_ALL, transfer, request->to) <
             0)) {
        FAIL(ERR_INPUT, "%s: '%s' cannot be read: %s", path, name,
             overflow ? "a number is outside the range of the type wanted" : hdf5_library_reason());
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

enum status hdf5_read(struct hdf5_file *file, const char *name, enum hdf5_type type, void *to)
{
    struct request request = {.file = file, .name = name, .type = type};
    TRY(hdf5_describe(file, name, &request.array));
    const size_t bytes = request.array.count * hdf5_type_bytes(type);
    request.to = isolate_share(bytes);
    if (request.to == NULL) {
        return status_context(ERR_MEMORY, "reading '%s' of %s", name, file->path);
    }
    // A slow disk gives 1 MB/s. A chunk may be the whole array, with 8 bytes per element, and a
    // filter may hold it several times.
    const struct isolate_limits limits = {
        .seconds = hdf5_small_limits.seconds + (double)bytes / 1e6,
        .bytes = hdf5_small_limits.bytes + request.array.count * 32};
    const enum status status = ask(&request, &limits, read_work, NULL);
    if (status == OK && bytes > 0) {
        memcpy(to, request.to, bytes);
    }
    isolate_unshare(request.to, bytes);
    return status;
}

static enum status add_item(hid_t image, const char *path, const struct hdf5_item *item)
{
    hsize_t dims[DIMS_MAX];
    const struct hdf5_array *array = &item->array;
    CHECK(array->n_dims >= 0 && array->n_dims <= DIMS_MAX);
    size_t count = 1;
    for (int i = 0; i < array->n_dims; i++) {
        CHECK(array->dims[i] >= 0);
        dims[i] = (hsize_t)array->dims[i];
        count *= (size_t)array->dims[i];
    }
    CHECK(count == array->count);
    const hid_t links = H5Pcreate(H5P_LINK_CREATE);
    const hid_t space = H5Screate_simple(array->n_dims, dims, NULL);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    hid_t set = H5I_INVALID_HID;
    // Without times, so that the same arrays always make the same file.
    bool fine = links >= 0 && space >= 0 && H5Pset_create_intermediate_group(links, 1) >= 0 &&
                creation >= 0 && H5Pset_obj_track_times(creation, false) >= 0;
    if (fine) {
        set = H5Dcreate2(image, item->name, hdf5_library_type(array->type), space, links, creation,
                         H5P_DEFAULT);
        fine = set >= 0;
    }
    if (fine && count > 0) {
        fine = H5Dwrite(set, hdf5_library_type(array->type), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                        item->data) >= 0;
    }
    enum status status = OK;
    if (!fine) {
        status = status_fail(ERR_IO, __FILE__, __LINE__, "%s: '%s' cannot be written: %s", path,
                             item->name, hdf5_library_reason());
    }
    hdf5_library_close(set);
    hdf5_library_close(creation);
    hdf5_library_close(space);
    hdf5_library_close(links);
    return status;
}

// The finished file as bytes, owned by the caller.
static enum status take_image(hid_t image, const char *path, void **out, size_t *out_bytes)
{
    const ssize_t bytes =
        H5Fflush(image, H5F_SCOPE_GLOBAL) >= 0 ? H5Fget_file_image(image, NULL, 0) : -1;
    if (bytes <= 0) {
        FAIL(ERR_IO, "%s: the file cannot be composed: %s", path, hdf5_library_reason());
    }
    void *copy = malloc((size_t)bytes);
    if (copy == NULL) {
        FAIL(ERR_MEMORY, "%s: out of memory, %zd bytes wanted", path, bytes);
    }
    if (H5Fget_file_image(image, copy, (size_t)bytes) != bytes) {
        free(copy);
        FAIL(ERR_IO, "%s: the file cannot be composed: %s", path, hdf5_library_reason());
    }
    *out = copy;
    *out_bytes = (size_t)bytes;
    return OK;
}

// Composes the file with HDF5's "core" driver, which works in memory.
static enum status compose(const char *path, const struct hdf5_item *items, int n_items, void **out,
                           size_t *out_bytes)
{
    size_t data_bytes = 0;
    for (int i = 0; i < n_items; i++) {
        data_bytes += items[i].array.count * hdf5_type_bytes(items[i].array.type);
    }
    const size_t step = ((size_t)1 << 16) + data_bytes / 8; // by which the image grows
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    hid_t image = H5I_INVALID_HID;
    if (access >= 0 && H5Pset_fapl_core(access, step, 0) >= 0) {
        // A name that cannot exist: the library would read an existing file first.
        image = H5Fcreate("/dev/null/image", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    }
    enum status status = OK;
    if (image < 0) {
        status = status_fail(ERR_IO, __FILE__, __LINE__, "%s: the file cannot be composed: %s",
                             path, hdf5_library_reason());
    }
    for (int i = 0; i < n_items && status == OK; i++) {
        status = add_item(image, path, &items[i]);
    }
    if (status == OK) {
        status = take_image(image, path, out, out_bytes);
    }
    hdf5_library_close(image);
    hdf5_library_close(access);
    return status;
}

enum status hdf5_write(const char *path, const struct hdf5_item *items, int n_items)
{
    void *image = NULL;
    size_t bytes = 0;
    hdf5_library_lock();
    const enum status status = compose(path, items, n_items, &image, &bytes);
    hdf5_library_unlock();
    TRY(status);
    struct file_writer writer;
    const enum status opened = file_writer_open(path, &writer);
    if (opened == OK) {
        file_writer_bytes(&writer, image, bytes);
    }
    free(image);
    TRY(opened);
    return file_writer_commit(&writer);
}
