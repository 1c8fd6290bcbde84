// How the backend reaches what it computes on: a device through CUDA's runtime, or the emulator.
// Addresses are of that place's memory.
#pragma once
#include "compute/cuda/cuda_grid.h"
#include "compute/cuda/cuda_kernel_list.h"
#include "core/status.h"

struct cuda_context; // each driver's own

struct cuda_driver {
    const char *backend; // name of the backend that goes through it
    enum status (*open)(struct cuda_context **out);
    void (*close)(struct cuda_context *context);
    enum status (*alloc)(struct cuda_context *context, size_t bytes, void **out);
    void (*release)(struct cuda_context *context, void *address);
    void (*upload)(struct cuda_context *context, void *to, const void *from_host, size_t bytes);
    void (*download)(struct cuda_context *context, void *to_host, const void *from, size_t bytes);
    void (*copy)(struct cuda_context *context, void *to, const void *from, size_t bytes);
    void (*zero)(struct cuda_context *context, void *address, size_t bytes);
    void (*sync)(struct cuda_context *context);
    void (*launch)(struct cuda_context *context, enum cuda_kernel_number number,
                   const struct cuda_grid *grid, const void *args, size_t bytes);
};
