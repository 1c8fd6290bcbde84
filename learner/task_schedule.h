// Whose turn it is. A task is done when it has had its evaluations (distinct candidates), its most
// episodes, or when the method has nothing left to try; then it is passed over.
//
// Tickets under way count as if each would bring a new candidate, so a task is never ordered more
// than it may have, and the last batches of a run are short. The exception: where most episodes end
// at candidates known already (fresh share below a half), tickets go out regardless, because
// otherwise a policy that has settled would finish its budget one episode at a time. What such
// tickets find beyond the budget is dropped (ARCHIVE_FULL).
#pragma once
#include "core/arena.h"
#include "learner/state_list.h"

struct schedule_options {
    int n_tasks;
    int evaluations, episodes; // most per task
    bool by_time;              // balances seconds in the environment, not episodes
    bool task_by_task;
    const double *cost; // [n_tasks] of one evaluation, before anything is measured; borrowed
};
struct task_schedule {
    struct schedule_options options;
    int32_t *evaluations, *episodes; // [n_tasks] results so far; arena, as all here
    int32_t *outstanding;            // [n_tasks] tickets without a processed result
    int32_t *finished;               // [n_tasks] 1: the method has nothing left to try
    double *fresh_share;             // [n_tasks] running mean over its last 16 or so successes
    double *seconds;                 // [n_tasks] in the environment so far
    int32_t *cursor;                 // [1] the task after the last one served
};
enum status schedule_open(const struct schedule_options *options, struct arena *arena,
                          struct task_schedule *out);
// The task of the next ticket, which is then under way; -1: none may go out now.
int schedule_next(struct task_schedule *schedule);
enum episode_result {
    RESULT_FAILED, // counts as an episode
    RESULT_KNOWN,  // ended at a known candidate, or at one beyond the budget
    RESULT_COUNTED // found a candidate that counts as an evaluation
};
// What became of a ticket. seconds: in the environment.
void schedule_result(struct task_schedule *schedule, int task, enum episode_result result,
                     double seconds);
bool schedule_done(const struct task_schedule *schedule, int task);
bool schedule_all_done(const struct task_schedule *schedule);
// Tickets that may go out before any more results come in.
int64_t schedule_remaining(const struct task_schedule *schedule);
int64_t schedule_evaluations(const struct task_schedule *schedule); // of all tasks so far
// Checkpoints hold neither times nor what is under way.
void schedule_state(struct task_schedule *schedule, struct state_list *list);
