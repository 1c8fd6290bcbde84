// What the host's side of every kind shares on the cuda backend and on cuda_host, its emulated
// twin.
#pragma once
#include "compute/backend.h"
#include "compute/cuda/candidate_run.h"
#include "compute/cuda/cuda_call.h"
#include "compute/cuda/cuda_conv_call.h"
#include "compute/cuda/cuda_driver.h"

struct cuda_backend {
    struct backend base;
    const struct cuda_driver *driver;
    struct cuda_context *context; // owned
    enum backend_precision precision;
    size_t shared_bytes; // that a block of the device may have
    // Inside parallel(), packing is put off until much of it is one launch.
    bool gathers;
    enum cuda_kernel_number gathered; // which kernel's
    struct cuda_pack_calls packs;     // the first n_packs of them
    int n_packs;
};

// The backend whose kernels the emulator runs, for tests: no program offers it. Its memory is the
// host's, but only kernels and copies may look at it.
extern const struct backend_ops cuda_host_backend_ops;
// What blocks may have at most where the emulator is opened from now on; 0: CUDA_SHARED_BYTES.
void cuda_host_limit_shared(size_t bytes);

enum status cuda_open(const struct backend_ops *ops, const struct cuda_driver *driver, int device,
                      const struct backend_options *options, struct backend **out);

// What both tables share.
void cuda_close(struct backend *backend);
enum status cuda_alloc(struct backend *backend, size_t bytes, void **out);
void cuda_release(struct backend *backend, void *address);
enum status cuda_alloc_pinned(struct backend *backend, size_t bytes, void **out);
void cuda_release_pinned(struct backend *backend, void *address);
void cuda_upload(struct backend *backend, void *to, const void *from_host, size_t bytes);
enum status cuda_download(struct backend *backend, void *to_host, const void *from, size_t bytes);
void cuda_zero(struct backend *backend, void *address, size_t bytes);
enum status cuda_sync(struct backend *backend);
void cuda_parallel(struct backend *backend, int n, void (*body)(void *context, int index, int lane),
                   void *context);
enum status cuda_record(struct backend *backend, void (*body)(void *context), void *context,
                        struct recording **out);
void cuda_replay(struct backend *backend, struct recording *recording);
void cuda_forget(struct backend *backend, struct recording *recording);

// One table of kernels per kind.
#define X(name) extern const struct kernel_ops cuda_kernel_##name;
OP_LIST(X)
#undef X

#define CUDA_TABLE_KERNEL(name) [OP_##name] = &cuda_kernel_##name,
#define CUDA_TABLE                                                                                 \
    .precisions = true, .close = cuda_close, .alloc = cuda_alloc, .release = cuda_release,         \
    .alloc_pinned = cuda_alloc_pinned, .release_pinned = cuda_release_pinned,                      \
    .upload = cuda_upload, .download = cuda_download, .zero = cuda_zero, .sync = cuda_sync,        \
    .parallel = cuda_parallel, .record = cuda_record, .replay = cuda_replay,                       \
    .forget = cuda_forget, .candidates = &candidate_device_ops,                                    \
    .kernels = {OP_LIST(CUDA_TABLE_KERNEL)}

// args: the struct that the kernel takes, `bytes` of it.
void cuda_launch(struct backend *backend, enum cuda_kernel_number number,
                 const struct cuda_grid *grid, const void *args, size_t bytes);
// Along x, one thread for each of `count`, at least 1, in blocks of so many threads.
void cuda_launch_each(struct backend *backend, enum cuda_kernel_number number, int64_t count,
                      int threads, const void *args, size_t bytes);
// number: of conv_pack or conv_unpack.
void cuda_pack(struct backend *backend, enum cuda_kernel_number number,
               const struct cuda_pack_call *call);
// Copies inside the backend's memory.
void cuda_copy(struct backend *backend, void *to, const void *from, size_t bytes);

// A kernel of `bytes`, which begins with struct kernel, the rest zero. ERR_UNSUPPORTED where a
// tensor has more elements than kernels number with an int.
enum status cuda_kernel_make(struct backend *backend, const struct op *op, size_t bytes,
                             struct kernel **out);
enum status cuda_kernel_open(struct backend *backend, const struct op *op, struct kernel **out);
void cuda_kernel_close(struct kernel *kernel);
struct cuda_call cuda_call_of(const struct kernel *kernel, const struct op_args *args);

// Whether all addresses are multiples of 16.
bool cuda_aligned(const struct op_args *args);

int64_t cuda_in_count(const struct op *op);  // elements of the input
int64_t cuda_out_count(const struct op *op); // of the output
int cuda_tiles(int64_t count, int tile);     // count / tile, rounded up

// Channels of a block, and splits of so many rows, where columns are added up (cuda_columns.h).
enum { CUDA_COLUMN_THREADS = 256, CUDA_COLUMN_SHARED_BYTES = CUDA_COLUMN_THREADS * 8 * 8 };
int cuda_column_width(int channels);
int cuda_column_splits(int64_t rows, int channels);
// A kernel that adds up the splits of so many columns (column_add_splits).
void cuda_launch_columns_end(struct backend *backend, enum cuda_kernel_number number, int count,
                             const void *args, size_t bytes);
