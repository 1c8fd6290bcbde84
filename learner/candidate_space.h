// What may be known of the candidates of all tasks without trying any: which choices there are,
// which of them together keep a task's budget, what the environment itself would try first. Filled
// by whoever has the environment; environments without candidates have none.
//
// A candidate is one choice per step, by number. Tasks of one model share their candidates: the
// same choices are the same candidate there, and as good; only budgets differ. In tasks of one
// family the same choices mean the same, but are not as good.
#pragma once
#include "core/status.h"
#include "transport/ticket.h"

#include <stdbool.h>
#include <stddef.h>

enum { CANDIDATE_MACS, CANDIDATE_PARAMS, CANDIDATE_BYTES, CANDIDATE_COSTS };
struct candidate_task {
    int model;  // tasks of equal numbers share their candidates
    int family; // tasks of equal numbers have the same steps and choices; models are within them
    int steps;  // <= TICKET_MOST_GIVEN
    const int *n_choices;         // [steps]
    const float *const *position; // [steps][n_choices] ascending in (0, 1]: what is kept
    const bool *categorical;      // [steps] neighbouring choices are no more alike than others;
                                  // NULL: no step is so
    const int16_t *least; // [steps] the choice that costs least whatever the others are; NULL: 0
                          // everywhere. Of an ordered step it is 0
    double budget;        // the tightest limit, as a share of the whole cost
    bool draws;           // its episodes are played for objectives that they draw
    int64_t whole[CANDIDATE_COSTS]; // of the dearest candidate; 0 = nothing is known of that cost
};
// What an earlier run made of a candidate.
struct candidate_result {
    int task; // any of the model's
    double reward;
    int16_t choices[TICKET_MOST_GIVEN];
};
struct candidate_space {
    void *context; // first argument of all functions
    int n_tasks, n_models;
    const struct candidate_task *tasks; // [n_tasks]
    double noise; // standard deviation that a reward has from the choice of images alone
    // Of choices [steps]: whether they keep all limits of the task, and the greatest share of a
    // limit that they use up (above 1 when they do not hold).
    bool (*holds)(void *context, int task, const int16_t *choices);
    double (*use)(void *context, int task, const int16_t *choices);
    // What the environment guesses that each step's choice loses by itself: losses [steps], at
    // least 0, which add up; NULL: it has no guess.
    void (*losses)(void *context, int task, const int16_t *choices, double *losses);
    // The number-th candidate that the environment would try unasked, within the budget: 0 keeps
    // the same share of everything, others rank what there is to cut. False: there are no more.
    bool (*suggest)(void *context, int task, int number, int16_t *choices);
    // Replaces choices by those of the one candidate that stands for all that come to the same
    // thing, at the same cost; NULL: no two do.
    void (*canonical)(void *context, int task, int16_t *choices);
    // What the episode of this number would be rewarded with for a candidate, if the accuracy alone
    // were worth `quality`: rises in proportion to it. Episode -1: by the task's own objective.
    // NULL: no task draws.
    double (*value)(void *context, int task, int64_t episode, const int16_t *choices,
                    double quality);
    // Plays a ticket of kind TICKET_IMAGINED with these policy weights [n] into block
    // [trajectory_bytes]: what an actor would do, but nothing is scored.
    enum status (*imagine)(void *context, const struct ticket *ticket, const float *weights,
                           size_t n, void *block);
};
