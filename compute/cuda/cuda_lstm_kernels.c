// The steps of an LSTM and the products of matrices between them.
#include "compute/cuda/cuda_element.h"
// After it, as C headers have to be.
#include "compute/cuda/cuda_lstm_call.h"

enum { PRODUCT_TILE = 64, PRODUCT_TERMS = 16, PRODUCT_STRIDE = PRODUCT_TILE + 4 };

// A side's element (i of the tile's 64, term) into shared memory, [terms][64 + 4].
DEVICE void product_put(float *side, const float *from, int i, int extent, int term, int terms,
                        int step, int term_step, int to_i, int to_term)
{
    const int inside = i < extent && term < terms;
    side[to_term * PRODUCT_STRIDE + to_i] =
        inside ? from[(int64_t)i * step + (int64_t)term * term_step] : 0.0F;
}

// Both sides of one step, walking along whichever way their elements lie together.
DEVICE void product_load(const struct cuda_product_call *a, int term, float *left, float *right)
{
    for (int at = thread_id(); at < PRODUCT_TILE * PRODUCT_TERMS; at += thread_count()) {
        const int along = a->left_column == 1;
        const int i = along ? at / PRODUCT_TERMS : at % PRODUCT_TILE;
        const int t = along ? at % PRODUCT_TERMS : at / PRODUCT_TILE;
        product_put(left, a->left, block_x() * PRODUCT_TILE + i, a->m, term + t, a->k, a->left_row,
                    a->left_column, i, t);
    }
    for (int at = thread_id(); at < PRODUCT_TILE * PRODUCT_TERMS; at += thread_count()) {
        const int along = a->right_row == 1;
        const int i = along ? at / PRODUCT_TERMS : at % PRODUCT_TILE;
        const int t = along ? at % PRODUCT_TERMS : at / PRODUCT_TILE;
        product_put(right, a->right, block_y() * PRODUCT_TILE + i, a->n, term + t, a->k,
                    a->right_column, a->right_row, i, t);
    }
}

// Grid: x tiles of rows, y of columns; 256 threads of 4 x 4 sums.
BLOCK_KERNEL(matrix_product, struct cuda_product_call, 256)
{
    float *left = (float *)(void *)shared_memory(), *right = left + PRODUCT_TERMS * PRODUCT_STRIDE;
    const int row = thread_id() / 16 * 4, column = thread_id() % 16 * 4;
    float sums[4][4] = {{0.0F}};
    for (int term = 0; term < a->k; term += PRODUCT_TERMS) {
        product_load(a, term, left, right);
        block_sync();
        UNROLL
        for (int t = 0; t < PRODUCT_TERMS; t++) {
            UNROLL
            for (int i = 0; i < 4; i++) {
                UNROLL
                for (int k = 0; k < 4; k++) {
                    sums[i][k] +=
                        left[t * PRODUCT_STRIDE + row + i] * right[t * PRODUCT_STRIDE + column + k];
                }
            }
        }
        block_sync();
    }
    UNROLL
    for (int i = 0; i < 4; i++) {
        UNROLL
        for (int k = 0; k < 4; k++) {
            const int m = block_x() * PRODUCT_TILE + row + i,
                      n = block_y() * PRODUCT_TILE + column + k;
            if (m < a->m && n < a->n) {
                a->out[(int64_t)m * a->n + n] = sums[i][k] + (a->bias != NULL ? a->bias[n] : 0.0F);
            }
        }
    }
}

// Image and unit of this thread; image -1: none.
struct lstm_place {
    int n, j;
    int64_t row; // image and step
};

DEVICE struct lstm_place lstm_place_of(const struct cuda_lstm_call *a)
{
    struct lstm_place place;
    const int64_t i = global_id();
    place.n = i < (int64_t)a->n * a->hidden ? (int)(i / a->hidden) : -1;
    place.j = (int)(i % a->hidden);
    place.row = (int64_t)place.n * a->steps + a->step;
    return place;
}

DEVICE int lstm_is_reset(const struct cuda_lstm_call *a, int64_t row)
{
    return a->reset != NULL && a->reset[row] != 0.0F;
}

// h of the step before, NULL where it is zero.
DEVICE const float *lstm_before(const struct cuda_lstm_call *a, int n, int step)
{
    const int64_t row = (int64_t)n * a->steps + step;
    if (lstm_is_reset(a, row)) {
        return NULL;
    }
    return step == 0 ? a->h0 + (int64_t)n * a->hidden : a->y_before + (row - 1) * a->hidden;
}

PLAIN_KERNEL(lstm_step, struct cuda_lstm_call, 128)
{
    const struct lstm_place at = lstm_place_of(a);
    if (at.n < 0) {
        return;
    }
    const int hidden = a->hidden, j = at.j;
    const float *before = lstm_before(a, at.n, a->step);
    const float *from = a->gates + at.row * 4 * hidden;
    float z[4];
    for (int gate = 0; gate < 4; gate++) {
        z[gate] = from[gate * hidden + j];
    }
    for (int k = 0; before != NULL && k < hidden; k++) {
        const float h = before[k];
        UNROLL
        for (int gate = 0; gate < 4; gate++) {
            z[gate] += h * a->w_hh[((int64_t)k * 4 + gate) * hidden + j];
        }
    }
    const int64_t unit = (int64_t)at.n * hidden + j;
    const float i = sigmoid(z[0]), f = sigmoid(z[1]), g = tanhf(z[2]), o = sigmoid(z[3]);
    const float old = a->step == 0 ? a->c0[unit] : a->c[unit];
    const float c = (lstm_is_reset(a, at.row) ? 0.0F : f * old) + i * g, tanh_c = tanhf(c);
    const float h = o * tanh_c;
    a->c[unit] = c;
    a->y[at.row * hidden + j] = h;
    if (a->saved != NULL) {
        float *saved = a->saved + at.row * 6 * hidden + j;
        saved[0] = i;
        saved[hidden] = f;
        saved[2 * hidden] = g;
        saved[3 * hidden] = o;
        saved[4 * hidden] = c;
        saved[5 * hidden] = tanh_c;
    }
    if (a->step == a->steps - 1 && a->h_end != NULL) {
        a->h_end[unit] = h;
        a->c_end[unit] = c;
    }
}

// Gradient of h[j] before the step `row` of which the gates' gradients are known.
DEVICE float lstm_dh_before(const struct cuda_lstm_call *a, int64_t row, int j)
{
    const float *dz = a->gates + row * 4 * a->hidden;
    float sum = 0.0F;
    if (lstm_is_reset(a, row)) {
        return 0.0F;
    }
    for (int k = 0; k < 4 * a->hidden; k++) {
        sum += dz[k] * a->w_hh[(int64_t)k * a->hidden + j];
    }
    return sum;
}

PLAIN_KERNEL(lstm_step_backward, struct cuda_lstm_call, 128)
{
    const struct lstm_place at = lstm_place_of(a);
    if (at.n < 0) {
        return;
    }
    const int hidden = a->hidden, j = at.j, last = a->step == a->steps - 1;
    const int64_t unit = (int64_t)at.n * hidden + j;
    const int reset = lstm_is_reset(a, at.row);
    const float *saved = a->kept + at.row * 6 * hidden + j;
    const float i = saved[0], f = saved[hidden], g = saved[2 * hidden], o = saved[3 * hidden];
    const float tanh_c = saved[5 * hidden];
    const float of_h =
        a->dy[at.row * hidden + j] + (last ? 0.0F : lstm_dh_before(a, at.row + 1, j));
    const float of_c = (last ? 0.0F : a->c[unit]) + of_h * o * (1.0F - tanh_c * tanh_c);
    float before = 0.0F;
    if (!reset) {
        before = a->step == 0 ? a->c0[unit] : a->kept[(at.row - 1) * 6 * hidden + 4 * hidden + j];
    }
    float *dz = a->gates + at.row * 4 * hidden + j;
    dz[0] = of_c * g * i * (1.0F - i);
    dz[hidden] = of_c * before * f * (1.0F - f);
    dz[2 * hidden] = of_c * i * (1.0F - g * g);
    dz[3 * hidden] = of_h * tanh_c * o * (1.0F - o);
    a->c[unit] = reset ? 0.0F : of_c * f;
}

// What comes out before the first step.
PLAIN_KERNEL(lstm_start_backward, struct cuda_lstm_call, 128)
{
    const struct lstm_place at = lstm_place_of(a);
    if (at.n < 0) {
        return;
    }
    const int64_t unit = (int64_t)at.n * a->hidden + at.j;
    if (a->dh0 != NULL) {
        a->dh0[unit] = lstm_dh_before(a, (int64_t)at.n * a->steps, at.j);
    }
    if (a->dc0 != NULL) {
        a->dc0[unit] = a->c[unit];
    }
}

// Every step's h before it, for the gradient of w_hh.
PLAIN_KERNEL(lstm_gather_before, struct cuda_lstm_call, 256)
{
    const int64_t i = global_id(), row = i / a->hidden;
    if (row < (int64_t)a->n * a->steps) {
        const float *before = lstm_before(a, (int)(row / a->steps), (int)(row % a->steps));
        a->before[i] = before != NULL ? before[i - row * a->hidden] : 0.0F;
    }
}

// Gradient of the bias: the sum over all steps.
PLAIN_KERNEL(lstm_bias, struct cuda_lstm_call, 128)
{
    const int64_t k = global_id();
    if (k < 4 * (int64_t)a->hidden) {
        double sum = 0.0;
        for (int64_t row = 0; row < (int64_t)a->n * a->steps; row++) {
            sum += (double)a->gates[row * 4 * a->hidden + k];
        }
        a->bias[k] = (float)sum;
    }
}

// w_hh [4H][H] into its transpose [H][4H], at y.
PLAIN_KERNEL(lstm_transpose, struct cuda_lstm_call, 256)
{
    const int64_t i = global_id(), gates = 4 * (int64_t)a->hidden;
    if (i < gates * a->hidden) {
        a->y[i] = a->w_hh[i % gates * a->hidden + i / gates];
    }
}
