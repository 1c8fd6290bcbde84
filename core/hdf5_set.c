#include "core/hdf5_set.h"

#include "core/hdf5_library.h"
#include "core/text.h"

#include <errno.h>
#include <hdf5.h>
#include <hdf5_hl.h>
#include <stdio.h>
#include <string.h>

enum { DIMS_MAX = HDF5_DIMS_MAX, LISTED_MAX = 16 };

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

enum status hdf5_set_open_file(const struct hdf5_file *file, int64_t *out)
{
    *out = H5Fopen(file->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (*out < 0) {
        const char *reason = hdf5_library_reason();
        if (strcmp(reason, strerror(EAGAIN)) == 0 || strstr(reason, "already open for") != NULL) {
            FAIL(ERR_INPUT,
                 "%s: is locked: another program, such as a notebook, has it open for writing; "
                 "close it there (or set HDF5_USE_FILE_LOCKING=FALSE when nothing writes to it)",
                 file->path);
        }
        FAIL(ERR_INPUT, "%s: not a readable HDF5 file: %s", file->path, reason);
    }
    return OK;
}

static enum status open_set(const struct hdf5_request *request, hid_t *out)
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
    static const struct {
        size_t bytes;
        enum hdf5_type with_sign, without, floating;
    } types[] = {{1, HDF5_I8, HDF5_U8, HDF5_OTHER},
                 {2, HDF5_I16, HDF5_U16, HDF5_F32},
                 {4, HDF5_I32, HDF5_U32, HDF5_F32},
                 {8, HDF5_I64, HDF5_U64, HDF5_F64}};
    const H5T_class_t class = H5Tget_class(type);
    const bool integer = class == H5T_INTEGER || class == H5T_ENUM; // as h5py's bool
    const bool sign = integer && H5Tget_sign(type) == H5T_SGN_2;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i].bytes == H5Tget_size(type) && (integer || class == H5T_FLOAT)) {
            return !integer ? types[i].floating : sign ? types[i].with_sign : types[i].without;
        }
    }
    return HDF5_OTHER; // strings, compounds and the like
}

// The type as people who write such files call it.
static void name_type(hid_t type, char *out, size_t out_bytes)
{
    static const char *const classes[] = {
        [H5T_INTEGER] = "int",          [H5T_FLOAT] = "float",         [H5T_TIME] = "time",
        [H5T_STRING] = "string",        [H5T_BITFIELD] = "bit field",  [H5T_OPAQUE] = "opaque",
        [H5T_COMPOUND] = "compound",    [H5T_REFERENCE] = "reference", [H5T_ENUM] = "enum",
        [H5T_VLEN] = "variable-length", [H5T_ARRAY] = "array"};
    const H5T_class_t class = H5Tget_class(type);
    if (class == H5T_INTEGER || class == H5T_FLOAT) {
        const bool without = class == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_NONE;
        const bool big = H5Tget_order(type) == H5T_ORDER_BE && H5Tget_size(type) > 1;
        snprintf(out, out_bytes, "%s%s%zu%s", without ? "u" : "", classes[class],
                 8 * H5Tget_size(type), big ? ", big-endian" : "");
    } else {
        snprintf(out, out_bytes, "%s",
                 class >= 0 && class <= H5T_ARRAY ? classes[class] : "unknown");
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
static enum status check_storage(const struct hdf5_request *request, hid_t set,
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
    if (request->found.array.count > most) {
        FAIL(ERR_INPUT,
             "%s: '%s' claims %zu elements of %zu bytes, but the file holds only %zu bytes of it",
             path, name, request->found.array.count, element_bytes, held);
    }
    return OK;
}

// Every filter between the file and the elements must be one that the library has.
static enum status check_filters(const struct hdf5_request *request, hid_t set)
{
    static const struct {
        int id;
        const char *name;
    } known[] = {{32000, "lzf"},        {32001, "blosc"}, {32004, "lz4"},
                 {32008, "bitshuffle"}, {32013, "zfp"},   {32015, "zstd"}};
    const hid_t properties = H5Dget_create_plist(set);
    const int n = properties >= 0 ? H5Pget_nfilters(properties) : 0;
    for (int i = 0; i < n; i++) {
        unsigned flags, config;
        size_t none = 0;
        char name[32] = "";
        const H5Z_filter_t id = H5Pget_filter2(properties, (unsigned)i, &flags, &none, NULL,
                                               sizeof name, name, &config);
        if (id >= 0 && H5Zfilter_avail(id) > 0) {
            continue;
        }
        const char *said = name[0] != '\0' ? name : "of an unknown name";
        for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
            said = id == known[k].id ? known[k].name : said;
        }
        FAIL(ERR_INPUT,
             "%s: '%s' went through the filter %.31s (number %d), which cannot be undone here; "
             "write it again with gzip (h5py: compression=\"gzip\") or without compression",
             request->file->path, request->name, said, (int)id);
    }
    return OK;
}

// Where the elements lie one after the other, as they are in memory; else -1.
static int64_t find_offset(const struct hdf5_request *request, hid_t set, hid_t type)
{
    const enum hdf5_type element = request->found.array.type;
    const haddr_t at = H5Dget_offset(set);
    const size_t bytes = request->found.array.count * hdf5_type_bytes(element);
    if (element == HDF5_OTHER || at == HADDR_UNDEF ||
        H5Tequal(type, hdf5_library_type(element)) <= 0 || at > request->file->bytes ||
        bytes > request->file->bytes - (size_t)at) {
        return -1;
    }
    return (int64_t)at;
}

enum status hdf5_set_describe(struct hdf5_request *request, int64_t *set)
{
    TRY(open_set(request, set));
    const hid_t type = H5Dget_type(*set);
    const hid_t space = H5Dget_space(*set);
    if (type < 0 || space < 0) {
        FAIL(ERR_INPUT, "%s: type and shape of '%s' cannot be read: %s", request->file->path,
             request->name, hdf5_library_reason());
    }
    request->found.array.type = type_of(type);
    TRY(read_shape(request->file, request->name, space, &request->found.array));
    name_type(type, request->found.words, sizeof request->found.words);
    TRY(check_filters(request, *set));
    TRY(check_storage(request, *set, H5Tget_size(type)));
    request->found.offset = find_offset(request, *set, type);
    return OK;
}

enum status hdf5_set_check(const struct hdf5_request *request, const struct hdf5_wanted *wanted)
{
    const char *path = request->file->path, *name = wanted->name;
    const struct hdf5_array *array = &request->found.array;
    const bool want_float = wanted->type == HDF5_F32 || wanted->type == HDF5_F64;
    const bool floats = array->type == HDF5_F32 || array->type == HDF5_F64;
    if (array->type == HDF5_OTHER || (floats && !want_float)) {
        FAIL(ERR_INPUT, "%s: '%s' holds %s (%s), expected %s", path, name,
             floats ? "floating-point numbers" : "no plain numbers", request->found.words,
             want_float ? "numbers" : "integers");
    }
    if (array->count != wanted->count || (wanted->exact && array->type != wanted->type)) {
        FAIL(ERR_INPUT, "%s: '%s' holds %zu elements of type %s, expected %zu of type %s", path,
             name, array->count, hdf5_type_name(array->type), wanted->count,
             hdf5_type_name(wanted->type));
    }
    return OK;
}
