#include "recording_backend.h"

#include "compute/kernel_cache.h"
#include "test_unit.h"

struct call {
    struct call *next;
    struct kernel *kernel; // the reference's; NULL: zeroing
    struct op_args args;
    void *address;
    size_t bytes;
};

struct recording {
    struct call *first, **last; // owned
};

struct device {
    struct backend base;
    struct backend *ref;         // owned
    struct recording *recording; // in progress
    struct recording_counts counts;
};

struct device_kernel {
    struct kernel base;
    struct kernel *ref; // owned
};

static struct device *device_of(struct backend *backend)
{
    return (struct device *)backend;
}

static struct backend *idle(struct backend *backend)
{
    struct device *device = device_of(backend);
    assert_null(device->recording); // only kernels and zeroing are recorded
    return device->ref;
}

// ---- kernels
static const struct kernel_ops device_kernel_ops;

static enum status kernel_make(struct backend *backend, const struct op *op, struct kernel **out)
{
    struct device_kernel *kernel = calloc(1, sizeof *kernel);
    assert_non_null(kernel);
    const enum status status = kernel_open(device_of(backend)->ref, op, &kernel->ref);
    if (status != OK) {
        free(kernel);
        return status;
    }
    kernel->base = *kernel->ref;
    kernel->base.entry = NULL;
    kernel->base.ops = &device_kernel_ops;
    kernel->base.backend = backend;
    *out = &kernel->base;
    return OK;
}

static struct kernel *ref_of(struct kernel *kernel)
{
    return ((struct device_kernel *)kernel)->ref;
}

static struct call *note(struct device *device)
{
    struct call *call = calloc(1, sizeof *call);
    assert_non_null(call);
    *device->recording->last = call;
    device->recording->last = &call->next;
    return call;
}

static void kernel_run(struct kernel *kernel, const struct op_args *args)
{
    struct device *device = device_of(kernel->backend);
    if (device->recording == NULL) {
        ref_of(kernel)->ops->run(ref_of(kernel), args);
        return;
    }
    struct call *call = note(device);
    call->kernel = ref_of(kernel);
    call->args = *args;
}

static enum status kernel_pack(struct kernel *kernel, const float *weights, const float *bias,
                               const struct op_quantization *quantization, void *packed, int lane)
{
    (void)idle(kernel->backend);
    return ref_of(kernel)->ops->pack(ref_of(kernel), weights, bias, quantization, packed, lane);
}

static void kernel_unpack(struct kernel *kernel, const void *partial, float *weights, float *bias,
                          int lane)
{
    struct device *device = device_of(kernel->backend);
    if (device->recording == NULL) {
        ref_of(kernel)->ops->unpack(ref_of(kernel), partial, weights, bias, lane);
        return;
    }
    struct call *call = note(device); // told from a run by its missing output
    call->kernel = ref_of(kernel);
    call->args = (struct op_args){.in = {partial, weights, bias}, .lane = lane, .piece = -1};
}

static void kernel_end(struct kernel *kernel)
{
    kernel_close(ref_of(kernel));
    free(kernel);
}

static const struct kernel_ops device_kernel_ops = {.open = kernel_make,
                                                    .run = kernel_run,
                                                    .pack = kernel_pack,
                                                    .unpack = kernel_unpack,
                                                    .close = kernel_end};

// ---- the table
static enum status device_alloc(struct backend *backend, size_t bytes, void **out)
{
    return idle(backend)->ops->alloc(device_of(backend)->ref, bytes, out);
}

static void device_release(struct backend *backend, void *address)
{
    idle(backend)->ops->release(device_of(backend)->ref, address);
}

static enum status device_alloc_pinned(struct backend *backend, size_t bytes, void **out)
{
    return idle(backend)->ops->alloc_pinned(device_of(backend)->ref, bytes, out);
}

static void device_release_pinned(struct backend *backend, void *address)
{
    idle(backend)->ops->release_pinned(device_of(backend)->ref, address);
}

static void device_upload(struct backend *backend, void *to, const void *from, size_t bytes)
{
    idle(backend)->ops->upload(device_of(backend)->ref, to, from, bytes);
    device_of(backend)->counts.uploads++;
}

static enum status device_download(struct backend *backend, void *to, const void *from,
                                   size_t bytes)
{
    return idle(backend)->ops->download(device_of(backend)->ref, to, from, bytes);
}

static void device_zero(struct backend *backend, void *address, size_t bytes)
{
    struct device *device = device_of(backend);
    if (device->recording == NULL) {
        device->ref->ops->zero(device->ref, address, bytes);
        return;
    }
    struct call *call = note(device);
    call->address = address;
    call->bytes = bytes;
}

static enum status device_sync(struct backend *backend)
{
    return idle(backend)->ops->sync(device_of(backend)->ref);
}

static void device_parallel(struct backend *backend, int n,
                            void (*body)(void *context, int index, int lane), void *context)
{
    (void)backend;
    for (int i = 0; i < n; i++) {
        body(context, i, 0);
    }
}

static enum status device_record(struct backend *backend, void (*body)(void *context),
                                 void *context, struct recording **out)
{
    struct device *device = device_of(backend);
    assert_null(device->recording);
    device->recording = calloc(1, sizeof *device->recording);
    assert_non_null(device->recording);
    device->recording->last = &device->recording->first;
    body(context);
    *out = device->recording;
    device->recording = NULL;
    device->counts.recorded++;
    return OK;
}

static void replay_call(struct device *device, const struct call *call)
{
    if (call->kernel == NULL) {
        device->ref->ops->zero(device->ref, call->address, call->bytes);
    } else if (call->args.piece < 0) {
        call->kernel->ops->unpack(call->kernel, call->args.in[0],
                                  (float *)(uintptr_t)call->args.in[1],
                                  (float *)(uintptr_t)call->args.in[2], call->args.lane);
    } else {
        call->kernel->ops->run(call->kernel, &call->args);
    }
}

static void device_replay(struct backend *backend, struct recording *recording)
{
    for (const struct call *call = recording->first; call != NULL; call = call->next) {
        replay_call(device_of(backend), call);
    }
    device_of(backend)->counts.replayed++;
}

static void device_forget(struct backend *backend, struct recording *recording)
{
    while (recording->first != NULL) {
        struct call *call = recording->first;
        recording->first = call->next;
        free(call);
    }
    free(recording);
    device_of(backend)->counts.forgotten++;
}

#define X(name) [OP_##name] = &device_kernel_ops,
static const struct backend_ops device_ops = {.name = "recording",
                                              .alloc = device_alloc,
                                              .release = device_release,
                                              .alloc_pinned = device_alloc_pinned,
                                              .release_pinned = device_release_pinned,
                                              .upload = device_upload,
                                              .download = device_download,
                                              .zero = device_zero,
                                              .sync = device_sync,
                                              .parallel = device_parallel,
                                              .record = device_record,
                                              .replay = device_replay,
                                              .forget = device_forget,
                                              .kernels = {OP_LIST(X)}};
#undef X

struct backend *recording_backend_open(int chunk_bytes)
{
    struct device *device = calloc(1, sizeof *device);
    assert_non_null(device);
    const struct backend_options options = {.check = true};
    assert_ok(backend_open("ref", &options, &device->ref));
    device->base =
        (struct backend){.ops = &device_ops, .lanes = 1, .int8 = true, .chunk_bytes = chunk_bytes};
    assert_ok(kernel_cache_open(&device->base.cache));
    return &device->base;
}

void recording_backend_close(struct backend *backend)
{
    struct device *device = device_of(backend);
    assert_int_equal(device->counts.recorded, device->counts.forgotten);
    kernel_cache_close(backend->cache);
    backend_close(device->ref);
    free(device);
}

struct recording_counts *recording_backend_counts(struct backend *backend)
{
    return &device_of(backend)->counts;
}
