// Error curves (equations in error_curve.h): one layer after the other says what it loses with each
// channel, and the widths at which channels go make curves of that.
#include "search_space/error_curve.h"

#include "search_space/channel_union.h"
#include "search_space/error_layer.h"
#include "search_space/moments.h"

#include <math.h>

struct curves {
    const struct error_input *input;
    int *first;              // [groups.n] where each group's channels begin among all
    int *enter;              // [ranking_count] from which width on a channel stays
    double *errors;          // [ranking_count] sums over layers
    int *readers;            // [groups.n]
    struct moments *moments; // [n_nodes]
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

static void add_curves(const struct curves *curves, const struct error_layer *layer,
                       const double *lost)
{
    int last = -1; // channels of one group lie together, but for a tensor that holds it twice
    for (int c = 0; c < layer->channels; c++) {
        const int g = layer->group[c];
        if (g < 0) {
            continue;
        }
        double *errors = curves->errors + curves->first[g];
        for (int width = 1; width < layer->enter[c]; width++) {
            errors[width - 1] += lost[c];
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
    for (size_t c = 0; c < channels; c++) {
        const double mean = curves->moments[tensor].mean[c];
        square[c] = mean * mean + curves->moments[tensor].variance[c];
    }
    layer->group = group;
    layer->enter = enter;
    layer->square = square;
    return OK;
}

static bool reads_groups(const struct graph *graph, const struct groups *groups, int node)
{
    const struct node *n = &graph->nodes[node];
    if (!graph_reads_channels(graph, node)) {
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

// The first node that reads the output of `node`, or -1.
static int next_node(const struct graph *graph, int node)
{
    for (int i = node + 1; i < graph->n_nodes; i++) {
        for (int j = 0; j < graph->nodes[i].n_inputs; j++) {
            if (graph->nodes[i].inputs[j] == node) {
                return i;
            }
        }
    }
    return -1;
}

// worth[o] of all outputs of a layer: its mean square after the BatchNorm behind it, as a share of
// the variance of what it then adds to, or of the layer's own. NULL where there is no BatchNorm.
static enum status find_worth(const struct curves *curves, int node, struct arena *arena,
                              double **out)
{
    const struct graph *graph = curves->input->graph;
    const float *params = curves->input->params;
    const int norm = next_node(graph, node);
    *out = NULL;
    if (norm < 0 || graph->nodes[norm].kind != NODE_BATCHNORM ||
        graph->nodes[node].kind == NODE_LSTM) {
        return OK;
    }
    const struct node *n = &graph->nodes[norm];
    const float *gamma = params + graph->params[n->params[0]].offset;
    const float *mean = params + graph->params[n->params[2]].offset;
    const float *variance = params + graph->params[n->params[3]].offset;
    const int sum = next_node(graph, norm);
    const bool adds = sum >= 0 && graph->nodes[sum].kind == NODE_ADD;
    const struct moments *landing = &curves->moments[adds ? sum : norm];
    double whole = 0;
    for (int c = 0; c < n->c; c++) {
        whole += landing->variance[c];
    }
    double *worth;
    ARENA_NEW(arena, worth, (size_t)n->c);
    for (int c = 0; c < n->c && whole > 0; c++) {
        const double m = (double)mean[c], g = (double)gamma[c];
        worth[c] = g * g * (1 + m * m / fmax((double)variance[c], 1e-12)) / whole;
    }
    *out = worth;
    return OK;
}

static enum status add_part(const struct curves *curves, const struct error_layer *whole, int node,
                            int part, struct arena *arena)
{
    const struct error_input *input = curves->input;
    const struct node *n = &input->graph->nodes[node];
    const struct param *weights = &input->graph->params[n->params[0]];
    const int parts = n->groups;
    struct error_layer layer = *whole;
    layer.channels = input->graph->nodes[n->inputs[0]].c / parts;
    layer.rows = weights->dims[0] / parts;
    layer.taps = (int)(weights->count / (size_t)weights->dims[0]) / layer.channels;
    layer.weights =
        input->params + weights->offset + (size_t)part * (weights->count / (size_t)parts);
    const size_t first = (size_t)part * (size_t)layer.channels;
    layer.group += first;
    layer.enter += first;
    layer.square += first;
    layer.gram = find_gram(input->refit, node, part);
    layer.lambda = input->refit != NULL ? input->refit->lambda : 0;
    layer.worth = whole->worth != NULL ? whole->worth + (size_t)part * (size_t)layer.rows : NULL;
    double *lost, total = 0;
    ARENA_NEW(arena, lost, (size_t)layer.channels);
    TRY(error_layer_lost(&layer, arena, lost));
    for (int c = 0; c < layer.channels; c++) {
        total += lost[c];
    }
    if (!isfinite(total)) {
        FAIL(ERR_INPUT,
             "%s: its weights are not finite; use a network that trained without "
             "diverging",
             n->name);
    }
    add_curves(curves, &layer, lost);
    return OK;
}

static enum status add_node(const struct curves *curves, int node, struct arena *arena)
{
    const struct node *n = &curves->input->graph->nodes[node];
    struct error_layer whole = {0};
    TRY(describe_input(curves, n->inputs[0], arena, &whole));
    double *worth;
    TRY(find_worth(curves, node, arena, &worth));
    whole.worth = worth;
    const int parts = n->groups;
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
        double least = INFINITY;
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
    TRY(moments_guess(input->graph, input->params, arena, &curves->moments));
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
