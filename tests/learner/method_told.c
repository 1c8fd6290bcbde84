// The method that remembers all it was told.
#include "core/hash.h"
#include "learner/methods/method_simple.h"
#include "loop_case.h"

#include <stdlib.h>

struct told {
    struct method base;
    int64_t hash[1];
    float weights[8];
};

static void mix(struct told *told, const void *bytes, size_t n)
{
    told->hash[0] = (int64_t)hash_bytes((uint64_t)told->hash[0], bytes, n);
    for (int i = 0; i < 8; i++) {
        told->weights[i] = (float)((uint64_t)told->hash[0] >> 8 * i & 0xff) / 256.0F;
    }
}

static enum status told_open(const struct method_job *job, struct method **out)
{
    struct told *told = calloc(1, sizeof *told);
    if (told == NULL) {
        FAIL(ERR_MEMORY, "no memory");
    }
    told->base.ops = &method_told;
    told->hash[0] = (int64_t)HASH_BEGIN;
    mix(told, &job->seed, sizeof job->seed);
    *out = &told->base;
    return OK;
}

static void told_propose(struct method *method, struct ticket *ticket)
{
    const struct told *told = (struct told *)method;
    ticket->source = ACTIONS_POLICY;
    ticket->noise = told->weights[0];
}

static enum status told_take(struct method *method, const struct trajectory *t, bool fresh)
{
    struct told *told = (struct told *)method;
    const int32_t is_fresh = fresh;
    mix(told, &t->header->episode, sizeof t->header->episode);
    mix(told, &t->header->score, sizeof t->header->score);
    mix(told, t->action, (size_t)t->header->rows * sizeof *t->action);
    mix(told, &is_fresh, sizeof is_fresh);
    return OK;
}

static enum status told_update(struct method *method, struct update_row *row)
{
    struct told *told = (struct told *)method;
    mix(told, &row->update, sizeof row->update);
    row->policy_loss = (double)told->weights[1];
    return OK;
}

static const float *told_weights(const struct method *method, size_t *n)
{
    *n = 8;
    return ((const struct told *)method)->weights;
}

static enum status told_state(struct method *method, struct state_list *list)
{
    struct told *told = (struct told *)method;
    state_list_add(list, "told.hash", HDF5_I64, 1, told->hash);
    state_list_add(list, "told.weights", HDF5_F32, 8, told->weights);
    return OK;
}

static void told_close(struct method *method)
{
    free(method);
}

const struct method_ops method_told = {
    .name = "told",
    .policy = true,
    .open = told_open,
    .propose = told_propose,
    .take = told_take,
    .update = told_update,
    .weights = told_weights,
    .state = told_state,
    .save = method_no_save,
    .load = method_no_load,
    .close = told_close,
};
