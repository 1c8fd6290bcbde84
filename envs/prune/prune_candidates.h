// One network's candidates on a backend that scores many at once (compute/candidate_batch.h).
#pragma once
#include "envs/prune/prune_score.h"

struct prune_candidates;
struct prune_candidates_options {
    int most;            // candidates in one call
    size_t memory_bytes; // of the device; 0: PRUNE_CANDIDATES_BYTES
};
#define PRUNE_CANDIDATES_BYTES ((size_t)4 << 30)

// ERR_UNSUPPORTED: this backend cannot, or not this network: the message names the node.
// ERR_MEMORY: there is no room on the device. Candidates are then scored one by one. All but
// options is borrowed until the close.
enum status prune_candidates_open(const struct scorer *scorer, const struct prune_study *study,
                                  const struct prune_candidates_options *options,
                                  struct prune_candidates **out);
// What prune_score_widths does for each of widths [n], n at most options.most, up to the backend's
// precision; a candidate's score is the same whichever others come with it. seconds: of all
// together.
enum status prune_candidates_score(struct prune_candidates *candidates, const int *const *widths,
                                   int n, struct cached_score *out, double *seconds);
void prune_candidates_close(struct prune_candidates *candidates); // NULL is fine
