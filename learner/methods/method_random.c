// Random search: every choice uniform over the legal ones. The baseline of baselines.
#include "learner/methods/method_simple.h"

#include <stdlib.h>

static enum status random_open(const struct method_job *job, struct method **out)
{
    (void)job;
    struct method *method = calloc(1, sizeof *method);
    if (method == NULL) {
        FAIL(ERR_MEMORY, "no memory for random search");
    }
    method->ops = &method_random;
    *out = method;
    return OK;
}

static void random_propose(struct method *method, struct ticket *ticket)
{
    (void)method;
    ticket->source = ACTIONS_RANDOM;
}

static enum status random_take(struct method *method, const struct trajectory *trajectory,
                               bool fresh)
{
    (void)method, (void)trajectory, (void)fresh;
    return OK;
}

static enum status random_state(struct method *method, struct state_list *list)
{
    (void)method, (void)list;
    return OK;
}

static void random_close(struct method *method)
{
    free(method);
}

const struct method_ops method_random = {
    .name = "random",
    .open = random_open,
    .propose = random_propose,
    .take = random_take,
    .update = method_no_update,
    .weights = method_no_weights,
    .state = random_state,
    .save = method_no_save,
    .load = method_no_load,
    .close = random_close,
};
