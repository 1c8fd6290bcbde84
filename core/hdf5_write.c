// Writing a file of arrays through an image in memory, so that a full disk or a kill never leaves
// half a file.
#include "core/file.h"
#include "core/hdf5_file.h"
#include "core/hdf5_library.h"

#include <hdf5.h>
#include <hdf5_hl.h>
#include <stdlib.h>

static enum status add_item(hid_t image, const char *path, const struct hdf5_item *item)
{
    hsize_t dims[HDF5_DIMS_MAX];
    const struct hdf5_array *array = &item->array;
    CHECK(array->n_dims >= 0 && array->n_dims <= HDF5_DIMS_MAX);
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
