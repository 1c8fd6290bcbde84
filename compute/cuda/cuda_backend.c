// One queue, one lane: calls follow each other on the device, which works in parallel inside each.
#include "compute/cuda/cuda_backend.h"

#include <limits.h>
#include <stdlib.h>

static struct cuda_backend *cuda_of(struct backend *backend)
{
    return (struct cuda_backend *)backend;
}

// Gives the packing that was put off to the queue.
static void flush_packs(struct cuda_backend *cuda)
{
    if (cuda->n_packs == 0) {
        return;
    }
    int most = 1;
    for (int i = 0; i < cuda->n_packs; i++) {
        const int count = cuda->packs.calls[i].count + cuda->packs.calls[i].biases;
        most = count > most ? count : most;
    }
    enum { THREADS = 256 };
    const struct cuda_grid grid = {cuda_tiles(most, THREADS), cuda->n_packs, 1, THREADS, 0};
    cuda->n_packs = 0;
    cuda->driver->launch(cuda->context, cuda->gathered, &grid, &cuda->packs, sizeof cuda->packs);
}

enum status cuda_open(const struct backend_ops *ops, const struct cuda_driver *driver, int device,
                      const struct backend_options *options, struct backend **out)
{
    struct cuda_backend *cuda = calloc(1, sizeof *cuda);
    if (cuda == NULL) {
        FAIL(ERR_MEMORY, "no memory for the %s backend", ops->name);
    }
    cuda->base = (struct backend){.ops = ops, .lanes = 1};
    cuda->driver = driver;
    cuda->precision = options->precision;
    struct cuda_limits limits = {0};
    const enum status status = driver->open(device, options->profile, &limits, &cuda->context);
    if (status != OK) {
        free(cuda);
        return status;
    }
    cuda->shared_bytes = limits.shared_bytes;
    cuda->base.device_bytes = limits.memory_bytes;
    *out = &cuda->base;
    return OK;
}

void cuda_close(struct backend *backend)
{
    struct cuda_backend *cuda = cuda_of(backend);
    cuda->driver->close(cuda->context);
    free(cuda);
}

enum status cuda_alloc(struct backend *backend, size_t bytes, void **out)
{
    return cuda_of(backend)->driver->alloc(cuda_of(backend)->context, bytes, out);
}

void cuda_release(struct backend *backend, void *address)
{
    cuda_of(backend)->driver->release(cuda_of(backend)->context, address);
}

enum status cuda_alloc_pinned(struct backend *backend, size_t bytes, void **out)
{
    return cuda_of(backend)->driver->alloc_pinned(cuda_of(backend)->context, bytes, out);
}

void cuda_release_pinned(struct backend *backend, void *address)
{
    cuda_of(backend)->driver->release_pinned(cuda_of(backend)->context, address);
}

void cuda_upload(struct backend *backend, void *to, const void *from_host, size_t bytes)
{
    cuda_of(backend)->driver->upload(cuda_of(backend)->context, to, from_host, bytes);
}

enum status cuda_download(struct backend *backend, void *to_host, const void *from, size_t bytes)
{
    return cuda_of(backend)->driver->download(cuda_of(backend)->context, to_host, from, bytes);
}

void cuda_copy(struct backend *backend, void *to, const void *from, size_t bytes)
{
    flush_packs(cuda_of(backend));
    cuda_of(backend)->driver->copy(cuda_of(backend)->context, to, from, bytes);
}

void cuda_zero(struct backend *backend, void *address, size_t bytes)
{
    flush_packs(cuda_of(backend));
    cuda_of(backend)->driver->zero(cuda_of(backend)->context, address, bytes);
}

enum status cuda_sync(struct backend *backend)
{
    return cuda_of(backend)->driver->sync(cuda_of(backend)->context);
}

enum status cuda_record(struct backend *backend, void (*body)(void *context), void *context,
                        struct recording **out)
{
    return cuda_of(backend)->driver->record(cuda_of(backend)->context, body, context, out);
}

void cuda_replay(struct backend *backend, struct recording *recording)
{
    cuda_of(backend)->driver->replay(cuda_of(backend)->context, recording);
}

void cuda_forget(struct backend *backend, struct recording *recording)
{
    cuda_of(backend)->driver->forget(cuda_of(backend)->context, recording);
}

void cuda_pack(struct backend *backend, enum cuda_kernel_number number,
               const struct cuda_pack_call *call)
{
    struct cuda_backend *cuda = cuda_of(backend);
    if (cuda->n_packs == CUDA_PACKS || cuda->gathered != number) {
        flush_packs(cuda);
    }
    cuda->gathered = number;
    cuda->packs.calls[cuda->n_packs++] = *call;
    if (!cuda->gathers) {
        flush_packs(cuda);
    }
}

void cuda_parallel(struct backend *backend, int n, void (*body)(void *context, int index, int lane),
                   void *context)
{
    struct cuda_backend *cuda = cuda_of(backend);
    cuda->gathers = true;
    for (int index = 0; index < n; index++) {
        body(context, index, 0);
    }
    cuda->gathers = false;
    flush_packs(cuda);
}

void cuda_launch(struct backend *backend, enum cuda_kernel_number number,
                 const struct cuda_grid *grid, const void *args, size_t bytes)
{
    struct cuda_backend *cuda = cuda_of(backend);
    flush_packs(cuda);
    cuda->driver->launch(cuda->context, number, grid, args, bytes);
}

void cuda_launch_each(struct backend *backend, enum cuda_kernel_number number, int64_t count,
                      int threads, const void *args, size_t bytes)
{
    const struct cuda_grid grid = {cuda_tiles(count, threads), 1, 1, threads, 0};
    cuda_launch(backend, number, &grid, args, bytes);
}

enum status cuda_kernel_make(struct backend *backend, const struct op *op, size_t bytes,
                             struct kernel **out)
{
    if (cuda_in_count(op) > INT_MAX || cuda_out_count(op) > INT_MAX) {
        FAIL(ERR_UNSUPPORTED, "a tensor of more than %d elements; use a smaller batch", INT_MAX);
    }
    struct kernel *kernel = calloc(1, bytes);
    if (kernel == NULL) {
        FAIL(ERR_MEMORY, "no memory for a kernel");
    }
    kernel->ops = backend->ops->kernels[op->kind];
    kernel->backend = backend;
    kernel->op = *op;
    *out = kernel;
    return OK;
}

enum status cuda_kernel_open(struct backend *backend, const struct op *op, struct kernel **out)
{
    return cuda_kernel_make(backend, op, sizeof(struct kernel), out);
}

void cuda_kernel_close(struct kernel *kernel)
{
    free(kernel);
}

struct cuda_call cuda_call_of(const struct kernel *kernel, const struct op_args *args)
{
    return (struct cuda_call){.op = kernel->op, .args = *args, .width = 1, .splits = 1};
}

bool cuda_aligned(const struct op_args *args)
{
    uintptr_t bits = 0;
    for (int i = 0; i < OP_MAX_IN; i++) {
        bits |= (uintptr_t)args->in[i];
    }
    for (int i = 0; i < OP_MAX_OUT; i++) {
        bits |= (uintptr_t)args->out[i];
    }
    return bits % 16 == 0;
}

int64_t cuda_in_count(const struct op *op)
{
    return (int64_t)op->n * op->in_h * op->in_w * op->in_c;
}

int64_t cuda_out_count(const struct op *op)
{
    return (int64_t)op->n * op->out_h * op->out_w * op->out_c;
}

int cuda_tiles(int64_t count, int tile)
{
    const int64_t tiles = (count + tile - 1) / tile;
    CHECK(tiles >= 1 && tiles <= INT_MAX);
    return (int)tiles;
}

int cuda_column_width(int channels)
{
    int width = 1;
    while (width < channels && width < 32) {
        width *= 2;
    }
    return width;
}

void cuda_launch_columns_end(struct backend *backend, enum cuda_kernel_number number, int count,
                             const void *args, size_t bytes)
{
    const struct cuda_grid grid = {cuda_tiles(count, WARP), 1, 1, CUDA_COLUMN_THREADS,
                                   CUDA_COLUMN_THREADS * sizeof(double)};
    cuda_launch(backend, number, &grid, args, bytes);
}

int cuda_column_splits(int64_t rows, int channels)
{
    enum { PASSES = 8, MOST = 256 }; // of one block over the rows; adding up more takes longer
    const int64_t pass = CUDA_COLUMN_THREADS / cuda_column_width(channels);
    const int64_t splits = (rows + PASSES * pass - 1) / (PASSES * pass);
    return splits > MOST ? MOST : (int)splits;
}
