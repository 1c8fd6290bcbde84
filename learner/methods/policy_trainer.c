#include "learner/methods/policy_trainer.h"

#include "learner/rules/rule.h"
#include "nn/plan_sequence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct policy_trainer {
    struct arena arena;
    const struct learner_options *options; // borrowed, as agent
    const struct agent *agent;
    struct graph graph;
    struct sequence_plan *plan; // owned
    struct batch batch;
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
    return (struct optimizer_options){.kind = strcmp(o->optimizer, "adam") == 0 ? OPTIMIZER_ADAM
                                                                                : OPTIMIZER_RMSPROP,
                                      .momentum = (float)o->momentum,
                                      .alpha = (float)o->alpha,
                                      .epsilon = (float)o->epsilon,
                                      .beta1 = (float)o->beta1,
                                      .beta2 = (float)o->beta2,
                                      .clip = (float)o->clip};
}

static enum status open_network(struct policy_trainer *m, const struct method_job *job)
{
    TRY(agent_graph(job->agent, m->batch.steps, &m->graph));
    const struct sequence_options options = {
        .batch = m->batch.lanes, .training = true, .optimizer = optimizer_options(job->learner)};
    TRY(sequence_open(job->backend, &m->graph, &options, &m->plan));
    const size_t n = m->graph.n_floats;
    m->n_optimizer = sequence_optimizer_count(m->plan);
    ARENA_NEW(&m->arena, m->weights, n);
    ARENA_NEW(&m->arena, m->weights_before, n);
    ARENA_NEW(&m->arena, m->optimizer, m->n_optimizer);
    ARENA_NEW(&m->arena, m->optimizer_before, m->n_optimizer);
    ARENA_NEW(&m->arena, m->optimizer_step, 1);
    const size_t outputs = batch_rows(&m->batch) * (size_t)job->agent->n_outputs;
    ARENA_NEW(&m->arena, m->output, outputs);
    ARENA_NEW(&m->arena, m->d_output, outputs);
    if (job->initial != NULL) {
        memcpy(m->weights, job->initial, n * sizeof *m->weights);
    } else {
        agent_init(&m->graph, job->seed, m->weights);
    }
    sequence_load(m->plan, m->weights);
    return OK;
}

static enum status open_rule(struct policy_trainer *m, const struct method_job *job)
{
    const struct learner_options *o = job->learner;
    m->rule_options = (struct rule_options){.vtrace = {.discount = o->discount,
                                                       .rho_max = o->rho_max,
                                                       .rho_policy_max = o->rho_policy_max,
                                                       .c_max = o->c_max,
                                                       .lambda = o->lambda},
                                            .correct = o->correct,
                                            .entropy = o->entropy,
                                            .value_cost = o->value_cost,
                                            .ratio_clip = o->ratio_clip,
                                            .imitation = o->imitation};
    TRY(popart_open(job->n_tasks, o->popart, o->popart_rate, &m->arena, &m->popart));
    TRY(popart_open(job->n_tasks, o->popart, o->popart_rate, &m->arena, &m->before));
    TRY(rule_open(&m->batch, &m->arena, &m->work));
    m->work.rule = rule_find(o->rule);
    m->work.options = &m->rule_options;
    m->work.popart = &m->popart;
    return OK;
}

static enum status open_parts(struct policy_trainer *m, const struct method_job *job, int episodes)
{
    const struct batch_options batch = {.shape = job->shape,
                                        .agent = job->agent,
                                        .episodes = episodes,
                                        .unroll = job->learner->unroll};
    TRY(batch_open(&batch, &m->arena, &m->batch));
    TRY(open_network(m, job));
    return open_rule(m, job);
}

enum status policy_trainer_open(const struct method_job *job, int episodes,
                                struct policy_trainer **out)
{
    if (rule_find(job->learner->rule) == NULL) {
        FAIL(ERR_CONFIG, "learner.rule \"%s\" is not known; there are vtrace and mc_is",
             job->learner->rule);
    }
    struct policy_trainer *m = calloc(1, sizeof *m);
    if (m == NULL) {
        FAIL(ERR_MEMORY, "no memory for a policy");
    }
    m->options = job->learner;
    m->agent = job->agent;
    const enum status status = open_parts(m, job, episodes);
    if (status != OK) {
        policy_trainer_close(m);
        return status;
    }
    *out = m;
    return OK;
}

void policy_trainer_close(struct policy_trainer *m)
{
    if (m != NULL) {
        sequence_close(m->plan);
        graph_close(&m->graph);
        arena_close(&m->arena);
        free(m);
    }
}

// ---- one batch

void policy_trainer_begin(struct policy_trainer *m)
{
    batch_clear(&m->batch);
    popart_copy(&m->popart, &m->before);
}

void policy_trainer_add(struct policy_trainer *m, const struct trajectory *trajectory,
                        enum trainer_use use)
{
    batch_add(&m->batch, trajectory, use == TRAINER_IMITATE ? ROW_IMITATION : 0);
    if (use == TRAINER_FRESH) {
        double mean, square;
        popart_episode(trajectory, m->options->discount, &mean, &square);
        popart_feed(&m->popart, trajectory->header->task, mean, square);
    }
}

// The value heads go by the normalisers as they are now.
static void rescale(struct policy_trainer *m)
{
    const struct param *weight = graph_find_param(&m->graph, "heads.weight");
    const struct param *bias = graph_find_param(&m->graph, "heads.bias");
    CHECK(weight != NULL && bias != NULL);
    popart_rescale(&m->before, &m->popart,
                   &(struct popart_heads){.weight = m->weights + weight->offset,
                                          .bias = m->weights + bias->offset,
                                          .in = weight->dims[1],
                                          .first = m->agent->n_policy});
    sequence_load(m->plan, m->weights);
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

static bool use_batch(struct policy_trainer *m, double rate, struct rule_losses *losses,
                      double *norm, bool first)
{
    const size_t outputs = batch_rows(&m->batch) * (size_t)m->agent->n_outputs;
    sequence_forward(m->plan, m->batch.inputs, m->batch.reset, NULL, m->output);
    if (!all_finite(m->output, outputs)) {
        return false;
    }
    rule_targets(&m->work, m->output, first);
    rule_loss(&m->work, m->output, m->d_output, losses);
    if (!isfinite(losses->total)) {
        return false;
    }
    sequence_backward(m->plan, m->d_output, NULL);
    return sequence_step(m->plan, (float)rate, norm);
}

static bool learn(struct policy_trainer *m, double rate, struct update_row *row)
{
    rescale(m);
    for (int use = 0; use < m->options->reuse; use++) {
        struct rule_losses losses;
        double norm;
        if (!use_batch(m, rate, &losses, &norm, use == 0)) {
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
    sequence_params(m->plan, m->weights);
    return true;
}

bool policy_trainer_learn(struct policy_trainer *m, double rate, struct update_row *row)
{
    const size_t bytes = m->graph.n_floats * sizeof *m->weights;
    memcpy(m->weights_before, m->weights, bytes);
    sequence_save_optimizer(m->plan, m->optimizer_before, m->optimizer_step);
    if (learn(m, rate, row)) {
        return true;
    }
    memcpy(m->weights, m->weights_before, bytes);
    sequence_load(m->plan, m->weights);
    sequence_load_optimizer(m->plan, m->optimizer_before, *m->optimizer_step);
    popart_copy(&m->before, &m->popart);
    return false;
}

const float *policy_trainer_weights(const struct policy_trainer *m, size_t *n)
{
    *n = m->graph.n_floats;
    return m->weights;
}

// ---- state

void policy_trainer_state(struct policy_trainer *m, struct state_list *list)
{
    const size_t tasks = (size_t)m->popart.n_tasks;
    state_list_add(list, "weights", HDF5_F32, m->graph.n_floats, m->weights);
    state_list_add(list, "optimizer", HDF5_F32, m->n_optimizer, m->optimizer);
    state_list_add(list, "optimizer_step", HDF5_I64, 1, m->optimizer_step);
    state_list_add(list, "popart_mean", HDF5_F64, tasks, m->popart.mean);
    state_list_add(list, "popart_sigma", HDF5_F64, tasks, m->popart.sigma);
    state_list_add(list, "popart_sums", HDF5_F64, 2 * tasks, m->popart.sums);
    state_list_add(list, "popart_episodes", HDF5_I64, tasks, m->popart.episodes);
}

void policy_trainer_save(struct policy_trainer *m)
{
    sequence_save_optimizer(m->plan, m->optimizer, m->optimizer_step);
}

void policy_trainer_load(struct policy_trainer *m)
{
    sequence_load(m->plan, m->weights);
    sequence_load_optimizer(m->plan, m->optimizer, *m->optimizer_step);
}
