// LSTM (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000), gates in
// PyTorch's order and one bias:
//   i, f, o = sigmoid(z), g = tanh(z), z = w_ih x[t] + w_hh h[t-1] + b
//   c[t] = f c[t-1] + i g,  h[t] = o tanh(c[t]);  where reset[t] is not 0, h[t-1] = c[t-1] = 0
#include "compute/ref/ref_kernel.h"

#include <math.h>
#include <string.h>

enum { GATE_I, GATE_F, GATE_G, GATE_O, N_GATES };
// saved [T][6H] holds per step: the four gates, c, tanh(c).
enum { SAVED_C = N_GATES, SAVED_TANH_C, N_SAVED };

// The sequence of one image: its slices of the arguments that forward and backward share.
struct sequence {
    size_t steps, in, hidden;
    const float *x;           // [T][in]
    const float *w_ih, *w_hh; // [4H][in], [4H][H]
    const float *b;           // [4H]
    const float *h0, *c0;     // [H]
    const float *reset;       // [T] or NULL
    const float *y;           // [T][H]
};

static struct sequence sequence_at(struct kernel *kernel, const struct op_args *args, size_t n,
                                   const float *y)
{
    const struct op *op = &kernel->op;
    const int first = op->kind == OP_LSTM_BACKWARD ? 1 : 0; // slot of x
    const size_t steps = (size_t)op->in_h, in = (size_t)op->in_c, hidden = (size_t)op->out_c;
    const float *x = ref_in(kernel, args, first), *weights = ref_in(kernel, args, first + 1);
    const float *h0 = ref_in(kernel, args, first + 2), *c0 = ref_in(kernel, args, first + 3);
    const float *reset = ref_in_or_null(kernel, args, first + 4);
    return (struct sequence){
        .steps = steps,
        .in = in,
        .hidden = hidden,
        .x = x + n * steps * in,
        .w_ih = weights,
        .w_hh = weights + N_GATES * hidden * in,
        .b = weights + N_GATES * hidden * (in + hidden),
        .h0 = h0 + n * hidden,
        .c0 = c0 + n * hidden,
        .reset = reset != NULL ? reset + n * steps : NULL,
        .y = y + n * steps * hidden,
    };
}

static bool is_reset(const struct sequence *s, size_t t)
{
    return s->reset != NULL && s->reset[t] != 0.0F;
}

// h[t-1], NULL where it is zero.
static const float *hidden_before(const struct sequence *s, size_t t)
{
    if (is_reset(s, t)) {
        return NULL;
    }
    return t == 0 ? s->h0 : s->y + (t - 1) * s->hidden;
}

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return sum;
}

static double sigmoid(double z)
{
    return 1.0 / (1.0 + exp(-z));
}

// c [H]: the cell state, carried from step to step. saved [6H] may be NULL.
static void step_forward(const struct sequence *s, size_t t, double *c, float *y, float *saved)
{
    const size_t hidden = s->hidden;
    const float *before = hidden_before(s, t);
    for (size_t j = 0; j < hidden; j++) {
        double gate[N_GATES];
        for (size_t k = 0; k < N_GATES; k++) {
            const size_t row = k * hidden + j;
            double z = (double)s->b[row] + dot(s->w_ih + row * s->in, s->x + t * s->in, s->in);
            z += before != NULL ? dot(s->w_hh + row * hidden, before, hidden) : 0.0;
            gate[k] = k == GATE_G ? tanh(z) : sigmoid(z);
        }
        const double kept = is_reset(s, t) ? 0.0 : gate[GATE_F] * c[j];
        c[j] = kept + gate[GATE_I] * gate[GATE_G];
        y[j] = (float)(gate[GATE_O] * tanh(c[j]));
        if (saved != NULL) {
            for (size_t k = 0; k < N_GATES; k++) {
                saved[k * hidden + j] = (float)gate[k];
            }
            saved[SAVED_C * hidden + j] = (float)c[j];
            saved[SAVED_TANH_C * hidden + j] = (float)tanh(c[j]);
        }
    }
}

// Floats of packed weights and of a partial: w_ih [4H][in], w_hh [4H][H], b [4H].
static size_t weight_count(const struct op *op)
{
    const size_t in = (size_t)op->in_c, hidden = (size_t)op->out_c;
    return N_GATES * hidden * (in + hidden + 1);
}

static enum status pack_weights(struct kernel *kernel, const float *weights, const float *bias,
                                const struct op_quantization *quantization, void *packed, int lane)
{
    (void)lane;
    CHECK(bias == NULL && quantization == NULL); // the bias follows the weights
    memcpy(ref_write(kernel, packed), ref_read(kernel, weights), kernel->packed_bytes);
    return OK;
}

static enum status open_forward(struct backend *backend, const struct op *op, struct kernel **out)
{
    TRY(ref_kernel_open(backend, op, out));
    (*out)->packed_bytes = weight_count(op) * sizeof(float);
    (*out)->scratch_bytes = (size_t)op->out_c * sizeof(double); // c
    return OK;
}

static void run_forward(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    float *y = ref_out(kernel, args, 0);
    float *saved = op->training ? ref_out(kernel, args, 1) : NULL;
    float *h_end = ref_out_or_null(kernel, args, 2), *c_end = ref_out_or_null(kernel, args, 3);
    double *c = ref_write(kernel, args->scratch);
    for (size_t n = 0; n < (size_t)op->n; n++) {
        const struct sequence s = sequence_at(kernel, args, n, y);
        for (size_t j = 0; j < s.hidden; j++) {
            c[j] = (double)s.c0[j];
        }
        for (size_t t = 0; t < s.steps; t++) {
            const size_t row = n * s.steps + t;
            step_forward(&s, t, c, y + row * s.hidden,
                         saved != NULL ? saved + row * N_SAVED * s.hidden : NULL);
        }
        for (size_t j = 0; h_end != NULL && j < s.hidden; j++) {
            h_end[n * s.hidden + j] = y[((n + 1) * s.steps - 1) * s.hidden + j];
            c_end[n * s.hidden + j] = (float)c[j];
        }
    }
}

// Gradient of one step. dh, dc [H]: of h[t] and c[t] on entry (dh without dy), of h[t-1] and c[t-1]
// on return. dz [4H]: out, of the gates' sums.
static void step_backward(const struct sequence *s, size_t t, const float *dy, const float *saved,
                          double *dh, double *dc, double *dz)
{
    const size_t hidden = s->hidden;
    const bool reset = is_reset(s, t);
    const float *c_before = t == 0 ? s->c0 : saved - (N_SAVED - SAVED_C) * hidden;
    for (size_t j = 0; j < hidden; j++) {
        const double i = (double)saved[GATE_I * hidden + j], f = (double)saved[GATE_F * hidden + j];
        const double g = (double)saved[GATE_G * hidden + j], o = (double)saved[GATE_O * hidden + j];
        const double tanh_c = (double)saved[SAVED_TANH_C * hidden + j];
        const double of_h = dh[j] + (double)dy[j];
        const double of_c = dc[j] + of_h * o * (1.0 - tanh_c * tanh_c);
        const double before = reset ? 0.0 : (double)c_before[j];
        dz[GATE_I * hidden + j] = of_c * g * i * (1.0 - i);
        dz[GATE_F * hidden + j] = of_c * before * f * (1.0 - f);
        dz[GATE_G * hidden + j] = of_c * i * (1.0 - g * g);
        dz[GATE_O * hidden + j] = of_h * tanh_c * o * (1.0 - o);
        dc[j] = reset ? 0.0 : of_c * f;
    }
    for (size_t j = 0; j < hidden; j++) {
        dh[j] = 0.0;
        for (size_t row = 0; !reset && row < N_GATES * hidden; row++) {
            dh[j] += dz[row] * (double)s->w_hh[row * hidden + j];
        }
    }
}

static void input_gradient(const struct sequence *s, const double *dz, float *dx)
{
    for (size_t k = 0; k < s->in; k++) {
        double sum = 0.0;
        for (size_t row = 0; row < N_GATES * s->hidden; row++) {
            sum += dz[row] * (double)s->w_ih[row * s->in + k];
        }
        dx[k] = (float)sum;
    }
}

// Scratch: dh [H], dc [H], dz [n][T][4H].
static enum status open_backward(struct backend *backend, const struct op *op, struct kernel **out)
{
    TRY(ref_kernel_open(backend, op, out));
    const size_t rows = (size_t)op->n * (size_t)op->in_h, hidden = (size_t)op->out_c;
    (*out)->packed_bytes = (*out)->partial_bytes = weight_count(op) * sizeof(float);
    (*out)->scratch_bytes = (2 * hidden + rows * N_GATES * hidden) * sizeof(double);
    return OK;
}

static void unpack_partial(struct kernel *kernel, const void *partial, float *weights, float *bias,
                           int lane) // NOLINT(readability-non-const-parameter): a fixed type
{
    (void)lane;
    CHECK(bias == NULL); // it follows the weights
    memcpy(ref_write(kernel, weights), ref_read(kernel, partial),
           weight_count(&kernel->op) * sizeof(float));
}

// Gradient of weight number `column` of gate row `row`: column in [0, in) is of w_ih, the next H of
// w_hh, the last is the bias.
static double weight_gradient(struct kernel *kernel, const struct op_args *args, const double *dz,
                              size_t row, size_t column)
{
    const float *y = ref_in(kernel, args, 6);
    double sum = 0.0;
    for (size_t n = 0; n < (size_t)kernel->op.n; n++) {
        const struct sequence s = sequence_at(kernel, args, n, y);
        for (size_t t = 0; t < s.steps; t++) {
            const double gradient = dz[(n * s.steps + t) * N_GATES * s.hidden + row];
            const float *before = hidden_before(&s, t);
            if (column < s.in) {
                sum += gradient * (double)s.x[t * s.in + column];
            } else if (column == s.in + s.hidden) {
                sum += gradient;
            } else if (before != NULL) {
                sum += gradient * (double)before[column - s.in];
            }
        }
    }
    return sum;
}

// partial: [4H][in] of w_ih, [4H][H] of w_hh, [4H] of the bias.
static void weight_gradients(struct kernel *kernel, const struct op_args *args, const double *dz,
                             float *partial)
{
    const size_t in = (size_t)kernel->op.in_c, hidden = (size_t)kernel->op.out_c;
    const size_t rows = N_GATES * hidden;
    float *d_ih = partial, *d_hh = d_ih + rows * in, *d_b = d_hh + rows * hidden;
    for (size_t row = 0; row < rows; row++) {
        for (size_t k = 0; k < in; k++) {
            d_ih[row * in + k] = (float)weight_gradient(kernel, args, dz, row, k);
        }
        for (size_t k = 0; k < hidden; k++) {
            d_hh[row * hidden + k] = (float)weight_gradient(kernel, args, dz, row, in + k);
        }
        d_b[row] = (float)weight_gradient(kernel, args, dz, row, in + hidden);
    }
}

static void run_backward(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *dy = ref_in(kernel, args, 0), *y = ref_in(kernel, args, 6);
    const float *saved = ref_in(kernel, args, 7);
    float *dx = ref_out_or_null(kernel, args, 0);
    float *dh0 = ref_out_or_null(kernel, args, 2), *dc0 = ref_out_or_null(kernel, args, 3);
    const size_t hidden = (size_t)op->out_c, steps = (size_t)op->in_h;
    double *dh = ref_write(kernel, args->scratch), *dc = dh + hidden, *dz = dc + hidden;
    for (size_t n = 0; n < (size_t)op->n; n++) {
        const struct sequence s = sequence_at(kernel, args, n, y);
        for (size_t j = 0; j < hidden; j++) {
            dh[j] = dc[j] = 0.0;
        }
        for (size_t t = steps; t-- > 0;) {
            const size_t row = n * steps + t;
            double *step_dz = dz + row * N_GATES * hidden;
            step_backward(&s, t, dy + row * hidden, saved + row * N_SAVED * hidden, dh, dc,
                          step_dz);
            if (dx != NULL) {
                input_gradient(&s, step_dz, dx + row * s.in);
            }
        }
        for (size_t j = 0; j < hidden; j++) {
            if (dh0 != NULL) {
                dh0[n * hidden + j] = (float)dh[j];
            }
            if (dc0 != NULL) {
                dc0[n * hidden + j] = (float)dc[j];
            }
        }
    }
    weight_gradients(kernel, args, dz, ref_out(kernel, args, 1));
}

const struct kernel_ops ref_kernel_LSTM = {
    .open = open_forward,
    .run = run_forward,
    .pack = pack_weights,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_LSTM_BACKWARD = {
    .open = open_backward,
    .run = run_backward,
    .pack = pack_weights,
    .unpack = unpack_partial,
    .close = ref_kernel_close,
};
