// LSTM (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000), gates in
// PyTorch's order and one bias:
//   i, f, o = sigmoid(z), g = tanh(z), z = w_ih x[t] + w_hh h[t-1] + b
//   c[t] = f c[t-1] + i g,  h[t] = o tanh(c[t]);  where reset[t] is not 0, h[t-1] = c[t-1] = 0
// What does not depend on h is one matrix product over all steps; a step is a product with few rows
// and a loop over units, CPU_BLOCK at a time. Packed weights are w_ih and w_hh as panels,
// transposed for the forward direction, and its bias.
#include "compute/cpu/cpu_kernel_base.h"
#include "compute/cpu/cpu_kernels.h"
#include "compute/cpu/cpu_panels.h"
#include "compute/cpu/cpu_vector.h"

enum { GATE_I, GATE_F, GATE_G, GATE_O, N_GATES };
// saved [T][6H] holds per step: the four gates, c, tanh(c).
enum { SAVED_C = N_GATES, SAVED_TANH_C, N_SAVED };

struct lstm {
    int n, steps, in, hidden, gates; // gates = 4 * hidden
    const float *x;                  // [n][T][in]
    const float *w_ih, *w_hh, *b;    // panels, panels, [4H] (forward)
    const float *h0, *c0;            // [n][H]
    const float *reset;              // [n][T] or NULL
};

// Pieces of scratch and of packed weights begin on cache lines.
static size_t piece_floats(size_t floats)
{
    const size_t line = 16;
    return (floats + line - 1) / line * line;
}

static float *take_piece(float **scratch, size_t floats)
{
    float *piece = *scratch;
    *scratch += piece_floats(floats);
    return piece;
}

// Floats of w_ih and of w_hh as panels: k = inputs of the product, n = its outputs.
static size_t panels_of(const struct op *op, int columns)
{
    const int gates = N_GATES * op->out_c;
    const bool backward = op->kind == OP_LSTM_BACKWARD;
    return piece_floats(backward ? cpu_panels_floats(gates, columns)
                                 : cpu_panels_floats(columns, gates));
}

static size_t packed_bytes(const struct op *op)
{
    return (panels_of(op, op->in_c) + panels_of(op, op->out_c) +
            piece_floats(N_GATES * (size_t)op->out_c)) *
           sizeof(float);
}

static void pack_matrix(const struct op *op, int columns, const float *weights, float *panels)
{
    const int gates = N_GATES * op->out_c;
    if (op->kind == OP_LSTM_BACKWARD) {
        cpu_panels_pack(gates, columns, weights, (size_t)columns, 1, panels);
    } else {
        cpu_panels_pack(columns, gates, weights, 1, (size_t)columns, panels);
    }
}

static enum status pack_weights(struct kernel *kernel, const float *weights, const float *bias,
                                const struct op_quantization *quantization, void *packed, int lane)
{
    (void)lane;
    CHECK(bias == NULL && quantization == NULL); // the bias follows the weights
    const struct op *op = &kernel->op;
    const size_t gates = N_GATES * (size_t)op->out_c;
    float *w_ih = packed, *w_hh = w_ih + panels_of(op, op->in_c);
    pack_matrix(op, op->in_c, weights, w_ih);
    weights += gates * (size_t)op->in_c;
    pack_matrix(op, op->out_c, weights, w_hh);
    weights += gates * (size_t)op->out_c;
    memcpy(w_hh + panels_of(op, op->out_c), weights, gates * sizeof *weights);
    return OK;
}

static struct lstm lstm_make(const struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const int first = op->kind == OP_LSTM_BACKWARD ? 1 : 0; // slot of x
    struct lstm l = {.n = op->n,
                     .steps = op->in_h,
                     .in = op->in_c,
                     .hidden = op->out_c,
                     .gates = N_GATES * op->out_c,
                     .x = args->in[first],
                     .w_ih = args->in[first + 1],
                     .h0 = args->in[first + 2],
                     .c0 = args->in[first + 3],
                     .reset = args->in[first + 4]};
    l.w_hh = l.w_ih + panels_of(op, op->in_c);
    l.b = l.w_hh + panels_of(op, op->out_c);
    return l;
}

static bool is_reset(const struct lstm *l, int n, int t)
{
    return l->reset != NULL && l->reset[(size_t)n * (size_t)l->steps + (size_t)t] != 0.0F;
}

// Row number of step t of sequence n in [n][T][...].
static size_t row_at(const struct lstm *l, int n, int t)
{
    return (size_t)n * (size_t)l->steps + (size_t)t;
}

// Zeroes row n of state [n][H] for every sequence that is reset before step t.
static void apply_resets(const struct lstm *l, int t, float *state)
{
    for (int n = 0; n < l->n; n++) {
        if (is_reset(l, n, t)) {
            memset(state + (size_t)n * (size_t)l->hidden, 0, (size_t)l->hidden * sizeof *state);
        }
    }
}

// Where unit `at` of row k of an array [k][H] lies.
CPU_INLINE size_t unit_at(int k, int hidden, int at)
{
    return (size_t)k * (size_t)hidden + (size_t)at;
}

// ---- forward
// One step of one sequence. z [4H]: the gates' sums; c, h [H]: state, replaced; saved [6H] or NULL.
CPU_CLONES static void cell_forward(int hidden, const float *z, float *c, float *h, float *saved)
{
    for (int at = 0; at < hidden; at += CPU_BLOCK) {
        const int count = cpu_block_count(hidden, at);
        float v[N_SAVED][CPU_BLOCK], out[CPU_BLOCK], before[CPU_BLOCK];
        for (int k = 0; k < N_GATES; k++) {
            cpu_block_load(z + unit_at(k, hidden, at), count, v[k]);
        }
        cpu_block_load(c + at, count, before);
        cpu_block_sigmoid(v[GATE_I]);
        cpu_block_sigmoid(v[GATE_F]);
        cpu_block_tanh(v[GATE_G]);
        cpu_block_sigmoid(v[GATE_O]);
        for (int j = 0; j < CPU_BLOCK; j++) {
            v[SAVED_C][j] = v[GATE_F][j] * before[j] + v[GATE_I][j] * v[GATE_G][j];
            v[SAVED_TANH_C][j] = v[SAVED_C][j];
        }
        cpu_block_tanh(v[SAVED_TANH_C]);
        for (int j = 0; j < CPU_BLOCK; j++) {
            out[j] = v[GATE_O][j] * v[SAVED_TANH_C][j];
        }
        cpu_block_store_part(v[SAVED_C], count, c + at);
        cpu_block_store_part(out, count, h + at);
        for (int k = 0; saved != NULL && k < N_SAVED; k++) {
            cpu_block_store_part(v[k], count, saved + unit_at(k, hidden, at));
        }
    }
}

// Scratch: z [n][T][4H], h [n][H], c [n][H].
static enum status forward_open(struct backend *backend, const struct op *op, struct kernel **out)
{
    const size_t hidden = (size_t)op->out_c, state = piece_floats((size_t)op->n * hidden);
    const size_t z = piece_floats(cpu_op_pixels(op) * N_GATES * hidden);
    TRY(cpu_kernel_open_scratch(backend, op, (z + 2 * state) * sizeof(float), out));
    (*out)->packed_bytes = packed_bytes(op);
    return OK;
}

// z [n][T][4H] = w_ih x + b.
static void project_input(const struct lstm *l, float *z)
{
    cpu_panels_multiply(&(struct cpu_product){.m = l->n * l->steps,
                                              .n = l->gates,
                                              .k = l->in,
                                              .a = l->x,
                                              .a_row = (size_t)l->in,
                                              .a_step = 1,
                                              .panels = l->w_ih,
                                              .bias = l->b,
                                              .c = z,
                                              .c_row = (size_t)l->gates});
}

// z [n][4H] of step t, rows T * 4H apart, += w_hh h.
static void add_recurrent(const struct lstm *l, const float *h, float *z)
{
    cpu_panels_multiply(&(struct cpu_product){.m = l->n,
                                              .n = l->gates,
                                              .k = l->hidden,
                                              .a = h,
                                              .a_row = (size_t)l->hidden,
                                              .a_step = 1,
                                              .panels = l->w_hh,
                                              .add = true,
                                              .c = z,
                                              .c_row = (size_t)l->steps * (size_t)l->gates});
}

static void run_forward(struct kernel *kernel, const struct op_args *args)
{
    const struct lstm l = lstm_make(kernel, args);
    const size_t hidden = (size_t)l.hidden, gates = (size_t)l.gates, state = (size_t)l.n * hidden;
    float *y = args->out[0], *saved = kernel->op.training ? args->out[1] : NULL;
    float *room = args->scratch;
    float *z = take_piece(&room, (size_t)l.n * (size_t)l.steps * gates);
    float *h = take_piece(&room, state), *c = room;
    memcpy(h, l.h0, state * sizeof *h);
    memcpy(c, l.c0, state * sizeof *c);
    project_input(&l, z);
    for (int t = 0; t < l.steps; t++) {
        apply_resets(&l, t, h);
        apply_resets(&l, t, c);
        add_recurrent(&l, h, z + (size_t)t * gates);
        for (int n = 0; n < l.n; n++) {
            const size_t row = row_at(&l, n, t);
            float *hn = h + (size_t)n * hidden;
            cell_forward(l.hidden, z + row * gates, c + (size_t)n * hidden, hn,
                         saved != NULL ? saved + row * N_SAVED * hidden : NULL);
            memcpy(y + row * hidden, hn, hidden * sizeof *y);
        }
    }
    if (args->out[2] != NULL) {
        memcpy(args->out[2], h, state * sizeof *h);
        memcpy(args->out[3], c, state * sizeof *c);
    }
}

// ---- backward
// Gradient of one step of one sequence. dy, c_before [H]; saved [6H]; dh, dc [H]: of h[t] (without
// dy) and c[t]; dc becomes that of c[t-1]. dz [4H]: out, of the gates' sums.
CPU_CLONES static void cell_backward(int hidden, const float *dy, const float *c_before,
                                     const float *saved, const float *dh, float *dc, float *dz)
{
    for (int at = 0; at < hidden; at += CPU_BLOCK) {
        const int count = cpu_block_count(hidden, at);
        float v[N_SAVED][CPU_BLOCK], of_y[CPU_BLOCK], of_h[CPU_BLOCK], of_c[CPU_BLOCK];
        float before[CPU_BLOCK], out[N_GATES][CPU_BLOCK];
        for (int k = 0; k < N_SAVED; k++) {
            cpu_block_load(saved + unit_at(k, hidden, at), count, v[k]);
        }
        cpu_block_load(dy + at, count, of_y);
        cpu_block_load(dh + at, count, of_h);
        cpu_block_load(dc + at, count, of_c);
        cpu_block_load(c_before + at, count, before);
        for (int j = 0; j < CPU_BLOCK; j++) {
            const float i = v[GATE_I][j], f = v[GATE_F][j], g = v[GATE_G][j], o = v[GATE_O][j];
            const float tanh_c = v[SAVED_TANH_C][j], to_h = of_h[j] + of_y[j];
            const float to_c = of_c[j] + to_h * o * (1.0F - tanh_c * tanh_c);
            out[GATE_I][j] = to_c * g * (i * (1.0F - i));
            out[GATE_F][j] = to_c * before[j] * (f * (1.0F - f));
            out[GATE_G][j] = to_c * i * (1.0F - g * g);
            out[GATE_O][j] = to_h * tanh_c * (o * (1.0F - o));
            of_c[j] = to_c * f;
        }
        cpu_block_store_part(of_c, count, dc + at);
        for (int k = 0; k < N_GATES; k++) {
            cpu_block_store_part(out[k], count, dz + unit_at(k, hidden, at));
        }
    }
}

// sums [columns] = column sums of x [rows][columns].
CPU_CLONES static void column_sums(size_t rows, int columns, const float *x, float *sums)
{
    for (int at = 0; at < columns; at += CPU_BLOCK) {
        const int count = cpu_block_count(columns, at);
        double total[CPU_BLOCK] = {0};
        for (size_t row = 0; row < rows; row++) {
            float v[CPU_BLOCK];
            cpu_block_load(x + row * (size_t)columns + (size_t)at, count, v);
            for (int j = 0; j < CPU_BLOCK; j++) {
                total[j] += (double)v[j];
            }
        }
        for (int j = 0; j < count; j++) {
            sums[at + j] = (float)total[j];
        }
    }
}

// Scratch: dz [n][T][4H], h[t-1] [n][T][H], dh [n][H], dc [n][H], zeros [H], and x or h[t-1] as
// panels.
static enum status backward_open(struct backend *backend, const struct op *op, struct kernel **out)
{
    const size_t rows = cpu_op_pixels(op), hidden = (size_t)op->out_c;
    const size_t gates = N_GATES * hidden;
    const int widest = op->in_c > op->out_c ? op->in_c : op->out_c;
    const size_t floats = piece_floats(rows * gates) + piece_floats(rows * hidden) +
                          2 * piece_floats((size_t)op->n * hidden) + piece_floats(hidden) +
                          cpu_panels_floats((int)rows, widest);
    TRY(cpu_kernel_open_scratch(backend, op, floats * sizeof(float), out));
    (*out)->packed_bytes = packed_bytes(op);
    (*out)->partial_bytes = gates * ((size_t)op->in_c + hidden + 1) * sizeof(float);
    return OK;
}

// h[t-1] of every step, zero where it was reset. before, y: [n][T][H].
static void gather_hidden(const struct lstm *l, const float *y, float *before)
{
    const size_t hidden = (size_t)l->hidden, bytes = hidden * sizeof *before;
    for (int n = 0; n < l->n; n++) {
        for (int t = 0; t < l->steps; t++) {
            const size_t row = row_at(l, n, t);
            if (is_reset(l, n, t)) {
                memset(before + row * hidden, 0, bytes);
            } else {
                memcpy(before + row * hidden,
                       t == 0 ? l->h0 + (size_t)n * hidden : y + (row - 1) * hidden, bytes);
            }
        }
    }
}

// State of the walk back through time.
struct walk {
    const float *dy, *saved, *zeros; // [n][T][H], [n][T][6H], [H]
    float *dz, *dh, *dc;             // [n][T][4H], [n][H], [n][H]
};

static void step_back(const struct lstm *l, int t, const struct walk *w)
{
    const size_t hidden = (size_t)l->hidden, gates = (size_t)l->gates;
    for (int n = 0; n < l->n; n++) {
        const size_t row = row_at(l, n, t);
        const float *saved = w->saved + row * N_SAVED * hidden;
        const float *c_before =
            t == 0 ? l->c0 + (size_t)n * hidden : saved - (N_SAVED - SAVED_C) * hidden;
        cell_backward(l->hidden, w->dy + row * hidden, is_reset(l, n, t) ? w->zeros : c_before,
                      saved, w->dh + (size_t)n * hidden, w->dc + (size_t)n * hidden,
                      w->dz + row * gates);
    }
    cpu_panels_multiply(&(struct cpu_product){.m = l->n,
                                              .n = l->hidden,
                                              .k = l->gates,
                                              .a = w->dz + (size_t)t * gates,
                                              .a_row = (size_t)l->steps * gates,
                                              .a_step = 1,
                                              .panels = l->w_hh,
                                              .c = w->dh,
                                              .c_row = hidden});
    apply_resets(l, t, w->dh);
    apply_resets(l, t, w->dc);
}

// d [4H][columns] = dz^T inputs, over all rows. inputs [n][T][columns]; panels: room for them.
static void weight_gradient(const struct lstm *l, const float *dz, int columns, const float *inputs,
                            float *panels, float *d)
{
    const int rows = l->n * l->steps;
    cpu_panels_pack(rows, columns, inputs, (size_t)columns, 1, panels);
    cpu_panels_multiply(&(struct cpu_product){.m = l->gates,
                                              .n = columns,
                                              .k = rows,
                                              .a = dz,
                                              .a_row = 1,
                                              .a_step = (size_t)l->gates,
                                              .panels = panels,
                                              .c = d,
                                              .c_row = (size_t)columns});
}

static void input_gradient(const struct lstm *l, const float *dz, float *dx)
{
    cpu_panels_multiply(&(struct cpu_product){.m = l->n * l->steps,
                                              .n = l->in,
                                              .k = l->gates,
                                              .a = dz,
                                              .a_row = (size_t)l->gates,
                                              .a_step = 1,
                                              .panels = l->w_ih,
                                              .c = dx,
                                              .c_row = (size_t)l->in});
}

static void run_backward(struct kernel *kernel, const struct op_args *args)
{
    const struct lstm l = lstm_make(kernel, args);
    const int rows = l.n * l.steps;
    const size_t hidden = (size_t)l.hidden, gates = (size_t)l.gates, state = (size_t)l.n * hidden;
    float *dx = args->out[0], *d_ih = args->out[1];
    float *d_hh = d_ih + gates * (size_t)l.in, *d_b = d_hh + gates * hidden;
    float *room = args->scratch;
    float *dz = take_piece(&room, (size_t)rows * gates);
    float *before = take_piece(&room, (size_t)rows * hidden);
    float *dh = take_piece(&room, state), *dc = take_piece(&room, state);
    float *zeros = take_piece(&room, hidden), *panels = room;
    memset(dh, 0, state * sizeof *dh);
    memset(dc, 0, state * sizeof *dc);
    memset(zeros, 0, hidden * sizeof *zeros);
    const struct walk walk = {
        .dy = args->in[0], .saved = args->in[7], .zeros = zeros, .dz = dz, .dh = dh, .dc = dc};
    for (int t = l.steps - 1; t >= 0; t--) {
        step_back(&l, t, &walk);
    }
    gather_hidden(&l, args->in[6], before);
    weight_gradient(&l, dz, l.in, l.x, panels, d_ih);
    weight_gradient(&l, dz, l.hidden, before, panels, d_hh);
    column_sums((size_t)rows, l.gates, dz, d_b);
    if (dx != NULL) {
        input_gradient(&l, dz, dx);
    }
    if (args->out[2] != NULL) {
        memcpy(args->out[2], dh, state * sizeof *dh);
        memcpy(args->out[3], dc, state * sizeof *dc);
    }
}

static void unpack_partial(struct kernel *kernel, const void *partial, float *weights, float *bias,
                           int lane) // NOLINT(readability-non-const-parameter): a fixed type
{
    (void)lane;
    (void)bias; // the bias' gradient follows those of the weights
    memcpy(weights, partial, kernel->partial_bytes);
}

const struct kernel_ops cpu_lstm_kernel = {
    .open = forward_open,
    .run = run_forward,
    .pack = pack_weights,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_lstm_backward_kernel = {
    .open = backward_open,
    .run = run_backward,
    .pack = pack_weights,
    .unpack = unpack_partial,
    .close = cpu_kernel_close,
};
