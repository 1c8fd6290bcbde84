// The reference backend: every op as plain loops that a newcomer can read, sums in float64. Slow on
// purpose; the other backends are tested against it. Its check mode (ref_memory.h) finds code that
// touches backend memory from the host or reads what nobody wrote.
#include "compute/backend_list.h"
#include "compute/ref/ref_kernel.h"
#include "compute/ref/ref_memory.h"
#include "compute/ref/ref_pinned.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Small, so that batches are cut into chunks even in tests.
enum { CHUNK_BYTES = 64 * 1024 };

struct ref_backend {
    struct backend base;
    struct ref_memory memory;
    struct ref_pinned pinned;
};

static enum status ref_open(const struct backend_options *options, struct backend **out)
{
    struct ref_backend *ref = calloc(1, sizeof *ref);
    if (ref == NULL) {
        FAIL(ERR_MEMORY, "no memory for the reference backend");
    }
    ref->pinned.check = options->check;
    const enum status status = ref_memory_open(options->check, &ref->memory);
    if (status != OK) {
        free(ref);
        return status;
    }
    ref->base = (struct backend){
        .ops = &ref_backend_ops,
        .lanes = 1,
        .host_memory = !options->check,
        .int8 = true,
        .chunk_bytes = CHUNK_BYTES,
    };
    *out = &ref->base;
    return OK;
}

static struct ref_memory *memory_of(struct backend *backend)
{
    return &((struct ref_backend *)backend)->memory;
}

uintptr_t ref_backend_delta(const struct backend *backend)
{
    const struct ref_memory *memory = &((const struct ref_backend *)backend)->memory;
    return memory->real - memory->handles;
}

static void *real(struct backend *backend, void *address)
{
    return (void *)((uintptr_t)address + ref_backend_delta(backend));
}

static struct ref_pinned *pinned_of(struct backend *backend)
{
    return &((struct ref_backend *)backend)->pinned;
}

static void ref_close(struct backend *backend)
{
    ref_pinned_close(pinned_of(backend));
    ref_memory_close(memory_of(backend));
    free(backend);
}

static enum status ref_alloc(struct backend *backend, size_t bytes, void **out)
{
    return ref_memory_alloc(memory_of(backend), bytes, out);
}

static void ref_release(struct backend *backend, void *address)
{
    ref_pinned_settle(pinned_of(backend));
    ref_memory_release(memory_of(backend), address);
}

static enum status ref_alloc_pinned(struct backend *backend, size_t bytes, void **out)
{
    return ref_pinned_alloc(pinned_of(backend), bytes, out);
}

static void ref_release_pinned(struct backend *backend, void *address)
{
    ref_pinned_settle(pinned_of(backend));
    ref_pinned_release(pinned_of(backend), address);
}

static void ref_upload(struct backend *backend, void *to, const void *from_host, size_t bytes)
{
    if (bytes > 0) {
        ref_pinned_upload(pinned_of(backend), real(backend, to), from_host, bytes);
    }
}

static enum status ref_download(struct backend *backend, void *to_host, const void *from,
                                size_t bytes)
{
    if (bytes > 0) {
        const uintptr_t address = (uintptr_t)from + ref_backend_delta(backend);
        ref_pinned_download(pinned_of(backend), to_host, (const void *)address, bytes);
    }
    return OK;
}

static void ref_zero(struct backend *backend, void *address, size_t bytes)
{
    if (bytes > 0) {
        memset(real(backend, address), 0, bytes);
    }
}

// Every call but a copy of pinned memory has done its work when it returns.
static enum status ref_sync(struct backend *backend)
{
    ref_pinned_settle(pinned_of(backend));
    return OK;
}

static enum status ref_ask(const struct backend_options *options, struct backend_facts *facts)
{
    (void)options;
    snprintf(facts->numerics, sizeof facts->numerics, "plain loops");
    facts->int8 = true;
    return OK;
}

static void ref_parallel(struct backend *backend, int n,
                         void (*body)(void *context, int index, int lane), void *context)
{
    (void)backend;
    for (int index = 0; index < n; index++) {
        body(context, index, 0);
    }
}

const struct backend_ops ref_backend_ops = {
    .name = "ref",
    .ask = ref_ask,
    .open = ref_open,
    .close = ref_close,
    .alloc = ref_alloc,
    .release = ref_release,
    .alloc_pinned = ref_alloc_pinned,
    .release_pinned = ref_release_pinned,
    .upload = ref_upload,
    .download = ref_download,
    .zero = ref_zero,
    .sync = ref_sync,
    .parallel = ref_parallel,
    .kernels =
        {
#define X(name) [OP_##name] = &ref_kernel_##name,
            OP_LIST(X)
#undef X
        },
};
