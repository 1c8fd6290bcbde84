// The checkpoint file of a training run. Metadata: "format", "identity". Tensors: params F32,
// optimizer F32 (absent when there is none), losses F64 [epochs], counters I64 [3], sums F64 [3].
#include "train/train_checkpoint.h"

#include "nn/safetensors.h"

#include <math.h>
#include <string.h>

#define CHECKPOINT_FORMAT "dikdik-train-2"
#define CHECKPOINT_TENSORS 5
#define MOST_STEPS ((int64_t)1 << 40)

enum status train_state_open(size_t n_params, size_t n_optimizer, size_t epochs,
                             struct arena *arena, struct train_state *out)
{
    struct train_state state = {.n_params = n_params, .n_optimizer = n_optimizer, .epochs = epochs};
    ARENA_NEW(arena, state.params, n_params);
    ARENA_NEW(arena, state.optimizer, n_optimizer);
    ARENA_NEW(arena, state.losses, epochs);
    *out = state;
    return OK;
}

// The one-dimensional tensors of a checkpoint, pointing at what they are read from or written to.
struct slot {
    const char *name, *dtype;
    size_t count, bytes_each;
    void *values;
};

static int checkpoint_slots(const struct train_state *state, int64_t *counters, double *sums,
                            struct slot *slots)
{
    const struct slot all[CHECKPOINT_TENSORS] = {
        {"counters", "I64", 3, sizeof *counters, counters},
        {"sums", "F64", 3, sizeof *sums, sums},
        {"losses", "F64", state->epochs, sizeof *state->losses, state->losses},
        {"params", "F32", state->n_params, sizeof *state->params, state->params},
        {"optimizer", "F32", state->n_optimizer, sizeof *state->optimizer, state->optimizer},
    };
    int n = 0;
    for (int i = 0; i < CHECKPOINT_TENSORS; i++) {
        if (all[i].count > 0) {
            slots[n++] = all[i];
        }
    }
    return n;
}

enum status train_checkpoint_save(const struct train_state *state, const char *identity,
                                  const char *path)
{
    const struct train_position *p = &state->position;
    int64_t counters[3] = {p->epoch, p->batch, p->step};
    double sums[3] = {p->loss_sum, p->right_sum, p->validation_accuracy};
    struct slot slots[CHECKPOINT_TENSORS];
    const int n = checkpoint_slots(state, counters, sums, slots);
    struct safetensor tensors[CHECKPOINT_TENSORS] = {0};
    for (int i = 0; i < n; i++) {
        tensors[i].name = slots[i].name;
        memcpy(tensors[i].dtype, slots[i].dtype, strlen(slots[i].dtype) + 1);
        tensors[i].n_dims = 1;
        tensors[i].dims[0] = (int64_t)slots[i].count;
        tensors[i].data = slots[i].values;
        tensors[i].bytes = slots[i].count * slots[i].bytes_each;
    }
    const struct safetensors_entry metadata[] = {
        {"format", CHECKPOINT_FORMAT},
        {"identity", identity},
    };
    return safetensors_write(path, tensors, n, metadata, 2);
}

static enum status check_identity(const struct safetensors_file *file, const char *identity)
{
    const char *format = safetensors_metadata(file, "format");
    if (format == NULL || strcmp(format, CHECKPOINT_FORMAT) != 0) {
        FAIL(ERR_INPUT,
             "%s: is not a training checkpoint of this program (metadata \"format\": expected "
             "\"%s\", got \"%s\"); move it away to start afresh",
             file->path, CHECKPOINT_FORMAT, format != NULL ? format : "");
    }
    const char *theirs = safetensors_metadata(file, "identity");
    if (theirs == NULL || strcmp(theirs, identity) != 0) {
        FAIL(ERR_CONFIG,
             "%s: was written by a run with another config; choose another run folder with "
             "--run-dir, or remove this one to start afresh",
             file->path);
    }
    return OK;
}

static enum status read_slot(const struct safetensors_file *file, const struct slot *slot)
{
    const struct safetensor *tensor = safetensors_find(file, slot->name);
    if (tensor == NULL) {
        FAIL(ERR_INPUT, "%s: tensor \"%s\" is missing; remove the file to start afresh", file->path,
             slot->name);
    }
    if (strcmp(tensor->dtype, slot->dtype) != 0 ||
        tensor->bytes != slot->count * slot->bytes_each) {
        FAIL(ERR_INPUT,
             "%s: tensor \"%s\": expected %zu values of %s, got %zu bytes of %s; remove the file "
             "to start afresh",
             file->path, slot->name, slot->count, slot->dtype, tensor->bytes, tensor->dtype);
    }
    return OK;
}

static enum status check_numbers(const struct safetensors_file *file, const char *name,
                                 const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            FAIL(ERR_INPUT,
                 "%s: tensor \"%s\" holds %g at element %zu, expected finite numbers; remove the "
                 "file to start afresh",
                 file->path, name, (double)values[i], i);
        }
    }
    return OK;
}

static enum status read_checkpoint(const struct safetensors_file *file, const char *identity,
                                   struct train_state *state)
{
    int64_t counters[3] = {0};
    double sums[3] = {0};
    struct slot slots[CHECKPOINT_TENSORS];
    const int n = checkpoint_slots(state, counters, sums, slots);
    TRY(check_identity(file, identity));
    for (int i = 0; i < n; i++) {
        TRY(read_slot(file, &slots[i]));
    }
    for (int i = 0; i < n; i++) {
        const struct safetensor *tensor = safetensors_find(file, slots[i].name);
        memcpy(slots[i].values, tensor->data, tensor->bytes);
    }
    if (counters[0] < 0 || counters[0] > (int64_t)state->epochs || counters[1] < 0 ||
        counters[2] < 0 || counters[2] > MOST_STEPS) {
        FAIL(
            ERR_INPUT,
            "%s: \"counters\" make no sense (epoch %lld of %zu, batch %lld, step %lld); remove the "
            "file to start afresh",
            file->path, (long long)counters[0], state->epochs, (long long)counters[1],
            (long long)counters[2]);
    }
    TRY(check_numbers(file, "params", state->params, state->n_params));
    TRY(check_numbers(file, "optimizer", state->optimizer, state->n_optimizer));
    for (int i = 0; i < 3; i++) {
        if (!isfinite(sums[i])) {
            FAIL(ERR_INPUT,
                 "%s: \"sums\" holds %g at element %d, expected finite numbers; remove the file to "
                 "start afresh",
                 file->path, sums[i], i);
        }
    }
    state->position = (struct train_position){
        .epoch = counters[0],
        .batch = counters[1],
        .step = counters[2],
        .loss_sum = sums[0],
        .right_sum = sums[1],
        .validation_accuracy = sums[2],
    };
    return OK;
}

enum status train_checkpoint_load(const char *path, const char *identity, struct train_state *state)
{
    struct safetensors_file file;
    TRY(safetensors_open(path, &file));
    const enum status code = read_checkpoint(&file, identity, state);
    safetensors_close(&file);
    return code;
}
