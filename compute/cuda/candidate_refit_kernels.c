// The least-squares refit of the kept weights (equations in search_space/refit.h) of one layer, for
// many candidates at once: a block solves one system, in float64, since the matrix is as ill
// conditioned as 1 / lambda lets it be.
//
// The system's matrix has the right-hand sides as further rows below: what Cholesky's factorisation
// does to the rows below a diagonal block is the forward substitution, so it comes with it.
#include "compute/cuda/candidate_value.h"

enum {
    PANEL = 16, // columns factored at a time
    TILE = 64,  // rows and columns of the rest that are brought up to date at a time
    EACH = 4,   // by a thread, of both
    CUT = 16    // cut columns of the right-hand sides at a time
};

// One part of the layer for one candidate. Columns are (channel of the part, tap), ascending.
struct refit_system {
    int n, n_cut, outputs;   // unknowns, cut columns, right-hand sides
    const int *kept, *cut;   // channels, from the part's first on
    const int *rows;         // output channels, likewise
    int first_channel;       // of the part
    const double *gram;      // lower triangle, row by row
    const float *weights;    // [out uncut][columns of the part]
    double *matrix, *target; // [n + outputs][n]; [outputs][n]
    float *refitted;         // [outputs][n]
};

// The block's. False: its layer has no such group.
DEVICE bool find_system(const struct candidate_refit_args *a,
                        const struct candidate_refit_layer **found, struct refit_system *s)
{
    const struct candidate_refit_layer *layer = &a->layers[block_x() / a->groups];
    const int candidate = a->first + block_z(), part = block_x() % a->groups;
    if (part >= layer->groups) {
        return false;
    }
    const int in = candidate_width(&a->lists, candidate, layer->in.axis);
    const int out = candidate_width(&a->lists, candidate, layer->out.axis);
    const int *channels = candidate_channels(&a->lists, candidate, &layer->in);
    const int kept = in / layer->groups, cut = (layer->in.channels - in) / layer->groups;
    const size_t columns = (size_t)(layer->in.channels / layer->groups) * (size_t)layer->taps;
    s->n = kept * layer->taps;
    s->n_cut = cut * layer->taps;
    s->outputs = out / layer->groups;
    s->kept = channels + (size_t)part * (size_t)kept;
    s->cut = channels + in + (size_t)part * (size_t)cut;
    s->rows =
        candidate_channels(&a->lists, candidate, &layer->out) + (size_t)part * (size_t)s->outputs;
    s->first_channel = part * (layer->in.channels / layer->groups);
    s->gram = layer->grams + (size_t)part * (columns * (columns + 1) / 2);
    s->weights = layer->params;
    s->matrix =
        layer->matrices + (size_t)block_z() * a->matrix_stride + (size_t)part * layer->matrix_size;
    s->target =
        layer->targets + (size_t)block_z() * a->target_stride + (size_t)part * layer->target_size;
    s->refitted = layer->refitted + (size_t)candidate * a->refitted_stride +
                  (size_t)part * (size_t)s->outputs * (size_t)s->n;
    *found = layer;
    return true;
}

// Column number i of the kept or cut ones as a column of the uncut part.
DEVICE int column_of(const struct refit_system *s, const int *channels, int i, int taps)
{
    return (channels[i / taps] - s->first_channel) * taps + i % taps;
}

DEVICE double gram_at(const struct refit_system *s, int a, int b)
{
    const size_t row = (size_t)(a > b ? a : b), column = (size_t)(a > b ? b : a);
    return s->gram[row * (row + 1) / 2 + column];
}

DEVICE float weight_at(const struct candidate_refit_layer *a, const struct refit_system *s,
                       int output, int column)
{
    const int columns = a->in.channels / a->groups * a->taps;
    return s->weights[(size_t)s->rows[output] * (size_t)columns + (size_t)column];
}

// target = W_C G_CS, a tile of CUT x CUT threads' outputs and kept columns for each block.
BLOCK_KERNEL(candidate_refit_target, struct candidate_refit_args, CANDIDATE_THREADS)
{
    double *grams = (double *)(void *)shared_memory(); // [kept][cut]
    double *weights = grams + (size_t)CUT * (CUT + 1); // [output][cut]
    struct refit_system s;
    const struct candidate_refit_layer *layer;
    if (!find_system(a, &layer, &s)) {
        return;
    }
    const int tiles = (s.n + CUT - 1) / CUT;
    const int kept = block_y() % layer->target_tiles * CUT;
    const int output = block_y() / layer->target_tiles * CUT;
    const int row = thread_id() / CUT, column = thread_id() % CUT;
    if (s.n_cut == 0 || kept >= tiles * CUT || output >= s.outputs) {
        return;
    }
    double sum = 0.0;
    for (int first = 0; first < s.n_cut; first += CUT) {
        const bool there = first + column < s.n_cut;
        const int cut = there ? column_of(&s, s.cut, first + column, layer->taps) : 0;
        grams[row * (CUT + 1) + column] =
            there && kept + row < s.n
                ? gram_at(&s, column_of(&s, s.kept, kept + row, layer->taps), cut)
                : 0.0;
        weights[row * (CUT + 1) + column] = there && output + row < s.outputs
                                                ? (double)weight_at(layer, &s, output + row, cut)
                                                : 0.0;
        block_sync();
        for (int i = 0; i < CUT; i++) {
            sum += weights[row * (CUT + 1) + i] * grams[column * (CUT + 1) + i];
        }
        block_sync();
    }
    if (output + row < s.outputs && kept + column < s.n) {
        s.target[(size_t)(output + row) * (size_t)s.n + (size_t)(kept + column)] = sum;
    }
}

// What a solving block holds in shared memory.
struct solve_shared {
    double diagonal[PANEL][PANEL + 1];
    double rows[PANEL][TILE], columns[PANEL][TILE];
    double mean;
    int failed;
};

DEVICE double *cell(const struct refit_system *s, int row, int column)
{
    return s->matrix + (size_t)row * (size_t)s->n + (size_t)column;
}

// The mean of the diagonal, summed up in order by one thread.
DEVICE void find_mean(const struct candidate_refit_layer *a, const struct refit_system *s,
                      struct solve_shared *shared)
{
    if (thread_id() == 0) {
        double mean = 0.0;
        for (int i = 0; i < s->n; i++) {
            const int column = column_of(s, s->kept, i, a->taps);
            mean += gram_at(s, column, column) / s->n;
        }
        shared->mean = mean > 0.0 ? mean : 1.0; // inputs that are zero on every sample say nothing
    }
    block_sync();
}

DEVICE void fill_matrix(const struct candidate_refit_layer *a, const struct refit_system *s,
                        double mu)
{
    const int64_t n = s->n, all = (n + s->outputs) * n;
    for (int64_t i = thread_id(); i < all; i += thread_count()) {
        const int row = (int)(i / n), column = (int)(i % n);
        if (row >= s->n) {
            s->matrix[i] = s->target[i - n * n];
        } else if (column <= row) {
            s->matrix[i] = gram_at(s, column_of(s, s->kept, row, a->taps),
                                   column_of(s, s->kept, column, a->taps)) +
                           (row == column ? mu : 0.0);
        }
    }
    block_sync();
}

// Factors the diagonal block at `first`, of `size` rows, by one warp.
DEVICE void factor_diagonal(const struct refit_system *s, struct solve_shared *shared, int first,
                            int size)
{
    const int row = lane_id();
    for (int c = 0; c <= row && row < size; c++) {
        shared->diagonal[row][c] = *cell(s, first + row, first + c);
    }
    warp_sync();
    for (int c = 0; c < size; c++) {
        if (row == c) {
            const double pivot = shared->diagonal[c][c];
            if (!(pivot > 0.0)) {
                shared->failed = 1;
            }
            shared->diagonal[c][c] = sqrt(pivot);
        }
        warp_sync();
        if (row > c && row < size) {
            shared->diagonal[row][c] /= shared->diagonal[c][c];
        }
        warp_sync();
        for (int j = c + 1; j <= row && row < size; j++) {
            shared->diagonal[row][j] -= shared->diagonal[row][c] * shared->diagonal[j][c];
        }
        warp_sync();
    }
    for (int c = 0; c <= row && row < size; c++) {
        *cell(s, first + row, first + c) = shared->diagonal[row][c];
    }
}

// The rows below it, each thread every so-manyth.
DEVICE void factor_rows(const struct refit_system *s, const struct solve_shared *shared, int first,
                        int size)
{
    for (int i = first + size + thread_id(); i < s->n + s->outputs; i += thread_count()) {
        double *row = cell(s, i, first);
        double x[PANEL];
        UNROLL
        for (int b = 0; b < PANEL; b++) {
            double sum = b < size ? row[b] : 0.0;
            UNROLL
            for (int k = 0; k < b; k++) {
                sum -= b < size ? x[k] * shared->diagonal[b][k] : 0.0;
            }
            x[b] = b < size ? sum / shared->diagonal[b][b] : 0.0;
        }
        UNROLL
        for (int b = 0; b < PANEL; b++) {
            if (b < size) {
                row[b] = x[b];
            }
        }
    }
}

// Takes the panel's share from the cells (row .., column ..) of one tile.
DEVICE void update_tile(const struct refit_system *s, struct solve_shared *shared, int first,
                        int size, int row, int column)
{
    for (int i = thread_id(); i < PANEL * TILE; i += thread_count()) {
        const int b = i % PANEL, k = i / PANEL;
        shared->rows[b][k] =
            b < size && row + k < s->n + s->outputs ? *cell(s, row + k, first + b) : 0.0;
        shared->columns[b][k] =
            b < size && column + k < s->n ? *cell(s, column + k, first + b) : 0.0;
    }
    block_sync();
    const int r0 = thread_id() / (TILE / EACH) * EACH, c0 = thread_id() % (TILE / EACH) * EACH;
    double sums[EACH][EACH];
    UNROLL
    for (int i = 0; i < EACH * EACH; i++) {
        sums[i / EACH][i % EACH] = 0.0;
    }
    for (int b = 0; b < PANEL; b++) {
        UNROLL
        for (int i = 0; i < EACH * EACH; i++) {
            sums[i / EACH][i % EACH] +=
                shared->rows[b][r0 + i / EACH] * shared->columns[b][c0 + i % EACH];
        }
    }
    UNROLL
    for (int i = 0; i < EACH * EACH; i++) {
        const int r = row + r0 + i / EACH, c = column + c0 + i % EACH;
        if (r < s->n + s->outputs && c < s->n && c <= r) {
            *cell(s, r, c) -= sums[i / EACH][i % EACH];
        }
    }
    block_sync();
}

// The lower triangle becomes its Cholesky factor L, the rows below it T L^-T. False: a pivot was
// not positive.
DEVICE bool factor(const struct refit_system *s, struct solve_shared *shared)
{
    if (thread_id() == 0) {
        shared->failed = 0;
    }
    block_sync();
    for (int first = 0; first < s->n; first += PANEL) {
        const int size = s->n - first < PANEL ? s->n - first : PANEL, rest = first + size;
        if (warp_id() == 0) {
            factor_diagonal(s, shared, first, size);
        }
        block_sync();
        if (shared->failed != 0) {
            return false;
        }
        factor_rows(s, shared, first, size);
        block_sync();
        for (int column = rest; column < s->n; column += TILE) {
            for (int row = column; row < s->n + s->outputs; row += TILE) {
                update_tile(s, shared, first, size, row, column);
            }
        }
    }
    return true;
}

// The rows below the factor times L^-1: the solution.
DEVICE void substitute_back(const struct refit_system *s, struct solve_shared *shared)
{
    for (int first = (s->n - 1) / PANEL * PANEL; first >= 0; first -= PANEL) {
        const int size = s->n - first < PANEL ? s->n - first : PANEL;
        for (int i = thread_id(); i < size * size; i += thread_count()) {
            if (i % size <= i / size) {
                shared->diagonal[i / size][i % size] = *cell(s, first + i / size, first + i % size);
            }
        }
        block_sync();
        for (int o = thread_id(); o < s->outputs; o += thread_count()) {
            double *row = cell(s, s->n + o, first);
            for (int b = size - 1; b >= 0; b--) {
                double sum = row[b];
                for (int k = b + 1; k < size; k++) {
                    sum -= row[k] * shared->diagonal[k][b];
                }
                row[b] = sum / shared->diagonal[b][b];
            }
        }
        block_sync();
        for (int64_t i = thread_id(); i < (int64_t)s->outputs * first; i += thread_count()) {
            const int o = (int)(i / first), column = (int)(i % first);
            const double *solved = cell(s, s->n + o, first);
            double sum = 0.0;
            for (int b = 0; b < size; b++) {
                sum += solved[b] * *cell(s, first + b, column);
            }
            *cell(s, s->n + o, column) -= sum;
        }
        block_sync();
    }
}

// With fewer samples than unknowns rounding may make the matrix indefinite; a stronger pull towards
// the kept weights then decides what the samples do not.
BLOCK_KERNEL(candidate_refit_solve, struct candidate_refit_args, CANDIDATE_THREADS)
{
    struct solve_shared *shared = (struct solve_shared *)(void *)shared_memory();
    struct refit_system s;
    const struct candidate_refit_layer *layer;
    if (!find_system(a, &layer, &s) || s.n_cut == 0) {
        return;
    }
    find_mean(layer, &s, shared);
    const double scale = shared->mean;
    double mu = a->lambda * scale;
    bool solved = false;
    while (!solved && mu <= 1e3 * scale) {
        fill_matrix(layer, &s, mu);
        solved = factor(&s, shared);
        mu *= 10.0;
    }
    if (!solved) {
        if (thread_id() == 0) {
            a->diverged[a->first + block_z()] = 1;
        }
    } else {
        substitute_back(&s, shared);
    }
    for (int64_t i = thread_id(); i < (int64_t)s.outputs * s.n; i += thread_count()) {
        const int o = (int)(i / s.n), column = (int)(i % s.n);
        const double kept =
            (double)weight_at(layer, &s, o, column_of(&s, s.kept, column, layer->taps));
        s.refitted[i] = (float)(kept + (solved ? *cell(&s, s.n + o, column) : 0.0));
    }
}
