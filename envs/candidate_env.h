// What environments offer whose episodes choose one of the candidates that are known beforehand:
// enough for a search to ask which there are and which of them keep a task's budget, without any
// being tried. Reached through env_ops.candidates. A candidate is the choices of an episode by
// number: steps [candidate_env_space.steps].
#pragma once
#include "envs/env.h"
#include "search_space/nas_space.h"

// What is known of a task's candidates.
struct candidate_env_space {
    int model;            // tasks of equal numbers share their candidates: the same choices are the
                          // same candidate there, and as good; only budgets differ
    int family;           // tasks of equal numbers have the same steps and choices, so that what is
                          // good in one of them is likely to be good in the others. Models are
                          // within families
    int steps;            // of an episode
    const int *n_choices; // [steps]; the environment's, as are the next two
    const float *const *position; // [steps][n_choices] as in env_row
    const bool *categorical; // [steps] whether neighbouring choices have nothing more in common
                             // than others; NULL: none
    const int16_t *least;    // [steps] the choice that costs least whatever the others are; NULL: 0
                             // everywhere. Of an ordered step it is 0. All of them together hold
    double budget;           // the tightest limit, as a share of the whole cost; 1 = none
    bool draws;              // its episodes are played for objectives that they draw (objective.h)
    struct nas_cost whole;   // of the dearest candidate there is; 0 = nothing is known of that cost
};

struct candidate_env_ops {
    void (*space)(const struct env *env, int task, struct candidate_env_space *out);
    // The greatest share of one of the task's limits that these steps use up, and whether they keep
    // all of them, to the last unit.
    double (*use)(struct env *env, int task, const int16_t *steps);
    bool (*holds)(struct env *env, int task, const int16_t *steps);
    // What each of these steps is guessed to lose by itself, before anything was tried: losses
    // [number of steps], at least 0, which add up. NULL: there is no guess.
    void (*losses)(struct env *env, int task, const int16_t *steps, double *losses);
    // The number-th candidate to try unasked, the most promising first, all within the budget;
    // false: there are no more. 0 keeps the same share of everything. NULL: there are none.
    bool (*suggest)(struct env *env, int task, int number, int16_t *steps);
    // Replaces the steps by those of the one candidate that stands for all that come to the same
    // thing; it costs the same. NULL: no two do.
    void (*canonical)(struct env *env, int task, int16_t *steps);
    // The steps of a choice (env_outcome.result) [n]; false: no episode of the task's model could
    // have chosen it.
    bool (*steps_of)(struct env *env, int task, const int32_t *choice, int n, int16_t *steps);
    // What the episode of this number would be rewarded with for these steps, if the accuracy alone
    // were worth `quality`: rises in proportion to it. Episode -1: by the task's own objective.
    // NULL: no task draws.
    double (*value)(struct env *env, int task, int64_t episode, const int16_t *steps,
                    double quality);
    // Standard deviation of the reward of one candidate if the scoring images were drawn anew.
    double (*noise)(const struct env *env);

    // ---- where all that could be found is known; NULL elsewhere, as is the next
    // What the task is called, and the greatest score of any candidate that keeps its budget.
    void (*truth)(const struct env *env, int task, const char **name, double *best);
    // A choice (env_outcome.result) [n] in words, NUL-ended, cut to `bytes`.
    void (*words)(const struct env *env, const int32_t *choice, int n, char *out, size_t bytes);
};
