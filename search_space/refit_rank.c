#include "search_space/refit_rank.h"

#include "compute/blas.h"
#include "search_space/refit_reader.h"

#include <math.h>
#include <string.h>

enum { MOST_STEPS = 64 };

// One part of a layer while channels are taken out. Columns of those that are gone are zero.
struct state {
    struct reader reader;
    int columns;
    int *owners;     // [channels]: of the group, -1: another's
    double *inverse; // [columns][columns], H; NULL: the identity
    double *weights; // [rows][columns], W
    double energy;   // of the layer's outputs, all its parts together
};

struct elimination {
    const struct criterion_input *network;
    const struct refit *refit;
    const struct channel_group *group;
    int batch; // channels of each part that go at once
    int n_states;
    int most_columns, most_rows, most_t; // of any state; most_t: columns that go at once
    struct state *states;
    double *losses; // [channels of the group]
    bool *gone;     // [channels of the group]
    int *picked;    // [columns]: scratch, columns to take out
    double *corner, *left, *solved,
        *rows_left; // scratch: [t][t], [columns][t], likewise, [rows][t]
};

// The factor l [n, n] becomes the inverse of what it is the factor of, both triangles.
static void invert_factored(int n, double *l)
{
    blas_invert_factored(n, l, n);
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < i; j++) {
            l[(size_t)j * (size_t)n + (size_t)i] = l[(size_t)i * (size_t)n + (size_t)j];
        }
    }
}

// c -= a b^T. a [m, k], b [n, k], c [m, n].
static void subtract_product(int m, int n, int k, const double *a, const double *b, double *c)
{
    blas_gemm_double(false, true, m, n, k, -1.0, a, k, b, k, 1.0, c, n);
}

static enum status open_state(const struct elimination *e, int group, struct arena *arena,
                              struct state *state)
{
    const struct reader *reader = &state->reader;
    const size_t columns = (size_t)state->columns, rows = (size_t)reader->rows;
    int *order;
    ARENA_NEW(arena, state->owners, (size_t)reader->channels);
    ARENA_NEW(arena, state->weights, rows * columns);
    ARENA_NEW(arena, order, (size_t)reader->channels);
    reader_owners(e->network, reader, group, state->owners);
    for (int c = 0; c < reader->channels; c++) {
        order[c] = c;
    }
    double *outputs;
    ARENA_NEW(arena, outputs, rows * columns);
    for (size_t i = 0; i < rows * columns; i++) {
        state->weights[i] = outputs[i] = (double)reader->weights[i];
    }
    if (reader->gram != NULL) {
        ARENA_NEW(arena, state->inverse, columns * columns);
        TRY(reader_factor(e->refit, reader, order, state->inverse));
        blas_times_lower(reader->rows, state->columns, state->inverse, outputs);
        invert_factored(state->columns, state->inverse);
    }
    for (size_t i = 0; i < rows * columns; i++) {
        state->energy += outputs[i] * outputs[i];
    }
    if (!isfinite(state->energy)) {
        FAIL(ERR_INPUT,
             "the outputs of %s have no finite size; use a network that trained without diverging",
             e->network->graph->nodes[reader->node].name);
    }
    return OK;
}

// How many columns of the state can go at once. A tensor may hold a group more than once.
static enum status most_taken(const struct elimination *e, const struct state *state,
                              struct arena *arena, int *out)
{
    int *places, most = 0;
    ARENA_NEW(arena, places, (size_t)e->group->channels);
    for (int c = 0; c < state->reader.channels; c++) {
        if (state->owners[c] >= 0) {
            const int n = ++places[state->owners[c]];
            most = n > most ? n : most;
        }
    }
    const int all = most * e->batch * e->group->equal_parts * state->reader.block;
    *out = all < state->columns ? all : state->columns;
    return OK;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

// All parts of all layers that read the group.
static enum status open_states(struct elimination *e, int group, struct arena *arena)
{
    const struct graph *graph = e->network->graph;
    int n = 0;
    for (int i = 0; i < graph->n_nodes; i++) {
        n += reader_reads(e->network, i, group) ? reader_parts(graph, i) : 0;
    }
    ARENA_NEW(arena, e->states, (size_t)n);
    for (int i = 0; i < graph->n_nodes; i++) {
        if (!reader_reads(e->network, i, group)) {
            continue;
        }
        struct state *first = &e->states[e->n_states];
        const int parts = reader_parts(graph, i);
        double energy = 0;
        for (int p = 0; p < parts; p++) {
            first[p].reader = reader_of(e->network, e->refit, i, p);
            first[p].columns = first[p].reader.channels * first[p].reader.block;
            TRY(open_state(e, group, arena, &first[p]));
            energy += first[p].energy;
            int t;
            TRY(most_taken(e, &first[p], arena, &t));
            e->most_columns = larger(first[p].columns, e->most_columns);
            e->most_rows = larger(first[p].reader.rows, e->most_rows);
            e->most_t = larger(t, e->most_t);
        }
        for (int p = 0; p < parts; p++) {
            first[p].energy = energy;
        }
        e->n_states += parts;
    }
    return OK;
}

// Lists the columns of the channels for which taken[owner] holds (taken NULL: of `channel` alone).
static int pick_columns(const struct state *state, int channel, const bool *taken, int *picked)
{
    const int block = state->reader.block;
    int n = 0;
    for (int c = 0; c < state->reader.channels; c++) {
        const int owner = state->owners[c];
        if (owner < 0 || !(taken != NULL ? taken[owner] : owner == channel)) {
            continue;
        }
        for (int i = 0; i < block; i++) {
            picked[n++] = c * block + i;
        }
    }
    return n;
}

// corner = H_cc; left [rows of m][t] = m's columns c.
static void copy_corner(const struct elimination *e, const struct state *state, int t)
{
    for (int i = 0; i < t; i++) {
        const double *row = state->inverse + (size_t)e->picked[i] * (size_t)state->columns;
        for (int j = 0; j < t; j++) {
            e->corner[i * t + j] = row[e->picked[j]];
        }
    }
}

static void copy_columns(const struct elimination *e, const double *from, int rows, int columns,
                         int t, double *to)
{
    for (int r = 0; r < rows; r++) {
        for (int i = 0; i < t; i++) {
            to[r * t + i] = from[(size_t)r * (size_t)columns + (size_t)e->picked[i]];
        }
    }
}

// tr(W_c (H_cc)^-1 W_c^T) as a share of the layer's energy.
static enum status loss_of(const struct elimination *e, const struct state *state, int channel,
                           double *out)
{
    const int t = pick_columns(state, channel, NULL, e->picked), rows = state->reader.rows;
    copy_columns(e, state->weights, rows, state->columns, t, e->rows_left);
    memcpy(e->solved, e->rows_left, (size_t)rows * (size_t)t * sizeof *e->solved);
    if (state->inverse != NULL) {
        copy_corner(e, state, t);
        TRY(blas_solve_positive(t, rows, e->corner, e->solved));
    }
    double sum = 0;
    for (int i = 0; i < rows * t; i++) {
        sum += e->rows_left[i] * e->solved[i];
    }
    *out = state->energy > 0 ? sum / state->energy : 0;
    return OK;
}

// Refits W without the columns of the taken channels and takes them out of H:
//   W -= W_c (H_cc)^-1 H_c,   H -= H_c^T (H_cc)^-1 H_c
static enum status take_out(const struct elimination *e, struct state *state, const bool *taken)
{
    const int t = pick_columns(state, 0, taken, e->picked), n = state->columns;
    const int rows = state->reader.rows;
    if (t > 0 && state->inverse != NULL) {
        copy_corner(e, state, t);
        copy_columns(e, state->inverse, n, n, t, e->left);
        copy_columns(e, state->weights, rows, n, t, e->rows_left);
        memcpy(e->solved, e->left, (size_t)n * (size_t)t * sizeof *e->solved);
        TRY(blas_solve_positive(t, n, e->corner, e->solved));
        subtract_product(rows, n, t, e->rows_left, e->solved, state->weights);
        subtract_product(n, n, t, e->left, e->solved, state->inverse);
    }
    for (int i = 0; i < t; i++) {
        const int column = e->picked[i];
        for (int r = 0; r < rows; r++) {
            state->weights[(size_t)r * (size_t)n + (size_t)column] = 0;
        }
        for (int k = 0; state->inverse != NULL && k < n; k++) {
            state->inverse[(size_t)k * (size_t)n + (size_t)column] = 0;
            state->inverse[(size_t)column * (size_t)n + (size_t)k] = 0;
        }
    }
    return OK;
}

static enum status measure_losses(const struct elimination *e)
{
    for (int k = 0; k < e->group->channels; k++) {
        e->losses[k] = 0;
        for (int s = 0; !e->gone[k] && s < e->n_states; s++) {
            double loss;
            TRY(loss_of(e, &e->states[s], k, &loss));
            e->losses[k] += loss;
        }
    }
    return OK;
}

// The channel of least loss among those of a part that are left; of equals the last.
static int least_of_part(const struct elimination *e, int part, int size)
{
    int least = -1;
    for (int k = part * size; k < (part + 1) * size; k++) {
        if (!e->gone[k] && (least < 0 || e->losses[k] <= e->losses[least])) {
            least = k;
        }
    }
    return least;
}

// order [channels]: as in a ranking. taken [channels] is scratch.
static enum status eliminate(struct elimination *e, bool *taken, int *order)
{
    const int size = e->group->channels / e->group->equal_parts;
    for (int left = size; left > 0;) {
        TRY(measure_losses(e));
        memset(taken, 0, (size_t)e->group->channels * sizeof *taken);
        for (int i = 0; i < e->batch && left > 0; i++) {
            left--;
            for (int p = 0; p < e->group->equal_parts; p++) {
                const int worst = least_of_part(e, p, size);
                order[p * size + left] = worst;
                taken[worst] = e->gone[worst] = true;
            }
        }
        for (int s = 0; left > 0 && s < e->n_states; s++) {
            TRY(take_out(e, &e->states[s], taken));
        }
    }
    return OK;
}

static enum status rank_group(const struct criterion_input *network, const struct refit *refit,
                              int group, struct arena *arena, int *order)
{
    struct elimination e = {
        .network = network, .refit = refit, .group = &network->groups->groups[group]};
    const size_t channels = (size_t)e.group->channels;
    bool *taken;
    e.batch = (e.group->channels / e.group->equal_parts + MOST_STEPS - 1) / MOST_STEPS;
    TRY(open_states(&e, group, arena));
    const size_t columns = (size_t)e.most_columns, rows = (size_t)e.most_rows;
    const size_t t = (size_t)e.most_t;
    ARENA_NEW(arena, e.losses, channels);
    ARENA_NEW(arena, e.gone, channels);
    ARENA_NEW(arena, taken, channels);
    ARENA_NEW(arena, e.picked, columns);
    ARENA_NEW(arena, e.corner, t * t);
    ARENA_NEW(arena, e.left, columns * t);
    ARENA_NEW(arena, e.rows_left, rows * t);
    ARENA_NEW(arena, e.solved, (rows > columns ? rows : columns) * t);
    return eliminate(&e, taken, order);
}

enum status refit_rank(const struct criterion_input *network, const struct refit *refit,
                       struct arena *arena, struct ranking *out)
{
    const struct groups *groups = network->groups;
    int *order;
    ARENA_NEW(arena, order, (size_t)ranking_count(groups));
    out->order = order;
    struct arena scratch = {0};
    enum status status = OK;
    for (int g = 0; status == OK && g < groups->n; order += groups->groups[g++].channels) {
        status = rank_group(network, refit, g, &scratch, order);
        arena_reset(&scratch);
    }
    arena_close(&scratch);
    return status;
}
