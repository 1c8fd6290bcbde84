// Scoring several candidates at once: the place where a backend that computes many of them together
// is given them.
#pragma once
#include "envs/prune/prune_candidates.h"

// Which networks' candidates the backend scores together; the others' one by one.
struct prune_together {
    const struct prune_study *studies; // [n] borrowed
    struct prune_candidates **of;      // [n] NULL: one by one; arena
    const int **widths;                // [most] scratch of a call, as the next two; arena
    struct cached_score *scores;
    int *requests;
    int n, most;
};
// Networks that it cannot score together are noted in the log. most: requests of one call.
enum status prune_together_open(const struct scorer *scorer, const struct prune_study *studies,
                                int n, int most, struct arena *arena, struct prune_together *out);
void prune_together_close(struct prune_together *together); // a zeroed one is fine

struct prune_request {
    const struct prune_study *study; // one of together's
    const int *widths;               // [groups of the study]
    struct cached_score score;       // out
    double seconds;                  // out: inside the network's own plans
};
// Each gets the score that prune_score_widths gives it, up to the backend's precision, whichever
// others there are. Requests [n] are of different candidates.
enum status prune_score_batch(const struct scorer *scorer, const struct prune_together *together,
                              struct prune_request *requests, int n);
