// What advisor.c (results) and proposals.c (candidates and acquisition) share.
#pragma once
#include "core/arena.h"
#include "core/rng.h"
#include "learner/model/advisor.h"
#include "learner/model/reward_model.h"

enum {
    ADVISOR_SCREENED = 96,     // candidates whose improvement is looked at, best means first
    ADVISOR_CANDIDATES = 2048, // looked at in all, wishes included
    ADVISOR_MOST_BEST = 32,
    ADVISOR_MOST_INPUTS = 2 * TICKET_MOST_GIVEN + 2
};

// The results of all tasks that share candidates, or steps and choices. Its models are numbered.
struct advisor_pool {
    int steps, capacity;
    int n_ordered;              // steps that are not categorical
    int n_models;               // codes and under_way_codes are in use where there are several
    bool guess;                 // its model sees what is guessed of losses
    int n_inputs;               // of the model
    int *task_of;               // [n_models] the first task of each
    double *first_losses;       // [steps] guessed, of the first result; 0 without guesses
    struct reward_model *model; // owned
    int32_t *n;                 // [1] results
    int16_t *choices;           // [capacity][steps]
    double *rewards;            // [capacity]
    int32_t *codes;             // [capacity] of which model they are
    int fitted;                 // results that the model knows
    double *means;              // [n_models][capacity] what the model says of the results as
                                // candidates of each of its models; valid up to `fitted`
    int32_t *n_under_way;       // [1]
    int64_t *episodes;          // [under_way] that try them
    int16_t *under_way;         // [under_way][steps]
    int32_t *under_way_codes;   // [under_way]
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
    int *code_of; // [n_tasks] number of the task's model in its pool
    struct advisor_sheet sheet;
    const int16_t **best; // [ADVISOR_MOST_BEST] scratch
    int64_t aim;          // episode, see advisor_aim
    double seconds;
};

enum status advisor_open_pools(struct advisor *advisor);
struct advisor_pool *advisor_pool_of(const struct advisor *advisor, int task);
// What the model says of the pool's results as candidates of this task.
double *advisor_means(const struct advisor *advisor, int task);
// The numbers [n_inputs] that describe a candidate, in canonical form, to a model: ln of what each
// ordered step keeps; where the model is informed, ln of the guessed loss, scaled so that it alone
// can matter as much as all steps; the choices of categorical steps; the number of the task's model
// where its pool has several; informed, the guessed loss of each step.
void advisor_describe(const struct advisor *advisor, int task, const int16_t *choices, double *x);
// Whether a candidate, in canonical form, was evaluated or is under way in the task's model.
bool advisor_is_known(const struct advisor *advisor, int task, const int16_t *choices);
// Whether result i of the task's pool is one of its own model.
bool advisor_is_result_of(const struct advisor *advisor, int task, int i);
// advisor_aim.c: whether a task's episodes draw what they are played for; then rewards of the pool
// are by accuracy alone.
bool advisor_is_drawn(const struct advisor *advisor, int task);
double advisor_quality(const struct advisor *advisor, int task, const int16_t *choices,
                       double reward);
// The reward of such a quality by the episode aimed at.
double advisor_value(const struct advisor *advisor, int task, const int16_t *choices,
                     double quality);
// What the model said of a candidate x [n_inputs], mean and sd (or NULL), into rewards by the
// episode aimed at.
void advisor_turn(const struct advisor *advisor, int task, const int16_t *choices, const double *x,
                  double *mean, double *sd);
// What is under way in a pool, told to its model; of very many the newest ones.
void advisor_tell_under_way(struct advisor *advisor, int task);
