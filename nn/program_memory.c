// Memory that programs use in turn.
#include "nn/program_internal.h"

#include <stdlib.h>

enum status program_memory_open(struct backend *backend, struct program_memory **out)
{
    struct program_memory *memory = calloc(1, sizeof *memory);
    if (memory == NULL) {
        FAIL(ERR_MEMORY, "no memory for plans");
    }
    memory->backend = backend;
    *out = memory;
    return OK;
}

static void release(struct program_memory *memory, int region)
{
    if (memory->regions[region] != NULL) {
        memory->backend->ops->release(memory->backend, memory->regions[region]);
    }
    memory->regions[region] = NULL;
    memory->bytes[region] = 0;
}

void program_memory_close(struct program_memory *memory)
{
    if (memory == NULL) {
        return;
    }
    for (int i = 0; i < MEMORY_REGIONS; i++) {
        release(memory, i);
    }
    free(memory);
}

enum status program_memory_need(struct program_memory *memory, const size_t *bytes)
{
    for (int i = 0; i < MEMORY_REGIONS; i++) {
        if (memory->regions[i] != NULL && memory->bytes[i] >= bytes[i]) {
            continue;
        }
        void *address = NULL;
        release(memory, i);
        TRY(memory->backend->ops->alloc(memory->backend, bytes[i] > 0 ? bytes[i] : 1, &address));
        memory->regions[i] = address;
        memory->bytes[i] = bytes[i];
    }
    return OK;
}

void program_borrow(struct program *program, struct program_memory *memory)
{
    CHECK(!program->finished && memory->backend == program->backend);
    program->memory = memory;
}

void program_take_memory(struct program *program)
{
    const struct program_memory *memory = program->memory;
    char **const own[MEMORY_REGIONS] = {[MEMORY_LANE] = &program->lane_memory,
                                        [MEMORY_BATCH] = &program->batch_memory,
                                        [MEMORY_SCRATCH] = &program->scratch_memory};
    for (int i = 0; memory != NULL && i < MEMORY_REGIONS; i++) {
        if (*own[i] != memory->regions[i]) {
            *own[i] = memory->regions[i];
            program_forget_recordings(program);
        }
    }
    if (program->backend->host_memory) {
        program->fetched = program->batch_memory;
    }
}
