// Solving: the kept weights of one layer from its Gram matrix (equations in refit.h).
#include "compute/blas.h"
#include "search_space/kept.h"
#include "search_space/refit_state.h"

#include <string.h>

// One layer's system for `outputs` rows: n kept columns (the unknowns) and n_cut cut ones, as
// columns of the uncut layer, ascending.
struct system {
    int n, n_cut, outputs;
    int *kept, *cut;  // [n], [n_cut]
    double *weights;  // [outputs][n_cut]: the kept outputs' weights on the cut columns
    double *cross;    // [n][n_cut]: G_SC
    double *matrix;   // [n][n]
    double *target;   // [outputs][n]: right-hand sides
    double *solution; // [outputs][n]: what is added to the kept weights
};

static enum status open_system(struct system *s, struct arena *arena)
{
    const size_t n = (size_t)s->n, n_cut = (size_t)s->n_cut, outputs = (size_t)s->outputs;
    ARENA_NEW(arena, s->kept, n);
    ARENA_NEW(arena, s->cut, n_cut);
    ARENA_NEW(arena, s->weights, n_cut * outputs);
    ARENA_NEW(arena, s->matrix, n * n);
    ARENA_NEW(arena, s->target, outputs * n);
    ARENA_NEW(arena, s->solution, outputs * n);
    ARENA_NEW(arena, s->cross, n * n_cut);
    return OK;
}

// Row i of the lower triangle: columns 0 .. i.
static const double *gram_row(const struct refit_layer *layer, int i)
{
    return layer->gram + (size_t)i * ((size_t)i + 1) / 2;
}

// The lower triangle of G_SS + mu I.
static void fill_matrix(const struct refit_layer *layer, const struct system *s, double mu)
{
    for (int i = 0; i < s->n; i++) {
        double *row = s->matrix + (size_t)i * (size_t)s->n;
        const double *gram = gram_row(layer, s->kept[i]);
        for (int j = 0; j <= i; j++) {
            row[j] = gram[s->kept[j]];
        }
        row[i] += mu;
    }
}

// target = W_C G_CS: what the cut columns gave, as the kept ones see it. Both lists ascend, so that
// each entry is found in the row of the greater one.
static void fill_target(const struct refit_layer *layer, const struct system *s)
{
    const size_t n_cut = (size_t)s->n_cut;
    for (int i = 0; i < s->n; i++) {
        const double *gram = gram_row(layer, s->kept[i]);
        for (size_t j = 0; j < n_cut && s->cut[j] < s->kept[i]; j++) {
            s->cross[(size_t)i * n_cut + j] = gram[s->cut[j]];
        }
    }
    for (size_t j = 0; j < n_cut; j++) {
        const double *gram = gram_row(layer, s->cut[j]);
        for (int i = 0; i < s->n && s->kept[i] < s->cut[j]; i++) {
            s->cross[(size_t)i * n_cut + j] = gram[s->kept[i]];
        }
    }
    blas_gemm_double(false, true, s->outputs, s->n, s->n_cut, 1.0, s->weights, s->n_cut, s->cross,
                     s->n_cut, 0.0, s->target, s->n);
}

// With fewer samples than unknowns the matrix may come out not positive definite by rounding; a
// stronger pull towards the kept weights then decides what the samples do not.
static enum status solve(const struct refit *refit, const struct refit_layer *layer,
                         const struct system *s)
{
    double mean = 0;
    for (int i = 0; i < s->n; i++) {
        mean += gram_row(layer, s->kept[i])[s->kept[i]] / s->n;
    }
    // Inputs that are zero on every sample say nothing: the pull alone then keeps the weights.
    const double scale = mean > 0 ? mean : 1;
    fill_target(layer, s);
    double mu = refit->lambda * scale;
    enum status status = ERR_INPUT;
    while (status == ERR_INPUT && mu <= 1e3 * scale) {
        fill_matrix(layer, s, mu);
        memcpy(s->solution, s->target, (size_t)s->outputs * (size_t)s->n * sizeof *s->solution);
        status = blas_solve_positive(s->n, s->outputs, s->matrix, s->solution);
        mu *= 10;
    }
    return status;
}

// How many of a list's channels lie before `channel`.
static int count_before(const struct kept_list *list, int channel)
{
    int n = 0;
    while (n < list->n && list->channels[n] < channel) {
        n++;
    }
    return n;
}

// first_in, first_out: where the part's channels begin in the kept lists.
static void fill_system(const struct refit *refit, const struct refit_layer *layer,
                        const struct kept_list *in, const struct kept_list *out, int first_in,
                        int first_out, const struct system *s)
{
    const struct graph *graph = refit->graph;
    const struct node *node = &graph->nodes[layer->node];
    const int taps = node->kernel[0] * node->kernel[1];
    const int part_start = layer->part * (layer->columns / taps);
    int kept = 0, cut = 0;
    for (int column = 0; column < layer->columns; column++) {
        const int next = first_in + kept / taps, channel = part_start + column / taps;
        if (next < in->n && in->channels[next] == channel) {
            s->kept[kept++] = column;
        } else {
            s->cut[cut++] = column;
        }
    }
    CHECK(kept == s->n && cut == s->n_cut);
    const float *weights = refit->params + graph->params[node->params[0]].offset;
    for (int o = 0; o < s->outputs; o++) {
        const float *row = weights + (size_t)out->channels[first_out + o] * (size_t)layer->columns;
        for (int j = 0; j < s->n_cut; j++) {
            s->weights[(size_t)o * (size_t)s->n_cut + (size_t)j] = (double)row[s->cut[j]];
        }
    }
}

static enum status refit_part(const struct refit *refit, const struct refit_layer *layer,
                              const struct kept_list *lists, struct arena *arena,
                              const struct graph *slimmed, float *slimmed_params)
{
    const struct graph *graph = refit->graph;
    const struct node *node = &graph->nodes[layer->node];
    const struct kept_list *in = &lists[node->inputs[0]], *out = &lists[layer->node];
    const int taps = node->kernel[0] * node->kernel[1], part_in = layer->columns / taps;
    const int part_out = node->c / node->groups;
    const int first_in = count_before(in, layer->part * part_in);
    const int first_out = count_before(out, layer->part * part_out);
    const int n_in = count_before(in, (layer->part + 1) * part_in) - first_in;
    const int n_out = count_before(out, (layer->part + 1) * part_out) - first_out;
    if (n_in == part_in) {
        return OK;
    }
    struct system s = {.n = n_in * taps, .n_cut = (part_in - n_in) * taps, .outputs = n_out};
    TRY(open_system(&s, arena));
    fill_system(refit, layer, in, out, first_in, first_out, &s);
    TRY(solve(refit, layer, &s));
    const struct param *param = &slimmed->params[slimmed->nodes[layer->node].params[0]];
    CHECK(param->count == (size_t)out->n * (size_t)s.n);
    float *to = slimmed_params + param->offset + (size_t)first_out * (size_t)s.n;
    const float *weights = refit->params + graph->params[node->params[0]].offset;
    for (int o = 0; o < s.outputs; o++) {
        const float *row = weights + (size_t)out->channels[first_out + o] * (size_t)layer->columns;
        for (int i = 0; i < s.n; i++) {
            const double change = s.solution[(size_t)o * (size_t)s.n + (size_t)i];
            *to++ = (float)((double)row[s.kept[i]] + change);
        }
    }
    return OK;
}

enum status refit_apply(const struct refit *refit, const struct keep *keep,
                        const struct graph *slimmed, float *slimmed_params)
{
    struct arena lists_arena = {0}, arena = {0};
    struct kept_list *lists;
    enum status status = kept_lists(refit->graph, refit->groups, keep, &lists_arena, &lists);
    for (int i = 0; status == OK && i < refit->n_layers; i++) {
        const struct refit_layer *layer = &refit->layers[i];
        status = refit_part(refit, layer, lists, &arena, slimmed, slimmed_params);
        if (status != OK) {
            status = status_context(status, "refitting %s", refit->graph->nodes[layer->node].name);
        }
        arena_reset(&arena);
    }
    arena_close(&arena);
    arena_close(&lists_arena);
    return status;
}
