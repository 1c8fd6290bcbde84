// Equations in error_curve.h.
#include "search_space/error_layer.h"

#include "compute/blas.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Columns of the layer in the order of the factor: those never cut, then group after group, each
// with its best channels first.
struct column {
    int index;
    int group, enter;
};
struct factor {
    int n, rows;
    struct column *columns; // [n]
    double *lower;          // [n][n]
    double *weights;        // [rows][n]
    double *product;        // [rows][n]: weights * lower
};

static int by_group_and_enter(const void *a, const void *b)
{
    const struct column *x = a, *y = b;
    if (x->group != y->group) {
        return x->group < y->group ? -1 : 1;
    }
    if (x->enter != y->enter) {
        return x->enter < y->enter ? -1 : 1;
    }
    return (x->index > y->index) - (x->index < y->index);
}

static double gram_at(const struct refit_layer *layer, int i, int j)
{
    const size_t row = (size_t)(i > j ? i : j), column = (size_t)(i > j ? j : i);
    return layer->gram[row * (row + 1) / 2 + column];
}

// The ridge is the refit's; where that is too little for the rounding, more.
static enum status factor_gram(const struct error_layer *layer, struct factor *f)
{
    const size_t n = (size_t)f->n;
    double mean = 0;
    for (int i = 0; i < f->n; i++) {
        mean += gram_at(layer->gram, i, i) / f->n;
    }
    const double scale = mean > 0 ? mean : 1;
    double ridge = layer->lambda * scale;
    enum status status = ERR_INPUT;
    while (status == ERR_INPUT && ridge <= 1e3 * scale) {
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j <= i; j++) {
                f->lower[i * n + j] =
                    gram_at(layer->gram, f->columns[i].index, f->columns[j].index);
            }
            f->lower[i * n + i] += ridge;
        }
        status = blas_cholesky(f->n, f->lower, f->n);
        ridge *= 10;
    }
    return status;
}

static enum status open_factor(const struct error_layer *layer, struct arena *arena,
                               struct factor *f)
{
    *f = (struct factor){.n = layer->channels * layer->taps, .rows = layer->rows};
    const size_t n = (size_t)f->n, rows = (size_t)f->rows;
    ARENA_NEW(arena, f->columns, n);
    ARENA_NEW(arena, f->lower, n * n);
    ARENA_NEW(arena, f->weights, rows * n);
    ARENA_NEW(arena, f->product, rows * n);
    for (int i = 0; i < f->n; i++) {
        const int c = i / layer->taps;
        const int group = layer->group[c] < 0 ? -1 : layer->group[c];
        f->columns[i] = (struct column){i, group, group < 0 ? 0 : layer->enter[c]};
    }
    qsort(f->columns, n, sizeof *f->columns, by_group_and_enter);
    for (size_t o = 0; o < rows; o++) {
        for (size_t i = 0; i < n; i++) {
            f->weights[o * n + i] = (double)layer->weights[o * n + (size_t)f->columns[i].index];
        }
    }
    TRY(factor_gram(layer, f));
    memcpy(f->product, f->weights, rows * n * sizeof *f->product);
    blas_times_lower(f->rows, f->n, f->lower, f->product);
    return OK;
}

// Columns [from, to) of a matrix [rows][n]: sums of squares, onto the channels they belong to.
static void add_squares(const struct error_layer *layer, const struct column *columns, int n,
                        const double *matrix, double *lost)
{
    for (int o = 0; o < layer->rows; o++) {
        for (int i = 0; i < n; i++) {
            const double value = matrix[(size_t)o * (size_t)n + (size_t)i];
            lost[columns[i].index / layer->taps] += value * value;
        }
    }
}

// A group that is not the last: with Y = L^-1 E_C, (G^-1)_CC = Y^T Y; factored with the worst
// column first, R R^T, the loss of the worst so many is the sum of the squares in the first rows of
// R^-1 W_C^T.
static enum status lost_of_group(const struct error_layer *layer, const struct factor *f, int from,
                                 int to, struct arena *arena, double *lost)
{
    const size_t n = (size_t)f->n, count = (size_t)(to - from);
    const int n_cut = to - from;
    double *units, *inverse, *weights;
    struct column *columns;
    ARENA_NEW(arena, units, count * n);
    ARENA_NEW(arena, inverse, count * count);
    ARENA_NEW(arena, weights, (size_t)f->rows * count);
    ARENA_NEW(arena, columns, count);
    for (size_t i = 0; i < count; i++) {
        const size_t column = (size_t)to - 1 - i;
        columns[i] = f->columns[column];
        units[i * n + column] = 1;
        for (size_t o = 0; o < (size_t)f->rows; o++) {
            weights[o * count + i] = f->weights[o * n + column];
        }
    }
    blas_solve_lower(false, n_cut, f->n, f->lower, f->n, units, f->n);
    blas_gemm_double(false, true, n_cut, n_cut, f->n, 1.0, units, f->n, units, f->n, 0.0, inverse,
                     n_cut);
    TRY(blas_cholesky(n_cut, inverse, n_cut));
    blas_solve_lower(false, f->rows, n_cut, inverse, n_cut, weights, n_cut);
    add_squares(layer, columns, n_cut, weights, lost);
    return OK;
}

// What the loss of each output's square counts for. squares [rows], in: their sums; out: factors.
static void weigh_outputs(const struct error_layer *layer, double *squares)
{
    double total = 0;
    for (int o = 0; o < layer->rows; o++) {
        total += squares[o];
    }
    for (int o = 0; o < layer->rows; o++) {
        const double whole = layer->worth != NULL ? squares[o] : total;
        const double worth = layer->worth != NULL ? layer->worth[o] : 1;
        squares[o] = squares[o] > 0 ? worth / whole : 0;
    }
}

static enum status weigh_factor(const struct error_layer *layer, struct arena *arena,
                                const struct factor *f)
{
    const size_t n = (size_t)f->n;
    double *factors;
    ARENA_NEW(arena, factors, (size_t)f->rows);
    for (size_t o = 0; o < (size_t)f->rows; o++) {
        for (size_t i = 0; i < n; i++) {
            factors[o] += f->product[o * n + i] * f->product[o * n + i];
        }
    }
    weigh_outputs(layer, factors);
    for (size_t o = 0; o < (size_t)f->rows; o++) {
        const double scale = sqrt(factors[o]);
        for (size_t i = 0; i < n; i++) {
            f->weights[o * n + i] *= scale;
            f->product[o * n + i] *= scale;
        }
    }
    return OK;
}

static enum status lost_by_gram(const struct error_layer *layer, struct arena *arena, double *lost)
{
    struct factor f;
    TRY(open_factor(layer, arena, &f));
    TRY(weigh_factor(layer, arena, &f));
    for (int from = 0, to; from < f.n; from = to) {
        for (to = from + 1; to < f.n && f.columns[to].group == f.columns[from].group;) {
            to++;
        }
        if (f.columns[from].group < 0) {
            continue;
        }
        if (to < f.n) {
            TRY(lost_of_group(layer, &f, from, to, arena, lost));
            continue;
        }
        for (size_t o = 0; o < (size_t)f.rows; o++) {
            for (int i = from; i < to; i++) {
                const double value = f.product[o * (size_t)f.n + (size_t)i];
                lost[f.columns[i].index / layer->taps] += value * value;
            }
        }
    }
    return OK;
}

static enum status lost_by_weights(const struct error_layer *layer, struct arena *arena,
                                   double *lost)
{
    const size_t channels = (size_t)layer->channels;
    double *squares, *factors;
    ARENA_NEW(arena, squares, (size_t)layer->rows * channels);
    ARENA_NEW(arena, factors, (size_t)layer->rows);
    const float *weights = layer->weights;
    for (size_t i = 0; i < (size_t)layer->rows * channels; i++) {
        for (int t = 0; t < layer->taps; t++, weights++) {
            squares[i] += (double)*weights * (double)*weights * layer->square[i % channels];
        }
        factors[i / channels] += squares[i];
    }
    weigh_outputs(layer, factors);
    for (size_t i = 0; i < (size_t)layer->rows * channels; i++) {
        lost[i % channels] += squares[i] * factors[i / channels];
    }
    return OK;
}

enum status error_layer_lost(const struct error_layer *layer, struct arena *arena, double *lost)
{
    memset(lost, 0, (size_t)layer->channels * sizeof *lost);
    return layer->gram != NULL ? lost_by_gram(layer, arena, lost)
                               : lost_by_weights(layer, arena, lost);
}
