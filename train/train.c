// The training loop: one update after another over the loader's batches, the same on every rank;
// after each epoch a validation score and a checkpoint.
#include "train/train.h"

#include "core/clock.h"
#include "core/file.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "data/loader.h"
#include "nn/network_input.h"
#include "nn/plan.h"
#include "train/evaluate.h"
#include "train/train_checkpoint.h"
#include "train/train_job.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define TRAIN_BN_MOMENTUM 0.1F // PyTorch's default
#define TRAIN_EVALUATE_BATCH 64

struct trainer {
    const struct train_job *job;
    const struct train_recipe *recipe;
    struct network *network;
    struct dataset_split split;
    int n_rows;                 // to train on
    struct train_share share;   // this rank's part of every batch
    struct train_plan *plan;    // owned
    struct loader *loader;      // owned
    struct infer_plan *teacher; // owned; NULL without distillation
    float *targets;             // the teacher's logits [batch of this rank][classes], arena
    struct plan_reducer reducer;
    struct train_state state; // arena
    int64_t steps_per_epoch;
    struct progress progress;
    double started; // clock_seconds, of the updates of this call
    double seconds; // of updates in this call
    int64_t images; // trained on in this call, all ranks
    bool resumed;
};

static enum status reduce_f32(void *context, int total, float *values, size_t count)
{
    const struct trainer *trainer = context;
    return collective_sum_tree_f32(trainer->job->collective, total, values, count);
}

static enum status reduce_f64(void *context, int total, double *values, size_t count)
{
    const struct trainer *trainer = context;
    return collective_sum_tree_f64(trainer->job->collective, total, values, count);
}

static enum status open_plan(struct trainer *trainer)
{
    const struct train_recipe *recipe = trainer->recipe;
    const int ranks = trainer->job->collective->ranks;
    trainer->reducer = (struct plan_reducer){
        .sum_f32 = reduce_f32,
        .sum_f64 = reduce_f64,
        .context = trainer,
        .rank = trainer->job->collective->rank,
        .ranks = ranks,
        .sync_batchnorm = recipe->sync_batchnorm,
    };
    const struct train_options options = {
        .batch = recipe->batch,
        .input = network_plan_input(&trainer->network->info),
        .optimizer =
            {
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
            },
        .reducer = ranks > 1 ? &trainer->reducer : NULL,
        .bn_momentum = TRAIN_BN_MOMENTUM,
        .label_share = 1.0F - (float)recipe->distill,
        .temperature = recipe->distill > 0 ? (float)recipe->temperature : 1,
        .seed = recipe->seed,
    };
    return train_open(trainer->job->backend, &trainer->network->graph, &options, &trainer->plan);
}

// Its weights are packed here, once.
static enum status open_teacher(struct trainer *trainer, struct arena *arena)
{
    const struct train_recipe *recipe = trainer->recipe;
    const struct network *teacher = trainer->job->teacher;
    if (recipe->distill == 0) {
        return OK;
    }
    const int batch = trainer->share.images;
    const struct infer_options options = {.batch = batch,
                                          .input = network_plan_input(&teacher->info)};
    ARENA_NEW(arena, trainer->targets, (size_t)batch * (size_t)teacher->info.classes);
    TRY(infer_open(trainer->job->backend, &teacher->graph, &options, &trainer->teacher));
    return infer_load(trainer->teacher, teacher->params, NULL);
}

// Rank 0 reads the checkpoint, if there is one; every rank then starts from rank 0's state.
static enum status resume(struct trainer *trainer, struct arena *arena)
{
    const struct train_job *job = trainer->job;
    const struct collective *c = job->collective;
    struct network *network = trainer->network;
    struct train_state *state = &trainer->state;
    TRY(train_state_open(network->graph.n_floats, train_state_count(trainer->plan),
                         (size_t)trainer->recipe->epochs, arena, state));
    memcpy(state->params, network->params, state->n_params * sizeof *state->params);
    if (job->checkpoint != NULL && c->rank == 0 && file_exists(job->checkpoint)) {
        TRY(train_checkpoint_load(job->checkpoint, job->identity, state));
        trainer->resumed = true;
        if (!job->quiet) {
            log_info("continuing from %s: %lld of %d epochs done", job->checkpoint,
                     (long long)state->position.epoch, trainer->recipe->epochs);
        }
    }
    if (state->position.batch >= trainer->steps_per_epoch) {
        FAIL(ERR_INPUT, "%s: stands at batch %lld of an epoch of %lld; remove it to start afresh",
             job->checkpoint, (long long)state->position.batch,
             (long long)trainer->steps_per_epoch);
    }
    TRY(collective_broadcast(c, &trainer->resumed, sizeof trainer->resumed, 0));
    TRY(collective_broadcast(c, &state->position, sizeof state->position, 0));
    TRY(collective_broadcast(c, state->losses, state->epochs * sizeof *state->losses, 0));
    TRY(collective_broadcast(c, state->params, state->n_params * sizeof *state->params, 0));
    TRY(collective_broadcast(c, state->optimizer, state->n_optimizer * sizeof *state->optimizer,
                             0));
    TRY(train_load(trainer->plan, state->params));
    if (trainer->resumed) {
        TRY(train_load_state(trainer->plan, state->optimizer, state->position.step));
    }
    return OK;
}

static enum status open_loader(struct trainer *trainer)
{
    const struct train_recipe *recipe = trainer->recipe;
    const struct collective *c = trainer->job->collective;
    const struct loader_options options = {
        .batch = recipe->batch,
        .rank = c->rank,
        .ranks = c->ranks,
        .deal = trainer->share.chunk,
        .shuffle = true,
        .drop_last = true,
        .crop_pad = recipe->crop_pad,
        .flip = recipe->flip,
        .seed = recipe->seed,
        .first_epoch = (int)trainer->state.position.epoch,
        .first_batch = trainer->state.position.batch,
    };
    TRY(loader_open(trainer->job->dataset, recipe->all_rows ? NULL : trainer->split.train,
                    trainer->n_rows, &options, &trainer->loader));
    CHECK(loader_batches_per_epoch(trainer->loader) == trainer->steps_per_epoch);
    return OK;
}

static enum status save(struct trainer *trainer)
{
    const struct train_job *job = trainer->job;
    struct train_state *state = &trainer->state;
    TRY(train_params(trainer->plan, state->params));
    TRY(train_save_state(trainer->plan, state->optimizer, &state->position.step));
    if (job->checkpoint == NULL || job->collective->rank != 0) {
        return OK;
    }
    return train_checkpoint_save(state, job->identity, job->checkpoint);
}

// Ranks see a signal at different moments; they stop together, at the same update.
static enum status stop_if_interrupted(struct trainer *trainer)
{
    const struct collective *c = trainer->job->collective;
    double pending = interrupt_pending() ? 1 : 0;
    if (c->ranks > 1) {
        TRY(collective_sum_f64(c, &pending, 1));
    }
    if (pending == 0) {
        return OK;
    }
    TRY(save(trainer));
    TRY(collective_barrier(c));
    const struct train_position *position = &trainer->state.position;
    const char *checkpoint = trainer->job->checkpoint;
    if (checkpoint == NULL) {
        FAIL(ERR_INTERRUPTED, "training was interrupted in epoch %lld",
             (long long)position->epoch + 1);
    }
    FAIL(ERR_INTERRUPTED,
         "training was interrupted in epoch %lld, after %lld of its %lld updates; %s holds the "
         "state: give the same command again to go on",
         (long long)position->epoch + 1, (long long)position->batch,
         (long long)trainer->steps_per_epoch, checkpoint);
}

// what: "loss nan, gradient norm inf".
static enum status fail_diverged(const struct trainer *trainer, const char *what)
{
    const struct train_position *position = &trainer->state.position;
    const char *name = train_job_name(trainer->job);
    FAIL(ERR_CONFIG,
         "training diverged in epoch %lld, update %lld: %s; lower %s.learning_rate, or set "
         "%s.warmup_epochs or %s.clip%s",
         (long long)position->epoch + 1, (long long)position->batch + 1, what, name, name, name,
         strcmp(name, "finetune") == 0 ? "" : ", in a new run folder");
}

static enum status update(struct trainer *trainer)
{
    const struct train_recipe *recipe = trainer->recipe;
    struct train_position *position = &trainer->state.position;
    const double start = clock_seconds();
    const int64_t step = position->epoch * trainer->steps_per_epoch + position->batch;
    const double rate = train_learning_rate(recipe, step, trainer->steps_per_epoch);
    struct batch batch;
    struct train_result result;
    TRY(loader_next(trainer->loader, &batch));
    CHECK(batch.epoch == position->epoch && batch.number == position->batch);
    if (trainer->teacher != NULL) {
        TRY(infer_run(trainer->teacher, batch.images, batch.n, trainer->targets));
    }
    TRY(train_step(trainer->plan, batch.images, batch.labels, trainer->targets, (float)rate,
                   &result));
    if (!isfinite(result.loss) || !isfinite(result.gradient_norm)) {
        char what[96];
        snprintf(what, sizeof what, "loss %g, gradient norm %g, learning rate %g", result.loss,
                 result.gradient_norm, rate);
        return fail_diverged(trainer, what);
    }
    position->batch++;
    position->loss_sum += result.loss;
    position->right_sum += result.correct;
    trainer->seconds += clock_seconds() - start;
    trainer->images += recipe->batch;
    if (trainer->job->quiet) {
        return OK;
    }
    const double done = (double)position->batch;
    progress_update(&trainer->progress, (step + 1) * recipe->batch,
                    "epoch %lld/%d  loss %.4f  accuracy %.1f%%  rate %.4g",
                    (long long)position->epoch + 1, recipe->epochs, position->loss_sum / done,
                    100 * position->right_sum / done, rate);
    return OK;
}

// The plan's weights into the network, rank 0's everywhere: running values differ between ranks
// unless BatchNorm is synchronised.
static enum status share_params(struct trainer *trainer)
{
    struct network *network = trainer->network;
    TRY(train_params(trainer->plan, network->params));
    return collective_broadcast(trainer->job->collective, network->params,
                                network->graph.n_floats * sizeof(float), 0);
}

// A loss may look sound when running statistics have long overflowed.
static enum status check_finite(const struct trainer *trainer)
{
    const struct network *network = trainer->network;
    for (size_t i = 0; i < network->graph.n_floats; i++) {
        if (!isfinite(network->params[i])) {
            return fail_diverged(trainer, "weights or running statistics are no numbers any more");
        }
    }
    return OK;
}

// Scores the held-out rows.
static enum status validate(struct trainer *trainer)
{
    const struct collective *c = trainer->job->collective;
    struct network *network = trainer->network;
    TRY(share_params(trainer));
    TRY(check_finite(trainer));
    if (trainer->split.n_validation == 0) {
        return OK;
    }
    const struct evaluate_options options = {.batch = TRAIN_EVALUATE_BATCH};
    struct evaluation evaluation;
    TRY(evaluate_network_shared(c, trainer->job->backend, network, trainer->job->dataset,
                                trainer->split.validation, trainer->split.n_validation, &options,
                                &evaluation));
    trainer->state.position.validation_accuracy = evaluation.accuracy;
    return OK;
}

static void say_epoch(const struct trainer *trainer, double loss, double accuracy)
{
    const struct train_position *position = &trainer->state.position;
    char held[48] = "";
    if (trainer->split.n_validation > 0) {
        snprintf(held, sizeof held, ", validation accuracy %.2f%%",
                 100 * position->validation_accuracy);
    }
    log_info("epoch %lld/%d: loss %.4f, training accuracy %.2f%%%s, %.0f images/s",
             (long long)position->epoch, trainer->recipe->epochs, loss, accuracy, held,
             (double)trainer->images / trainer->seconds);
}

static enum status end_epoch(struct trainer *trainer)
{
    struct train_position *position = &trainer->state.position;
    const double batches = (double)position->batch;
    const double loss = position->loss_sum / batches;
    const double accuracy = 100 * position->right_sum / batches;
    TRY(validate(trainer));
    trainer->state.losses[position->epoch] = loss;
    position->epoch++;
    position->batch = 0;
    position->loss_sum = 0;
    position->right_sum = 0;
    TRY(save(trainer));
    if (!trainer->job->quiet) {
        say_epoch(trainer, loss, accuracy);
    }
    return OK;
}

// Whether what is left is to be put off; not before the first update, so that every call gets on.
static bool time_is_up(const struct trainer *trainer)
{
    const double most = trainer->job->seconds;
    return most > 0 && trainer->images > 0 && clock_seconds() - trainer->started >= most;
}

static enum status run_epochs(struct trainer *trainer)
{
    const struct train_recipe *recipe = trainer->recipe;
    struct train_position *position = &trainer->state.position;
    while (position->epoch < recipe->epochs) {
        while (position->batch < trainer->steps_per_epoch) {
            TRY(stop_if_interrupted(trainer));
            if (time_is_up(trainer)) {
                return save(trainer);
            }
            TRY(update(trainer));
        }
        TRY(end_epoch(trainer));
        if (time_is_up(trainer)) {
            return OK; // the checkpoint is there
        }
    }
    return OK;
}

static enum status train_all(struct trainer *trainer, struct arena *arena)
{
    const struct train_recipe *recipe = trainer->recipe;
    const struct train_job *job = trainer->job;
    TRY(dataset_split(job->dataset, recipe->validation_share, recipe->seed, arena,
                      &trainer->split));
    trainer->n_rows = train_job_rows(job, &trainer->split);
    trainer->steps_per_epoch = trainer->n_rows / recipe->batch;
    TRY(train_job_share(job, trainer->network, &trainer->share));
    TRY(open_plan(trainer));
    TRY(open_teacher(trainer, arena));
    TRY(resume(trainer, arena));
    if (trainer->state.position.epoch >= recipe->epochs) {
        if (!job->quiet) {
            log_info("all %d epochs are done already", recipe->epochs);
        }
        return share_params(trainer);
    }
    TRY(open_loader(trainer));
    trainer->started = clock_seconds();
    if (job->quiet) {
        return run_epochs(trainer);
    }
    progress_begin(&trainer->progress, "train", "images",
                   recipe->epochs * trainer->steps_per_epoch * recipe->batch);
    const enum status code = run_epochs(trainer);
    progress_end(&trainer->progress);
    return code;
}

// The network says what it has seen.
static enum status note_rows(const struct trainer *trainer, struct arena *arena)
{
    const struct dataset *dataset = trainer->job->dataset;
    struct network *network = trainer->network;
    int32_t *rows;
    ARENA_NEW(arena, rows, (size_t)trainer->n_rows);
    for (int i = 0; i < trainer->n_rows; i++) {
        rows[i] = dataset_row(dataset, trainer->recipe->all_rows ? i : trainer->split.train[i]);
    }
    network_set_dataset(network, dataset->name);
    return row_set_add(&network->train_rows, rows, trainer->n_rows);
}

enum status train_network(const struct train_job *job, struct network *network, struct arena *arena,
                          struct train_report *out)
{
    CHECK(job->checkpoint == NULL || job->identity != NULL);
    CHECK(job->seconds == 0 || (job->checkpoint != NULL && job->collective->ranks == 1));
    TRY(train_check(job, network));
    struct trainer trainer = {.job = job, .recipe = job->recipe, .network = network};
    enum status code = train_all(&trainer, arena);
    const struct loader_times times = loader_times(trainer.loader);
    loader_close(trainer.loader);
    train_close(trainer.plan);
    infer_close(trainer.teacher);
    if (code == OK && trainer.state.position.epoch == job->recipe->epochs) {
        code = note_rows(&trainer, arena);
    }
    TRY(code);
    const struct train_position *position = &trainer.state.position;
    const int epochs = job->recipe->epochs;
    *out = (struct train_report){
        .epochs = epochs,
        .updates = position->epoch * trainer.steps_per_epoch + position->batch,
        .updates_all = epochs * trainer.steps_per_epoch,
        .updates_here = trainer.images / job->recipe->batch,
        .finished = position->epoch == epochs,
        .resumed = trainer.resumed,
        .seconds = trainer.seconds,
        .loss = position->epoch > 0 ? trainer.state.losses[position->epoch - 1] : 0,
        .final_loss = trainer.state.losses[epochs - 1],
        .validation_accuracy = trainer.state.position.validation_accuracy,
        .images_per_second = (double)trainer.images / fmax(trainer.seconds, 1e-9),
        .waiting = times.waited / fmax(trainer.seconds, 1e-9),
        .reading = times.busy / fmax(trainer.seconds, 1e-9),
        .losses = trainer.state.losses,
        .chunks = trainer.share.n,
    };
    return OK;
}
