// What the learner's files share: open and close (learner.c), tickets out and trajectories in
// (learner_tickets.c), one batch (learner_batch.c), what is shown (learner_show.c). Inside learner/
// only.
//
// All that can shape a result changes in one place: when a batch is complete, its trajectories are
// taken in order, the method updates, and (sync) the next batch's tickets are decided. Between two
// polls the state therefore always stands at an update, and a checkpoint may be written at any
// time.
#pragma once
#include "core/log.h"
#include "learner/actor_book.h"
#include "learner/archive.h"
#include "learner/decision_log.h"
#include "learner/learner.h"
#include "learner/run_log.h"
#include "learner/task_schedule.h"
#include "learner/ticket_book.h"
#include "learner/weight_ring.h"

// Part of every checkpoint.
enum learner_counter {
    COUNT_UPDATES,  // done: the newest version
    COUNT_DECIDED,  // sync: updates whose tickets have been decided
    COUNT_NEXT,     // async: number of the next episode
    COUNT_EPISODES, // processed
    COUNT_LEARNT,   // of these, given to the method
    COUNT_FAILED,
    COUNT_SKIPPED,   // updates that changed nothing
    COUNT_DISTILLED, // 1: the method has finished
    COUNT_PENDING,   // sync: tickets decided and not processed
    N_COUNTERS
};

struct learner {
    struct learner_job job;
    struct arena arena;
    struct method *method; // owned
    bool sync;
    int most_lag; // sync: between acting and learning, injected lag included
    int64_t counts[N_COUNTERS];
    struct task_schedule schedule;
    struct archive archive;
    struct ticket_book tickets;
    struct actor_book actors;
    struct weight_ring weights;
    struct run_log log;
    struct decision_log decisions;
    struct state_list state; // of a checkpoint: all of the above that a resume needs
    int64_t rows[N_TABLES];  // of run.h5, as of the checkpoint
    struct ticket *pending;  // [capacity] sync: the tickets not processed, as of the checkpoint
    struct order **found;    // [batch] scratch
    struct ticket *outgoing; // [at_once] scratch: tickets of one message
    double *cost;            // [n_tasks] of an evaluation
    int32_t *started;        // [n_tasks] first candidates (start.h) given out
    struct progress progress;
    struct progress_task *shown_tasks; // [n_tasks] arena
    bool stopping, finished;
    int warnings; // about failed episodes

    // Times and what depends on them: only shown and logged.
    struct run_past past; // sums, going on from where they stood at a resume
    double opened, checkpointed, shown, polled;
    double looked;          // for tickets whose lease is over
    double model_seconds;   // of the method, as of the last update
    double waited;          // since the last update, without anything to do
    double update_seconds;  // running mean
    double episode_seconds; // running mean, of an actor's work on an episode
    bool idle;              // the last poll moved nothing
    int64_t late;           // answers dropped
    int64_t saved;          // COUNT_UPDATES of the last checkpoint, -1 = none
};

// learner_check.c: whether what a checkpoint holds fits together, beyond the bounds of its numbers
// that state_list_load has checked; ERR_INPUT otherwise.
enum status learner_check_counts(const struct learner *learner);
enum status learner_check_pending(const struct learner *learner, int64_t n);
enum status learner_check_candidates(const struct learner *learner);
// Whether the actions of a trajectory are a candidate of its task.
enum status learner_check_episode(const struct learner *learner, const struct trajectory *t);

// learner_tickets.c
void learner_decide(struct learner *learner); // sync: the tickets of all updates that are due
enum status learner_receive(struct learner *learner, bool *moved);
enum status learner_hand_out(struct learner *learner, double now, bool *moved);

// learner_batch.c
// Processes the next batch when it is complete. *moved: it was.
enum status learner_learn(struct learner *learner, bool *moved);

// learner_show.c
void learner_show(struct learner *learner, double now);
