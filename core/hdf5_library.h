// What the files that use the HDF5 library share; for these alone. Its handles (hid_t) are int64_t
// here, so that including this needs none of its headers.
#pragma once
#include "core/hdf5_file.h"
#include "core/isolate.h"

// The library is not built for threads. Children are forked under this lock as well: they must not
// inherit the library half-way through a call.
void hdf5_library_lock(void); // the library is set up and quiet afterwards
void hdf5_library_unlock(void);
// The innermost reason of the library's last failure, such as "No space left on device"; valid
// until the next call, under the lock only.
const char *hdf5_library_reason(void);
// The handle of a type in memory, which is never closed. Not HDF5_OTHER.
int64_t hdf5_library_type(enum hdf5_type type);
void hdf5_library_close(int64_t id); // any kind of handle; a negative one is fine

// For a child that should take milliseconds and a few MiB. Damaged files can send the library round
// in circles that take time, memory or both.
extern const struct isolate_limits hdf5_small_limits;
