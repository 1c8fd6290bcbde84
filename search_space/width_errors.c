// With the inputs ordered as they would be kept, the best first, and G = L L^T their Gram matrix,
// column j of W L is what input j adds to the output beyond what all inputs before it can
// reproduce. So keeping the first k inputs leaves the energy of the columns after k, for every k at
// once.
#include "search_space/width_errors.h"

#include "compute/blas.h"
#include "search_space/channel_union.h"
#include "search_space/refit_state.h"

#include <math.h>
#include <string.h>

struct curve {
    const struct criterion_input *network;
    const struct refit *refit; // NULL: from weights alone
    int group, n_ranks;        // channels of each equal part
    int *rank;                 // [channels]: place of a channel within its part, the best 0
    double *energy;            // [n_ranks]: what the channels of a rank add, of one reading layer
    double total;              // of all inputs of that layer
};

// One part of a layer that reads: weight [rows][channels][block].
struct reader {
    int node, part;
    int rows, channels, block;
    const float *weights;
    const struct refit_layer *gram; // NULL: none
};

static bool reads_group(const struct curve *curve, int node)
{
    const struct graph *graph = curve->network->graph;
    const struct node *n = &graph->nodes[node];
    const bool reads = n->kind == NODE_CONV || n->kind == NODE_LINEAR || n->kind == NODE_LSTM;
    if (!reads || channel_is_depthwise(graph, node)) {
        return false;
    }
    const struct segment_list *list = &curve->network->groups->outputs[n->inputs[0]];
    for (int s = 0; s < list->n; s++) {
        if (list->segments[s].group == curve->group) {
            return true;
        }
    }
    return false;
}

static int parts_of(const struct node *node)
{
    return node->kind == NODE_CONV ? node->groups : 1;
}

static struct reader reader_of(const struct curve *curve, int node, int part)
{
    const struct graph *graph = curve->network->graph;
    const struct node *n = &graph->nodes[node];
    const struct param *param = &graph->params[n->params[0]];
    const int parts = parts_of(n), rows = n->kind == NODE_LSTM ? 4 * n->c : n->c / parts;
    const size_t count = param->count / (size_t)parts;
    struct reader reader = {
        .node = node,
        .part = part,
        .rows = rows,
        .channels = graph->nodes[n->inputs[0]].c / parts,
        .weights = curve->network->params + param->offset + (size_t)part * count,
    };
    reader.block = (int)(count / (size_t)rows / (size_t)reader.channels);
    for (int l = 0; curve->refit != NULL && l < curve->refit->n_layers; l++) {
        const struct refit_layer *layer = &curve->refit->layers[l];
        if (layer->node == node && layer->part == part) {
            reader.gram = layer;
        }
    }
    return reader;
}

// ranks [channels of the reader]: of the curve's group, -1 for what always stays.
static void fill_ranks(const struct curve *curve, const struct reader *reader, int *ranks)
{
    const struct graph *graph = curve->network->graph;
    const struct segment_list *list =
        &curve->network->groups->outputs[graph->nodes[reader->node].inputs[0]];
    const int first = reader->part * reader->channels;
    for (int s = 0, at = 0; s < list->n; at += list->segments[s++].count) {
        for (int k = 0; k < list->segments[s].count; k++) {
            const int channel = at + k - first;
            if (channel >= 0 && channel < reader->channels) {
                ranks[channel] = list->segments[s].group == curve->group ? curve->rank[k] : -1;
            }
        }
    }
}

// order [channels]: what always stays, then the group's channels, the best first.
static void sort_channels(const struct reader *reader, int n_ranks, const int *ranks, int *order)
{
    int n = 0;
    for (int rank = -1; rank < n_ranks; rank++) {
        for (int c = 0; c < reader->channels; c++) {
            if (ranks[c] == rank) {
                order[n++] = c;
            }
        }
    }
    CHECK(n == reader->channels);
}

// The factor of the reader's Gram matrix in this order, with the pull of the refit; when rounding
// made it indefinite, with a stronger one.
static enum status factor_gram(const struct refit *refit, const struct reader *reader,
                               const int *order, double *matrix)
{
    const double *gram = reader->gram->gram;
    const int block = reader->block;
    const size_t columns = (size_t)reader->channels * (size_t)block;
    double mean = 0;
    for (size_t i = 0; i < columns; i++) {
        mean += gram[i * (i + 1) / 2 + i] / (double)columns;
    }
    const double scale = mean > 0 ? mean : 1;
    double mu = refit->lambda * scale;
    enum status status = ERR_INPUT;
    while (status == ERR_INPUT && mu <= 1e3 * scale) {
        for (size_t i = 0; i < columns; i++) {
            const size_t a = (size_t)(order[i / (size_t)block] * block) + i % (size_t)block;
            for (size_t j = 0; j <= i; j++) {
                const size_t b = (size_t)(order[j / (size_t)block] * block) + j % (size_t)block;
                const size_t row = a > b ? a : b, column = a > b ? b : a;
                matrix[i * columns + j] = gram[row * (row + 1) / 2 + column] + (i == j ? mu : 0.0);
            }
        }
        status = blas_cholesky((int)columns, matrix);
        mu *= 10;
    }
    return status;
}

// Adds the energy of one part of a layer to the curve's.
static enum status add_reader(struct curve *curve, const struct reader *reader,
                              struct arena *scratch)
{
    const size_t rows = (size_t)reader->rows, block = (size_t)reader->block;
    const size_t columns = (size_t)reader->channels * block;
    int *ranks, *order;
    double *outputs; // [rows][columns]: W, then W L
    ARENA_NEW(scratch, ranks, (size_t)reader->channels);
    ARENA_NEW(scratch, order, (size_t)reader->channels);
    ARENA_NEW(scratch, outputs, rows * columns);
    fill_ranks(curve, reader, ranks);
    sort_channels(reader, curve->n_ranks, ranks, order);
    for (size_t i = 0; i < rows * columns; i++) {
        const size_t row = i / columns, j = i % columns;
        outputs[i] =
            (double)reader->weights[row * columns + (size_t)order[j / block] * block + j % block];
    }
    if (reader->gram != NULL) {
        double *matrix;
        ARENA_NEW(scratch, matrix, columns * columns);
        TRY(factor_gram(curve->refit, reader, order, matrix));
        blas_times_lower(reader->rows, (int)columns, matrix, outputs);
    }
    for (size_t i = 0; i < rows * columns; i++) {
        const int rank = ranks[order[i % columns / block]];
        const double energy = outputs[i] * outputs[i];
        curve->total += energy;
        curve->energy[rank >= 0 ? rank : 0] += rank >= 0 ? energy : 0;
    }
    return OK;
}

// Adds a layer's errors, divided by `share`, to errors [n].
static enum status add_layer(struct curve *curve, int node, struct arena *scratch,
                             const int *widths, int n, double *errors)
{
    curve->total = 0;
    memset(curve->energy, 0, (size_t)curve->n_ranks * sizeof *curve->energy);
    for (int p = 0; p < parts_of(&curve->network->graph->nodes[node]); p++) {
        const struct reader reader = reader_of(curve, node, p);
        TRY(add_reader(curve, &reader, scratch));
        arena_reset(scratch);
    }
    const struct channel_group *group = &curve->network->groups->groups[curve->group];
    if (!isfinite(curve->total)) {
        FAIL(ERR_INPUT,
             "the outputs of %s have no finite size; use a network that trained without "
             "diverging",
             curve->network->graph->nodes[node].name);
    }
    for (int i = 0; curve->total > 0 && i < n; i++) {
        double lost = 0;
        for (int rank = widths[i] / group->equal_parts; rank < curve->n_ranks; rank++) {
            lost += curve->energy[rank];
        }
        errors[i] += lost / curve->total;
    }
    return OK;
}

static enum status find_errors(struct curve *curve, const struct ranking *ranking,
                               struct arena *arena, struct arena *scratch, const int *widths, int n,
                               double *errors)
{
    const struct groups *groups = curve->network->groups;
    const struct channel_group *group = &groups->groups[curve->group];
    const int *order = ranking->order;
    for (int g = 0; g < curve->group; g++) {
        order += groups->groups[g].channels;
    }
    curve->n_ranks = group->channels / group->equal_parts;
    ARENA_NEW(arena, curve->rank, (size_t)group->channels);
    ARENA_NEW(arena, curve->energy, (size_t)curve->n_ranks);
    for (int k = 0; k < group->channels; k++) {
        curve->rank[order[k]] = k % curve->n_ranks;
    }
    int layers = 0;
    for (int i = 0; i < curve->network->graph->n_nodes; i++) {
        if (reads_group(curve, i)) {
            TRY(add_layer(curve, i, scratch, widths, n, errors));
            layers++;
        }
    }
    for (int i = 0; i < n; i++) {
        errors[i] /= layers > 0 ? layers : 1;
    }
    return OK;
}

enum status width_errors(const struct criterion_input *network, const struct refit *refit,
                         const struct ranking *ranking, int group, const int *widths, int n,
                         double *errors)
{
    CHECK(group >= 0 && group < network->groups->n);
    const struct channel_group *g = &network->groups->groups[group];
    for (int i = 0; i < n; i++) {
        CHECK(widths[i] >= 1 && widths[i] <= g->channels && widths[i] % g->equal_parts == 0);
        errors[i] = 0;
    }
    struct curve curve = {.network = network, .refit = refit, .group = group};
    struct arena arena = {0}, scratch = {0};
    const enum status status = find_errors(&curve, ranking, &arena, &scratch, widths, n, errors);
    arena_close(&scratch);
    arena_close(&arena);
    return status;
}
