// A trained policy that proposes without learning on: for tasks it has not seen. The first
// candidate of each task is the policy's most likely one, the others are samples.
#include "learner/methods/method.h"

#include <stdlib.h>
#include <string.h>

struct frozen {
    struct method base;
    float *weights; // owned
    size_t n;
    int32_t *proposed; // [n_tasks] owned: candidates proposed per task
    int n_tasks;
};

static void frozen_close(struct method *method)
{
    struct frozen *frozen = (struct frozen *)method;
    if (frozen != NULL) {
        free(frozen->weights);
        free(frozen->proposed);
        free(frozen);
    }
}

static enum status count_weights(const struct agent *agent, size_t *n)
{
    struct graph graph;
    TRY(agent_graph(agent, 1, &graph));
    *n = graph.n_floats;
    graph_close(&graph);
    return OK;
}

static enum status frozen_open(const struct method_job *job, struct method **out)
{
    size_t n;
    if (job->initial == NULL) {
        FAIL(ERR_CONFIG, "search.method frozen proposes with a trained policy; name its run folder "
                         "with --policy");
    }
    TRY(count_weights(job->agent, &n));
    struct frozen *frozen = calloc(1, sizeof *frozen);
    if (frozen == NULL) {
        FAIL(ERR_MEMORY, "no memory for a policy");
    }
    frozen->base.ops = &method_frozen;
    frozen->n = n;
    frozen->n_tasks = job->n_tasks;
    frozen->weights = malloc(n * sizeof *frozen->weights);
    frozen->proposed = calloc((size_t)job->n_tasks, sizeof *frozen->proposed);
    if (frozen->weights == NULL || frozen->proposed == NULL) {
        frozen_close(&frozen->base);
        FAIL(ERR_MEMORY, "no memory for a policy of %zu weights", n);
    }
    memcpy(frozen->weights, job->initial, n * sizeof *frozen->weights);
    *out = &frozen->base;
    return OK;
}

static void frozen_propose(struct method *method, struct ticket *ticket)
{
    struct frozen *frozen = (struct frozen *)method;
    const bool first = frozen->proposed[ticket->task]++ == 0;
    ticket->source = first ? ACTIONS_GREEDY : ACTIONS_POLICY;
}

static enum status frozen_take(struct method *method, const struct trajectory *trajectory,
                               bool fresh)
{
    (void)method, (void)trajectory, (void)fresh;
    return OK;
}

static enum status frozen_update(struct method *method, struct update_row *row)
{
    (void)method, (void)row;
    return OK;
}

static const float *frozen_weights(const struct method *method, size_t *n)
{
    const struct frozen *frozen = (const struct frozen *)method;
    *n = frozen->n;
    return frozen->weights;
}

static enum status frozen_state(struct method *method, struct state_list *list)
{
    struct frozen *frozen = (struct frozen *)method;
    state_list_add(list, "frozen.weights", HDF5_F32, frozen->n, frozen->weights);
    state_list_add(list, "frozen.proposed", HDF5_I32, (size_t)frozen->n_tasks, frozen->proposed);
    return OK;
}

static void frozen_save(struct method *method)
{
    (void)method;
}

static enum status frozen_load(struct method *method)
{
    (void)method;
    return OK;
}

const struct method_ops method_frozen = {
    .name = "frozen",
    .policy = true,
    .open = frozen_open,
    .propose = frozen_propose,
    .take = frozen_take,
    .update = frozen_update,
    .weights = frozen_weights,
    .state = frozen_state,
    .save = frozen_save,
    .load = frozen_load,
    .close = frozen_close,
};
