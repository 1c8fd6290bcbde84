// The update rule of IMPALA.
#include "learner/rules/rule.h"

static void vtrace_targets(const struct rule_options *options, const struct rule_lane *lane)
{
    vtrace_compute(&options->vtrace, &lane->lane, lane->target, lane->advantage);
    for (int t = 0; t < lane->lane.rows; t++) {
        lane->value_weight[t] = 1.0;
    }
}

const struct rule rule_vtrace = {.name = "vtrace", .targets = vtrace_targets};
