// Update rules: from the network's outputs over a batch to the gradient of a loss.
//
// Per row of an episode to learn from: V = sigma n + mean of its task (popart.h), a target for V,
// and an advantage A already weighted for the distance between the policy that acted, mu, and the
// policy before this batch's first use, pi_1. The loss is a MEAN over those rows (rates do not
// depend on the size of a batch; the paper sums):
//
//   policy     - min(w A / sigma, clip(w, 1 - ratio_clip, 1 + ratio_clip) A / sigma)
//   value      0.5 value_cost u (n - (target - mean) / sigma)^2
//   entropy    - entropy * H        (a bonus: more of it lowers the loss)
//   imitation  - imitation * log pi(a|x), a mean of its own over the rows of ROW_IMITATION
//
// w = pi / pi_1 is what keeps several uses of a batch near the weights it began with (Schulman et
// al. 2017; "decoupled" as in Hilton et al. 2022: the correction for lag, pi_1 / mu inside A, is
// one factor and the trust region w another). At the first use w = 1, and the gradient is the
// rule's own. Without ratio_clip w is free. The clip and the weights u, A and target are constants:
// no gradient goes through them; targets are computed anew at each use from that use's values and
// ratios.
//
// The rules differ in target, A and u:
//   vtrace  vtrace.h with pi / mu in the targets and pi_1 / mu before the advantages; u = 1
//   mc_is   the discounted return G of the episode (a truncated one ends in the value of its last
//           observation) and truncated importance weights: target G,
//           A = min(rho_policy_max, pi_1 / mu) (G - V), u = min(rho_max, pi / mu)
#pragma once
#include "learner/episode_batch.h"
#include "learner/rules/popart.h"
#include "learner/rules/rule_list.h"

struct rule_options {
    struct vtrace_options vtrace;
    bool correct; // false: pi / mu and pi_1 / mu are taken as 1
    double entropy, value_cost, ratio_clip, imitation;
};
struct rule_lane {
    struct vtrace_lane lane; // policy_log_ratio set; values in the task's own units
    double *target, *advantage, *value_weight; // [rows], out
};
struct rule {
    const char *name;
    void (*targets)(const struct rule_options *options, const struct rule_lane *lane);
};
#define X(id, name) extern const struct rule rule_##name;
RULE_LIST(X)
#undef X
extern const struct rule *const rules[]; // by kind, NULL-ended

// What one batch is worked with; all [B][T] arrays in the batch's order.
struct rule_work {
    const struct episode_batch *batch; // borrowed, as options, popart and rule
    const struct rule *rule;
    const struct rule_options *options;
    const struct popart *popart;
    double *first_logp;                        // log pi_1, set by the first use
    double *log_ratio, *policy_log_ratio;      // pi / mu, pi_1 / mu
    double *reward, *value;                    // value: sigma n + mean
    double *target, *advantage, *value_weight; // what `targets` gave
    double *d_logp, *d_entropy;                // [n_policy] of one row
};
enum status rule_open(const struct episode_batch *batch, struct arena *arena,
                      struct rule_work *out);

struct rule_losses {
    double total, policy, value, imitation, entropy; // means; entropy: H itself, not its loss
    double mean_rho, effective_share; // of pi_1 / mu: mean, and (sum)^2 / (n sum of squares)
    int frames;                       // rows learnt from, without imitation
};
// Ratios, targets, advantages and weights from output [B][T][n_outputs]. first: this is the batch's
// first use, whose log-probabilities become pi_1.
void rule_targets(struct rule_work *work, const float *output, bool first);
// The loss and its gradient with those held fixed. d_output [B][T][n_outputs]. Sums go in row
// order, in float64; anything not finite in the data makes the total not finite.
void rule_loss(struct rule_work *work, const float *output, float *d_output,
               struct rule_losses *losses);
