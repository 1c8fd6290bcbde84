// The backend "cuda_host", whose device is the emulator. It puts off what a device may put off: all
// work waits in a queue until somebody has to see it. Memory is malloc's, of the exact size and
// full of NaN, so that sanitizers and tests see what a device hides.
#include "compute/cuda/cuda_backend.h"
#include "compute/cuda/cuda_emulator.h"

#include <stdio.h>
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
#define MEMORY_BYTES ((size_t)1 << 30) // that it says to have

enum command_kind { COMMAND_LAUNCH, COMMAND_COPY, COMMAND_ZERO, COMMAND_REPLAY };

struct command {
    struct command *next;
    enum command_kind kind;
    enum cuda_kernel_number number;
    struct cuda_grid grid;
    void *to;
    const void *from;
    size_t bytes;                      // of the copy, or of the arguments
    const struct recording *recording; // borrowed
    _Alignas(ALIGNMENT) unsigned char args[];
};

struct recording {
    struct command *first, **end; // the work in order, owned
};

struct pinned {
    struct pinned *next;
    unsigned char *address; // owned
    size_t bytes;
};

static size_t shared_limit = CUDA_SHARED_BYTES;

void cuda_host_limit_shared(size_t bytes)
{
    shared_limit = bytes > 0 ? bytes : CUDA_SHARED_BYTES;
}

struct cuda_context {
    size_t shared_bytes;         // that a block may have
    struct recording queue;      // what has been given and not been done
    struct recording *recording; // while one is made
    struct pinned *pinned;
};

static void begin_list(struct recording *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void drop_list(struct recording *list)
{
    for (struct command *command = list->first, *next = NULL; command != NULL; command = next) {
        next = command->next;
        free(command);
    }
    begin_list(list);
}

static void run_list(const struct recording *list)
{
    for (const struct command *command = list->first; command != NULL; command = command->next) {
        switch (command->kind) {
        case COMMAND_LAUNCH:
            emulator_launch(kernels[command->number], &command->grid, command->args);
            break;
        case COMMAND_COPY:
            memmove(command->to, command->from, command->bytes);
            break;
        case COMMAND_ZERO:
            memset(command->to, 0, command->bytes);
            break;
        case COMMAND_REPLAY:
            run_list(command->recording);
            break;
        }
    }
}

// What is not allowed while a recording is made begins with this.
static void settle(struct cuda_context *context)
{
    CHECK(context->recording == NULL);
    run_list(&context->queue);
    drop_list(&context->queue);
}

static struct command *give(struct cuda_context *context, enum command_kind kind,
                            size_t argument_bytes)
{
    struct recording *list = context->recording != NULL ? context->recording : &context->queue;
    const size_t bytes = sizeof(struct command) + argument_bytes;
    struct command *command =
        aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    CHECK(command != NULL); // a device would have room
    *command = (struct command){.kind = kind};
    *list->end = command;
    list->end = &command->next;
    return command;
}

static enum status host_open(int device, bool profile, struct cuda_limits *limits,
                             struct cuda_context **out)
{
    (void)device;
    (void)profile; // the emulator's times say nothing
    struct cuda_context *context = calloc(1, sizeof *context);
    if (context == NULL) {
        FAIL(ERR_MEMORY, "no memory for the cuda_host backend");
    }
    begin_list(&context->queue);
    context->shared_bytes = shared_limit;
    *limits = (struct cuda_limits){.shared_bytes = shared_limit, .memory_bytes = MEMORY_BYTES};
    *out = context;
    return OK;
}

static void host_close(struct cuda_context *context)
{
    settle(context);
    CHECK(context->pinned == NULL);
    free(context);
}

static enum status host_alloc(struct cuda_context *context, size_t bytes, void **out)
{
    void *address = NULL;
    CHECK(context->recording == NULL);
    if (posix_memalign(&address, ALIGNMENT, bytes > 0 ? bytes : 1) != 0) {
        FAIL(ERR_MEMORY, "no memory for %zu bytes; use a smaller batch", bytes);
    }
    memset(address, UNWRITTEN, bytes);
    *out = address;
    return OK;
}

static void host_release(struct cuda_context *context, void *address)
{
    settle(context);
    free(address);
}

static enum status host_alloc_pinned(struct cuda_context *context, size_t bytes, void **out)
{
    struct pinned *pinned = calloc(1, sizeof *pinned);
    void *address = NULL;
    if (pinned == NULL || host_alloc(context, bytes, &address) != OK) {
        free(pinned);
        FAIL(ERR_MEMORY, "no memory for %zu pinned bytes", bytes);
    }
    *pinned = (struct pinned){context->pinned, address, bytes};
    context->pinned = pinned;
    *out = address;
    return OK;
}

static void host_release_pinned(struct cuda_context *context, void *address)
{
    settle(context);
    struct pinned **link = &context->pinned;
    while (*link != NULL && (*link)->address != address) {
        link = &(*link)->next;
    }
    CHECK(*link != NULL);
    struct pinned *found = *link;
    *link = found->next;
    free(found->address);
    free(found);
}

static bool is_pinned(const struct cuda_context *context, const void *address)
{
    const uintptr_t at = (uintptr_t)address;
    for (const struct pinned *p = context->pinned; p != NULL; p = p->next) {
        if (at >= (uintptr_t)p->address && at < (uintptr_t)p->address + p->bytes) {
            return true;
        }
    }
    return false;
}

static void give_copy(struct cuda_context *context, void *to, const void *from, size_t bytes)
{
    if (bytes > 0) {
        struct command *command = give(context, COMMAND_COPY, 0);
        command->to = to;
        command->from = from;
        command->bytes = bytes;
    }
}

static void host_upload(struct cuda_context *context, void *to, const void *from_host, size_t bytes)
{
    CHECK(context->recording == NULL);
    give_copy(context, to, from_host, bytes);
    if (!is_pinned(context, from_host)) {
        settle(context);
    }
}

// Whether a copy that waits still reads some of these bytes.
static bool is_awaited(const struct cuda_context *context, const void *address, size_t bytes)
{
    const uintptr_t at = (uintptr_t)address;
    for (const struct command *c = context->queue.first; c != NULL; c = c->next) {
        const uintptr_t from = (uintptr_t)c->from;
        if (c->kind == COMMAND_COPY && from < at + bytes && at < from + c->bytes) {
            return true;
        }
    }
    return false;
}

// What is read before sync is NaN. Copies out of the same memory that were given before come first.
static enum status host_download(struct cuda_context *context, void *to_host, const void *from,
                                 size_t bytes)
{
    CHECK(context->recording == NULL);
    if (is_awaited(context, to_host, bytes)) {
        settle(context);
    }
    give_copy(context, to_host, from, bytes);
    if (!is_pinned(context, to_host)) {
        settle(context);
    } else {
        memset(to_host, UNWRITTEN, bytes);
    }
    return OK;
}

static void host_zero(struct cuda_context *context, void *address, size_t bytes)
{
    if (bytes > 0) {
        struct command *command = give(context, COMMAND_ZERO, 0);
        command->to = address;
        command->bytes = bytes;
    }
}

static enum status host_sync(struct cuda_context *context)
{
    settle(context);
    return OK;
}

static void host_launch(struct cuda_context *context, enum cuda_kernel_number number,
                        const struct cuda_grid *grid, const void *args, size_t bytes)
{
    CHECK(bytes <= MOST_ARGUMENT_BYTES && grid->shared_bytes <= context->shared_bytes);
    struct command *command = give(context, COMMAND_LAUNCH, bytes);
    command->number = number;
    command->grid = *grid;
    command->bytes = bytes;
    memcpy(command->args, args, bytes);
}

static enum status host_record(struct cuda_context *context, void (*body)(void *context),
                               void *body_context, struct recording **out)
{
    CHECK(context->recording == NULL);
    struct recording *recording = malloc(sizeof *recording);
    if (recording == NULL) {
        FAIL(ERR_MEMORY, "no memory for a recording");
    }
    begin_list(recording);
    context->recording = recording;
    body(body_context);
    context->recording = NULL;
    *out = recording;
    return OK;
}

static void host_replay(struct cuda_context *context, struct recording *recording)
{
    give(context, COMMAND_REPLAY, 0)->recording = recording;
}

static void host_forget(struct cuda_context *context, struct recording *recording)
{
    settle(context);
    drop_list(recording);
    free(recording);
}

static const struct cuda_driver host_driver = {
    .open = host_open,
    .close = host_close,
    .alloc = host_alloc,
    .release = host_release,
    .alloc_pinned = host_alloc_pinned,
    .release_pinned = host_release_pinned,
    .upload = host_upload,
    .download = host_download,
    .copy = give_copy,
    .zero = host_zero,
    .sync = host_sync,
    .launch = host_launch,
    .record = host_record,
    .replay = host_replay,
    .forget = host_forget,
};

static enum status ask_host(const struct backend_options *options, struct backend_facts *facts)
{
    (void)options;
    snprintf(facts->numerics, sizeof facts->numerics, "emulated kernels");
    facts->memory_bytes = MEMORY_BYTES;
    return OK;
}

static enum status open_host(const struct backend_options *options, struct backend **out)
{
    return cuda_open(&cuda_host_backend_ops, &host_driver, 0, options, out);
}

const struct backend_ops cuda_host_backend_ops = {
    .name = "cuda_host",
    .ask = ask_host,
    .open = open_host,
    CUDA_TABLE,
};
