// What passes between a program and the host: what is loaded, results, hooks; and recordings of
// what is given to the backend again and again. Where the backend's memory is the host's own, it is
// written and read in place.
#include "nn/program_internal.h"

enum { FIRST_RECORDED = 1 }; // by then a run has set up all that the backend sets up late

static enum status alloc_pinned(const struct program *program, size_t bytes, char **out)
{
    void *address = NULL;
    if (bytes > 0) {
        TRY(program->backend->ops->alloc_pinned(program->backend, bytes, &address));
    }
    *out = address;
    return OK;
}

enum status program_open_host(struct program *program)
{
    struct backend *backend = program->backend;
    void *address = NULL;
    TRY(backend->ops->alloc(backend, sizeof *program->run_memory, &address));
    program->run_memory = address;
    for (int i = 0; i < program->n_steps; i++) {
        const struct program_step *step = &program->steps[i];
        if (step->kind == STEP_HOOK && step->hook.bytes > program->hook_bytes) {
            program->hook_bytes = step->hook.bytes;
        }
    }
    if (backend->host_memory) {
        program->staging = program->loaded_memory;
        return OK;
    }
    TRY(alloc_pinned(program, program->loaded_bytes, &program->staging));
    TRY(alloc_pinned(program, program->result_bytes, &program->fetched));
    return alloc_pinned(program, program->hook_bytes, &program->hook_memory);
}

void program_close_host(struct program *program)
{
    struct backend *backend = program->backend;
    char *pinned[] = {program->staging, program->fetched, program->hook_memory};
    for (size_t i = 0; i < sizeof pinned / sizeof *pinned && !backend->host_memory; i++) {
        if (pinned[i] != NULL) {
            backend->ops->release_pinned(backend, pinned[i]);
        }
    }
    if (program->run_memory != NULL) {
        backend->ops->release(backend, program->run_memory);
    }
}

void *program_staging(const struct program *program, int buffer)
{
    CHECK(program->finished && program->buffers[buffer].kind == BUFFER_LOADED);
    return program->staging + program->buffers[buffer].offset;
}

void program_upload(struct program *program)
{
    struct backend *backend = program->backend;
    if (!backend->host_memory && program->loaded_bytes > 0) {
        backend->ops->upload(backend, program->loaded_memory, program->staging,
                             program->loaded_bytes);
    }
}

enum status program_fetch(struct program *program)
{
    struct backend *backend = program->backend;
    if (!backend->host_memory && program->result_bytes > 0) {
        TRY(backend->ops->download(backend, program->fetched, program->batch_memory,
                                   program->result_bytes));
    }
    return backend->ops->sync(backend);
}

const void *program_fetched(const struct program *program, int buffer)
{
    CHECK(program->finished && program->buffers[buffer].result);
    return program->fetched + program->buffers[buffer].offset;
}

enum status program_run_hook(const struct program *program, const struct program_hook *hook)
{
    struct backend *backend = program->backend;
    char *address = program_slot_address(program, hook->slot, 0, 0);
    if (backend->host_memory) {
        TRY(backend->ops->sync(backend));
        return hook->function(hook->context, address, hook->count);
    }
    TRY(backend->ops->download(backend, program->hook_memory, address, hook->bytes));
    TRY(backend->ops->sync(backend));
    TRY(hook->function(hook->context, program->hook_memory, hook->count));
    backend->ops->upload(backend, address, program->hook_memory, hook->back);
    return OK;
}

// ---- recordings
struct stretch {
    struct program *program;
    int first, end;
};

static void run_stretch(void *context)
{
    const struct stretch *stretch = context;
    program_run_phases(stretch->program, stretch->first, stretch->end);
}

void program_run_stretch(struct program *program, int first, int end)
{
    struct backend *backend = program->backend;
    struct recording **recording = &program->recordings[first];
    struct stretch stretch = {program, first, end};
    const bool again = program->repeats[first]++ == FIRST_RECORDED;
    if (backend->ops->record != NULL && again &&
        backend->ops->record(backend, run_stretch, &stretch, recording) != OK) {
        *recording = NULL; // it is run each time
    }
    if (*recording != NULL) {
        backend->ops->replay(backend, *recording);
    } else {
        run_stretch(&stretch);
    }
}

void program_forget_recordings(struct program *program)
{
    struct backend *backend = program->backend;
    for (int i = 0; program->recordings != NULL && i < program->n_phases; i++) {
        program->repeats[i] = 0;
        if (program->recordings[i] != NULL) {
            backend->ops->forget(backend, program->recordings[i]);
            program->recordings[i] = NULL;
        }
    }
}
