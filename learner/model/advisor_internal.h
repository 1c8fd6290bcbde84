// What advisor.c (results) and proposals.c (candidates and acquisition) share.
#pragma once
#include "core/arena.h"
#include "core/rng.h"
#include "learner/model/advisor.h"
#include "learner/model/reward_model.h"

enum {
    ADVISOR_SCREENED = 96,    // candidates whose improvement is looked at, best means first
    ADVISOR_CANDIDATES = 2048 // looked at in all, wishes included
};

// The results of all tasks that share candidates.
struct advisor_pool {
    int steps, capacity;
    int n_inputs;               // of the model
    double *first_losses;       // [steps] guessed, of the first result; 0 without guesses
    struct reward_model *model; // owned
    int32_t *n;                 // [1] results
    int16_t *choices;           // [capacity][steps]
    double *rewards;            // [capacity]
    int fitted;                 // results that the model knows
    double *means;              // [capacity] of results, by the model; valid up to `fitted`
    int32_t *n_under_way;       // [1]
    int64_t *episodes;          // [under_way] that try them
    int16_t *under_way;         // [under_way][steps]
};
// Candidates that one proposal looks at.
struct advisor_sheet {
    int n, steps;
    int16_t *choices;  // [ADVISOR_CANDIDATES][most steps], stride `steps`
    double *x;         // [ADVISOR_CANDIDATES][most inputs], stride `n_inputs` of the pool
    double *mean, *sd; // [ADVISOR_CANDIDATES]
    int *order;        // [ADVISOR_CANDIDATES]
};
struct advisor {
    struct advisor_options options;
    struct arena arena;
    struct advisor_pool *pools; // [n_pools]
    int n_pools;
    int *pool_of; // [n_tasks]
    struct advisor_sheet sheet;
    const int16_t **best; // [32] scratch
    double seconds;
};

struct advisor_pool *advisor_pool_of(const struct advisor *advisor, int task);
// The numbers [n_inputs] that describe a candidate to a model: ln of what each step keeps; where
// the model is informed, ln of the guessed loss, scaled so that it alone can matter as much as all
// steps, and the guessed loss of each step.
void advisor_describe(const struct advisor *advisor, int task, const int16_t *choices, double *x);
bool advisor_is_known(const struct advisor_pool *pool, const int16_t *choices);
// What is under way in a pool, told to its model; of very many the newest ones.
void advisor_tell_under_way(struct advisor *advisor, int task);
