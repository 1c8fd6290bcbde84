// Slices of trainings, as rank 0 sees them.
#include "run/run_train.h"

#include <stdio.h>

enum status run_take_slice(struct run_board *board, struct run_job *job,
                           const struct work_answer *answer, bool *finished)
{
    struct run_outcome outcome;
    double done = 0;
    *finished = false;
    job->state = RUN_JOB_READY;
    if (answer->status != OK) {
        return run_board_failed(job, answer);
    }
    run_board_outcome(answer, &outcome);
    if (outcome.finished) {
        *finished = true;
        job->state = RUN_JOB_DONE;
    }
    if (outcome.updates_all == 0) { // it was only loaded
        progress_update(&board->progress, board->progress.done, "%s", job->name);
        return OK;
    }
    job->chunks = outcome.chunks;
    const double all = (double)outcome.updates_all;
    const double here = job->whole * (double)outcome.updates_here / all;
    job->units = job->whole * (1 - (double)outcome.updates / all);
    job->epochs = outcome.epochs * (double)outcome.updates / all;
    job->pace = here > 0 ? job->seconds * job->threads / here : job->pace;
    for (int i = 0; i < board->n; i++) {
        done += board->jobs[i].epochs;
    }
    char loss[32] = "", validation[48] = ""; // both of the last whole epoch: none before it
    if (outcome.loss > 0) {
        snprintf(loss, sizeof loss, "  loss %.4f", outcome.loss);
    }
    if (outcome.accuracy > 0) {
        snprintf(validation, sizeof validation, "  validation %.2f%%", 100 * outcome.accuracy);
    }
    progress_update(&board->progress, (int64_t)(done + 1e-9), "%s epoch %.1f/%d%s%s", job->name,
                    job->epochs, (int)outcome.epochs, loss, validation);
    return OK;
}
