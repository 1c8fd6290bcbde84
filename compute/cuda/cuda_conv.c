// Convolutions and their gradients: which kernel, which tiles, how the work is split.
#include "compute/cuda/cuda_backend.h"
#include "compute/cuda/cuda_patch_plan.h"

#include <limits.h>

enum { EACH_THREADS = 256, PACKED_MULTIPLE = 8, MOST_SPLITS = 64, LEAST_SPLIT_TERMS = 512 };

struct conv_kernel {
    struct kernel base;
    bool depthwise; // kernels of its own
    bool patches;   // by patches of the tensor; else the product of matrices below
    struct cuda_patch patch;
    struct cuda_conv_call call; // all but the addresses
    int tile_rows, tile_columns;
    enum cuda_kernel_number number;
    size_t shared_bytes;
    size_t weights;  // floats of packed weights or of a partial, before the bias
    size_t tap_sums; // CONV_BACKWARD_WEIGHTS: where in scratch the f64 sums begin, bytes
    int tap_splits;
};

static const struct conv_kernel *conv_of(const struct kernel *kernel)
{
    return (const struct conv_kernel *)kernel;
}

// By direction, precision, and columns of a tile.
static const enum cuda_kernel_number products[3][3][3] = {
    [CONV_FORWARD] = {{CUDA_conv_f32_64, CUDA_conv_f32_32, CUDA_conv_f32_16},
                      {CUDA_conv_tf32_64, CUDA_conv_tf32_32, CUDA_conv_tf32_16},
                      {CUDA_conv_bf16_64, CUDA_conv_bf16_32, CUDA_conv_bf16_16}},
    [CONV_DATA] = {{CUDA_conv_data_f32_64, CUDA_conv_data_f32_32, CUDA_conv_data_f32_16},
                   {CUDA_conv_data_tf32_64, CUDA_conv_data_tf32_32, CUDA_conv_data_tf32_16},
                   {CUDA_conv_data_bf16_64, CUDA_conv_data_bf16_32, CUDA_conv_data_bf16_16}},
    [CONV_WEIGHTS] = {
        {CUDA_conv_weights_f32_64, CUDA_conv_weights_f32_32, CUDA_conv_weights_f32_16},
        {CUDA_conv_weights_tf32_64, CUDA_conv_weights_tf32_32, CUDA_conv_weights_tf32_16},
        {CUDA_conv_weights_bf16_64, CUDA_conv_weights_bf16_32, CUDA_conv_weights_bf16_16}}};

static enum conv_direction direction_of(const struct op *op)
{
    return op->kind == OP_CONV                 ? CONV_FORWARD
           : op->kind == OP_CONV_BACKWARD_DATA ? CONV_DATA
                                               : CONV_WEIGHTS;
}

static int taps_of(const struct op *op)
{
    return op->kernel[0] * op->kernel[1];
}

// Extents of the product.
static void set_extents(struct cuda_conv_call *call, const struct op *op)
{
    const int taps = taps_of(op);
    const int in_pixels = op->n * op->in_h * op->in_w, out_pixels = op->n * op->out_h * op->out_w;
    *call = (struct cuda_conv_call){
        .op = *op,
        .group_in = op->in_c / op->groups,
        .group_out = op->out_c / op->groups,
        .splits = 1,
    };
    switch (direction_of(op)) {
    case CONV_FORWARD:
        call->rows = out_pixels;
        call->terms = taps * call->group_in;
        call->columns = call->group_out;
        break;
    case CONV_DATA:
        call->rows = in_pixels;
        call->terms = taps * call->group_out;
        call->columns = call->group_in;
        break;
    case CONV_WEIGHTS:
        call->rows = taps * call->group_in;
        call->terms = out_pixels;
        call->columns = call->padded = call->group_out;
        call->split_terms = call->terms;
        return;
    }
    call->padded = (call->columns + PACKED_MULTIPLE - 1) / PACKED_MULTIPLE * PACKED_MULTIPLE;
    call->split_terms = call->terms;
}

// Tiles as narrow as the columns allow.
static void choose_tiles(struct conv_kernel *conv, enum backend_precision precision)
{
    const int columns = conv->call.columns;
    const int width = columns <= 16 ? 2 : columns <= 32 ? 1 : 0;
    conv->tile_columns = 64 >> width;
    conv->number = products[direction_of(&conv->base.op)][precision][width];
    if (precision == PRECISION_FLOAT32) {
        conv->tile_rows = CONV_FLOAT_TILE / conv->tile_columns;
        conv->shared_bytes = (size_t)CONV_FLOAT_TERMS *
                             (size_t)(conv->tile_rows + conv->tile_columns + 2 * CONV_PADDING) *
                             sizeof(float);
    } else {
        conv->tile_rows = CONV_MMA_ROWS;
        conv->shared_bytes =
            (size_t)(conv->tile_rows + conv->tile_columns) * CONV_MMA_STRIDE * sizeof(uint32_t);
    }
}

// So that a few hundred blocks have work, each with a run of pixels of its own.
static void choose_splits(struct conv_kernel *conv)
{
    struct cuda_conv_call *call = &conv->call;
    const int64_t most = (call->terms + LEAST_SPLIT_TERMS - 1) / LEAST_SPLIT_TERMS;
    const int splits = (int)(most > MOST_SPLITS ? MOST_SPLITS : most);
    const int each = (call->terms + splits - 1) / splits;
    call->split_terms = (each + 2 * CONV_MMA_WORDS - 1) / (2 * CONV_MMA_WORDS) * 2 * CONV_MMA_WORDS;
    call->splits = (call->terms + call->split_terms - 1) / call->split_terms;
}

// Scratch: partial sums of the splits, then those of the bias or the depthwise weights.
static void plan_gradient(struct conv_kernel *conv)
{
    const struct op *op = &conv->base.op;
    struct cuda_conv_call *call = &conv->call;
    if (conv->patches) {
        call->splits = conv->patch.call.splits;
    } else if (!conv->depthwise) {
        choose_splits(conv);
    }
    const size_t sums = call->splits > 1 ? (size_t)call->splits * conv->weights : 0;
    const size_t taps = (size_t)(conv->depthwise ? taps_of(op) : 0) + op->bias;
    conv->tap_sums = (sums * sizeof(float) + 63) / 64 * 64;
    conv->tap_splits = cuda_column_splits(call->terms, op->out_c);
    conv->base.scratch_bytes =
        conv->tap_sums + (size_t)conv->tap_splits * taps * (size_t)op->out_c * sizeof(double);
    conv->base.partial_bytes = (conv->weights + (op->bias ? (size_t)op->out_c : 0)) * sizeof(float);
}

enum { MOST_BLOCKS = 65535 }; // the grid's y and z

static enum status open_conv(struct backend *backend, const struct op *op, struct kernel **out)
{
    if (op->in_type != DTYPE_F32) {
        FAIL(ERR_UNSUPPORTED, "no 8-bit convolutions here; run it in f32");
    }
    struct kernel *kernel = NULL;
    TRY(cuda_kernel_make(backend, op, sizeof(struct conv_kernel), &kernel));
    struct conv_kernel *conv = (struct conv_kernel *)kernel;
    struct cuda_conv_call *call = &conv->call;
    set_extents(call, op);
    conv->depthwise = call->group_in == 1 && call->group_out == 1 && op->groups > 1;
    const enum backend_precision precision = ((struct cuda_backend *)backend)->precision;
    choose_tiles(conv, precision);
    conv->patches = precision == PRECISION_BF16 && cuda_patch_plan(op, call->padded, &conv->patch);
    const int lines = op->kind == OP_CONV_BACKWARD_WEIGHTS ? call->rows : call->terms;
    conv->weights = (size_t)op->groups * (size_t)lines * (size_t)call->padded;
    if (conv->depthwise) {
        conv->weights = (size_t)taps_of(op) * (size_t)op->out_c;
    }
    if (op->kind == OP_CONV_BACKWARD_WEIGHTS) {
        plan_gradient(conv);
    } else {
        kernel->packed_bytes = (conv->weights + (op->bias ? (size_t)op->out_c : 0)) * sizeof(float);
    }
    kernel->packing = 1; // it follows from the weights alone
    if (conv->weights + (size_t)op->out_c > INT_MAX) {
        cuda_kernel_close(kernel);
        FAIL(ERR_UNSUPPORTED, "a convolution of more than %d weights", INT_MAX);
    }
    if (!conv->depthwise && !conv->patches &&
        ((int64_t)op->groups * call->splits > MOST_BLOCKS ||
         call->columns / conv->tile_columns >= MOST_BLOCKS)) {
        cuda_kernel_close(kernel);
        FAIL(ERR_UNSUPPORTED, "more groups than a launch has blocks for, %d", MOST_BLOCKS);
    }
    *out = kernel;
    return OK;
}

static bool aligned(const void *address)
{
    return (uintptr_t)address % 16 == 0;
}

static void launch_product(const struct conv_kernel *conv, struct cuda_conv_call *call)
{
    if (conv->patches) {
        cuda_patch_launch(conv->base.backend, &conv->patch, call->left, call->right, call->bias,
                          call->out);
        return;
    }
    const bool weights = call->op.kind == OP_CONV_BACKWARD_WEIGHTS;
    const int channels = call->op.kind == OP_CONV_BACKWARD_DATA ? call->group_out : call->group_in;
    call->vector_left = channels % 4 == 0 && aligned(call->left);
    call->vector_right = !weights || (call->group_out % 4 == 0 && aligned(call->right));
    const struct cuda_grid grid = {
        cuda_tiles(call->rows, conv->tile_rows), cuda_tiles(call->columns, conv->tile_columns),
        call->op.groups * call->splits, CONV_THREADS, conv->shared_bytes};
    cuda_launch(conv->base.backend, conv->number, &grid, call, sizeof *call);
}

static void launch(const struct conv_kernel *conv, struct cuda_conv_call *call)
{
    if (!conv->depthwise) {
        launch_product(conv, call);
        return;
    }
    const bool data = call->op.kind == OP_CONV_BACKWARD_DATA;
    cuda_launch_each(conv->base.backend, data ? CUDA_depthwise_data : CUDA_depthwise,
                     (int64_t)call->rows * call->op.out_c, EACH_THREADS, call, sizeof *call);
}

// Forward and data gradient alike.
static void run_conv(struct kernel *kernel, const struct op_args *args)
{
    const struct conv_kernel *conv = conv_of(kernel);
    struct cuda_conv_call call = conv->call;
    CHECK(args->in[0] != NULL && args->in[1] != NULL && args->out[0] != NULL);
    call.left = args->in[0];
    call.right = args->in[1];
    call.out = args->out[0];
    call.bias = kernel->op.bias ? call.right + conv->weights : NULL;
    launch(conv, &call);
}

// The bias's gradient, and depthwise weights'.
static void launch_taps(const struct conv_kernel *conv, const struct op_args *args)
{
    const struct op *op = &conv->base.op;
    const int taps = conv->depthwise ? taps_of(op) : 0, all = taps + op->bias;
    if (all == 0) {
        return;
    }
    const struct cuda_tap_call call = {
        .op = *op,
        .x = args->in[0],
        .dy = args->in[1],
        .sums = (double *)((char *)args->scratch + conv->tap_sums),
        .partial = (float *)args->out[0] + (conv->depthwise ? 0 : conv->weights),
        .pixels = conv->call.terms,
        .width = cuda_column_width(op->out_c),
        .splits = conv->tap_splits,
        .taps = taps,
        .count = all * op->out_c,
    };
    const struct cuda_grid grid = {cuda_tiles(op->out_c, call.width), call.splits, all,
                                   CUDA_COLUMN_THREADS, CUDA_COLUMN_SHARED_BYTES};
    cuda_launch(conv->base.backend, CUDA_tap_sums, &grid, &call, sizeof call);
    cuda_launch_columns_end(conv->base.backend, CUDA_tap_sums_end, call.count, &call, sizeof call);
}

static void add_splits(const struct conv_kernel *conv, const struct cuda_conv_call *call)
{
    const struct cuda_grid grid = {cuda_tiles((int64_t)conv->weights, WARP), 1, 1, CONV_THREADS,
                                   CONV_THREADS * sizeof(float)};
    cuda_launch(conv->base.backend, CUDA_conv_add_splits, &grid, call, sizeof *call);
}

static void run_backward_weights(struct kernel *kernel, const struct op_args *args)
{
    const struct conv_kernel *conv = conv_of(kernel);
    CHECK(args->in[0] != NULL && args->in[1] != NULL && args->out[0] != NULL);
    if (!conv->depthwise) {
        struct cuda_conv_call call = conv->call;
        call.left = args->in[0];
        call.right = args->in[1];
        call.out = call.splits > 1 ? args->scratch : args->out[0];
        launch_product(conv, &call);
        if (call.splits > 1) {
            call.left = args->scratch;
            call.out = args->out[0];
            add_splits(conv, &call);
        }
    }
    launch_taps(conv, args);
}

static struct cuda_pack_call pack_call(const struct conv_kernel *conv)
{
    const struct op *op = &conv->base.op;
    const struct cuda_conv_call *call = &conv->call;
    return (struct cuda_pack_call){
        .count = (int)conv->weights,
        .inputs = call->group_in,
        .outputs = conv->depthwise ? op->out_c : call->group_out,
        .taps = taps_of(op),
        .padded = conv->depthwise ? op->out_c : call->padded,
        .data = op->kind == OP_CONV_BACKWARD_DATA && !conv->depthwise,
    };
}

static enum status pack_conv(struct kernel *kernel, const float *weights, const float *bias,
                             const struct op_quantization *quantization, void *packed, int lane)
{
    const struct conv_kernel *conv = conv_of(kernel);
    struct cuda_pack_call call = pack_call(conv);
    (void)lane;
    CHECK(quantization == NULL);
    CHECK(!kernel->op.bias || bias != NULL || kernel->op.kind == OP_CONV_BACKWARD_DATA);
    call.from = weights;
    call.from_bias = bias;
    call.to = packed;
    call.to_bias = (float *)packed + conv->weights;
    call.biases = kernel->op.bias && bias != NULL ? kernel->op.out_c : 0;
    cuda_pack(kernel->backend, CUDA_conv_pack, &call);
    return OK;
}

static void unpack_weights(struct kernel *kernel, const void *partial, float *weights, float *bias,
                           int lane)
{
    const struct conv_kernel *conv = conv_of(kernel);
    struct cuda_pack_call call = pack_call(conv);
    (void)lane;
    CHECK(!kernel->op.bias || bias != NULL);
    call.from = partial;
    call.from_bias = (const float *)partial + conv->weights;
    call.to = weights;
    call.to_bias = bias;
    call.biases = kernel->op.bias ? kernel->op.out_c : 0;
    cuda_pack(kernel->backend, CUDA_conv_unpack, &call);
}

const struct kernel_ops cuda_kernel_CONV = {
    .open = open_conv,
    .run = run_conv,
    .pack = pack_conv,
    .close = cuda_kernel_close,
};

const struct kernel_ops cuda_kernel_CONV_BACKWARD_DATA = {
    .open = open_conv,
    .run = run_conv,
    .pack = pack_conv,
    .close = cuda_kernel_close,
};

const struct kernel_ops cuda_kernel_CONV_BACKWARD_WEIGHTS = {
    .open = open_conv,
    .run = run_backward_weights,
    .unpack = unpack_weights,
    .close = cuda_kernel_close,
};
