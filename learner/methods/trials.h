// What a method has tried of the candidates of a candidate_space: their rewards, and what it has
// proposed lately, so that nothing is proposed twice and tasks of one model profit from each other.
#pragma once
#include "core/arena.h"
#include "core/rng.h"
#include "learner/methods/method.h"

enum { TRIALS_PROPOSED = 4096 }; // proposals that are remembered, by episode modulo this

struct trials {
    const struct candidate_space *space; // borrowed
    int most_steps, capacity;
    bool sync;
    int32_t *n;        // [1] candidates scored; arena, as all here
    int32_t *task;     // [capacity] that it was scored in
    int64_t *episode;  // [capacity]
    double *reward;    // [capacity]
    int64_t *hash;     // [capacity] of model and choices
    int16_t *choices;  // [capacity][most_steps]
    int64_t *proposed; // [TRIALS_PROPOSED] hashes, 0 = none
};
// The job has a space.
enum status trials_open(const struct method_job *job, struct arena *arena, struct trials *out);
// Whether choices [steps] were scored in a task of this task's model or proposed lately, also when
// nothing came of that.
bool trials_known(const struct trials *trials, int task, const int16_t *choices);
// Whether they were scored there.
bool trials_scored(const struct trials *trials, int task, const int16_t *choices);
const int16_t *trials_choices(const struct trials *trials, int trial); // [steps], borrowed
// Whether a trial is a candidate of the task as well: of its model and within its budget.
bool trials_holds(const struct trials *trials, int trial, int task);
// Numbers of the best trials that are candidates of the task into found [most], best first (ties:
// the earlier one). Returns how many.
int trials_best(const struct trials *trials, int task, int most, int *found);
// The same of those that were scored in this very task.
int trials_best_of(const struct trials *trials, int task, int most, int *found);
// choices [steps]: a neighbour of from [steps] (candidate_mutate; with categorical steps
// candidate_change_one), with `filled` what is left of the budget used; after some attempts also a
// known one.
void trials_vary(const struct trials *trials, int task, struct rng *rng, const int16_t *from,
                 bool filled, int16_t *choices);

// Makes choices [steps] the ticket's and remembers them as proposed.
void trials_propose(struct trials *trials, const int16_t *choices, struct ticket *ticket);
// A finished episode of a candidate, by whomever it was proposed.
void trials_take(struct trials *trials, const struct trajectory *trajectory, bool fresh);
void trials_state(struct trials *trials, struct state_list *list);
enum status trials_load(struct trials *trials); // what a checkpoint held
