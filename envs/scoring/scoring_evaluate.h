// Pending candidates of several episodes on their way to their outcomes: those that are known
// already come from the host's cache, equal ones are scored once.
#pragma once
#include "envs/env.h"
#include "envs/scoring/host_subject.h"
#include "envs/scoring/score_cache.h"

struct scoring_episode {
    uint64_t key;                       // of what is scored
    const struct host_subject *subject; // borrowed, as the next
    struct env_outcome *outcome;
};
struct scoring_evaluation {
    struct scoring_episode *episodes; // [most] filled by the caller; arena, as all here
    int *requests;                    // [most] the first of these is the episode to be scored
    struct cached_score *scores;      // [most] of each request, out of the caller's scoring
    double *seconds;                  // [most] likewise, inside the network's own plans
    int *of;                          // [most] request of each episode; -1: known already
    struct cached_score *known;       // [most] of such episodes
    int most;
};
// most: episodes at once.
enum status scoring_evaluation_open(int most, struct arena *arena, struct scoring_evaluation *out);
// How many of episodes [n] are to be scored, each once: numbers in `requests`.
int scoring_evaluation_begin(struct scoring_evaluation *evaluation, const struct score_slot *cache,
                             int n);
// After scores and seconds of all requests are there: fills in every outcome, with the reward that
// `scoring` names, and the cache.
void scoring_evaluation_end(const struct scoring_evaluation *evaluation, struct score_slot *cache,
                            const struct scoring_options *scoring, int n, int n_requests);
