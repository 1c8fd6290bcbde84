// One lock, one set of types and quiet errors for the files that use HDF5.
#include "core/hdf5_library.h"

#include <errno.h>
#include <hdf5.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(hid_t) == sizeof(int64_t), "the header hands out hid_t as int64_t");

const struct isolate_limits hdf5_small_limits = {.seconds = 15.0, .bytes = (size_t)512 << 20};

static pthread_mutex_t library = PTHREAD_MUTEX_INITIALIZER;

void hdf5_library_lock(void)
{
    pthread_mutex_lock(&library);
    H5dont_atexit();                       // a forked child must not flush what its parent writes
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); // errors come out through status messages only
    H5PLset_loading_state(0);              // a file must not make us load a plug-in
    errno = 0;                             // what is there afterwards comes from the library
}

void hdf5_library_unlock(void)
{
    pthread_mutex_unlock(&library);
}

static herr_t keep_first(unsigned n, const H5E_error2_t *error, void *context)
{
    const char **first = context;
    if (n == 0 && error->desc != NULL) {
        *first = error->desc;
    }
    return 0;
}

// Of a failed system call the library tells everything, the time and addresses too, over two lines.
static const char *keep_system_message(const char *reason)
{
    static _Thread_local char message[128];
    static const char before[] = "error message = '";
    const char *start = strstr(reason, before);
    if (start == NULL) {
        return reason;
    }
    start += sizeof before - 1;
    snprintf(message, sizeof message, "%.*s", (int)strcspn(start, "'"), start);
    return message;
}

const char *hdf5_library_reason(void)
{
    // Its own list may have been emptied by what the library did since, as in its table calls.
    const char *first = errno != 0 ? strerror(errno) : "unknown reason";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &first);
    return keep_system_message(first);
}

int64_t hdf5_library_type(enum hdf5_type type)
{
    switch (type) {
    case HDF5_U8:
        return H5T_NATIVE_UINT8;
    case HDF5_I32:
        return H5T_NATIVE_INT32;
    case HDF5_I64:
        return H5T_NATIVE_INT64;
    case HDF5_F32:
        return H5T_NATIVE_FLOAT;
    case HDF5_F64:
        return H5T_NATIVE_DOUBLE;
    case HDF5_OTHER:
        break;
    }
    CHECK(type != HDF5_OTHER);
    return H5I_INVALID_HID;
}

size_t hdf5_type_bytes(enum hdf5_type type)
{
    switch (type) {
    case HDF5_U8:
        return 1;
    case HDF5_I32:
    case HDF5_F32:
        return 4;
    case HDF5_I64:
    case HDF5_F64:
        return 8;
    case HDF5_OTHER:
        break;
    }
    return 0;
}

const char *hdf5_type_name(enum hdf5_type type)
{
    static const char *const names[] = {
        [HDF5_U8] = "u8",   [HDF5_I32] = "i32", [HDF5_I64] = "i64",
        [HDF5_F32] = "f32", [HDF5_F64] = "f64", [HDF5_OTHER] = "none of dikdik's"};
    return names[type];
}

void hdf5_library_close(int64_t id)
{
    if (id >= 0) {
        H5Idec_ref(id);
    }
}
