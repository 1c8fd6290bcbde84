// Training a supernet: each update gathers some networks' weights out of the shared block, has
// their ordinary training plans make gradients of one batch, adds these up in the block, and takes
// one step there.
#include "train/train_supernet.h"

#include "core/log.h"
#include "nn/network_input.h"
#include "nn/optimizer.h"
#include "train/calibrate.h"
#include "train/evaluate.h"
#include "train/supernet_draw.h"
#include "train/supernet_plans.h"
#include "train/train_loop.h"

#include <stdio.h>
#include <string.h>

#define SUPERNET_BN_MOMENTUM 0.1F // PyTorch's default
enum { EVALUATE_BATCH = 64, CALIBRATION_IMAGES = 1024 };

struct supernet_trainer {
    const struct supernet_recipe *recipe;
    const struct train_job *job;
    struct supernet *supernet;
    struct train_loop loop;
    struct supernet_plans plans;
    struct optimizer *optimizer; // owned
    float *shared, *gradients;   // [n_floats], [n_trainable] in the backend's memory; owned
    struct kernel *decay;        // of every weight; NULL: other decay; owned
    float *targets;              // what the teacher says [batch of this rank][classes], arena
    struct supernet_draw draw;   // of the update under way
};

static enum status open_block(struct supernet_trainer *t)
{
    struct backend *backend = t->job->backend;
    const struct supernet *s = t->supernet;
    struct optimizer_options options = train_optimizer_options(&t->recipe->train);
    options.weight_decay = 0.0F; // it is in the gradients
    void *address = NULL;
    TRY(backend->ops->alloc(backend, s->n_floats * sizeof(float), &address));
    t->shared = address;
    TRY(backend->ops->alloc(backend, s->n_trainable * sizeof(float), &address));
    t->gradients = address;
    if (t->recipe->decay == SUPERNET_DECAY_ALL && t->recipe->train.weight_decay > 0) {
        const struct op op = {.kind = OP_SCATTER_ADD,
                              .n = 1,
                              .in_h = 1,
                              .in_w = 1,
                              .in_c = (int)s->n_plain,
                              .out_h = 1,
                              .out_w = 1,
                              .out_c = (int)s->n_plain,
                              .alpha = (float)t->recipe->train.weight_decay};
        TRY(kernel_open(backend, &op, &t->decay));
    }
    return optimizer_open(backend, &options, s->n_trainable, &t->optimizer);
}

static void close_trainer(struct supernet_trainer *t)
{
    struct backend *backend = t->job->backend;
    float *const blocks[] = {t->shared, t->gradients};
    supernet_plans_close(&t->plans);
    optimizer_close(t->optimizer);
    kernel_close(t->decay);
    for (int i = 0; i < 2; i++) {
        if (blocks[i] != NULL) {
            backend->ops->release(backend, blocks[i]);
        }
    }
    train_loop_close(&t->loop);
}

// ---- what the loop asks for
static enum status load(void *context, const struct train_state *state, bool resumed)
{
    struct supernet_trainer *t = context;
    struct backend *backend = t->job->backend;
    backend->ops->upload(backend, t->shared, state->params, state->n_params * sizeof(float));
    if (resumed) {
        optimizer_load(t->optimizer, state->optimizer, state->position.step);
    } else {
        optimizer_reset(t->optimizer);
    }
    return OK;
}

static enum status save(void *context, struct train_state *state)
{
    struct supernet_trainer *t = context;
    struct backend *backend = t->job->backend;
    TRY(backend->ops->download(backend, state->params, t->shared, state->n_params * sizeof(float)));
    return optimizer_save(t->optimizer, state->optimizer, &state->position.step);
}

// What the number-th network of the update is trained for.
static struct supernet_role role_of(const struct supernet_trainer *t, int number)
{
    const struct supernet_draw *draw = &t->draw;
    const bool largest = draw->has_largest && number == 0;
    const float decay = (float)t->recipe->train.weight_decay;
    const bool decays = t->recipe->decay == SUPERNET_DECAY_USED ||
                        (t->recipe->decay == SUPERNET_DECAY_LARGEST && largest);
    return (struct supernet_role){
        .label_share = draw->teaches && !largest ? 1.0F - (float)t->recipe->train.distill : 1.0F,
        .decay = decays ? decay : 0.0F,
        .teaches = draw->teaches && largest,
    };
}

static enum status add_network(struct supernet_trainer *t, int number, const struct batch *batch,
                               int64_t step, struct train_result *result)
{
    const struct supernet_role role = role_of(t, number);
    struct supernet_plan *plan;
    TRY(supernet_plans_get(&t->plans, t->draw.choices[number], &role, &plan));
    const struct exchange_blocks blocks = {.shared = t->shared,
                                           .shared_gradients = t->gradients,
                                           .own = train_params_address(plan->plan),
                                           .own_gradients = train_gradients_address(plan->plan)};
    TRY(supernet_exchange_gather(plan->exchange, &blocks));
    train_set_step(plan->plan, step);
    TRY(train_gradient(plan->plan, batch->images, batch->labels, t->targets, result));
    TRY(supernet_exchange_scatter(plan->exchange));
    if (role.teaches) {
        const size_t classes = (size_t)t->supernet->info.classes;
        memcpy(t->targets, train_outputs(plan->plan),
               (size_t)batch->n * classes * sizeof *t->targets);
    }
    return OK;
}

static enum status update(void *context, const struct batch *batch, int64_t step, double rate,
                          struct train_result *result)
{
    struct supernet_trainer *t = context;
    struct backend *backend = t->job->backend;
    const struct supernet *s = t->supernet;
    const int64_t all = epoch_cut_before(&t->loop.cut, t->recipe->train.epochs);
    struct train_result sum = {0};
    supernet_draw(t->recipe, &s->space, step, (double)step / (double)all, &t->draw);
    const int told = t->draw.teaches ? 1 : t->draw.n; // those that are told the labels
    backend->ops->zero(backend, t->gradients, s->n_trainable * sizeof(float));
    for (int i = 0; i < t->draw.n; i++) {
        struct train_result one;
        TRY(add_network(t, i, batch, step, &one));
        if (i < told) {
            sum.loss += one.loss / told;
            sum.correct += one.correct / told;
        }
    }
    if (t->decay != NULL) {
        const struct op_args args = {.in = {t->shared}, .out = {t->gradients}};
        t->decay->ops->run(t->decay, &args);
    }
    TRY(optimizer_step(t->optimizer, t->shared, t->gradients, (float)rate));
    TRY(optimizer_finish(t->optimizer, &sum.gradient_norm));
    *result = sum;
    return OK;
}

// The largest network's, with statistics of its own: running values are those of all sizes.
static enum status validate(void *context, double *accuracy)
{
    struct supernet_trainer *t = context;
    const struct train_job *job = t->job;
    const struct dataset_split *split = &t->loop.split;
    const struct evaluate_options options = {.batch = EVALUATE_BATCH};
    int16_t choice[NAS_MOST_DECISIONS];
    struct network network;
    struct evaluation evaluation = {0};
    nas_space_greatest(&t->supernet->space, choice);
    TRY(supernet_extract(t->supernet, choice, &network));
    enum status status =
        calibrate_network(job->backend, &network, job->dataset, split->train, split->n_train,
                          CALIBRATION_IMAGES, t->recipe->train.seed, true, NULL);
    if (status == OK) {
        status =
            evaluate_network_shared(job->collective, job->backend, &network, job->dataset,
                                    split->validation, split->n_validation, &options, &evaluation);
    }
    network_close(&network);
    *accuracy = evaluation.accuracy;
    return status;
}

static enum status open_plans(struct supernet_trainer *t, struct arena *arena)
{
    const struct train_recipe *recipe = &t->recipe->train;
    const size_t images = (size_t)t->loop.share.images;
    ARENA_NEW(arena, t->targets, images * (size_t)t->supernet->info.classes);
    t->plans = (struct supernet_plans){
        .backend = t->job->backend,
        .supernet = t->supernet,
        .most = t->recipe->most_plans,
        .options = {.batch = recipe->batch,
                    .input = network_plan_input(&t->supernet->info),
                    .reducer = train_loop_reducer(&t->loop),
                    .bn_momentum = SUPERNET_BN_MOMENTUM,
                    .temperature = (float)recipe->temperature,
                    .seed = recipe->seed,
                    // One batch is dealt to the ranks for all networks.
                    .chunk = t->loop.share.chunk,
                    .gradient_only = true},
    };
    return OK;
}

static enum status build_largest(const struct supernet *supernet, struct graph *out)
{
    int16_t choice[NAS_MOST_DECISIONS];
    nas_space_greatest(&supernet->space, choice);
    return nas_space_build(&supernet->space, choice, out);
}

static enum status train_all(struct supernet_trainer *t, struct arena *arena)
{
    struct graph largest;
    TRY(build_largest(t->supernet, &largest));
    const enum status status = train_loop_plan(&t->loop, &largest, arena);
    graph_close(&largest);
    TRY(status);
    TRY(open_plans(t, arena));
    TRY(open_block(t));
    const struct train_subject subject = {
        .context = t,
        .n_params = t->supernet->n_floats,
        .n_optimizer = optimizer_state_count(t->optimizer),
        .load = load,
        .save = save,
        .update = update,
        .validate = validate,
    };
    t->loop.subject = &subject;
    const enum status code = train_loop_run(&t->loop, arena);
    t->loop.subject = NULL; // it ends here
    return code;
}

static enum status note_rows(const struct supernet_trainer *t, struct arena *arena)
{
    struct supernet *s = t->supernet;
    const char *name = t->job->dataset->name;
    int32_t *rows;
    int n;
    TRY(train_loop_rows(&t->loop, arena, &rows, &n));
    if (s->info.dataset[0] != '\0' && strcmp(s->info.dataset, name) != 0) {
        row_set_close(&s->train_rows); // those of another data set say nothing
    }
    snprintf(s->info.dataset, sizeof s->info.dataset, "%s", name);
    return row_set_add(&s->train_rows, rows, n);
}

// ---- from outside
static struct train_job job_of(const struct supernet_job *job)
{
    return (struct train_job){.backend = job->backend,
                              .collective = job->collective,
                              .dataset = job->dataset,
                              .recipe = &job->recipe->train,
                              .name = job->name != NULL ? job->name : "supernet",
                              .checkpoint = job->checkpoint,
                              .identity = job->identity,
                              .seconds = job->seconds,
                              .quiet = job->quiet};
}

static enum status check_graph(const struct train_job *job, const struct supernet_recipe *recipe,
                               const struct network *largest)
{
    struct arena arena = {0};
    struct dataset_split split;
    TRY(evaluate_check_fit(largest, job->dataset));
    enum status code = dataset_split(job->dataset, job->recipe->validation_share, job->recipe->seed,
                                     &arena, &split);
    if (code == OK) {
        code = train_check_supernet_recipe(recipe, job->name, train_job_rows(job, &split));
    }
    if (code == OK && job->backend != NULL) {
        struct train_share share;
        code = train_job_share(job, &largest->graph, &share);
    }
    arena_close(&arena);
    return code;
}

enum status train_check_supernet(const struct supernet_job *supernet_job,
                                 const struct supernet *supernet)
{
    const struct train_job job = job_of(supernet_job);
    struct network largest = {.info = supernet->info};
    TRY(build_largest(supernet, &largest.graph));
    const enum status status = check_graph(&job, supernet_job->recipe, &largest);
    network_close(&largest);
    return status;
}

static void say_plans(const struct supernet_trainer *t)
{
    const struct supernet_plans *plans = &t->plans;
    if (!t->job->quiet && plans->opened > 0) {
        log_info("%lld of %lld networks trained had to be opened, %.1f ms each",
                 (long long)plans->opened, (long long)plans->uses,
                 1e3 * plans->seconds / (double)plans->opened);
    }
}

enum status train_supernet(const struct supernet_job *supernet_job, struct supernet *supernet,
                           struct arena *arena, struct train_report *out)
{
    const struct train_job job = job_of(supernet_job);
    CHECK(job.checkpoint == NULL || job.identity != NULL);
    CHECK(job.seconds == 0 || (job.checkpoint != NULL && job.collective->ranks == 1));
    TRY(train_check_supernet(supernet_job, supernet));
    struct supernet_trainer trainer = {
        .recipe = supernet_job->recipe,
        .job = &job,
        .supernet = supernet,
        .loop = {.job = &job,
                 .params = supernet->params,
                 .rate_floor = supernet_job->recipe->rate_floor},
    };
    enum status code = train_all(&trainer, arena);
    if (code == OK && train_loop_finished(&trainer.loop)) {
        code = note_rows(&trainer, arena);
    }
    if (code == OK) {
        *out = train_loop_report(&trainer.loop);
        say_plans(&trainer);
    }
    close_trainer(&trainer);
    return code;
}
