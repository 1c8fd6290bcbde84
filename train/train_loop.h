// The loop around every training: batches, learning rates, interruptions, checkpoints, progress.
// What an update does is the subject's. Inside train/ only.
#pragma once
#include "core/log.h"
#include "data/loader.h"
#include "train/train_checkpoint.h"
#include "train/train_job.h"

// What is trained: its plans, opened by its owner.
struct train_subject {
    void *context;
    size_t n_params, n_optimizer; // floats of weights, of the optimiser's state
    // Takes weights, running values too, and where `resumed` the optimiser's state.
    enum status (*load)(void *context, const struct train_state *state, bool resumed);
    // Writes them, and the optimiser's number of updates.
    enum status (*save)(void *context, struct train_state *state);
    // Update number `step` of all. *result: means over the batch.
    enum status (*update)(void *context, const struct batch *batch, int64_t step, double rate,
                          struct train_result *result);
    // Accuracy on the held-out rows, collective; the weights are in train_loop.params by then.
    enum status (*validate)(void *context, double *accuracy);
};

struct train_loop {
    // Set by the owner.
    const struct train_job *job;
    const struct train_subject *subject;
    double rate_floor; // share of the recipe's rate below which it never falls
    float *params;     // [n_params] what is trained, host
    // Set by train_loop_plan, before the subject's plans are opened.
    struct dataset_split split;
    struct epoch_cut cut;     // of the rows to train on
    struct train_share share; // this rank's part of every batch
    struct plan_reducer reducer;
    // Of the loop.
    struct loader *loader;    // owned
    struct train_state state; // arena
    struct progress progress;
    double started; // clock_seconds, of the updates of this call
    double seconds; // of updates in this call
    int64_t images; // trained on in this call, all ranks
    bool resumed;
};

// Cuts rows and batches, these into chunks that suit the graph (train_share).
enum status train_loop_plan(struct train_loop *loop, const struct graph *graph,
                            struct arena *arena);
// NULL alone.
const struct plan_reducer *train_loop_reducer(const struct train_loop *loop);
struct optimizer_options train_optimizer_options(const struct train_recipe *recipe);
// Collective. Trains from the checkpoint, or the beginning, until the end or until time is up.
// params: rank 0's in the end, on all ranks.
enum status train_loop_run(struct train_loop *loop, struct arena *arena);
bool train_loop_finished(const struct train_loop *loop);
// dataset and rows [arena] that were trained on, for row_set_add; returns how many.
enum status train_loop_rows(const struct train_loop *loop, struct arena *arena, int32_t **rows,
                            int *n);
struct train_report train_loop_report(const struct train_loop *loop);
// Also after a failure.
void train_loop_close(struct train_loop *loop);
