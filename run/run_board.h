// The board of a stage: the jobs that are to be done, given out by rank 0 to the actors of all
// hosts, so that no core is without work while there is any. Which actor gets what, and in how many
// slices, cannot change a result. Inside run/ only.
#pragma once
#include "core/log.h"
#include "run/run_order.h"
#include "run/run_session.h"
#include "run/run_times.h"

enum run_job_state {
    RUN_JOB_READY, // to be given out
    RUN_JOB_WAITS, // for another one; board->answered makes it ready
    RUN_JOB_GIVEN,
    RUN_JOB_DONE,
};
struct run_job {
    struct ticket ticket; // kind of order, task, what it says; the board fills in the rest
    const char *name;     // for messages
    enum run_job_state state;
    bool sliced;    // may be put off and given out again
    double units;   // of work that are left, about the same size in all jobs of a board
    double whole;   // sliced: of the whole training
    double epochs;  // sliced: done, for the live line
    double pace;    // core-seconds per unit, once it is known; 0 before
    int chunks;     // pieces of work that threads share at a time, once it is known; 0 before
    int threads;    // while it is given
    double seconds; // its last order took
};
struct run_board {
    struct run_session *session;
    const char *stage, *unit; // of the live line
    int64_t total;            // units of it
    struct run_job *jobs;     // [n]; rank 0
    int n;
    bool even; // all orders of a host get as many threads: another number has its price
    struct run_stage_time *time; // out: the stage's, added up; rank 0
    // Takes an answer, good or not: job->state is GIVEN and must become another one, job->units
    // what is left. May make others ready. An error ends the run. Not asked about an order that was
    // interrupted: it is ready again.
    enum status (*answered)(struct run_board *board, struct run_job *job,
                            const struct work_answer *answer);
    void *context;
    struct progress progress;
};
// Of `threads` those that get a job of so many chunks done as soon as all would: the fewest that
// need no more turns. 0 chunks: not known, all.
int run_board_useful(int chunks, int threads);
// An order's outcome, from an answer that is good.
void run_board_outcome(const struct work_answer *answer, struct run_outcome *out);
// The answer's error as this thread's, with the job's name; for `answered`.
enum status run_board_failed(const struct run_job *job, const struct work_answer *answer);
// Collective. Rank 0 gives out all jobs until they are done; the others work. ERR_INTERRUPTED, on
// all ranks, once everything under way is in safety.
enum status run_board_work(struct run_board *board);
