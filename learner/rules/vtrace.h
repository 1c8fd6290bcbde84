// V-trace targets and policy-gradient advantages (Espeholt et al. 2018, IMPALA, section 4.1), with
// lambda as rlax has it, so that on-policy it is exactly GAE. One lane: rows in time order, whole
// episodes one behind the other, ends anywhere.
#pragma once
#include "transport/trajectory.h"

// Flags of a lane's rows beside enum trajectory_flag.
enum row_flag {
    ROW_PADDING = 8,    // not there: transparent and without loss
    ROW_IMITATION = 16, // of an episode to imitate, see rule.h
};

struct vtrace_options {
    double discount; // [0, 1]
    // All > 0, INFINITY = not truncated. rho_max sets which policy's values are learnt (the paper's
    // equation 3), c_max only how fast; the theory wants rho_max >= c_max.
    double rho_max, rho_policy_max, c_max;
    double lambda; // [0, 1], 1 in the paper
};
// Everything [rows]. A TERMINATED row ends its episode: nothing behind it counts. A TRUNCATED row
// is the observation an episode was cut off at: its value bootstraps the row before it, its own
// target is its value and its advantage 0. A PADDING row is skipped as if it were not there, its
// target is its value too. A row before FIRST that has no end counts as terminated.
struct vtrace_lane {
    int rows;
    const uint8_t *flags;
    const double *log_ratio; // log pi(a|x) - log mu(a|x), nats
    // The one that weighs advantages where it differs (rule.h), or NULL.
    const double *policy_log_ratio;
    const double *reward, *value;
    double bootstrap; // value after the last row, of an episode that goes on there
};
// rho = exp(log ratio), the logarithm cut at RATIO_LOG_MOST above and nowhere below. From the back:
//   delta_t = min(rho_max, rho_t) * (r_t + g_t V_{t+1} - V_t),  g_t = discount, 0 at TERMINATED
//   target_t = V_t + delta_t + g_t lambda min(c_max, rho_t) (target_{t+1} - V_{t+1})
//   advantage_t = min(rho_policy_max, rho_t) * (r_t + g_t q_{t+1} - V_t),
//   q = lambda target + (1 - lambda) V
// target, advantage [rows].
enum { RATIO_LOG_MOST = 20 };
void vtrace_compute(const struct vtrace_options *options, const struct vtrace_lane *lane,
                    double *target, double *advantage);
double vtrace_ratio(double log_ratio); // exp(min(log_ratio, RATIO_LOG_MOST))
