// The rows of run.h5. What a sync run repeats byte for byte is in `episodes` and `updates`; who did
// it and how long it took is in `episode_costs` and `update_costs`, row by row beside them.
#pragma once
#include "core/hdf5_log.h"

enum { RUN_MOST_WIDTHS = 128 };

struct episode_row {
    int64_t episode, version,
        lag; // lag: updates between the weights it acted with and its learning
    int32_t task, source, steps;
    int32_t fresh;   // 1: the candidate had not been scored in this task before
    int32_t failure; // enum failure_reason, 0 = none
    int32_t n_widths;
    int64_t macs, params, bytes;
    double accuracy; // the score
    double reward;   // sum over the episode
    double logp;     // sum over the episode
    double budget;   // times the task's own limits; 0 = just those. Others are measurements
    int32_t widths[RUN_MOST_WIDTHS];
};
struct episode_cost_row {
    int64_t episode;
    int32_t actor, tries, cached;
    double environment_seconds, policy_seconds, arithmetic_seconds, wire_seconds;
    double wall_seconds; // since the run began, resumes left out
};
struct update_row {
    int64_t update, episodes; // episodes learnt from so far
    int32_t frames, fresh;    // rows and fresh episodes of the batch
    double policy_loss, value_loss, imitation_loss, entropy;
    double mean_rho, effective_share; // effective sample share: (sum rho)^2 / (n sum rho^2)
    double gradient_norm, learning_rate;
    int32_t skipped; // 1: not finite, nothing was changed
    int32_t lag_least, lag_most;
    double lag_mean;
    int32_t imagined;      // episodes learnt from that were imagined
    int32_t model_checked; // newest samples of the policy that the next two are of
    double model_rank;  // rank correlation of what the model predicted for them with their rewards
    double model_error; // root mean square difference
};
struct update_cost_row {
    int64_t update;
    int32_t queue; // trajectories that waited
    int32_t reserved;
    double seconds, waited_seconds, wall_seconds;
    double model_seconds; // fits and proposals of the reward model since the update before
};
// What the policy would have chosen from at a step of some episodes (decision_log.h).
struct decision_row {
    int64_t episode, version; // version: of the weights that were asked
    int32_t task, step;
    int32_t choices, legal; // of the step
    int32_t choice;         // taken, by number
    int32_t reserved;
    double entropy; // nats, over the legal choices: log(legal) at most (squashed: of the Gaussian)
};
enum run_table {
    TABLE_EPISODES,
    TABLE_EPISODE_COSTS,
    TABLE_UPDATES,
    TABLE_UPDATE_COSTS,
    TABLE_DECISIONS,
    N_TABLES
};
extern const struct hdf5_table run_tables[N_TABLES];
