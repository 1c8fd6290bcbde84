// Scoring several candidates at once: the place where a backend that computes many of them together
// is given them.
#pragma once
#include "envs/prune/prune_score.h"

struct prune_request {
    const struct prune_study *study; // of any of the environment's networks
    const int *widths;               // [groups of the study]
    struct cached_score score;       // out
    double seconds;                  // out: inside the network's own plans
};
// Each gets the score that prune_score_widths gives it, whichever others there are. Requests [n]
// are of different candidates.
enum status prune_score_batch(const struct prune_scorer *scorer, struct prune_request *requests,
                              int n);
