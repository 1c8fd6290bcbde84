// The network of the policy and the value, as a graph.
#include "agent/agent.h"

#include "agent/distribution.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LAST_INPUTS = 2 }; // action and reward

static const char heads_name[] = "heads";

void agent_make(const struct agent_options *options, const struct agent_shape *shape,
                struct agent *out)
{
    static const int usual_widths[] = {64, 64};
    static const struct int_list usual = {2, usual_widths};
    CHECK(shape->n_obs >= 1 && shape->n_choices >= 1 && shape->n_tasks >= 1);
    const struct distribution *distribution = distributions[options->distribution];
    *out = (struct agent){
        .options = *options,
        .shape = *shape,
        .distribution = distribution,
        .n_inputs = shape->n_obs + (options->last_action ? LAST_INPUTS : 0),
        .n_policy = distribution->outputs(shape->n_choices),
    };
    if (options->dense->n == 0) {
        out->options.dense = &usual;
    }
    out->n_outputs = out->n_policy + shape->n_tasks;
}

// A dense layer over all steps at once: time runs along the height.
static enum status add_dense(struct graph *graph, const char *name, int input, int width, int *out)
{
    const struct conv_attributes attributes = {
        .out_c = width, .kernel_h = 1, .kernel_w = 1, .stride = 1, .bias = true};
    return graph_add_conv(graph, name, input, &attributes, out);
}

static enum status add_layers(const struct agent *agent, struct graph *graph)
{
    const struct agent_options *options = &agent->options;
    const int n_obs = agent->shape.n_obs;
    int node = 0, last = 0;
    if (options->last_action) {
        TRY(graph_add_slice(graph, "last", 0, n_obs, LAST_INPUTS, &last));
        TRY(graph_add_slice(graph, "obs", 0, 0, n_obs, &node));
    }
    for (int i = 0; i < options->dense->n; i++) {
        char name[32];
        snprintf(name, sizeof name, "dense%d", i);
        TRY(add_dense(graph, name, node, options->dense->values[i], &node));
        snprintf(name, sizeof name, "relu%d", i);
        TRY(graph_add_act(graph, name, node, ACTIVATION_RELU, &node));
    }
    if (options->last_action) {
        TRY(graph_add_concat(graph, "joined", node, last, &node));
    }
    if (options->core == CORE_LSTM) {
        TRY(graph_add_lstm(graph, "core", node, options->hidden, &node));
    }
    TRY(add_dense(graph, heads_name, node, agent->n_outputs, &node));
    return graph_finish(graph);
}

enum status agent_graph(const struct agent *agent, int steps, struct graph *out)
{
    struct graph graph;
    TRY(graph_begin(&graph, steps, 1, agent->n_inputs));
    const enum status code = add_layers(agent, &graph);
    if (code != OK) {
        graph_close(&graph);
        return code;
    }
    *out = graph;
    return OK;
}

void agent_init(const struct graph *graph, uint64_t seed, float *params)
{
    const int heads = graph_find_node(graph, heads_name);
    CHECK(heads >= 0);
    graph_init_params(graph, seed, params);
    const struct param *weight = &graph->params[graph->nodes[heads].params[0]];
    for (size_t i = 0; i < weight->count; i++) {
        params[weight->offset + i] *= 0.01F;
    }
}

void agent_input(const struct agent *agent, const float *obs, float last_action, float last_reward,
                 float *out)
{
    const size_t n_obs = (size_t)agent->shape.n_obs;
    memcpy(out, obs, n_obs * sizeof *out);
    if (agent->options.last_action) {
        out[n_obs] = last_action;
        out[n_obs + 1] = copysignf(log1pf(fabsf(last_reward)), last_reward);
    }
}
