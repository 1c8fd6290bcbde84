// The baseline without a search: the environment's first suggestion, which keeps the same share of
// everything and uses what is then left of the budget.
#include "learner/methods/method_simple.h"
#include "learner/methods/suggested.h"

static enum status uniform_open(const struct method_job *job, struct method **out)
{
    return suggested_open(job, &method_uniform, 1, out);
}

const struct method_ops method_uniform = {
    .name = "uniform",
    .own_results = true,
    .own_start = true,
    .open = uniform_open,
    .propose = suggested_propose,
    .take = suggested_take,
    .lost = suggested_lost,
    .update = method_no_update,
    .weights = method_no_weights,
    .state = suggested_state,
    .save = method_no_save,
    .load = method_no_load,
    .close = suggested_close,
    .finished = suggested_finished,
};
