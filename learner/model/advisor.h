// Chooses what is evaluated next: reward models (reward_model.h) of everything evaluated so far,
// and expected improvement under them among many candidates. Tasks of one family of the space share
// a pool of results, in which those of one model count for each other as they are and those of
// others by what the models turn out to have in common; or each task has a pool of its own.
//
// All calls come in the run's own order and depend on nothing else, so the same results give the
// same proposals.
#pragma once
#include "learner/candidate_space.h"
#include "learner/model/reward_model_list.h"
#include "learner/state_list.h"
#include "transport/trajectory.h"

struct advisor_options {
    const struct candidate_space *space; // borrowed
    enum reward_model_kind kind;
    bool share;      // a pool per family of the space, not per task
    bool informed;   // the models see what the environment guesses of a candidate, where it does,
                     // and expect that steps matter mostly by themselves
    int refinements; // rounds in which the best by the model are changed further
    int evaluations; // most results per task ...
    int n_known;     // ... and in all of those told by advisor_know
    int under_way;   // most proposals at a time
    bool keep_under_way; // the episodes under way are run again after a resume (mode sync): state
    uint64_t seed;
};
struct advisor;
enum status advisor_open(const struct advisor_options *options, struct advisor **out);
void advisor_close(struct advisor *advisor); // NULL is fine

// A finished episode: an evaluated candidate. A known one changes nothing but that it is no longer
// under way.
void advisor_take(struct advisor *advisor, const struct trajectory *trajectory);
// Where a task's episodes draw what they are played for, models learn what candidates are worth by
// accuracy alone, and everything said of the task below, and proposed for it, is by the objective
// of this episode; -1, as at first, by the task's own.
void advisor_aim(struct advisor *advisor, int64_t episode);

// A candidate evaluated elsewhere, in one of the tasks that share its pool.
void advisor_know(struct advisor *advisor, int task, const int16_t *choices, double reward);
// The proposal of this episode came to nothing.
void advisor_lost(struct advisor *advisor, int task, int64_t episode);
int advisor_results(const struct advisor *advisor, int task); // of all tasks that share its pool
// Brings the models up to date; before proposals and predictions that shall know what was taken.
void advisor_fit(struct advisor *advisor);

// Candidates that others would like to see among those looked at: [n][stride].
struct advisor_wishes {
    int n, stride;
    const int16_t *choices;
    bool surest; // propose the greatest mean, for a last try, instead of the greatest improvement
};
// The candidate that episode shall try, under way from now on. Keeps the task's budget; not
// evaluated and not under way, unless the space has no other. wishes may be NULL. Returns its
// steps.
int advisor_propose(struct advisor *advisor, int task, int64_t episode,
                    const struct advisor_wishes *wishes, int16_t *choices);

bool advisor_knows(const struct advisor *advisor, int task); // its pool has a model to ask
// All rewards so far are the same but for chance: nothing to learn from yet. Never so where
// episodes draw their objectives, as what is left there are costs, which are known.
bool advisor_is_flat(const struct advisor *advisor, int task);
// What n candidates [n][stride] are worth, by the model. CHECKs advisor_knows.
void advisor_predict(const struct advisor *advisor, int task, const int16_t *choices, int n,
                     int stride, double *mean, double *sd);
// What an evaluated candidate is worth: the model's mean, or the reward while there is no model and
// where rewards have no noise.
double advisor_worth(const struct advisor *advisor, int task, const int16_t *choices,
                     double reward);
// The best evaluated candidates that keep the task's budget, of all tasks of its pool, best mean in
// this task first. list [most] of pointers, borrowed until the next call of advisor_take. Returns
// how many.
int advisor_best(const struct advisor *advisor, int task, int most, const int16_t **list);

// Seconds spent in fits and proposals so far; for logs, not part of any state.
double advisor_seconds(const struct advisor *advisor);
void advisor_state(struct advisor *advisor, struct state_list *list);
// After the arrays were read.
enum status advisor_restore(struct advisor *advisor);
