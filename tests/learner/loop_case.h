// A learner with actors that are functions: a made-up pruning problem, and actors that answer late,
// twice, never or not in order.
#pragma once
#include "agent/distribution.h"
#include "learner/learner.h"
#include "test_folder.h"

enum {
    GAME_GROUPS = 6,
    GAME_CHOICES = 8,
    GAME_TASKS = 3,
    GAME_MODELS = 3,
    GAME_MOST_TASKS = 6,
    GAME_SUGGESTIONS = 3,
    GAME_OPERATIONS = 4
};

// Groups of channels with a budget: group i kept at the share s costs cost[i] * s, and what is kept
// of all of them must stay within the task's budget. The score is smooth and best where channels go
// to the groups that need them. Tasks 0 to 2 have a model each, tasks 3 to 5 the same ones with
// other budgets.
void game_shape(bool candidates, struct trajectory_shape *out);
double game_budget(int task);
int game_model(int task);
double game_best_score(int task); // of a search over all candidates on a grid
// The candidates of the first tasks; nothing is imagined.
const struct candidate_space *game_space(int n_tasks);

// The same with operations in place of shares: GAME_OPERATIONS choices per step, whose numbers say
// nothing of what they are, one of which is nothing at all. Where the first step of a pair is that,
// the second does not matter. All tasks are one family: models need much the same.
double game_cells_best_score(int task);
const struct candidate_space *game_cells(int n_tasks);
// Who chooses where the ticket asks for the policy.
struct game_policy {
    // A new episode with these weights; NULL: choices follow from the weights by some arithmetic
    // instead, so that wrong ones are noticed.
    void (*begin)(void *context, const float *weights);
    struct chosen (*choose)(void *context, const float *obs, const struct offer *offer,
                            const struct ticket *ticket, int row);
    void *context;
    uint64_t seed;     // of ACTIONS_RANDOM
    int diverge_every; // every so many-th episode's candidate diverges, 0 = none
    bool cells;        // operations, not shares
};
// What the actor makes of a ticket; weights: those it holds.
void game_play(const struct trajectory_shape *shape, const struct ticket *ticket,
               const float *weights, const struct game_policy *policy, int fail_every, void *block);

// Of 100 tickets, how many an actor ...
struct manners {
    int late;   // ... answers after many turns
    int twice;  // ... answers twice
    int never;  // ... never answers (actors of odd numbers only)
    int damage; // ... answers with a damaged message
};
enum { LOOP_MOST_AT_ONCE = 16 };
struct loop_case {
    struct test_folder folder;
    struct learner_options learner;
    struct search_options search;
    struct trajectory_shape shape;
    const struct method_ops *method;
    int at_once;         // tickets that an actor takes together
    int actors, n_tasks; // n_tasks: GAME_TASKS, or up to GAME_MOST_TASKS
    bool cells;          // of operations
    bool known;          // the learner knows the game's candidates, and imagines if it can:
    enum status (*imagine)(void *context, const struct ticket *ticket, const float *weights,
                           size_t n, void *block);
    double lease_seconds;
    struct manners manners;
    int fail_every;            // every so many-th episode fails, 0 = none
    uint64_t seed;             // of the run
    uint64_t order;            // seed of who answers when
    struct game_policy policy; // its seed is set by loop_case_open
    const struct agent *agent;
    struct backend *backend;
    size_t n_weights;
    const char *identity;

    struct transport transport;
    struct learner *opened;
    struct candidate_space space; // the game's, imagination included
    int64_t stop_after;           // updates; 0 = run to the end
    int64_t turns, stale;         // stale: tickets whose weights were not of their version
    int largest;                  // batch of tickets that came
};
void loop_case_defaults(struct loop_case *c); // makes the folder
// For methods that need no policy and know the candidates: all tasks, whose models share results.
void loop_case_known(struct loop_case *c, const struct method_ops *method, int evaluations);
// The same of operations: six tasks of three models that are one family.
void loop_case_cells(struct loop_case *c, const struct method_ops *method, int evaluations);
void loop_case_close(struct loop_case *c); // and everything in it
enum status loop_case_open(struct loop_case *c);
// Polls learner and actors until all is done, or stop_after updates: then the learner is dropped
// where it stands (as if killed), with a checkpoint when asked for.
enum status loop_case_run(struct loop_case *c, bool checkpoint);
void loop_case_drop(struct loop_case *c);

// A method whose state is a hash of everything it was told, in order: any difference in what is
// processed, or in which order, shows in its weights and so in everything after.
extern const struct method_ops method_told;
