#include "learner/methods/policy_trainer.h"

#include "learner/rules/rule.h"
#include "nn/plan_sequence.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct policy_trainer {
    struct arena arena;
    const struct learner_options *options; // borrowed, as agent
    const struct agent *agent;
    struct graph graph;
    struct sequence_plan *plan; // owned
    struct episode_batch batch;
    struct rule_options rule_options;
    struct rule_work work;
    struct popart popart, before;             // before: at the batch's start
    float *output, *d_output;                 // [B][T][n_outputs]
    float *weights;                           // [n_floats] newest
    float *optimizer;                         // [n_optimizer] as saved
    float *weights_before, *optimizer_before; // at the batch's start
    size_t n_optimizer;
    int64_t *optimizer_step; // [1]
};

static struct optimizer_options optimizer_options(const struct learner_options *o)
{
    return (struct optimizer_options){.kind = o->optimizer == LEARNER_ADAM ? OPTIMIZER_ADAM
                                                                           : OPTIMIZER_RMSPROP,
                                      .momentum = (float)o->momentum,
                                      .alpha = (float)o->alpha,
                                      .epsilon = (float)o->epsilon,
                                      .beta1 = (float)o->beta1,
                                      .beta2 = (float)o->beta2,
                                      .clip = (float)o->clip};
}

static enum status open_network(struct policy_trainer *trainer, const struct method_job *job)
{
    TRY(agent_graph(job->agent, trainer->batch.steps, &trainer->graph));
    const struct sequence_options options = {.batch = trainer->batch.lanes,
                                             .training = true,
                                             .optimizer = optimizer_options(job->learner)};
    TRY(sequence_open(job->backend, &trainer->graph, &options, &trainer->plan));
    const size_t n = trainer->graph.n_floats;
    trainer->n_optimizer = sequence_optimizer_count(trainer->plan);
    ARENA_NEW(&trainer->arena, trainer->weights, n);
    ARENA_NEW(&trainer->arena, trainer->weights_before, n);
    ARENA_NEW(&trainer->arena, trainer->optimizer, trainer->n_optimizer);
    ARENA_NEW(&trainer->arena, trainer->optimizer_before, trainer->n_optimizer);
    ARENA_NEW(&trainer->arena, trainer->optimizer_step, 1);
    const size_t outputs = episode_batch_rows(&trainer->batch) * (size_t)job->agent->n_outputs;
    ARENA_NEW(&trainer->arena, trainer->output, outputs);
    ARENA_NEW(&trainer->arena, trainer->d_output, outputs);
    if (job->initial != NULL) {
        memcpy(trainer->weights, job->initial, n * sizeof *trainer->weights);
    } else {
        agent_init(&trainer->graph, job->seed, trainer->weights);
    }
    sequence_load(trainer->plan, trainer->weights);
    return OK;
}

static enum status open_rule(struct policy_trainer *trainer, const struct method_job *job)
{
    const struct learner_options *o = job->learner;
    trainer->rule_options = (struct rule_options){.vtrace = {.discount = o->discount,
                                                             .rho_max = o->rho_max,
                                                             .rho_policy_max = o->rho_policy_max,
                                                             .c_max = o->c_max,
                                                             .lambda = o->lambda},
                                                  .correct = o->correct,
                                                  .entropy = o->entropy,
                                                  .value_cost = o->value_cost,
                                                  .ratio_clip = o->ratio_clip,
                                                  .imitation = o->imitation};
    TRY(popart_open(job->n_tasks, o->popart, o->popart_rate, &trainer->arena, &trainer->popart));
    TRY(popart_open(job->n_tasks, o->popart, o->popart_rate, &trainer->arena, &trainer->before));
    TRY(rule_open(&trainer->batch, &trainer->arena, &trainer->work));
    trainer->work.rule = rules[o->rule];
    trainer->work.options = &trainer->rule_options;
    trainer->work.popart = &trainer->popart;
    return OK;
}

static enum status open_parts(struct policy_trainer *trainer, const struct method_job *job,
                              int episodes)
{
    const struct episode_batch_options batch = {.shape = job->shape,
                                                .agent = job->agent,
                                                .episodes = episodes,
                                                .unroll = job->learner->unroll};
    TRY(episode_batch_open(&batch, &trainer->arena, &trainer->batch));
    TRY(open_network(trainer, job));
    return open_rule(trainer, job);
}

enum status policy_trainer_open(const struct method_job *job, int episodes,
                                struct policy_trainer **out)
{
    struct policy_trainer *trainer = calloc(1, sizeof *trainer);
    if (trainer == NULL) {
        FAIL(ERR_MEMORY, "no memory for a policy");
    }
    trainer->options = job->learner;
    trainer->agent = job->agent;
    const enum status status = open_parts(trainer, job, episodes);
    if (status != OK) {
        policy_trainer_close(trainer);
        return status;
    }
    *out = trainer;
    return OK;
}

void policy_trainer_close(struct policy_trainer *trainer)
{
    if (trainer != NULL) {
        sequence_close(trainer->plan);
        graph_close(&trainer->graph);
        arena_close(&trainer->arena);
        free(trainer);
    }
}

// ---- one batch

void policy_trainer_begin(struct policy_trainer *trainer)
{
    episode_batch_clear(&trainer->batch);
    popart_copy(&trainer->popart, &trainer->before);
}

void policy_trainer_add(struct policy_trainer *trainer, const struct trajectory *trajectory,
                        enum trainer_use use)
{
    episode_batch_add(&trainer->batch, trajectory, use == TRAINER_IMITATE ? ROW_IMITATION : 0);
    if (use == TRAINER_FRESH) {
        double mean, square;
        popart_episode(trajectory, trainer->options->discount, &mean, &square);
        popart_feed(&trainer->popart, trajectory->header->task, mean, square);
    }
}

// The value heads go by the normalisers as they are now.
static void rescale(struct policy_trainer *trainer)
{
    const struct param *weight = graph_find_param(&trainer->graph, "heads.weight");
    const struct param *bias = graph_find_param(&trainer->graph, "heads.bias");
    CHECK(weight != NULL && bias != NULL);
    popart_rescale(&trainer->before, &trainer->popart,
                   &(struct popart_heads){.weight = trainer->weights + weight->offset,
                                          .bias = trainer->weights + bias->offset,
                                          .in = weight->dims[1],
                                          .first = trainer->agent->n_policy});
    sequence_load(trainer->plan, trainer->weights);
}

// Distributions are asked only about numbers.
static bool all_finite(const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            return false;
        }
    }
    return true;
}

static bool use_batch(struct policy_trainer *trainer, double rate, struct rule_losses *losses,
                      double *norm, bool first)
{
    const size_t outputs = episode_batch_rows(&trainer->batch) * (size_t)trainer->agent->n_outputs;
    CHECK(sequence_forward(trainer->plan, trainer->batch.inputs, trainer->batch.reset, NULL,
                           trainer->output) == OK);
    if (!all_finite(trainer->output, outputs)) {
        return false;
    }
    rule_targets(&trainer->work, trainer->output, first);
    rule_loss(&trainer->work, trainer->output, trainer->d_output, losses);
    if (!isfinite(losses->total)) {
        return false;
    }
    CHECK(sequence_backward(trainer->plan, trainer->d_output, NULL) == OK);
    CHECK(sequence_step(trainer->plan, (float)rate, norm) == OK);
    return isfinite(*norm);
}

static bool learn(struct policy_trainer *trainer, double rate, struct update_row *row)
{
    rescale(trainer);
    for (int use = 0; use < trainer->options->reuse; use++) {
        struct rule_losses losses;
        double norm;
        if (!use_batch(trainer, rate, &losses, &norm, use == 0)) {
            return false;
        }
        if (use == 0) {
            row->frames = losses.frames;
            row->policy_loss = losses.policy;
            row->value_loss = losses.value;
            row->imitation_loss = losses.imitation;
            row->entropy = losses.entropy;
            row->mean_rho = losses.mean_rho;
            row->effective_share = losses.effective_share;
            row->gradient_norm = norm;
        }
    }
    CHECK(sequence_params(trainer->plan, trainer->weights) == OK);
    return true;
}

bool policy_trainer_learn(struct policy_trainer *trainer, double rate, struct update_row *row)
{
    const size_t bytes = trainer->graph.n_floats * sizeof *trainer->weights;
    memcpy(trainer->weights_before, trainer->weights, bytes);
    CHECK(sequence_save_optimizer(trainer->plan, trainer->optimizer_before,
                                  trainer->optimizer_step) == OK);
    if (learn(trainer, rate, row)) {
        return true;
    }
    memcpy(trainer->weights, trainer->weights_before, bytes);
    sequence_load(trainer->plan, trainer->weights);
    sequence_load_optimizer(trainer->plan, trainer->optimizer_before, *trainer->optimizer_step);
    popart_copy(&trainer->before, &trainer->popart);
    return false;
}

const float *policy_trainer_weights(const struct policy_trainer *trainer, size_t *n)
{
    *n = trainer->graph.n_floats;
    return trainer->weights;
}

// ---- state

void policy_trainer_state(struct policy_trainer *trainer, struct state_list *list)
{
    const size_t tasks = (size_t)trainer->popart.n_tasks;
    state_list_add_within(list, "weights", HDF5_F32, trainer->graph.n_floats, trainer->weights,
                          -FLT_MAX, FLT_MAX);
    state_list_add_within(list, "optimizer", HDF5_F32, trainer->n_optimizer, trainer->optimizer,
                          -FLT_MAX, FLT_MAX);
    state_list_add_within(list, "optimizer_step", HDF5_I64, 1, trainer->optimizer_step, 0,
                          STATE_COUNT_MAX);
    state_list_add_within(list, "popart_mean", HDF5_F64, tasks, trainer->popart.mean, -DBL_MAX,
                          DBL_MAX);
    state_list_add_within(list, "popart_sigma", HDF5_F64, tasks, trainer->popart.sigma, DBL_MIN,
                          DBL_MAX);
    state_list_add_within(list, "popart_sums", HDF5_F64, 2 * tasks, trainer->popart.sums, -DBL_MAX,
                          DBL_MAX);
    state_list_add_within(list, "popart_episodes", HDF5_I64, tasks, trainer->popart.episodes, 0,
                          STATE_COUNT_MAX);
}

void policy_trainer_save(struct policy_trainer *trainer)
{
    CHECK(sequence_save_optimizer(trainer->plan, trainer->optimizer, trainer->optimizer_step) ==
          OK);
}

void policy_trainer_load(struct policy_trainer *trainer)
{
    sequence_load(trainer->plan, trainer->weights);
    sequence_load_optimizer(trainer->plan, trainer->optimizer, *trainer->optimizer_step);
}
