// A way to search: who proposes the next candidate and what is learnt from the results. One table
// per method. The learner's loop (learner.h) hands out tickets and keeps the books; a method sees
// only proposals and results, in the run's own order, so that all are counted alike.
#pragma once
#include "agent/agent.h"
#include "compute/backend.h"
#include "learner/candidate_space.h"
#include "learner/learner_options.h"
#include "learner/methods/method_list.h"
#include "learner/run_rows.h"
#include "learner/state_list.h"
#include "transport/ticket.h"
#include "transport/trajectory.h"

struct method; // each method's own struct begins with `struct method base`

struct method_job {
    const struct learner_options *learner; // borrowed, as all here
    const struct search_options *search;
    const struct trajectory_shape *shape;
    const struct agent *agent; // what the actors play with
    struct backend *backend;
    int n_tasks;
    int under_way;   // most tickets at a time
    int64_t updates; // planned for the whole run, for schedules of rates
    uint64_t seed;
    const float *initial;                 // weights to start from [n_floats]; NULL = by seed
    const struct candidate_space *space;  // NULL: the environment knows no candidates
    const struct candidate_result *known; // [n_known] what is known of its candidates already
    int n_known;
};
struct method_ops {
    const char *name;
    bool task_by_task;      // all episodes of one task before the next task's
    bool plans_evaluations; // a search that has begun cannot be given more of them
    bool policy;            // its tickets need weights
    bool own_results;       // no task takes over what another one found within its budget
    bool own_start;         // it is not given first candidates (start.h)
    // Makes the agent the one that the method plays with, whatever the config says. NULL: any.
    void (*set_agent)(struct agent_options *agent);
    enum status (*open)(const struct method_job *job, struct method **out);
    // Fills source, given and noise; kind, task, episode and version are set. May depend on the
    // results taken so far and on (seed, episode), on nothing else.
    void (*propose)(struct method *method, struct ticket *ticket);
    // One finished episode. fresh: its candidate had not been scored in this task before. The
    // trajectory is borrowed for the call.
    enum status (*take)(struct method *method, const struct trajectory *trajectory, bool fresh);
    // A ticket it proposed that came to nothing, or to a candidate beyond the task's evaluations.
    // NULL: it does not matter.
    void (*lost)(struct method *method, const struct ticket *ticket);
    // After each batch of learner.batch episodes (failed ones among them are not taken). Fills what
    // it knows of `row`; the loop fills in fresh and the lags. Advances the version by one.
    enum status (*update)(struct method *method, struct update_row *row);
    // Once, when all tasks are done, before the last checkpoint. NULL: nothing is left to do.
    enum status (*finish)(struct method *method);
    // Weights [*n] of the newest version; NULL for a method without a policy.
    const float *(*weights)(const struct method *method, size_t *n);
    // Checkpoints: names the arrays that make up its state (the same on every call); save brings
    // them up to date, load takes over what was read into them.
    enum status (*state)(struct method *method, struct state_list *list);
    void (*save)(struct method *method);
    enum status (*load)(struct method *method);
    void (*close)(struct method *method); // NULL is fine
    // Whether a task has nothing left to try; asked after each update. NULL: never.
    bool (*finished)(const struct method *method, int task);
    // Seconds spent with a reward model so far. NULL: there is none.
    double (*model_seconds)(const struct method *method);
    // What an evaluated candidate is worth in a task, on the scale of rewards, where the method
    // knows better than its one reward. NULL: the reward.
    double (*worth)(const struct method *method, int task, const int16_t *choices, double reward);
};
struct method {
    const struct method_ops *ops;
};
#define X(id, name) extern const struct method_ops method_##name;
METHOD_LIST(X)
#undef X
extern const struct method_ops *const methods[]; // by kind, NULL-ended
