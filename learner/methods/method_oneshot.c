// One-shot pruning, no search: what the environment suggests unasked (the same share of everything,
// all channels ranked once by some criterion), each tried once.
#include "learner/methods/method_simple.h"
#include "learner/methods/suggested.h"

static enum status oneshot_open(const struct method_job *job, struct method **out)
{
    return suggested_open(job, &method_oneshot, SUGGESTED_ALL, out);
}

const struct method_ops method_oneshot = {
    .name = "oneshot",
    .own_start = true,
    .open = oneshot_open,
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
