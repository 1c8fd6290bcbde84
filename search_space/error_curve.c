// Error curves (equations in error_curve.h): one layer after the other says what it loses with each
// channel, and the widths at which channels go make curves of that.
#include "search_space/error_curve.h"

#include "search_space/channel_union.h"
#include "search_space/error_layer.h"

#include <math.h>
#include <string.h>

struct curves {
    const struct error_input *input;
    int *first;     // [groups.n] where each group's channels begin among all
    int *enter;     // [ranking_count] from which width on a channel stays
    double *errors; // [ranking_count] sums over layers
    int *readers;   // [groups.n]
};

// Of groups with equal parts each part keeps its own best.
static void find_enter(const struct curves *curves)
{
    const struct groups *groups = curves->input->groups;
    const int *order = curves->input->ranking->order;
    for (int g = 0, at = 0; g < groups->n; at += groups->groups[g++].channels) {
        const int channels = groups->groups[g].channels, parts = groups->groups[g].equal_parts;
        curves->first[g] = at;
        for (int i = 0; i < channels; i++) {
            curves->enter[at + order[at + i]] = (i % (channels / parts) + 1) * parts;
        }
    }
}

// The mean square of each channel of a tensor, if it is normally distributed before BatchNorm and
// its ReLU follows; 1 where there is no BatchNorm. Its mean m and deviation s are beta and gamma:
// E relu(x)^2 = (m^2 + s^2) P(m/s) + m s p(m/s). relu: one follows the tensor.
static void mean_squares(const struct error_input *input, int node, bool relu, double *square)
{
    const struct graph *graph = input->graph;
    const struct node *n = &graph->nodes[node];
    switch (n->kind) {
    case NODE_ACT:
        mean_squares(input, n->inputs[0], true, square);
        return;
    case NODE_DROPOUT:
    case NODE_MAX_POOL:
    case NODE_AVG_POOL:
    case NODE_GLOBAL_POOL:
        mean_squares(input, n->inputs[0], relu, square);
        return;
    case NODE_CONCAT:
        mean_squares(input, n->inputs[0], relu, square);
        mean_squares(input, n->inputs[1], relu, square + graph->nodes[n->inputs[0]].c);
        return;
    case NODE_BATCHNORM:
        break;
    default:
        for (int c = 0; c < n->c; c++) {
            square[c] = 1;
        }
        return;
    }
    const float *gamma = input->params + graph->params[n->params[0]].offset;
    const float *beta = input->params + graph->params[n->params[1]].offset;
    for (int c = 0; c < n->c; c++) {
        const double m = (double)beta[c], s = fabs((double)gamma[c]) + 1e-12, z = m / s;
        const double above = relu ? 0.5 * erfc(-z * sqrt(0.5)) : 1;
        const double density = relu ? exp(-0.5 * z * z) / 2.5066282746310002 : 0; // sqrt(2 pi)
        square[c] = fmax((m * m + s * s) * above + m * s * density, 0);
    }
}

static void add_curves(const struct curves *curves, const struct error_layer *layer,
                       const double *lost, double total)
{
    int last = -1; // channels of one group lie together, but for a tensor that holds it twice
    for (int c = 0; c < layer->channels; c++) {
        const int g = layer->group[c];
        if (g < 0) {
            continue;
        }
        double *errors = curves->errors + curves->first[g];
        for (int width = 1; width < layer->enter[c]; width++) {
            errors[width - 1] += total > 0 ? lost[c] / total : 0;
        }
        curves->readers[g] += g != last;
        last = g;
    }
}

// What each channel of the layer's input is: layer->group, enter, square.
static enum status describe_input(const struct curves *curves, int tensor, struct arena *arena,
                                  struct error_layer *layer)
{
    const size_t channels = (size_t)curves->input->graph->nodes[tensor].c;
    const struct segment_list list = curves->input->groups->outputs[tensor];
    int *group, *enter;
    double *square;
    ARENA_NEW(arena, group, channels);
    ARENA_NEW(arena, enter, channels);
    ARENA_NEW(arena, square, channels);
    for (int s = 0, at = 0; s < list.n; at += list.segments[s++].count) {
        const int g = list.segments[s].group;
        for (int k = 0; k < list.segments[s].count; k++) {
            group[at + k] = g;
            enter[at + k] = g < 0 ? 0 : curves->enter[curves->first[g] + k];
        }
    }
    mean_squares(curves->input, tensor, false, square);
    layer->group = group;
    layer->enter = enter;
    layer->square = square;
    return OK;
}

static bool reads_groups(const struct graph *graph, const struct groups *groups, int node)
{
    const struct node *n = &graph->nodes[node];
    if ((n->kind != NODE_CONV && n->kind != NODE_LINEAR && n->kind != NODE_LSTM) ||
        channel_is_depthwise(graph, node)) {
        return false;
    }
    const struct segment_list list = groups->outputs[n->inputs[0]];
    for (int s = 0; s < list.n; s++) {
        if (list.segments[s].group >= 0) {
            return true;
        }
    }
    return false;
}

static const struct refit_layer *find_gram(const struct refit *refit, int node, int part)
{
    for (int i = 0; refit != NULL && i < refit->n_layers; i++) {
        if (refit->layers[i].node == node && refit->layers[i].part == part) {
            return &refit->layers[i];
        }
    }
    return NULL;
}

static enum status add_part(const struct curves *curves, const struct error_layer *whole, int node,
                            int part, struct arena *arena)
{
    const struct error_input *input = curves->input;
    const struct node *n = &input->graph->nodes[node];
    const struct param *weights = &input->graph->params[n->params[0]];
    const int parts = n->kind == NODE_CONV ? n->groups : 1;
    struct error_layer layer = *whole;
    layer.channels = input->graph->nodes[n->inputs[0]].c / parts;
    layer.rows = weights->dims[0] / parts;
    layer.taps = (int)(weights->count / (size_t)weights->dims[0]) / layer.channels;
    layer.weights =
        input->params + weights->offset + (size_t)part * (weights->count / (size_t)parts);
    layer.group += part * layer.channels;
    layer.enter += part * layer.channels;
    layer.square += part * layer.channels;
    layer.gram = find_gram(input->refit, node, part);
    layer.lambda = input->refit != NULL ? input->refit->lambda : 0;
    double *lost, total;
    ARENA_NEW(arena, lost, (size_t)layer.channels);
    TRY(error_layer_lost(&layer, arena, lost, &total));
    if (!isfinite(total)) {
        FAIL(ERR_INPUT,
             "%s: its weights are not finite; use a network that trained without "
             "diverging",
             n->name);
    }
    add_curves(curves, &layer, lost, total);
    return OK;
}

static enum status add_node(const struct curves *curves, int node, struct arena *arena)
{
    const struct node *n = &curves->input->graph->nodes[node];
    struct error_layer whole = {0};
    TRY(describe_input(curves, n->inputs[0], arena, &whole));
    const int parts = n->kind == NODE_CONV ? n->groups : 1;
    for (int p = 0; p < parts; p++) {
        TRY(add_part(curves, &whole, node, p, arena));
    }
    return OK;
}

// Means over the layers, and what rounding may have done put right.
static void finish(const struct curves *curves, float *errors, int *readers)
{
    const struct groups *groups = curves->input->groups;
    for (int g = 0; g < groups->n; g++) {
        const int first = curves->first[g], channels = groups->groups[g].channels;
        double least = 1;
        for (int i = 0; i < channels; i++) {
            const double mean = curves->errors[first + i] / fmax(curves->readers[g], 1);
            least = fmin(fmax(mean, 0), least);
            errors[first + i] = (float)least;
        }
        readers[g] = curves->readers[g];
    }
}

static enum status make(struct curves *curves, struct arena *arena, struct arena *scratch)
{
    const struct error_input *input = curves->input;
    const size_t n = (size_t)input->groups->n, channels = (size_t)ranking_count(input->groups);
    ARENA_NEW(arena, curves->first, n);
    ARENA_NEW(arena, curves->enter, channels);
    ARENA_NEW(arena, curves->errors, channels);
    ARENA_NEW(arena, curves->readers, n);
    find_enter(curves);
    for (int i = 0; i < input->graph->n_nodes; i++) {
        if (reads_groups(input->graph, input->groups, i)) {
            TRY(add_node(curves, i, scratch));
            arena_reset(scratch);
        }
    }
    return OK;
}

enum status error_curves(const struct error_input *input, float *errors, int *readers)
{
    struct curves curves = {.input = input};
    struct arena arena = {0}, scratch = {0};
    const enum status status = make(&curves, &arena, &scratch);
    if (status == OK) {
        finish(&curves, errors, readers);
    }
    arena_close(&scratch);
    arena_close(&arena);
    return status;
}
