// LSTM forward and backward: products of matrices over all steps, and one launch for each step.
#include "compute/cuda/cuda_backend.h"
#include "compute/cuda/cuda_lstm_call.h"

enum {
    GATES = 4,
    STEP_THREADS = 128,
    EACH_THREADS = 256,
    PRODUCT_TILE = 64,
    PRODUCT_THREADS = 256
};
enum { PRODUCT_SHARED_BYTES = 2 * 16 * (PRODUCT_TILE + 4) * 4 };

// Floats of weights: w_ih [4H][in], w_hh [4H][H], b [4H]. Packed ones end with w_hh's transpose.
struct extents {
    size_t rows, in, hidden, gates; // images x steps, features, units, 4 x units
    size_t w_hh, bias, weights;     // where they begin; all of them
};

static struct extents extents_of(const struct op *op)
{
    struct extents e = {.rows = (size_t)op->n * (size_t)op->in_h,
                        .in = (size_t)op->in_c,
                        .hidden = (size_t)op->out_c,
                        .gates = GATES * (size_t)op->out_c};
    e.w_hh = e.gates * e.in;
    e.bias = e.w_hh + e.gates * e.hidden;
    e.weights = e.bias + e.gates;
    return e;
}

// Scratch of the forward pass: gates [rows][4H], c [n][H]; of the backward pass also h of the step
// before [rows][H].
static enum status open_lstm(struct backend *backend, const struct op *op, struct kernel **out)
{
    const struct extents e = extents_of(op);
    const size_t most = INT32_MAX;
    if (e.rows * e.gates > most || e.weights > most) {
        FAIL(ERR_UNSUPPORTED, "gates or weights of more than %d elements; use a smaller batch",
             INT32_MAX);
    }
    TRY(cuda_kernel_open(backend, op, out));
    struct kernel *kernel = *out;
    const bool backward = op->kind == OP_LSTM_BACKWARD;
    const size_t state = (size_t)op->n * e.hidden;
    kernel->packed_bytes = (e.weights + e.gates * e.hidden) * sizeof(float);
    kernel->partial_bytes = backward ? e.weights * sizeof(float) : 0;
    kernel->scratch_bytes =
        (e.rows * e.gates + state + (backward ? e.rows * e.hidden : 0)) * sizeof(float);
    return OK;
}

static enum status pack_weights(struct kernel *kernel, const float *weights, const float *bias,
                                const struct op_quantization *quantization, void *packed, int lane)
{
    const struct extents e = extents_of(&kernel->op);
    (void)lane;
    CHECK(bias == NULL && quantization == NULL); // the bias follows the weights
    cuda_copy(kernel->backend, packed, weights, e.weights * sizeof(float));
    const struct cuda_lstm_call call = {
        .hidden = (int)e.hidden,
        .w_hh = weights + e.w_hh,
        .y = (float *)packed + e.weights,
    };
    cuda_launch_each(kernel->backend, CUDA_lstm_transpose, (int64_t)(e.gates * e.hidden),
                     EACH_THREADS, &call, sizeof call);
    return OK;
}

static void unpack_partial(struct kernel *kernel, const void *partial, float *weights, float *bias,
                           int lane) // NOLINT(readability-non-const-parameter): a fixed type
{
    (void)lane;
    CHECK(bias == NULL);
    cuda_copy(kernel->backend, weights, partial, extents_of(&kernel->op).weights * sizeof(float));
}

static void launch_product(struct kernel *kernel, const struct cuda_product_call *call)
{
    const struct cuda_grid grid = {cuda_tiles(call->m, PRODUCT_TILE),
                                   cuda_tiles(call->n, PRODUCT_TILE), 1, PRODUCT_THREADS,
                                   PRODUCT_SHARED_BYTES};
    cuda_launch(kernel->backend, CUDA_matrix_product, &grid, call, sizeof *call);
}

static void launch_step(struct kernel *kernel, enum cuda_kernel_number number,
                        const struct cuda_lstm_call *call)
{
    cuda_launch_each(kernel->backend, number, (int64_t)call->n * call->hidden, STEP_THREADS, call,
                     sizeof *call);
}

// gates = x w_ih' + b, for all steps at once.
static void multiply_input(struct kernel *kernel, const float *x, const float *packed, float *gates)
{
    const struct extents e = extents_of(&kernel->op);
    launch_product(kernel, &(struct cuda_product_call){
                               .left = x,
                               .right = packed,
                               .bias = packed + e.bias,
                               .out = gates,
                               .m = (int)e.rows,
                               .n = (int)e.gates,
                               .k = (int)e.in,
                               .left_row = (int)e.in,
                               .left_column = 1,
                               .right_row = 1,
                               .right_column = (int)e.in,
                           });
}

static void run_forward(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const struct extents e = extents_of(op);
    const float *packed = args->in[1];
    CHECK(args->in[0] != NULL && packed != NULL && args->in[2] != NULL && args->in[3] != NULL);
    CHECK((args->out[2] == NULL) == (args->out[3] == NULL));
    struct cuda_lstm_call call = {
        .n = op->n,
        .hidden = op->out_c,
        .steps = op->in_h,
        .w_hh = packed + e.weights, // the transpose
        .h0 = args->in[2],
        .c0 = args->in[3],
        .reset = args->in[4],
        .y_before = args->out[0],
        .y = args->out[0],
        .saved = op->training ? args->out[1] : NULL,
        .gates = args->scratch,
        .c = (float *)args->scratch + e.rows * e.gates,
        .h_end = args->out[2],
        .c_end = args->out[3],
    };
    multiply_input(kernel, args->in[0], packed, call.gates);
    for (call.step = 0; call.step < call.steps; call.step++) {
        launch_step(kernel, CUDA_lstm_step, &call);
    }
}

// gates' gradients [rows][4H] times weights [4H][in], or their transpose times [rows][columns].
static void multiply_gradients(struct kernel *kernel, const float *dz, const float *other,
                               int columns, bool transposed, float *out)
{
    const struct extents e = extents_of(&kernel->op);
    launch_product(kernel, &(struct cuda_product_call){
                               .left = dz,
                               .right = other,
                               .out = out,
                               .m = (int)(transposed ? e.gates : e.rows),
                               .n = columns,
                               .k = (int)(transposed ? e.rows : e.gates),
                               .left_row = transposed ? 1 : (int)e.gates,
                               .left_column = transposed ? (int)e.gates : 1,
                               .right_row = columns,
                               .right_column = 1,
                           });
}

static void run_backward(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const struct extents e = extents_of(op);
    const float *x = args->in[1], *packed = args->in[2];
    float *partial = args->out[1];
    struct cuda_lstm_call call = {
        .n = op->n,
        .hidden = op->out_c,
        .steps = op->in_h,
        .w_hh = packed + e.w_hh,
        .h0 = args->in[3],
        .c0 = args->in[4],
        .reset = args->in[5],
        .y_before = args->in[6],
        .kept = args->in[7],
        .gates = args->scratch,
        .c = (float *)args->scratch + e.rows * e.gates,
        .dy = args->in[0],
        .dh0 = args->out[2],
        .dc0 = args->out[3],
        .bias = partial + e.bias,
    };
    call.before = call.c + (size_t)op->n * e.hidden;
    CHECK(partial != NULL && packed != NULL && args->in[7] != NULL);
    for (call.step = call.steps - 1; call.step >= 0; call.step--) {
        launch_step(kernel, CUDA_lstm_step_backward, &call);
    }
    call.step = 0;
    launch_step(kernel, CUDA_lstm_start_backward, &call);
    cuda_launch_each(kernel->backend, CUDA_lstm_gather_before, (int64_t)(e.rows * e.hidden),
                     EACH_THREADS, &call, sizeof call);
    if (args->out[0] != NULL) {
        multiply_gradients(kernel, call.gates, packed, op->in_c, false, args->out[0]);
    }
    multiply_gradients(kernel, call.gates, x, op->in_c, true, partial);
    multiply_gradients(kernel, call.gates, call.before, op->out_c, true, partial + e.w_hh);
    cuda_launch_each(kernel->backend, CUDA_lstm_bias, (int64_t)e.gates, STEP_THREADS, &call,
                     sizeof call);
}

const struct kernel_ops cuda_kernel_LSTM = {
    .open = open_lstm,
    .run = run_forward,
    .pack = pack_weights,
    .close = cuda_kernel_close,
};

const struct kernel_ops cuda_kernel_LSTM_BACKWARD = {
    .open = open_lstm,
    .run = run_backward,
    .pack = pack_weights,
    .unpack = unpack_partial,
    .close = cuda_kernel_close,
};
