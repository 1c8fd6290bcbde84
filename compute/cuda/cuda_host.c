// The emulated backend: memory is malloc's, of the exact size and full of NaN, so that sanitizers
// and tests see what a device hides.
#include "compute/cuda/cuda_backend.h"
#include "compute/cuda/cuda_emulator.h"

#include <stdlib.h>
#include <string.h>

#define X(name) extern const struct emulated_kernel cuda_host_##name;
CUDA_KERNEL_LIST(X)
#undef X

static const struct emulated_kernel *const kernels[CUDA_KERNEL_COUNT] = {
#define X(name) [CUDA_##name] = &cuda_host_##name,
    CUDA_KERNEL_LIST(X)
#undef X
};

enum { ALIGNMENT = 64, UNWRITTEN = 0xFF, MOST_ARGUMENT_BYTES = 4096 };

static enum status host_open(struct cuda_context **out)
{
    *out = NULL;
    return OK;
}

static void host_close(struct cuda_context *context)
{
    (void)context;
}

static enum status host_alloc(struct cuda_context *context, size_t bytes, void **out)
{
    (void)context;
    void *address = NULL;
    if (posix_memalign(&address, ALIGNMENT, bytes > 0 ? bytes : 1) != 0) {
        FAIL(ERR_MEMORY, "no memory for %zu bytes; use a smaller batch", bytes);
    }
    memset(address, UNWRITTEN, bytes);
    *out = address;
    return OK;
}

static void host_release(struct cuda_context *context, void *address)
{
    (void)context;
    free(address);
}

static void host_copy(struct cuda_context *context, void *to, const void *from, size_t bytes)
{
    (void)context;
    if (bytes > 0) {
        memcpy(to, from, bytes);
    }
}

static void host_zero(struct cuda_context *context, void *address, size_t bytes)
{
    (void)context;
    if (bytes > 0) {
        memset(address, 0, bytes);
    }
}

static void host_sync(struct cuda_context *context)
{
    (void)context; // every call has done its work when it returns
}

static void host_launch(struct cuda_context *context, enum cuda_kernel_number number,
                        const struct cuda_grid *grid, const void *args, size_t bytes)
{
    (void)context;
    CHECK(bytes <= MOST_ARGUMENT_BYTES);
    emulator_launch(kernels[number], grid, args);
}

static const struct cuda_driver host_driver = {
    .backend = "cuda_host",
    .open = host_open,
    .close = host_close,
    .alloc = host_alloc,
    .release = host_release,
    .upload = host_copy,
    .download = host_copy,
    .copy = host_copy,
    .zero = host_zero,
    .sync = host_sync,
    .launch = host_launch,
};

static enum status open_host(const struct backend_options *options, struct backend **out)
{
    (void)options;
    return cuda_open(&cuda_host_backend_ops, &host_driver, CONV_FLOAT32, out);
}

const struct backend_ops cuda_host_backend_ops = {
    .name = "cuda_host",
    .open = open_host,
    .close = cuda_close,
    .alloc = cuda_alloc,
    .release = cuda_release,
    .upload = cuda_upload,
    .download = cuda_download,
    .zero = cuda_zero,
    .sync = cuda_sync,
    .parallel = cuda_parallel,
    .kernels =
        {
#define X(name) [OP_##name] = &cuda_kernel_##name,
            OP_LIST(X)
#undef X
        },
};
