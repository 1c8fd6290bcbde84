// The learner's loop: hands out tickets, takes trajectories in, lets the method update, keeps the
// archive of candidates, the run file and the checkpoints. Never waits: the caller polls it.
//
// Results are processed in batches of learner.batch episodes, failed ones included; each batch ends
// in one update.
//   sync   episode e belongs to update e / batch and is run with the weights of version
//          max(0, update - lag - injected_lag). An update's tickets are decided as soon as that
//          version exists, its results are processed in episode order: the same bytes for any
//          number of actors and after any kill. A batch may be short (numbers are then left out)
//          where fewer tickets may still go out.
//   async  whoever is free gets tickets with the newest weights; batches in order of arrival.
//          After a resume, what was under way is not run again but replaced by new episodes.
// A task ends with `evaluations` distinct candidates or `episodes` episodes (task_schedule.h says
// how its last tickets are counted). Candidates beyond are neither archived nor learnt from.
// Environments without candidates (n_result 0): every episode is one.
#pragma once
#include "learner/candidate_space.h"
#include "learner/methods/method.h"
#include "learner/run_log.h"
#include "transport/transport.h"

struct learner_task {
    const char *name;
    double cost; // of one evaluation, in any unit common to all tasks
};
struct learner_job {
    struct transport *transport; // borrowed, as all here
    const struct learner_options *learner;
    const struct search_options *search;
    const struct method_ops *method;
    const struct agent *agent; // NULL: the method's policy is no agent
    struct backend *backend;
    const struct trajectory_shape *shape;
    const struct learner_task *tasks;
    int n_tasks;
    uint64_t seed;
    int at_once;            // tickets that an actor takes together, at least 1
    double lease_seconds;   // after this long a ticket is given to another actor as well
    const char *run_dir;    // run.h5, checkpoint.h5, checkpoint.previous.h5
    struct run_texts texts; // for run.h5: resolved config, versions, host
    const char *identity;   // what shapes the result: a checkpoint with another one is refused
    const float *initial;   // policy weights to start from; NULL = by seed
    const struct candidate_space *space;  // NULL: the environment knows no candidates
    const struct candidate_result *known; // [n_known] of an earlier run, for a policy from there
    int n_known;
};
struct learner;
// Continues from the newest whole checkpoint in run_dir when there is one (names a damaged one and
// takes the one before).
enum status learner_open(const struct learner_job *job, struct learner **out);
// One turn. *moved: something happened; *done: all tasks have had their evaluations and the last
// checkpoint is written. Shows progress.
enum status learner_poll(struct learner *learner, bool *moved, bool *done);
enum status learner_checkpoint(struct learner *learner); // now; on SIGTERM and SIGINT
// Tells every actor that can still hear it to stop; *all: done.
enum status learner_stop_actors(struct learner *learner, bool *all);

struct learner_candidate {
    double score;  // accuracy, or what the environment calls its score
    double reward; // what methods learn from
    double worth;  // what candidates are ordered by: the reward, or what the method makes of it
    int64_t macs, params, bytes, episode;
    int n_widths;
    const int32_t *widths;  // borrowed from the learner, as is the next
    const int16_t *choices; // [steps]
};
// The best distinct candidates of a task, best first (ties: the earlier episode); with a
// candidate_space also those of other tasks of its model that keep its budget. Returns how many.
int learner_best(const struct learner *learner, int task, int most, struct learner_candidate *out);

struct learner_summary {
    int64_t episodes, evaluations, failed, diverged, updates, skipped, retries;
    double busy_share; // of the loop's time that was spent learning
    double lag_mean, seconds, learning_seconds, waiting_seconds;
    int64_t lag_most;
};
void learner_summarize(const struct learner *learner, struct learner_summary *out);
int64_t learner_evaluations(const struct learner *learner, int task);
// Why a task is over.
enum learner_end {
    LEARNER_NOT_ENDED,
    LEARNER_ENDED_EVALUATIONS, // it has had all of them
    LEARNER_ENDED_EPISODES,    // its most episodes are used up
    LEARNER_ENDED_EXHAUSTED,   // the method has nothing left to try
};
enum learner_end learner_ended(const struct learner *learner, int task, int64_t *episodes);
// The policy's weights [*n], NULL without a policy. Borrowed.
const float *learner_weights(const struct learner *learner, size_t *n);
void learner_close(struct learner *learner); // NULL is fine
