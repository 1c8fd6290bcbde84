// With the inputs ordered as they would be kept, the best first, and G = L L^T their Gram matrix,
// column j of W L is what input j adds to the output beyond what all inputs before it can
// reproduce. So keeping the first k inputs leaves the energy of the columns after k, for every k at
// once.
#include "search_space/width_errors.h"

#include "compute/blas.h"
#include "search_space/refit_reader.h"

#include <math.h>
#include <string.h>

// How a layer's error counts in width_scores: times pixels^-PIXEL_POWER, the pixels of its output.
#define PIXEL_POWER 0.125

struct curve {
    const struct criterion_input *network;
    const struct refit *refit; // NULL: from weights alone
    int group, n_ranks;        // channels of each equal part
    int *rank;                 // [channels]: place of a channel within its part, the best 0
    double *energy;            // [n_ranks]: what the channels of a rank add, of one reading layer
    double total;              // of all inputs of that layer
    double pixel_power;        // 0: every layer's error counts alike
};

// ranks [channels of the reader]: of the curve's group, -1 for what always stays.
static void fill_ranks(const struct curve *curve, const struct reader *reader, int *ranks)
{
    reader_owners(curve->network, reader, curve->group, ranks);
    for (int c = 0; c < reader->channels; c++) {
        ranks[c] = ranks[c] >= 0 ? curve->rank[ranks[c]] : -1;
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
        TRY(reader_factor(curve->refit, reader, order, matrix));
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

// Adds a layer's errors to errors [n].
static enum status add_layer(struct curve *curve, int node, struct arena *scratch,
                             const int *widths, int n, double *errors)
{
    curve->total = 0;
    memset(curve->energy, 0, (size_t)curve->n_ranks * sizeof *curve->energy);
    for (int p = 0; p < reader_parts(curve->network->graph, node); p++) {
        const struct reader reader = reader_of(curve->network, curve->refit, node, p);
        TRY(add_reader(curve, &reader, scratch));
        arena_reset(scratch);
    }
    const struct channel_group *group = &curve->network->groups->groups[curve->group];
    const struct node *output = &curve->network->graph->nodes[node];
    const double pixels = (double)output->h * output->w;
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
        errors[i] += lost / curve->total * pow(pixels, -curve->pixel_power);
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
    CHECK(curve->n_ranks > 0);
    ARENA_NEW(arena, curve->rank, (size_t)group->channels);
    ARENA_NEW(arena, curve->energy, (size_t)curve->n_ranks);
    for (int k = 0; k < group->channels; k++) {
        curve->rank[order[k]] = k % curve->n_ranks;
    }
    for (int i = 0; i < curve->network->graph->n_nodes; i++) {
        if (reader_reads(curve->network, i, curve->group)) {
            TRY(add_layer(curve, i, scratch, widths, n, errors));
        }
    }
    return OK;
}

static enum status weighted_errors(const struct criterion_input *network, const struct refit *refit,
                                   const struct ranking *ranking, int group, double pixel_power,
                                   const int *widths, int n, double *errors)
{
    CHECK(group >= 0 && group < network->groups->n);
    const struct channel_group *g = &network->groups->groups[group];
    for (int i = 0; i < n; i++) {
        CHECK(widths[i] >= 0 && widths[i] <= g->channels && widths[i] % g->equal_parts == 0);
        errors[i] = 0;
    }
    struct curve curve = {
        .network = network, .refit = refit, .group = group, .pixel_power = pixel_power};
    struct arena arena = {0}, scratch = {0};
    const enum status status = find_errors(&curve, ranking, &arena, &scratch, widths, n, errors);
    arena_close(&scratch);
    arena_close(&arena);
    return status;
}

enum status width_errors(const struct criterion_input *network, const struct refit *refit,
                         const struct ranking *ranking, int group, const int *widths, int n,
                         double *errors)
{
    return weighted_errors(network, refit, ranking, group, 0, widths, n, errors);
}

// order [channels]: the group's, as ranked.
static enum status score_group(const struct criterion_input *network, const struct refit *refit,
                               const struct ranking *ranking, int group, const int *order,
                               double cost, struct arena *scratch, float *scores)
{
    const struct channel_group *g = &network->groups->groups[group];
    const int part = g->channels / g->equal_parts;
    int *widths;
    double *errors;
    CHECK(part > 0);
    ARENA_NEW(scratch, widths, (size_t)part + 1);
    ARENA_NEW(scratch, errors, (size_t)part + 1);
    for (int r = 0; r <= part; r++) {
        widths[r] = r * g->equal_parts;
    }
    TRY(weighted_errors(network, refit, ranking, group, PIXEL_POWER, widths, part + 1, errors));
    for (int k = 0; k < g->channels; k++) {
        const int rank = k % part;
        const double rise = (errors[rank] - errors[rank + 1]) / g->equal_parts;
        scores[order[k]] = (float)(rise / cost);
    }
    return OK;
}

enum status width_scores(const struct criterion_input *network, const struct refit *refit,
                         const struct ranking *ranking, const double *costs, struct arena *arena,
                         float ***scores)
{
    const struct groups *groups = network->groups;
    float **rows, *all;
    ARENA_NEW(arena, rows, (size_t)groups->n);
    ARENA_NEW(arena, all, (size_t)ranking_count(groups));
    struct arena scratch = {0};
    enum status status = OK;
    const int *order = ranking->order;
    for (int g = 0; status == OK && g < groups->n; g++) {
        rows[g] = all;
        status = score_group(network, refit, ranking, g, order, costs[g], &scratch, rows[g]);
        arena_reset(&scratch);
        all += groups->groups[g].channels;
        order += groups->groups[g].channels;
    }
    arena_close(&scratch);
    *scores = rows;
    return status;
}
