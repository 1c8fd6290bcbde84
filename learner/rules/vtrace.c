// V-trace, from the last row to the first.
#include "learner/rules/vtrace.h"

#include <math.h>

double vtrace_ratio(double log_ratio)
{
    // Not fmin: a NaN must stay one, so that the update is seen to be broken.
    return exp(log_ratio > RATIO_LOG_MOST ? RATIO_LOG_MOST : log_ratio);
}

static double least(double limit, double ratio)
{
    return ratio > limit ? limit : ratio;
}

void vtrace_compute(const struct vtrace_options *options, const struct vtrace_lane *lane,
                    double *target, double *advantage)
{
    double next_value = lane->bootstrap, correction = 0.0; // target - value of the next row
    for (int t = lane->rows - 1; t >= 0; t--) {
        const double value = lane->value[t];
        target[t] = value;
        advantage[t] = 0.0;
        if (lane->flags[t] & ROW_PADDING) {
            continue;
        }
        if (lane->flags[t] & FLAG_TRUNCATED) {
            next_value = value;
            correction = 0.0;
            continue;
        }
        const double ratio = vtrace_ratio(lane->log_ratio[t]);
        const double weight =
            lane->policy_log_ratio == NULL ? ratio : vtrace_ratio(lane->policy_log_ratio[t]);
        const double discount = lane->flags[t] & FLAG_TERMINATED ? 0.0 : options->discount;
        const double q_next = next_value + options->lambda * correction;
        const double c = options->lambda * least(options->c_max, ratio);
        advantage[t] =
            least(options->rho_policy_max, weight) * (lane->reward[t] + discount * q_next - value);
        correction =
            least(options->rho_max, ratio) * (lane->reward[t] + discount * next_value - value) +
            discount * c * correction;
        target[t] = value + correction;
        next_value = value;
        if (lane->flags[t] & FLAG_FIRST) {
            next_value = 0.0;
            correction = 0.0;
        }
    }
}
