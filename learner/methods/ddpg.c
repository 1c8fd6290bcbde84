// Two networks, their targets and a replay. The critic of AMC, relu(W1 s + W2 a), is one dense
// layer over state and action side by side.
#include "learner/methods/ddpg.h"

#include "core/arena.h"
#include "core/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT_ADDED, COUNT_UPDATES, COUNT_ACTOR_STEPS, COUNT_CRITIC_STEPS, N_COUNTS };

// A trained network and the copy that follows it.
struct follower {
    const struct graph *graph;
    struct sequence_plan *plan, *target; // owned
    float *params, *target_params;       // [n_floats]
    float *optimizer;                    // as of the checkpoint
    size_t n_optimizer;
    float *inputs, *outputs, *d_outputs, *d_inputs; // [batch] rows
    int n_inputs, n_outputs;
};
struct ddpg {
    struct arena arena;
    struct ddpg_options options;
    struct graph critic_graph;
    struct follower actor, critic;
    int n_state;
    float *states, *nexts;            // [replay][n_state]
    float *actions, *rewards, *lasts; // [replay]
    int64_t counts[N_COUNTS];
    double baseline;
    int32_t *drawn;   // [batch] transitions of the update
    float *goals;     // [batch] what Q should have been
    float *d_actions; // [batch]
};

static enum status make_critic(int n_inputs, int hidden, struct graph *out)
{
    const struct conv_attributes wide = {
        .out_c = hidden, .kernel_h = 1, .kernel_w = 1, .stride = 1, .bias = true};
    struct conv_attributes one = wide;
    one.out_c = 1;
    int node = 0;
    TRY(graph_begin(out, 1, 1, n_inputs));
    TRY(graph_add_conv(out, "fc1", node, &wide, &node));
    TRY(graph_add_act(out, "relu1", node, ACTIVATION_RELU, &node));
    TRY(graph_add_conv(out, "fc2", node, &wide, &node));
    TRY(graph_add_act(out, "relu2", node, ACTIVATION_RELU, &node));
    TRY(graph_add_conv(out, "fc3", node, &one, &node));
    return graph_finish(out);
}

// Uniform within 1 / sqrt(inputs) for weights and biases, so that first values are small.
static void init_critic(const struct graph *graph, uint64_t seed, float *params)
{
    for (int i = 0; i < graph->n_params; i++) {
        const struct param *param = &graph->params[i];
        const struct node *node = &graph->nodes[param->node];
        const float bound = 1.0F / sqrtf((float)graph->nodes[node->inputs[0]].c);
        struct rng rng = rng_make(seed, RNG_INIT, (uint64_t)i, 0);
        for (size_t k = 0; k < param->count; k++) {
            params[param->offset + k] = bound * (2.0F * rng_uniform(&rng) - 1.0F);
        }
    }
}

static enum status open_follower(struct ddpg *d, struct backend *backend, const struct graph *graph,
                                 struct follower *f)
{
    const struct sequence_options options = {
        .batch = d->options.batch,
        .training = true,
        .input_gradient = f == &d->critic,
        .optimizer = {.kind = OPTIMIZER_ADAM, .epsilon = 1e-8F, .beta1 = 0.9F, .beta2 = 0.999F},
    };
    const struct sequence_options forward = {.batch = d->options.batch};
    const size_t batch = (size_t)d->options.batch;
    f->graph = graph;
    f->n_inputs = graph->nodes[0].c;
    f->n_outputs = graph->nodes[graph->n_nodes - 1].c;
    TRY(sequence_open(backend, graph, &options, &f->plan));
    TRY(sequence_open(backend, graph, &forward, &f->target));
    f->n_optimizer = sequence_optimizer_count(f->plan);
    ARENA_NEW(&d->arena, f->params, graph->n_floats);
    ARENA_NEW(&d->arena, f->target_params, graph->n_floats);
    ARENA_NEW(&d->arena, f->optimizer, f->n_optimizer);
    ARENA_NEW(&d->arena, f->inputs, batch * (size_t)f->n_inputs);
    ARENA_NEW(&d->arena, f->d_inputs, batch * (size_t)f->n_inputs);
    ARENA_NEW(&d->arena, f->outputs, batch * (size_t)f->n_outputs);
    ARENA_NEW(&d->arena, f->d_outputs, batch * (size_t)f->n_outputs);
    return OK;
}

static enum status open_parts(struct ddpg *d, struct backend *backend, const struct graph *actor)
{
    const size_t replay = (size_t)d->options.replay, batch = (size_t)d->options.batch;
    d->n_state = actor->nodes[0].c;
    TRY(make_critic(d->n_state + 1, d->options.hidden, &d->critic_graph));
    TRY(open_follower(d, backend, actor, &d->actor));
    TRY(open_follower(d, backend, &d->critic_graph, &d->critic));
    ARENA_NEW(&d->arena, d->states, replay * (size_t)d->n_state);
    ARENA_NEW(&d->arena, d->nexts, replay * (size_t)d->n_state);
    ARENA_NEW(&d->arena, d->actions, replay);
    ARENA_NEW(&d->arena, d->rewards, replay);
    ARENA_NEW(&d->arena, d->lasts, replay);
    ARENA_NEW(&d->arena, d->drawn, batch);
    ARENA_NEW(&d->arena, d->goals, batch);
    ARENA_NEW(&d->arena, d->d_actions, batch);
    return OK;
}

enum status ddpg_open(struct backend *backend, const struct graph *actor,
                      const struct ddpg_options *options, struct ddpg **out)
{
    struct ddpg *d = calloc(1, sizeof *d);
    if (d == NULL) {
        FAIL(ERR_MEMORY, "no memory for an actor and its critic");
    }
    d->options = *options;
    const enum status status = open_parts(d, backend, actor);
    if (status != OK) {
        ddpg_close(d);
        return status;
    }
    *out = d;
    return OK;
}

void ddpg_close(struct ddpg *d)
{
    if (d == NULL) {
        return;
    }
    sequence_close(d->actor.plan);
    sequence_close(d->actor.target);
    sequence_close(d->critic.plan);
    sequence_close(d->critic.target);
    graph_close(&d->critic_graph);
    arena_close(&d->arena);
    free(d);
}

static void load_follower(struct follower *f, int64_t step)
{
    sequence_load(f->plan, f->params);
    sequence_load(f->target, f->target_params);
    sequence_load_optimizer(f->plan, f->optimizer, step);
}

void ddpg_begin(struct ddpg *d, const float *actor, uint64_t seed)
{
    struct follower *both[2] = {&d->actor, &d->critic};
    memset(d->counts, 0, sizeof d->counts);
    d->baseline = 0.0;
    memcpy(d->actor.params, actor, d->actor.graph->n_floats * sizeof *actor);
    init_critic(&d->critic_graph, seed, d->critic.params);
    for (int i = 0; i < 2; i++) {
        struct follower *f = both[i];
        memcpy(f->target_params, f->params, f->graph->n_floats * sizeof *f->params);
        memset(f->optimizer, 0, f->n_optimizer * sizeof *f->optimizer);
        load_follower(f, 0);
    }
}

void ddpg_remember(struct ddpg *d, const struct ddpg_transition *t)
{
    const size_t at = (size_t)(d->counts[COUNT_ADDED]++ % d->options.replay);
    const size_t n = (size_t)d->n_state;
    memcpy(d->states + at * n, t->state, n * sizeof *t->state);
    if (t->last) {
        memset(d->nexts + at * n, 0, n * sizeof *t->state);
    } else {
        memcpy(d->nexts + at * n, t->next, n * sizeof *t->next);
    }
    d->actions[at] = t->action;
    d->rewards[at] = t->reward;
    d->lasts[at] = t->last ? 1.0F : 0.0F;
}

static float sigmoid(float x)
{
    return 1.0F / (1.0F + expf(-x));
}

// Inputs of the critic: states side by side with actions.
static void join(struct ddpg *d, const float *states, int i, float action)
{
    float *row = d->critic.inputs + (size_t)i * (size_t)d->critic.n_inputs;
    memcpy(row, states, (size_t)d->n_state * sizeof *row);
    row[d->n_state] = action;
}

static float actor_output(const struct ddpg *d, int i)
{
    return d->actor.outputs[(size_t)i * (size_t)d->actor.n_outputs];
}

static const float *actor_input(const struct ddpg *d, int i)
{
    return d->actor.inputs + (size_t)i * (size_t)d->n_state;
}

static void fill_actor_inputs(struct ddpg *d, const float *states)
{
    const size_t n = (size_t)d->n_state;
    for (int i = 0; i < d->options.batch; i++) {
        memcpy(d->actor.inputs + (size_t)i * n, states + (size_t)d->drawn[i] * n,
               n * sizeof *states);
    }
}

// Draws the transitions of this update; goals: r - baseline + discount Q'(s', mu'(s')).
static void draw(struct ddpg *d)
{
    const int64_t added = d->counts[COUNT_ADDED];
    const uint32_t held = (uint32_t)(added < d->options.replay ? added : d->options.replay);
    struct rng rng = rng_make(d->options.seed, RNG_REPLAY, (uint64_t)d->counts[COUNT_UPDATES], 0);
    double sum = 0.0;
    for (int i = 0; i < d->options.batch; i++) {
        d->drawn[i] = (int32_t)rng_below(&rng, held);
        sum += (double)d->rewards[d->drawn[i]];
    }
    const double mean = sum / d->options.batch;
    d->baseline = d->counts[COUNT_UPDATES] == 0
                      ? mean
                      : d->baseline + d->options.baseline_rate * (mean - d->baseline);
    d->counts[COUNT_UPDATES]++;

    fill_actor_inputs(d, d->nexts);
    CHECK(sequence_forward(d->actor.target, d->actor.inputs, NULL, NULL, d->actor.outputs) == OK);
    for (int i = 0; i < d->options.batch; i++) {
        join(d, actor_input(d, i), i, sigmoid(actor_output(d, i)));
    }
    CHECK(sequence_forward(d->critic.target, d->critic.inputs, NULL, NULL, d->critic.outputs) ==
          OK);
    for (int i = 0; i < d->options.batch; i++) {
        const int k = d->drawn[i];
        const double later =
            d->options.discount * (1.0 - (double)d->lasts[k]) * (double)d->critic.outputs[i];
        d->goals[i] = (float)((double)d->rewards[k] - d->baseline + later);
    }
}

// Adam's step, and the new weights to the host.
static bool step(struct follower *f, double rate, int64_t *steps)
{
    double norm = 0.0;
    CHECK(sequence_step(f->plan, (float)rate, &norm) == OK);
    if (!isfinite(norm)) {
        return false;
    }
    (*steps)++;
    CHECK(sequence_params(f->plan, f->params) == OK);
    return true;
}

static bool update_critic(struct ddpg *d, struct ddpg_result *out)
{
    double loss = 0.0;
    for (int i = 0; i < d->options.batch; i++) {
        const int k = d->drawn[i];
        join(d, d->states + (size_t)k * (size_t)d->n_state, i, d->actions[k]);
    }
    CHECK(sequence_forward(d->critic.plan, d->critic.inputs, NULL, NULL, d->critic.outputs) == OK);
    for (int i = 0; i < d->options.batch; i++) {
        const float error = d->critic.outputs[i] - d->goals[i];
        loss += (double)error * (double)error;
        d->critic.d_outputs[i] = 2.0F * error / (float)d->options.batch;
    }
    out->critic_loss = loss / d->options.batch;
    CHECK(sequence_backward(d->critic.plan, d->critic.d_outputs, NULL) == OK);
    return step(&d->critic, d->options.critic_rate, &d->counts[COUNT_CRITIC_STEPS]);
}

// Up the critic's slope by the action (deterministic policy gradient).
static bool update_actor(struct ddpg *d, struct ddpg_result *out)
{
    double value = 0.0;
    fill_actor_inputs(d, d->states);
    CHECK(sequence_forward(d->actor.plan, d->actor.inputs, NULL, NULL, d->actor.outputs) == OK);
    for (int i = 0; i < d->options.batch; i++) {
        join(d, actor_input(d, i), i, sigmoid(actor_output(d, i)));
        d->critic.d_outputs[i] = -1.0F / (float)d->options.batch;
    }
    CHECK(sequence_forward(d->critic.plan, d->critic.inputs, NULL, NULL, d->critic.outputs) == OK);
    CHECK(sequence_backward(d->critic.plan, d->critic.d_outputs, d->critic.d_inputs) == OK);
    const size_t n_outputs = (size_t)d->actor.n_outputs;
    memset(d->actor.d_outputs, 0,
           (size_t)d->options.batch * n_outputs * sizeof *d->actor.d_outputs);
    for (int i = 0; i < d->options.batch; i++) {
        const float action = sigmoid(actor_output(d, i));
        const size_t row = (size_t)i * (size_t)d->critic.n_inputs;
        d->actor.d_outputs[(size_t)i * n_outputs] =
            d->critic.d_inputs[row + (size_t)d->n_state] * action * (1.0F - action);
        value += (double)d->critic.outputs[i];
    }
    out->value = value / d->options.batch;
    CHECK(sequence_backward(d->actor.plan, d->actor.d_outputs, NULL) == OK);
    return step(&d->actor, d->options.actor_rate, &d->counts[COUNT_ACTOR_STEPS]);
}

static void follow(struct follower *f, float share)
{
    for (size_t i = 0; i < f->graph->n_floats; i++) {
        f->target_params[i] += share * (f->params[i] - f->target_params[i]);
    }
    sequence_load(f->target, f->target_params);
}

bool ddpg_update(struct ddpg *d, struct ddpg_result *out)
{
    CHECK(d->counts[COUNT_ADDED] > 0);
    draw(d);
    const bool critic = update_critic(d, out);
    const bool actor = update_actor(d, out);
    follow(&d->critic, (float)d->options.follow);
    follow(&d->actor, (float)d->options.follow);
    return critic && actor;
}

const float *ddpg_actor(const struct ddpg *d)
{
    return d->actor.params;
}

void ddpg_state(struct ddpg *d, struct state_list *list)
{
    const size_t replay = (size_t)d->options.replay, n = (size_t)d->n_state;
    const size_t n_actor = d->actor.graph->n_floats, n_critic = d->critic_graph.n_floats;
    state_list_add_within(list, "ddpg.counts", HDF5_I64, N_COUNTS, d->counts, 0, STATE_COUNT_MAX);
    state_list_add(list, "ddpg.baseline", HDF5_F64, 1, &d->baseline);
    state_list_add(list, "ddpg.actor", HDF5_F32, n_actor, d->actor.params);
    state_list_add(list, "ddpg.actor_target", HDF5_F32, n_actor, d->actor.target_params);
    state_list_add(list, "ddpg.actor_optimizer", HDF5_F32, d->actor.n_optimizer,
                   d->actor.optimizer);
    state_list_add(list, "ddpg.critic", HDF5_F32, n_critic, d->critic.params);
    state_list_add(list, "ddpg.critic_target", HDF5_F32, n_critic, d->critic.target_params);
    state_list_add(list, "ddpg.critic_optimizer", HDF5_F32, d->critic.n_optimizer,
                   d->critic.optimizer);
    state_list_add(list, "ddpg.states", HDF5_F32, replay * n, d->states);
    state_list_add(list, "ddpg.nexts", HDF5_F32, replay * n, d->nexts);
    state_list_add(list, "ddpg.actions", HDF5_F32, replay, d->actions);
    state_list_add(list, "ddpg.rewards", HDF5_F32, replay, d->rewards);
    state_list_add_within(list, "ddpg.lasts", HDF5_F32, replay, d->lasts, 0, 1);
}

void ddpg_save(struct ddpg *d)
{
    int64_t steps = 0;
    CHECK(sequence_save_optimizer(d->actor.plan, d->actor.optimizer, &steps) == OK);
    CHECK(steps == d->counts[COUNT_ACTOR_STEPS]);
    CHECK(sequence_save_optimizer(d->critic.plan, d->critic.optimizer, &steps) == OK);
    CHECK(steps == d->counts[COUNT_CRITIC_STEPS]);
}

int64_t ddpg_remembered(const struct ddpg *d)
{
    return d->counts[COUNT_ADDED];
}

void ddpg_load(struct ddpg *d)
{
    load_follower(&d->actor, d->counts[COUNT_ACTOR_STEPS]);
    load_follower(&d->critic, d->counts[COUNT_CRITIC_STEPS]);
}
