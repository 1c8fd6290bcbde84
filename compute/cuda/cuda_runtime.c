// The backend "cuda": a device through CUDA's runtime library, which is linked statically and finds
// the driver by itself when it is first asked. The only file that calls CUDA.
#include "compute/cuda/cuda_runtime.h"

#include "compute/backend_list.h"
#include "compute/cuda/cuda_backend.h"
#include "compute/cuda/cuda_profile.h"

#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ORDINARY_SHARED_BYTES = 48 * 1024 };

// The kernels' handles: nvcc makes a function of each name.
#define X(name) void cuda_device_##name(void);
CUDA_KERNEL_LIST(X)
#undef X

static void (*const kernels[CUDA_KERNEL_COUNT])(void) = {
#define X(name) [CUDA_##name] = cuda_device_##name,
    CUDA_KERNEL_LIST(X)
#undef X
};

struct cuda_context {
    int device, shared_bytes; // shared_bytes: that a block may have
    cudaStream_t stream;
    struct cuda_profile *profile; // owned; NULL: nothing is timed
    cudaEvent_t before, after;    // of a launch that is timed
    char failure[256];            // what CUDA said first; "" before
    bool wide[CUDA_KERNEL_COUNT]; // may use more shared memory than kernels ordinarily do
};

struct recording {
    cudaGraphExec_t graph;
};

// Notes the first failure.
static bool went_well(struct cuda_context *context, cudaError_t error, const char *what)
{
    if (error != cudaSuccess && context->failure[0] == '\0') {
        snprintf(context->failure, sizeof context->failure, "%s: %s (%s)", what,
                 cudaGetErrorString(error), cudaGetErrorName(error));
    }
    return error == cudaSuccess;
}

static enum status state_of(const struct cuda_context *context)
{
    if (context->failure[0] != '\0') {
        FAIL(
            ERR_IO,
            "CUDA device %d failed, %s; look into the kernel's log for what the driver says of it, "
            "and start again",
            context->device, context->failure);
    }
    return OK;
}

// CUDA's choice of a device holds for the calling thread alone, and another than the opening one
// may give work to the backend.
static void enter(struct cuda_context *context)
{
    went_well(context, cudaSetDevice(context->device), "choosing it");
}

static enum status device_close(struct cuda_context *context, enum status status)
{
    if (context->stream != NULL) {
        cudaStreamDestroy(context->stream);
    }
    if (context->profile != NULL) {
        cudaEventDestroy(context->before);
        cudaEventDestroy(context->after);
    }
    cuda_profile_close(context->profile);
    free(context);
    return status;
}

static void close_device(struct cuda_context *context)
{
    cudaStreamSynchronize(context->stream);
    device_close(context, OK);
}

static void find_limits(struct cuda_context *context, struct cuda_limits *limits)
{
    size_t free_bytes = 0;
    went_well(context,
              cudaDeviceGetAttribute(&context->shared_bytes,
                                     cudaDevAttrMaxSharedMemoryPerBlockOptin, context->device),
              "asking for its shared memory");
    went_well(context, cudaMemGetInfo(&free_bytes, &limits->memory_bytes), "asking for its memory");
    limits->shared_bytes = (size_t)context->shared_bytes;
}

static enum status open_device(int device, bool profile, struct cuda_limits *limits,
                               struct cuda_context **out)
{
    struct cuda_context *context = calloc(1, sizeof *context);
    if (context == NULL) {
        FAIL(ERR_MEMORY, "no memory for the cuda backend");
    }
    context->device = device;
    enter(context);
    went_well(context, cudaStreamCreateWithFlags(&context->stream, cudaStreamNonBlocking),
              "opening a stream");
    find_limits(context, limits);
    if (profile) {
        went_well(context, cudaEventCreate(&context->before), "opening an event");
        went_well(context, cudaEventCreate(&context->after), "opening an event");
        context->profile = cuda_profile_open();
    }
    const enum status status = state_of(context);
    if (status != OK) {
        return device_close(context, status);
    }
    *out = context;
    return OK;
}

static enum status alloc_device(struct cuda_context *context, size_t bytes, void **out)
{
    enter(context);
    TRY(state_of(context));
    const cudaError_t error = cudaMalloc(out, bytes > 0 ? bytes : 1);
    if (error == cudaErrorMemoryAllocation) {
        size_t free_bytes = 0, all = 0;
        (void)cudaGetLastError(); // it is no failure of the device
        cudaMemGetInfo(&free_bytes, &all);
        FAIL(ERR_MEMORY,
             "no memory for %zu bytes on CUDA device %d, of whose %zu MiB %zu are free; use a "
             "smaller batch, or fewer workers on it",
             bytes, context->device, all >> 20, free_bytes >> 20);
    }
    went_well(context, error, "allocating memory");
    return state_of(context);
}

static void wait_for_queue(struct cuda_context *context)
{
    enter(context);
    went_well(context, cudaStreamSynchronize(context->stream), "waiting for it");
}

static void release_device(struct cuda_context *context, void *address)
{
    wait_for_queue(context);
    went_well(context, cudaFree(address), "releasing memory");
}

static enum status alloc_pinned(struct cuda_context *context, size_t bytes, void **out)
{
    enter(context);
    TRY(state_of(context));
    const cudaError_t error = cudaMallocHost(out, bytes > 0 ? bytes : 1);
    if (error == cudaErrorMemoryAllocation) {
        (void)cudaGetLastError();
        FAIL(ERR_MEMORY,
             "the system gives no %zu bytes of memory that stay in place; use a smaller batch, or "
             "raise the limit of locked memory (ulimit -l)",
             bytes);
    }
    went_well(context, error, "allocating pinned memory");
    return state_of(context);
}

static void release_pinned(struct cuda_context *context, void *address)
{
    wait_for_queue(context);
    went_well(context, cudaFreeHost(address), "releasing pinned memory");
}

static void copy_bytes(struct cuda_context *context, void *to, const void *from, size_t bytes,
                       enum cudaMemcpyKind kind)
{
    if (bytes > 0) {
        enter(context);
        went_well(context, cudaMemcpyAsync(to, from, bytes, kind, context->stream), "copying");
    }
}

// From memory that is not pinned CUDA takes over the bytes before it returns.
static void upload(struct cuda_context *context, void *to, const void *from_host, size_t bytes)
{
    copy_bytes(context, to, from_host, bytes, cudaMemcpyHostToDevice);
}

// Into memory that is not pinned CUDA returns when they are there.
static enum status download(struct cuda_context *context, void *to_host, const void *from,
                            size_t bytes)
{
    copy_bytes(context, to_host, from, bytes, cudaMemcpyDeviceToHost);
    return state_of(context);
}

static void copy(struct cuda_context *context, void *to, const void *from, size_t bytes)
{
    copy_bytes(context, to, from, bytes, cudaMemcpyDeviceToDevice);
}

static void zero(struct cuda_context *context, void *address, size_t bytes)
{
    if (bytes > 0) {
        enter(context);
        went_well(context, cudaMemsetAsync(address, 0, bytes, context->stream), "zeroing");
    }
}

static enum status sync_device(struct cuda_context *context)
{
    wait_for_queue(context);
    return state_of(context);
}

// A kernel's first launch with much shared memory asks for as much as any may have.
static void widen(struct cuda_context *context, enum cuda_kernel_number number)
{
    if (!context->wide[number] &&
        went_well(context,
                  cudaFuncSetAttribute((const void *)kernels[number],
                                       cudaFuncAttributeMaxDynamicSharedMemorySize,
                                       context->shared_bytes),
                  "allowing shared memory")) {
        context->wide[number] = true;
    }
}

// Waits for it: what else is in the queue would be in the time.
static void time_launch(struct cuda_context *context, enum cuda_kernel_number number)
{
    float milliseconds = 0.0F;
    cudaEventRecord(context->after, context->stream);
    if (went_well(context, cudaEventSynchronize(context->after), "waiting for a kernel") &&
        cudaEventElapsedTime(&milliseconds, context->before, context->after) == cudaSuccess) {
        cuda_profile_add(context->profile, number, (double)milliseconds);
    }
}

static void launch(struct cuda_context *context, enum cuda_kernel_number number,
                   const struct cuda_grid *grid, const void *args, size_t bytes)
{
    static const char *const names[CUDA_KERNEL_COUNT] = {
#define X(name) [CUDA_##name] = "launching " #name,
        CUDA_KERNEL_LIST(X)
#undef X
    };
    (void)bytes; // the kernel knows
    enter(context);
    if (grid->shared_bytes > ORDINARY_SHARED_BYTES) {
        widen(context, number);
    }
    const struct dim3 blocks = {(unsigned)grid->x, (unsigned)grid->y, (unsigned)grid->z};
    const struct dim3 threads = {(unsigned)grid->threads, 1, 1};
    void *arguments[1];
    memcpy(arguments, &args, sizeof args); // CUDA only reads them
    if (context->profile != NULL) {
        cudaEventRecord(context->before, context->stream);
    }
    went_well(context,
              cudaLaunchKernel((const void *)kernels[number], blocks, threads, arguments,
                               grid->shared_bytes, context->stream),
              names[number]);
    if (context->profile != NULL) {
        time_launch(context, number);
    }
}

static enum status record(struct cuda_context *context, void (*body)(void *context),
                          void *body_context, struct recording **out)
{
    if (context->profile != NULL) {
        FAIL(ERR_UNSUPPORTED, "what is timed kernel by kernel is not recorded");
    }
    enter(context);
    TRY(state_of(context));
    struct recording *recording = calloc(1, sizeof *recording);
    if (recording == NULL) {
        FAIL(ERR_MEMORY, "no memory for a recording");
    }
    cudaGraph_t graph = NULL;
    if (went_well(context,
                  cudaStreamBeginCapture(context->stream, cudaStreamCaptureModeThreadLocal),
                  "beginning to record")) {
        body(body_context);
        went_well(context, cudaStreamEndCapture(context->stream, &graph), "recording");
    }
    if (graph != NULL) {
        went_well(context, cudaGraphInstantiate(&recording->graph, graph, 0),
                  "making the recording");
        cudaGraphDestroy(graph);
    }
    const enum status status = state_of(context);
    if (status != OK) {
        free(recording);
        return status;
    }
    *out = recording;
    return OK;
}

static void replay(struct cuda_context *context, struct recording *recording)
{
    enter(context);
    went_well(context, cudaGraphLaunch(recording->graph, context->stream), "replaying");
}

static void forget(struct cuda_context *context, struct recording *recording)
{
    wait_for_queue(context);
    went_well(context, cudaGraphExecDestroy(recording->graph), "forgetting a recording");
    free(recording);
}

static const struct cuda_driver device_driver = {
    .open = open_device,
    .close = close_device,
    .alloc = alloc_device,
    .release = release_device,
    .alloc_pinned = alloc_pinned,
    .release_pinned = release_pinned,
    .upload = upload,
    .download = download,
    .copy = copy,
    .zero = zero,
    .sync = sync_device,
    .launch = launch,
    .record = record,
    .replay = replay,
    .forget = forget,
};

static enum status open_cuda(const struct backend_options *options, struct backend **out)
{
    struct backend_facts facts = {0};
    TRY(cuda_ask(options, &facts));
    return cuda_open(&cuda_backend_ops, &device_driver, facts.device, options, out);
}

const struct backend_ops cuda_backend_ops = {
    .name = "cuda",
    .device = true,
    .ask = cuda_ask,
    .open = open_cuda,
    CUDA_TABLE,
};
