// How the backend reaches what it computes on: a device through CUDA's runtime, or the emulator.
// Addresses are of that place's memory. The functions mean what those of struct backend_ops do; a
// failure of the device is noted and comes out of sync and download.
#pragma once
#include "compute/backend.h"
#include "compute/cuda/cuda_grid.h"
#include "compute/cuda/cuda_kernel_list.h"

struct cuda_context; // each driver's own

// What there is of one device.
struct cuda_limits {
    size_t shared_bytes; // that a block may have at most
    size_t memory_bytes; // in all
};

struct cuda_driver {
    // profile: each launch is timed by itself, nothing can be recorded, and close logs the times.
    enum status (*open)(int device, bool profile, struct cuda_limits *limits,
                        struct cuda_context **out);
    void (*close)(struct cuda_context *context);
    enum status (*alloc)(struct cuda_context *context, size_t bytes, void **out);
    void (*release)(struct cuda_context *context, void *address);
    enum status (*alloc_pinned)(struct cuda_context *context, size_t bytes, void **out);
    void (*release_pinned)(struct cuda_context *context, void *address);
    void (*upload)(struct cuda_context *context, void *to, const void *from_host, size_t bytes);
    enum status (*download)(struct cuda_context *context, void *to_host, const void *from,
                            size_t bytes);
    void (*copy)(struct cuda_context *context, void *to, const void *from, size_t bytes);
    void (*zero)(struct cuda_context *context, void *address, size_t bytes);
    enum status (*sync)(struct cuda_context *context);
    // args: the struct that the kernel takes, `bytes` of it, taken over on return.
    void (*launch)(struct cuda_context *context, enum cuda_kernel_number number,
                   const struct cuda_grid *grid, const void *args, size_t bytes);
    enum status (*record)(struct cuda_context *context, void (*body)(void *context),
                          void *body_context, struct recording **out);
    void (*replay)(struct cuda_context *context, struct recording *recording);
    void (*forget)(struct cuda_context *context, struct recording *recording);
};
