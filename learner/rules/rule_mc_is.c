// Monte-Carlo returns with truncated importance weights (MTNAS): nothing is bootstrapped, so with
// rewards only at the end no value's error enters a target.
#include "learner/rules/rule.h"

static double least(double limit, double ratio)
{
    return ratio > limit ? limit : ratio;
}

static void mc_is_targets(const struct rule_options *options, const struct rule_lane *lane)
{
    const struct vtrace_lane *rows = &lane->lane;
    double following = rows->bootstrap;
    for (int t = rows->rows - 1; t >= 0; t--) {
        const double value = rows->value[t];
        lane->target[t] = value;
        lane->advantage[t] = 0.0;
        lane->value_weight[t] = 0.0;
        if (rows->flags[t] & ROW_PADDING) {
            continue;
        }
        if (rows->flags[t] & FLAG_TRUNCATED) {
            following = value;
            continue;
        }
        const double discount = rows->flags[t] & FLAG_TERMINATED ? 0.0 : options->vtrace.discount;
        following = rows->reward[t] + discount * following;
        lane->target[t] = following;
        lane->advantage[t] =
            least(options->vtrace.rho_policy_max, vtrace_ratio(rows->policy_log_ratio[t])) *
            (following - value);
        lane->value_weight[t] = least(options->vtrace.rho_max, vtrace_ratio(rows->log_ratio[t]));
        if (rows->flags[t] & FLAG_FIRST) {
            following = 0.0;
        }
    }
}

const struct rule rule_mc_is = {.name = "mc_is", .targets = mc_is_targets};
