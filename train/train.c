// Training a network: one plan, and a teacher where it learns from one.
#include "train/train.h"

#include "nn/network_input.h"
#include "nn/plan.h"
#include "train/evaluate.h"
#include "train/train_loop.h"

#define TRAIN_BN_MOMENTUM 0.1F // PyTorch's default
#define TRAIN_EVALUATE_BATCH 64

struct trainer {
    const struct train_job *job;
    struct network *network;
    struct train_loop loop;
    struct train_plan *plan;    // owned
    struct infer_plan *teacher; // owned; NULL without distillation
    float *targets;             // the teacher's logits [batch of this rank][classes], arena
};

static enum status open_plan(struct trainer *trainer)
{
    const struct train_recipe *recipe = trainer->job->recipe;
    const struct train_options options = {
        .batch = recipe->batch,
        .input = network_plan_input(&trainer->network->info),
        .optimizer = train_optimizer_options(recipe),
        .reducer = train_loop_reducer(&trainer->loop),
        .bn_momentum = TRAIN_BN_MOMENTUM,
        .label_share = 1.0F - (float)recipe->distill,
        .temperature = recipe->distill > 0 ? (float)recipe->temperature : 1,
        .seed = recipe->seed,
    };
    return train_open(trainer->job->backend, &trainer->network->graph, &options, &trainer->plan);
}

// Its weights are packed here, once. Its chunks are those of the plan that learns, so that its
// answers do not depend on how many ranks share the batch.
static enum status open_teacher(struct trainer *trainer, struct arena *arena)
{
    const struct network *teacher = trainer->job->teacher;
    if (trainer->job->recipe->distill == 0) {
        return OK;
    }
    const int batch = trainer->loop.share.images;
    const struct infer_options options = {.batch = batch,
                                          .chunk = trainer->loop.share.chunk,
                                          .input = network_plan_input(&teacher->info)};
    ARENA_NEW(arena, trainer->targets, (size_t)batch * (size_t)teacher->info.classes);
    TRY(infer_open(trainer->job->backend, &teacher->graph, &options, &trainer->teacher));
    return infer_load(trainer->teacher, teacher->params, NULL);
}

static enum status load(void *context, const struct train_state *state, bool resumed)
{
    const struct trainer *trainer = context;
    TRY(train_load(trainer->plan, state->params));
    return resumed ? train_load_state(trainer->plan, state->optimizer, state->position.step) : OK;
}

static enum status save(void *context, struct train_state *state)
{
    const struct trainer *trainer = context;
    TRY(train_params(trainer->plan, state->params));
    return train_save_state(trainer->plan, state->optimizer, &state->position.step);
}

static enum status update(void *context, const struct batch *batch, int64_t step, double rate,
                          struct train_result *result)
{
    const struct trainer *trainer = context;
    (void)step; // the plan counts
    if (trainer->teacher != NULL) {
        TRY(infer_run(trainer->teacher, batch->images, batch->n, trainer->targets));
    }
    return train_step(trainer->plan, batch->images, batch->labels, trainer->targets, (float)rate,
                      result);
}

static enum status validate(void *context, double *accuracy)
{
    const struct trainer *trainer = context;
    const struct train_job *job = trainer->job;
    const struct evaluate_options options = {.batch = TRAIN_EVALUATE_BATCH};
    struct evaluation evaluation;
    TRY(evaluate_network_shared(job->collective, job->backend, trainer->network, job->dataset,
                                trainer->loop.split.validation, trainer->loop.split.n_validation,
                                &options, &evaluation));
    *accuracy = evaluation.accuracy;
    return OK;
}

static enum status train_all(struct trainer *trainer, struct arena *arena)
{
    struct network *network = trainer->network;
    struct train_loop *loop = &trainer->loop;
    TRY(train_loop_plan(loop, &network->graph, arena));
    TRY(open_plan(trainer));
    TRY(open_teacher(trainer, arena));
    const struct train_subject subject = {
        .context = trainer,
        .n_params = network->graph.n_floats,
        .n_optimizer = train_state_count(trainer->plan),
        .load = load,
        .save = save,
        .update = update,
        .validate = validate,
    };
    loop->subject = &subject;
    TRY(train_loop_run(loop, arena));
    loop->subject = NULL; // it ends here
    return OK;
}

// The network says what it has seen.
static enum status note_rows(const struct trainer *trainer, struct arena *arena)
{
    struct network *network = trainer->network;
    int32_t *rows;
    int n;
    TRY(train_loop_rows(&trainer->loop, arena, &rows, &n));
    network_set_dataset(network, trainer->job->dataset->name);
    return row_set_add(&network->train_rows, rows, n);
}

enum status train_network(const struct train_job *job, struct network *network, struct arena *arena,
                          struct train_report *out)
{
    CHECK(job->checkpoint == NULL || job->identity != NULL);
    CHECK(job->seconds == 0 || (job->checkpoint != NULL && job->collective->ranks == 1));
    TRY(train_check(job, network));
    struct trainer trainer = {
        .job = job, .network = network, .loop = {.job = job, .params = network->params}};
    enum status code = train_all(&trainer, arena);
    if (code == OK && train_loop_finished(&trainer.loop)) {
        code = note_rows(&trainer, arena);
    }
    if (code == OK) {
        *out = train_loop_report(&trainer.loop);
    }
    train_loop_close(&trainer.loop);
    train_close(trainer.plan);
    infer_close(trainer.teacher);
    return code;
}
