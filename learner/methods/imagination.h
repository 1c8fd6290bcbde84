// Imagined episodes (Sutton 1991, Dyna): the policy plays the real environment, up to the point
// where a network would be scored, and a reward model says what it would have scored. They are
// on-policy by construction and cost milliseconds.
#pragma once
#include "learner/methods/method.h"
#include "learner/model/advisor.h"

enum { IMAGINATION_REMEMBERED = 64 }; // choices per task
struct imagination {
    const struct candidate_space *space; // borrowed, as advisor
    struct advisor *advisor;
    struct trajectory_shape shape;
    uint64_t seed;
    int stride;           // choices of a remembered candidate
    void *block;          // [trajectory_bytes] arena, as all here
    double (*budgets)[2]; // [n_tasks] least and greatest factor of a task's budget
    int16_t *choices;     // [n_tasks][REMEMBERED][stride] of the newest at the task's own budget
    int64_t *n_choices;   // [n_tasks] ever
    int64_t *episodes;    // [1] imagined so far
    bool fresh_weights;   // the environment's player does not have the newest weights
};
// Whether the job asks for a reward model and its environment can be imagined.
bool imagination_wanted(const struct method_job *job);
// The advisor of an agent: a pool per network, shared by its budgets, that sees guesses.
enum status imagination_open_advisor(const struct method_job *job, struct advisor **out);
enum status imagination_open(const struct method_job *job, struct advisor *advisor,
                             struct arena *arena, struct imagination *out);
int64_t imagination_next(const struct imagination *imagination); // number of the next episode
// The policy changed: weights of the next episodes.
void imagination_new_policy(struct imagination *imagination);

// An episode of the policy's own, at the task's own budget or at one drawn between those of its
// neighbours, rewarded by the model's mean, with 0 while there is none. *out: borrowed until the
// next call.
enum status imagination_play(struct imagination *imagination, int task, bool other_budget,
                             const float *weights, size_t n, struct trajectory *out);
// The episode that makes these choices, rewarded likewise: a demonstration.
enum status imagination_show(struct imagination *imagination, int task, const int16_t *choices,
                             struct trajectory *out);
// What the policy chose lately for a task, as wishes for its next proposal.
struct advisor_wishes imagination_wishes(const struct imagination *imagination, int task);
// What was read fits the space; ERR_INPUT otherwise.
enum status imagination_check(const struct imagination *imagination);
void imagination_state(struct imagination *imagination, struct state_list *list);
