// The training loop: one update after another over the loader's batches, the same on every rank;
// after each epoch a validation score and a checkpoint.
#include "train/train_loop.h"

#include "core/clock.h"
#include "core/file.h"
#include "core/interrupt.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static enum status reduce_f32(void *context, int total, float *values, size_t count)
{
    const struct train_loop *loop = context;
    return collective_sum_tree_f32(loop->job->collective, total, values, count);
}

static enum status reduce_f64(void *context, int total, double *values, size_t count)
{
    const struct train_loop *loop = context;
    return collective_sum_tree_f64(loop->job->collective, total, values, count);
}

enum status train_loop_plan(struct train_loop *loop, const struct graph *graph, struct arena *arena)
{
    const struct train_job *job = loop->job;
    const struct train_recipe *recipe = job->recipe;
    const struct collective *c = job->collective;
    TRY(dataset_split(job->dataset, recipe->validation_share, recipe->seed, arena, &loop->split));
    loop->cut = (struct epoch_cut){
        .rows = train_job_rows(job, &loop->split), .batch = recipe->batch, .full = true};
    loop->reducer = (struct plan_reducer){
        .sum_f32 = reduce_f32,
        .sum_f64 = reduce_f64,
        .context = loop,
        .rank = c->rank,
        .ranks = c->ranks,
        .sync_batchnorm = recipe->sync_batchnorm,
    };
    return train_job_share(job, graph, &loop->share);
}

const struct plan_reducer *train_loop_reducer(const struct train_loop *loop)
{
    return loop->job->collective->ranks > 1 ? &loop->reducer : NULL;
}

struct optimizer_options train_optimizer_options(const struct train_recipe *recipe)
{
    return (struct optimizer_options){
        .kind = recipe->optimizer,
        .momentum = (float)recipe->momentum,
        .weight_decay = (float)recipe->weight_decay,
        .nesterov = recipe->nesterov,
        // PyTorch's defaults.
        .alpha = 0.99F,
        .epsilon = 1e-8F,
        .beta1 = 0.9F,
        .beta2 = 0.999F,
        .clip = (float)recipe->clip,
    };
}

// Rank 0 reads the checkpoint, if there is one; every rank then starts from rank 0's state.
static enum status resume(struct train_loop *loop, struct arena *arena)
{
    const struct train_job *job = loop->job;
    const struct collective *c = job->collective;
    const struct train_subject *subject = loop->subject;
    struct train_state *state = &loop->state;
    TRY(train_state_open(subject->n_params, subject->n_optimizer, (size_t)job->recipe->epochs,
                         arena, state));
    memcpy(state->params, loop->params, state->n_params * sizeof *state->params);
    if (job->checkpoint != NULL && c->rank == 0 && file_exists(job->checkpoint)) {
        TRY(train_checkpoint_load(job->checkpoint, job->identity, state));
        loop->resumed = true;
        if (!job->quiet) {
            log_info("continuing from %s: %lld of %d epochs done", job->checkpoint,
                     (long long)state->position.epoch, loop->job->recipe->epochs);
        }
    }
    const int64_t batches = epoch_cut_batches(&loop->cut, state->position.epoch);
    if (state->position.batch > batches) {
        FAIL(ERR_INPUT, "%s: stands at batch %lld of an epoch of %lld; remove it to start afresh",
             job->checkpoint, (long long)state->position.batch, (long long)batches);
    }
    TRY(collective_broadcast(c, &loop->resumed, sizeof loop->resumed, 0));
    TRY(collective_broadcast(c, &state->position, sizeof state->position, 0));
    TRY(collective_broadcast(c, state->losses, state->epochs * sizeof *state->losses, 0));
    TRY(collective_broadcast(c, state->params, state->n_params * sizeof *state->params, 0));
    TRY(collective_broadcast(c, state->optimizer, state->n_optimizer * sizeof *state->optimizer,
                             0));
    return subject->load(subject->context, state, loop->resumed);
}

static enum status open_loader(struct train_loop *loop)
{
    const struct train_recipe *recipe = loop->job->recipe;
    const struct collective *c = loop->job->collective;
    const struct loader_options options = {
        .batch = recipe->batch,
        .rank = c->rank,
        .ranks = c->ranks,
        .deal = loop->share.chunk,
        .shuffle = true,
        .full = loop->cut.full,
        .crop_pad = recipe->crop_pad,
        .flip = recipe->flip,
        .seed = recipe->seed,
        .first_epoch = (int)loop->state.position.epoch,
        .first_batch = loop->state.position.batch,
    };
    TRY(loader_open(loop->job->dataset, recipe->all_rows ? NULL : loop->split.train,
                    (int)loop->cut.rows, &options, &loop->loader));
    return OK;
}

static int64_t batches_of_epoch(const struct train_loop *loop)
{
    return epoch_cut_batches(&loop->cut, loop->state.position.epoch);
}

// Updates done, over all epochs.
static int64_t updates_done(const struct train_loop *loop)
{
    const struct train_position *position = &loop->state.position;
    return epoch_cut_before(&loop->cut, position->epoch) + position->batch;
}

static enum status save(struct train_loop *loop)
{
    const struct train_job *job = loop->job;
    struct train_state *state = &loop->state;
    TRY(loop->subject->save(loop->subject->context, state));
    if (job->checkpoint == NULL || job->collective->rank != 0) {
        return OK;
    }
    return train_checkpoint_save(state, job->identity, job->checkpoint);
}

// On all ranks, at the same update.
static enum status stop(struct train_loop *loop)
{
    TRY(save(loop));
    TRY(collective_barrier(loop->job->collective));
    const struct train_position *position = &loop->state.position;
    const char *checkpoint = loop->job->checkpoint;
    if (checkpoint == NULL) {
        FAIL(ERR_INTERRUPTED, "training was interrupted in epoch %lld",
             (long long)position->epoch + 1);
    }
    FAIL(ERR_INTERRUPTED,
         "training was interrupted in epoch %lld, after %lld of its %lld updates; %s holds the "
         "state: give the same command again to go on",
         (long long)position->epoch + 1, (long long)position->batch,
         (long long)batches_of_epoch(loop), checkpoint);
}

// Ranks see a signal at different moments; they stop together.
static enum status stop_if_interrupted(struct train_loop *loop)
{
    const struct collective *c = loop->job->collective;
    double pending = interrupt_pending() ? 1 : 0;
    if (c->ranks > 1) {
        TRY(collective_sum_f64(c, &pending, 1));
    }
    return pending == 0 ? OK : stop(loop);
}

// what: "loss nan, gradient norm inf".
static enum status fail_diverged(const struct train_loop *loop, const char *what)
{
    const struct train_position *position = &loop->state.position;
    const char *name = train_job_name(loop->job);
    FAIL(ERR_CONFIG,
         "training diverged in epoch %lld, update %lld: %s; lower %s.learning_rate, or set "
         "%s.warmup_epochs or %s.clip%s",
         (long long)position->epoch + 1, (long long)position->batch + 1, what, name, name, name,
         strcmp(name, "finetune") == 0 ? "" : ", in a new run folder");
}

static enum status update(struct train_loop *loop)
{
    const struct train_recipe *recipe = loop->job->recipe;
    struct train_position *position = &loop->state.position;
    const double start = clock_seconds();
    const int64_t step = updates_done(loop);
    const double rate = fmax(train_learning_rate(recipe, step, loop->cut.rows),
                             loop->rate_floor * recipe->learning_rate);
    struct batch batch;
    struct train_result result;
    TRY(loader_next(loop->loader, &batch));
    CHECK(batch.epoch == position->epoch && batch.number == position->batch);
    TRY(loop->subject->update(loop->subject->context, &batch, step, rate, &result));
    if (!isfinite(result.loss) || !isfinite(result.gradient_norm)) {
        char what[96];
        snprintf(what, sizeof what, "loss %g, gradient norm %g, learning rate %g", result.loss,
                 result.gradient_norm, rate);
        return fail_diverged(loop, what);
    }
    position->batch++;
    position->loss_sum += result.loss;
    position->right_sum += result.correct;
    loop->seconds += clock_seconds() - start;
    loop->images += recipe->batch;
    if (loop->job->quiet) {
        return OK;
    }
    const double done = (double)position->batch;
    progress_update(&loop->progress, (step + 1) * recipe->batch,
                    "epoch %lld/%d  loss %.4f  accuracy %.1f%%  rate %.4g",
                    (long long)position->epoch + 1, recipe->epochs, position->loss_sum / done,
                    100 * position->right_sum / done, rate);
    return OK;
}

// The trained weights to their owner, rank 0's everywhere: running values differ between ranks
// unless BatchNorm is synchronised.
static enum status share_params(struct train_loop *loop)
{
    const size_t n = loop->subject->n_params;
    TRY(loop->subject->save(loop->subject->context, &loop->state));
    memcpy(loop->params, loop->state.params, n * sizeof *loop->params);
    return collective_broadcast(loop->job->collective, loop->params, n * sizeof *loop->params, 0);
}

// A loss may look sound when running statistics have long overflowed.
static enum status check_finite(const struct train_loop *loop)
{
    for (size_t i = 0; i < loop->subject->n_params; i++) {
        if (!isfinite(loop->params[i])) {
            return fail_diverged(loop, "weights or running statistics are no numbers any more");
        }
    }
    return OK;
}

// Scores the held-out rows.
static enum status validate(struct train_loop *loop)
{
    TRY(share_params(loop));
    TRY(check_finite(loop));
    if (loop->split.n_validation == 0) {
        return OK;
    }
    return loop->subject->validate(loop->subject->context,
                                   &loop->state.position.validation_accuracy);
}

static void say_epoch(const struct train_loop *loop, double loss, double accuracy)
{
    const struct train_position *position = &loop->state.position;
    char held[48] = "";
    if (loop->split.n_validation > 0) {
        snprintf(held, sizeof held, ", validation accuracy %.2f%%",
                 100 * position->validation_accuracy);
    }
    log_info("epoch %lld/%d: loss %.4f, training accuracy %.2f%%%s, %.0f images/s",
             (long long)position->epoch, loop->job->recipe->epochs, loss, accuracy, held,
             (double)loop->images / loop->seconds);
}

static enum status end_epoch(struct train_loop *loop)
{
    struct train_position *position = &loop->state.position;
    const double batches = (double)position->batch;
    const double loss = position->loss_sum / batches;
    const double accuracy = 100 * position->right_sum / batches;
    const enum status code = validate(loop);
    TRY(code == ERR_INTERRUPTED ? stop(loop) : code); // its updates are done
    loop->state.losses[position->epoch] = loss;
    position->epoch++;
    position->batch = 0;
    position->loss_sum = 0;
    position->right_sum = 0;
    TRY(save(loop));
    if (!loop->job->quiet) {
        say_epoch(loop, loss, accuracy);
    }
    return OK;
}

// Whether what is left is to be put off; not before the first update, so that every call gets on.
static bool time_is_up(const struct train_loop *loop)
{
    const double most = loop->job->seconds;
    return most > 0 && loop->images > 0 && clock_seconds() - loop->started >= most;
}

static enum status run_epochs(struct train_loop *loop)
{
    const struct train_recipe *recipe = loop->job->recipe;
    struct train_position *position = &loop->state.position;
    while (position->epoch < recipe->epochs) {
        while (position->batch < batches_of_epoch(loop)) {
            TRY(stop_if_interrupted(loop));
            if (time_is_up(loop)) {
                return save(loop);
            }
            TRY(update(loop));
        }
        TRY(end_epoch(loop));
        if (time_is_up(loop)) {
            return OK; // the checkpoint is there
        }
    }
    return OK;
}

enum status train_loop_run(struct train_loop *loop, struct arena *arena)
{
    const struct train_job *job = loop->job;
    const struct train_recipe *recipe = job->recipe;
    TRY(resume(loop, arena));
    if (loop->state.position.epoch >= recipe->epochs) {
        if (!job->quiet) {
            log_info("all %d epochs are done already", recipe->epochs);
        }
        return share_params(loop);
    }
    TRY(open_loader(loop));
    loop->started = clock_seconds();
    if (job->quiet) {
        return run_epochs(loop);
    }
    progress_begin(&loop->progress, "train", "images",
                   epoch_cut_before(&loop->cut, recipe->epochs) * recipe->batch);
    const enum status code = run_epochs(loop);
    progress_end(&loop->progress);
    return code;
}

bool train_loop_finished(const struct train_loop *loop)
{
    return loop->state.position.epoch == loop->job->recipe->epochs;
}

enum status train_loop_rows(const struct train_loop *loop, struct arena *arena, int32_t **rows,
                            int *n)
{
    const struct dataset *dataset = loop->job->dataset;
    *n = (int)loop->cut.rows;
    ARENA_NEW(arena, *rows, (size_t)*n);
    for (int i = 0; i < *n; i++) {
        (*rows)[i] = dataset_row(dataset, loop->job->recipe->all_rows ? i : loop->split.train[i]);
    }
    return OK;
}

struct train_report train_loop_report(const struct train_loop *loop)
{
    const struct train_recipe *recipe = loop->job->recipe;
    const struct train_state *state = &loop->state;
    const struct loader_times times = loader_times(loop->loader);
    const int64_t epoch = state->position.epoch;
    const double seconds = fmax(loop->seconds, 1e-9);
    return (struct train_report){
        .epochs = recipe->epochs,
        .updates = updates_done(loop),
        .updates_all = epoch_cut_before(&loop->cut, recipe->epochs),
        .updates_here = loop->images / recipe->batch,
        .finished = train_loop_finished(loop),
        .resumed = loop->resumed,
        .seconds = loop->seconds,
        .loss = epoch > 0 ? state->losses[epoch - 1] : 0,
        .final_loss = state->losses[recipe->epochs - 1],
        .validation_accuracy = state->position.validation_accuracy,
        .images_per_second = (double)loop->images / seconds,
        .waiting = times.waited / seconds,
        .reading = times.busy / seconds,
        .losses = state->losses,
        .chunks = loop->share.n,
    };
}

void train_loop_close(struct train_loop *loop)
{
    loader_close(loop->loader);
    loop->loader = NULL;
}
