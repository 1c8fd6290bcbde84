// Many rows made few enough for a page, without losing what one looks for: the best so far exactly,
// fronts exactly, all else by quantiles, means or a regular sample.
#pragma once
#include "core/arena.h"
#include "learner/candidate_space.h"

#include <stdbool.h>
#include <stdint.h>

struct report_candidate {
    int64_t episode, evaluation; // evaluation: 1, 2, ... of its task
    double accuracy, reward;
    int64_t costs[CANDIDATE_COSTS];
    int32_t source; // enum ticket_source
};
// Rewards of consecutive evaluations.
struct report_bin {
    int64_t first, last;
    double least, low, middle, high, most; // quartiles between
};
enum { REPORT_MOST_BINS = 100 };
// At most REPORT_MOST_BINS bins of n > 0 candidates into out [REPORT_MOST_BINS]; returns how many.
// Scratch from `arena`.
enum status report_thin_rewards(const struct report_candidate *candidates, int n,
                                struct arena *arena, struct report_bin *out, int *n_out);
// Numbers of the candidates that were better than all before them, by reward, into out [n]; returns
// how many.
int report_best_so_far(const struct report_candidate *candidates, int n, int *out);
// Numbers of those that no other is better than in accuracy and this cost, cheapest first, into out
// [n]; of equal ones the first. Returns how many.
enum status report_front(const struct report_candidate *candidates, int n, int cost,
                         struct arena *arena, int *out, int *n_out);
// Numbers of at most `most` of n, evenly spread, into out [most]; returns how many.
int report_sample(int n, int most, int *out);

// Updates in bins: means.
struct report_update {
    int64_t first, last;
    int n; // that learnt from anything; below is NAN without
    double policy_loss, value_loss, imitation_loss, entropy, mean_rho, effective_share,
        gradient_norm, learning_rate, lag_mean;
    int32_t lag_most;
    double model_rank, model_error; // NAN without a model
};
enum { REPORT_MOST_UPDATES = 200 };
