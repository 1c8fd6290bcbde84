// The method that learns: a policy proposes, V-trace (or another rule) teaches it (Espeholt et al.
// 2018), with the means that make few episodes enough: batches used several times, imitation of the
// best candidates, neighbours of those, replay.
#include "core/log.h"
#include "core/rng.h"
#include "learner/episode_memory.h"
#include "learner/methods/method.h"
#include "learner/methods/mutation.h"
#include "learner/rules/rule.h"
#include "nn/plan_sequence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KNOWN_RATE 0.1 // per episode of a task

struct impala {
    struct method base;
    struct arena arena;
    const struct learner_options *options; // borrowed, as agent
    const struct agent *agent;
    int64_t updates_planned;
    uint64_t seed;
    struct graph graph;
    struct sequence_plan *plan; // owned
    struct batch batch;
    struct rule_options rule_options;
    struct rule_work work;
    struct episode_memory memory;
    double mutation; // share of the policy's repeats that a neighbour of the best is tried for
    double *known;   // [n_tasks] running share of the policy's episodes that were repeats
    int replayed;    // episodes of a batch
    struct popart popart, before;             // before: at the update's start
    float *output, *d_output;                 // [B][T][n_outputs]
    int32_t *order;                           // scratch of episode_memory_draw_best
    float *weights;                           // [n_floats] newest
    float *optimizer;                         // [n_optimizer] as saved
    float *weights_before, *optimizer_before; // at the update's start
    size_t n_optimizer;
    int64_t *updates, *optimizer_step; // [1]
};

static struct impala *impala_of(struct method *method)
{
    return (struct impala *)method;
}

// Episodes in a batch beside the fresh ones, so that replay_share of both together is replayed.
static int replayed_episodes(const struct learner_options *options)
{
    return options->replay == 0 ? 0
                                : (int)lround(options->batch * options->replay_share /
                                              (1.0 - options->replay_share));
}

static int imitated_episodes(const struct learner_options *options)
{
    return options->imitation > 0.0 ? options->imitation_best : 0;
}

// A squashed action is imitated by the sample behind it, which a given action does not have.
static double mutation_share(const struct method_job *job)
{
    const bool possible = job->shape->n_result > 0 && job->shape->rows <= TICKET_MOST_GIVEN &&
                          strcmp(job->agent->distribution->name, "squashed") != 0;
    return possible ? job->learner->mutation : 0.0;
}

static enum status check_options(const struct method_job *job)
{
    if (strcmp(job->agent->distribution->name, "noisy") == 0) {
        FAIL(ERR_CONFIG, "agent.distribution is \"noisy\", which gives no probabilities; method "
                         "impala needs gaussian, squashed or categorical");
    }
    if (job->learner->replay_share > 0.0 && job->learner->replay == 0) {
        FAIL(ERR_CONFIG,
             "learner.replay_share is %g, but learner.replay keeps no episodes; give "
             "learner.replay, such as 1000",
             job->learner->replay_share);
    }
    if (rule_find(job->learner->rule) == NULL) {
        FAIL(ERR_CONFIG, "learner.rule \"%s\" is not known; there are vtrace and mc_is",
             job->learner->rule);
    }
    return OK;
}

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

static enum status open_network(struct impala *m, const struct method_job *job)
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

static enum status open_rule(struct impala *m, const struct method_job *job)
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

static enum status open_parts(struct impala *m, const struct method_job *job)
{
    const struct learner_options *o = job->learner;
    TRY(check_options(job));
    m->replayed = replayed_episodes(o);
    m->mutation = imitated_episodes(o) > 0 ? mutation_share(job) : 0.0;
    const struct batch_options batch = {.shape = job->shape,
                                        .agent = job->agent,
                                        .episodes = o->batch + m->replayed + imitated_episodes(o),
                                        .unroll = o->unroll};
    TRY(batch_open(&batch, &m->arena, &m->batch));
    const struct episode_memory_options memory = {.pending = o->batch,
                                                  .replay = m->replayed > 0 ? o->replay : 0,
                                                  .best = imitated_episodes(o),
                                                  .n_tasks = job->n_tasks};
    TRY(episode_memory_open(job->shape, &memory, &m->arena, &m->memory));
    ARENA_NEW(&m->arena, m->order, (size_t)job->n_tasks * (size_t)memory.best);
    ARENA_NEW(&m->arena, m->known, (size_t)job->n_tasks);
    ARENA_NEW(&m->arena, m->updates, 1);
    ARENA_NEW(&m->arena, m->optimizer_step, 1);
    TRY(open_network(m, job));
    return open_rule(m, job);
}

static void impala_close(struct method *method)
{
    if (method == NULL) {
        return;
    }
    struct impala *m = impala_of(method);
    sequence_close(m->plan);
    graph_close(&m->graph);
    arena_close(&m->arena);
    free(m);
}

static enum status impala_open(const struct method_job *job, struct method **out)
{
    struct impala *m = calloc(1, sizeof *m);
    if (m == NULL) {
        FAIL(ERR_MEMORY, "no memory for a method");
    }
    m->base.ops = &method_impala;
    m->options = job->learner;
    m->agent = job->agent;
    m->updates_planned = job->updates;
    m->seed = job->seed;
    const enum status status = open_parts(m, job);
    if (status != OK) {
        impala_close(&m->base);
        return status;
    }
    *out = &m->base;
    return OK;
}

// A candidate next to one of the task's best.
static void propose_neighbour(const struct impala *m, struct rng *rng, struct ticket *ticket)
{
    struct trajectory parent;
    const int first = ticket->task * m->memory.options.best;
    const uint32_t place = rng_below(rng, (uint32_t)m->memory.n_best[ticket->task]);
    episode_memory_best(&m->memory, first + (int)place, &parent);
    const struct genome genome = genome_of_trajectory(&parent);
    mutation_draw(&genome, rng, ticket->given);
    ticket->source = ACTIONS_GIVEN;
    ticket->n_given = genome.steps;
}

// A policy that has settled proposes the same few candidates again and again. As often as it did
// so lately, a neighbour of a good one is tried instead, which imitation then learns from.
static void impala_propose(struct method *method, struct ticket *ticket)
{
    const struct impala *m = impala_of(method);
    struct rng rng = rng_make(m->seed, RNG_PROPOSE, (uint64_t)ticket->episode, 0);
    ticket->source = ACTIONS_POLICY;
    ticket->n_given = 0;
    ticket->noise = 0.0F;
    if ((double)rng_uniform(&rng) < m->mutation * m->known[ticket->task] &&
        m->memory.n_best[ticket->task] > 0) {
        propose_neighbour(m, &rng, ticket);
    }
}

static enum status impala_take(struct method *method, const struct trajectory *trajectory,
                               bool fresh)
{
    struct impala *m = impala_of(method);
    const struct trajectory_header *header = trajectory->header;
    if (header->source == ACTIONS_GIVEN) { // not the policy's, and of no known probability
        if (header->rows > 0) {
            episode_memory_keep(&m->memory, trajectory);
        }
        return OK;
    }
    m->known[header->task] += KNOWN_RATE * ((fresh ? 0.0 : 1.0) - m->known[header->task]);
    if (header->rows > 0) {
        episode_memory_take(&m->memory, trajectory);
    }
    return OK;
}

// ---- one update

static double learning_rate(const struct impala *m)
{
    const double first = m->options->learning_rate;
    const double last =
        m->options->final_learning_rate < 0.0 ? first : m->options->final_learning_rate;
    const double done =
        m->updates_planned > 0 ? fmin((double)*m->updates / (double)m->updates_planned, 1.0) : 0.0;
    return first + (last - first) * done;
}

// Fresh episodes, then replayed ones, then those to imitate, as chance keyed by the update has it.
static void pack(struct impala *m)
{
    struct trajectory trajectory;
    struct rng rng = rng_make(m->seed, RNG_REPLAY, (uint64_t)*m->updates, 0);
    batch_clear(&m->batch);
    for (int i = 0; i < *m->memory.n_pending; i++) {
        episode_memory_pending(&m->memory, i, &trajectory);
        batch_add(&m->batch, &trajectory, 0);
    }
    for (int i = 0; i < m->replayed && episode_memory_replayable(&m->memory) > 0; i++) {
        episode_memory_replay(&m->memory, &rng, &trajectory);
        batch_add(&m->batch, &trajectory, 0);
    }
    const int most = m->memory.options.best;
    const int best = episode_memory_draw_best(&m->memory, &rng, most, m->order);
    for (int i = 0; i < best; i++) {
        episode_memory_best(&m->memory, m->order[i], &trajectory);
        batch_add(&m->batch, &trajectory, ROW_IMITATION);
    }
}

// Takes the fresh episodes into the normalisers and rescales the value heads.
static void normalise(struct impala *m)
{
    for (int i = 0; i < *m->memory.n_pending; i++) {
        struct trajectory trajectory;
        double mean, square;
        episode_memory_pending(&m->memory, i, &trajectory);
        popart_episode(&trajectory, m->options->discount, &mean, &square);
        popart_feed(&m->popart, trajectory.header->task, mean, square);
    }
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

// False when something was not finite. *row: of the first use, where nothing is clipped yet.
static bool learn(struct impala *m, double rate, struct update_row *row)
{
    const size_t outputs = batch_rows(&m->batch) * (size_t)m->agent->n_outputs;
    normalise(m);
    for (int use = 0; use < m->options->reuse; use++) {
        struct rule_losses losses;
        double norm;
        sequence_forward(m->plan, m->batch.inputs, m->batch.reset, NULL, m->output);
        if (!all_finite(m->output, outputs)) {
            return false;
        }
        rule_targets(&m->work, m->output, use == 0);
        rule_loss(&m->work, m->output, m->d_output, &losses);
        if (!isfinite(losses.total)) {
            return false;
        }
        sequence_backward(m->plan, m->d_output, NULL);
        if (!sequence_step(m->plan, (float)rate, &norm)) {
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

static void remember(struct impala *m)
{
    memcpy(m->weights_before, m->weights, m->graph.n_floats * sizeof *m->weights);
    sequence_save_optimizer(m->plan, m->optimizer_before, m->optimizer_step);
    popart_copy(&m->popart, &m->before);
}

static void restore(struct impala *m)
{
    memcpy(m->weights, m->weights_before, m->graph.n_floats * sizeof *m->weights);
    sequence_load(m->plan, m->weights);
    sequence_load_optimizer(m->plan, m->optimizer_before, *m->optimizer_step);
    popart_copy(&m->before, &m->popart);
}

static enum status impala_update(struct method *method, struct update_row *row)
{
    struct impala *m = impala_of(method);
    const double rate = learning_rate(m);
    row->learning_rate = rate;
    if (*m->memory.n_pending > 0) {
        pack(m);
        remember(m);
        if (!learn(m, rate, row)) {
            restore(m);
            row->skipped = 1;
            log_warning("update %lld was skipped: its loss or gradient is not finite; nothing was "
                        "changed",
                        (long long)*m->updates + 1);
        }
    }
    episode_memory_turn(&m->memory);
    ++*m->updates;
    return OK;
}

// ---- state

static const float *impala_weights(const struct method *method, size_t *n)
{
    const struct impala *m = (const struct impala *)method;
    *n = m->graph.n_floats;
    return m->weights;
}

static enum status impala_state(struct method *method, struct state_list *list)
{
    struct impala *m = impala_of(method);
    const size_t tasks = (size_t)m->popart.n_tasks;
    state_list_add(list, "weights", HDF5_F32, m->graph.n_floats, m->weights);
    state_list_add(list, "optimizer", HDF5_F32, m->n_optimizer, m->optimizer);
    state_list_add(list, "optimizer_step", HDF5_I64, 1, m->optimizer_step);
    state_list_add(list, "popart_mean", HDF5_F64, tasks, m->popart.mean);
    state_list_add(list, "popart_sigma", HDF5_F64, tasks, m->popart.sigma);
    state_list_add(list, "popart_sums", HDF5_F64, 2 * tasks, m->popart.sums);
    state_list_add(list, "popart_episodes", HDF5_I64, tasks, m->popart.episodes);
    state_list_add(list, "updates", HDF5_I64, 1, m->updates);
    state_list_add(list, "known", HDF5_F64, tasks, m->known);
    episode_memory_state(&m->memory, list);
    return OK;
}

static void impala_save(struct method *method)
{
    struct impala *m = impala_of(method);
    sequence_save_optimizer(m->plan, m->optimizer, m->optimizer_step);
}

static enum status impala_load(struct method *method)
{
    struct impala *m = impala_of(method);
    TRY(episode_memory_check(&m->memory));
    sequence_load(m->plan, m->weights);
    sequence_load_optimizer(m->plan, m->optimizer, *m->optimizer_step);
    return OK;
}

const struct method_ops method_impala = {.name = "impala",
                                         .policy = true,
                                         .open = impala_open,
                                         .propose = impala_propose,
                                         .take = impala_take,
                                         .update = impala_update,
                                         .weights = impala_weights,
                                         .state = impala_state,
                                         .save = impala_save,
                                         .load = impala_load,
                                         .close = impala_close};
