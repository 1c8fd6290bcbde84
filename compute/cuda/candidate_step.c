// What a step of a network launches for all candidates at once.
#include "compute/cuda/candidate_state.h"
#include "compute/cuda/candidate_value.h"

#include <string.h>

enum { SUM_CHANNELS = 64 }; // of a block of candidate_sums

void candidate_launch_plain(const struct candidates *c, enum cuda_kernel_number kernel,
                            int64_t threads, int n, const void *args, size_t bytes)
{
    const struct cuda_grid grid = {.x =
                                       (int)((threads + CANDIDATE_THREADS - 1) / CANDIDATE_THREADS),
                                   .y = 1,
                                   .z = n,
                                   .threads = CANDIDATE_THREADS};
    candidate_launch(c, kernel, &grid, args, bytes);
}

struct candidate_lists candidate_lists_of(const struct candidates *c)
{
    return (struct candidate_lists){.widths = c->widths,
                                    .channels = c->channels,
                                    .n_axes = c->layout.network->n_axes,
                                    .n_channels = c->layout.network->n_channels};
}

struct candidate_list candidate_list_of(const struct candidates *c, int axis)
{
    const struct candidate_axis *of = &c->layout.network->axes[axis];
    return (struct candidate_list){.axis = axis, .first = of->first, .channels = of->channels};
}

static int axis_of(const struct candidates *c, int value)
{
    return value == 0 ? c->layout.network->steps[0].in_axis
                      : c->layout.network->steps[value - 1].out_axis;
}

struct candidate_tensor candidate_value(const struct candidates *c, int value,
                                        const struct candidate_pass *pass)
{
    struct candidate_tensor tensor = {.axis = axis_of(c, value)};
    if (value == 0) {
        const struct op *first = &c->layout.network->steps[0].op;
        tensor.h = first->in_h;
        tensor.w = first->in_w;
        tensor.data = c->image;
        return tensor;
    }
    const struct candidate_layer *layer = &c->layout.layers[value - 1];
    const size_t images = (size_t)pass->images, all = images * (size_t)pass->n;
    tensor.h = layer->step->op.out_h;
    tensor.w = layer->step->op.out_w;
    tensor.data = c->values + layer->value_at * all;
    tensor.stride = layer->value_bytes * images;
    return tensor;
}

static bool is_bf16(const struct candidates *c)
{
    return c->precision == CANDIDATE_BF16;
}

// Most pairs of neighbouring channels that a step's output has.
static int64_t output_pairs(const struct candidate_step *step, int images)
{
    return (int64_t)images * step->op.out_h * step->op.out_w *
           (candidate_padded(step->op.out_c) / 2);
}

static struct candidate_window window_of(const struct op *op)
{
    struct candidate_window window;
    memcpy(window.kernel, op->kernel, sizeof window.kernel);
    memcpy(window.stride, op->stride, sizeof window.stride);
    memcpy(window.dilation, op->dilation, sizeof window.dilation);
    memcpy(window.pad, op->pad, sizeof window.pad);
    return window;
}

// Scale and shift as folded for scoring.
static struct candidate_affine folded(const struct candidates *c,
                                      const struct candidate_layer *layer)
{
    return (struct candidate_affine){.scale = c->scale + layer->affine_at,
                                     .shift = c->shift + layer->affine_at,
                                     .stride = c->layout.affine};
}

static int segments_of(const struct candidate_pass *pass)
{
    return (pass->segments.images + pass->segments.each - 1) / pass->segments.each;
}

static struct candidate_affine of_segments(const struct candidates *c,
                                           const struct candidate_layer *layer,
                                           const struct candidate_pass *pass)
{
    const int channels = layer->step->op.out_c;
    return (struct candidate_affine){.scale = c->segment_scale,
                                     .shift = c->segment_shift,
                                     .stride = (size_t)segments_of(pass) * (size_t)channels,
                                     .segment_stride = channels};
}

// ---- before the first image

static void pack(const struct candidates *c, const struct candidate_layer *layer, int n)
{
    const struct candidate_step *step = layer->step;
    const struct candidate_pack_args args = {
        .lists = candidate_lists_of(c),
        .in = candidate_list_of(c, step->in_axis),
        .out = candidate_list_of(c, step->out_axis),
        .params = c->params + step->weights,
        .refitted = step->refit ? c->refitted : NULL,
        .refitted_stride = c->layout.refit.refitted,
        .weights = c->weights + layer->weights_at,
        .weights_stride = c->layout.weights_bytes,
        .taps = step->op.kernel[0] * step->op.kernel[1],
        .groups = step->op.groups,
        .slab = layer->slab,
        .precision = (int)c->precision,
    };
    const size_t each = layer->depthwise ? sizeof(float) : CANDIDATE_CHUNK;
    candidate_launch_plain(c,
                           layer->depthwise ? CUDA_candidate_pack_depthwise : CUDA_candidate_pack,
                           (int64_t)(layer->weights_bytes / each), n, &args, sizeof args);
}

static void set_bias(const struct candidates *c, const struct candidate_layer *layer, int n)
{
    const struct candidate_step *step = layer->step;
    const struct candidate_bias_args args = {
        .lists = candidate_lists_of(c),
        .out = candidate_list_of(c, step->out_axis),
        .bias = step->op.bias ? c->params + step->bias : NULL,
        .scale = c->scale + layer->affine_at,
        .shift = c->shift + layer->affine_at,
        .stride = c->layout.affine,
    };
    candidate_launch_plain(c, CUDA_candidate_bias, step->op.out_c, n, &args, sizeof args);
}

void candidate_prepare_step(const struct candidates *c, int s, int n)
{
    const struct candidate_layer *layer = &c->layout.layers[s];
    const struct candidate_step *step = layer->step;
    if (step->op.kind == OP_CONV) {
        pack(c, layer, n);
        if (!step->batchnorm) {
            set_bias(c, layer, n);
        }
    }
    if (step->source_input != NULL) {
        const struct candidate_route_args args = {
            .lists = candidate_lists_of(c),
            .out = candidate_list_of(c, step->out_axis),
            .inputs = c->input_lists[s],
            .source_input = c->source_input[s],
            .source_channel = c->source_channel[s],
            .routes = c->routes + layer->routes_at,
            .stride = c->layout.routes,
        };
        candidate_launch_plain(c, CUDA_candidate_route, step->op.out_c, n, &args, sizeof args);
    }
}

// ---- steps

// out = act(affine(a) how b)
static void combine(const struct candidates *c, const struct candidate_step *step,
                    const struct candidate_pass *pass, struct candidate_combine_args *args)
{
    args->lists = candidate_lists_of(c);
    args->segments = pass->segments;
    args->bf16 = is_bf16(c);
    candidate_launch_plain(c, CUDA_candidate_combine, output_pairs(step, pass->images), pass->n,
                           args, sizeof *args);
}

static void run_conv(const struct candidates *c, const struct candidate_layer *layer, bool raw,
                     const struct candidate_pass *pass)
{
    static const enum cuda_kernel_number kernels[] = {
        [CANDIDATE_F32] = CUDA_candidate_conv_f32,
        [CANDIDATE_TF32] = CUDA_candidate_conv_tf32,
        [CANDIDATE_BF16] = CUDA_candidate_conv_bf16,
    };
    const struct candidate_step *step = layer->step;
    const struct op *op = &step->op;
    struct candidate_conv_args args = {
        .lists = candidate_lists_of(c),
        .in = candidate_value(c, step->inputs[0], pass),
        .out = candidate_value(c, (int)(step - c->layout.network->steps) + 1, pass),
        .weights = c->weights + layer->weights_at,
        .weights_stride = c->layout.weights_bytes,
        .window = window_of(op),
        .segments = pass->segments,
        .pixels = layer->pixels,
        .slab = layer->slab,
        .tile = layer->tile,
        .precision = (int)c->precision,
    };
    if (!raw) {
        args.affine = folded(c, layer);
        args.act = op->act;
        if (step->sum >= 0) {
            args.sum = candidate_value(c, step->sum, pass);
        }
    }
    const int64_t out = (int64_t)pass->segments.each * op->out_h * op->out_w;
    args.blocks = (int)((out + layer->pixels - 1) / layer->pixels);
    const struct cuda_grid grid = {.x = args.blocks * segments_of(pass),
                                   .y = layer->columns,
                                   .z = pass->n,
                                   .threads = CANDIDATE_THREADS,
                                   .shared_bytes = layer->shared_bytes};
    candidate_launch(c, kernels[c->precision], &grid, &args, sizeof args);
}

static void run_depthwise(const struct candidates *c, const struct candidate_layer *layer, bool raw,
                          const struct candidate_pass *pass)
{
    const struct candidate_step *step = layer->step;
    struct candidate_depthwise_args args = {
        .lists = candidate_lists_of(c),
        .in = candidate_value(c, step->inputs[0], pass),
        .out = candidate_value(c, (int)(step - c->layout.network->steps) + 1, pass),
        .weights = c->weights + layer->weights_at,
        .weights_stride = c->layout.weights_bytes,
        .window = window_of(&step->op),
        .segments = pass->segments,
        .bf16 = is_bf16(c),
    };
    if (!raw) {
        args.affine = folded(c, layer);
        args.act = step->op.act;
        if (step->sum >= 0) {
            args.sum = candidate_value(c, step->sum, pass);
        }
    }
    candidate_launch_plain(c, CUDA_candidate_depthwise, output_pairs(step, pass->images), pass->n,
                           &args, sizeof args);
}

// Sums over `value`, from them the segments' scales and shifts, and the totals.
static void gather_statistics(const struct candidates *c, const struct candidate_layer *layer,
                              int value, const struct candidate_pass *pass)
{
    const struct candidate_step *step = layer->step;
    const struct op *op = &step->op;
    const struct candidate_affine affine = of_segments(c, layer, pass);
    const struct candidate_sums_args sums = {
        .lists = candidate_lists_of(c),
        .in = candidate_value(c, value, pass),
        .segments = pass->segments,
        .parts = layer->parts,
        .channels = op->out_c,
        .bf16 = is_bf16(c),
        .sums = c->sums,
    };
    const struct cuda_grid grid = {.x = layer->parts * segments_of(pass),
                                   .y = (op->out_c + SUM_CHANNELS - 1) / SUM_CHANNELS,
                                   .z = pass->n,
                                   .threads = CANDIDATE_THREADS,
                                   .shared_bytes = 4 * sizeof(double) * CANDIDATE_THREADS};
    candidate_launch(c, CUDA_candidate_sums, &grid, &sums, sizeof sums);
    const struct candidate_finish_args finish = {
        .lists = candidate_lists_of(c),
        .list = candidate_list_of(c, step->out_axis),
        .segments = pass->segments,
        .parts = layer->parts,
        .pixels = op->out_h * op->out_w,
        .sums = c->sums,
        .gamma = c->params + step->gamma,
        .beta = c->params + step->beta,
        .epsilon = op->epsilon,
        .scale = c->segment_scale,
        .shift = c->segment_shift,
        .totals = c->totals + layer->totals_at,
        .totals_stride = c->layout.totals,
        .first = pass->first,
    };
    CHECK(affine.scale == finish.scale);
    candidate_launch_plain(c, CUDA_candidate_finish, op->out_c, pass->n, &finish, sizeof finish);
}

static void run_weighted(const struct candidates *c, int s, const struct candidate_pass *pass)
{
    const struct candidate_layer *layer = &c->layout.layers[s];
    const struct candidate_step *step = layer->step;
    const bool raw = pass->statistics && step->batchnorm;
    if (layer->depthwise) {
        run_depthwise(c, layer, raw, pass);
    } else {
        run_conv(c, layer, raw, pass);
    }
    if (!raw) {
        return;
    }
    gather_statistics(c, layer, s + 1, pass);
    struct candidate_combine_args args = {.a = candidate_value(c, s + 1, pass),
                                          .out = candidate_value(c, s + 1, pass),
                                          .affine = of_segments(c, layer, pass),
                                          .act = step->op.act};
    if (step->sum >= 0) {
        args.b = candidate_value(c, step->sum, pass);
        args.how = COMBINE_ADD;
    }
    combine(c, step, pass, &args);
}

static void run_batchnorm(const struct candidates *c, int s, const struct candidate_pass *pass)
{
    const struct candidate_layer *layer = &c->layout.layers[s];
    const struct candidate_step *step = layer->step;
    if (pass->statistics) {
        gather_statistics(c, layer, step->inputs[0], pass);
    }
    struct candidate_combine_args args = {.a = candidate_value(c, step->inputs[0], pass),
                                          .out = candidate_value(c, s + 1, pass),
                                          .affine = pass->statistics ? of_segments(c, layer, pass)
                                                                     : folded(c, layer),
                                          .act = step->op.act};
    combine(c, step, pass, &args);
}

// Two inputs at a time; the activation comes with the last.
static void run_add(const struct candidates *c, int s, const struct candidate_pass *pass)
{
    const struct candidate_step *step = &c->layout.network->steps[s];
    const struct activation none = {.kind = ACT_NONE};
    struct candidate_combine_args args = {.a = candidate_value(c, step->inputs[0], pass),
                                          .out = candidate_value(c, s + 1, pass)};
    if (step->n_inputs == 1) {
        args.act = step->op.act;
        combine(c, step, pass, &args);
    }
    for (int i = 1; i < step->n_inputs; i++) {
        args.b = candidate_value(c, step->inputs[i], pass);
        args.how = COMBINE_ADD;
        args.act = i == step->n_inputs - 1 ? step->op.act : none;
        combine(c, step, pass, &args);
        args.a = args.out;
    }
}

static void run_multiply(const struct candidates *c, int s, const struct candidate_pass *pass)
{
    const struct candidate_step *step = &c->layout.network->steps[s];
    struct candidate_combine_args args = {.a = candidate_value(c, step->inputs[0], pass),
                                          .b = candidate_value(c, step->inputs[1], pass),
                                          .out = candidate_value(c, s + 1, pass),
                                          .act = step->op.act,
                                          .how = COMBINE_MULTIPLY,
                                          .vector = step->op.broadcast};
    combine(c, step, pass, &args);
}

static void run_pool(const struct candidates *c, int s, const struct candidate_pass *pass)
{
    const struct candidate_step *step = &c->layout.network->steps[s];
    const struct op *op = &step->op;
    const struct candidate_pool_args args = {
        .lists = candidate_lists_of(c),
        .in = candidate_value(c, step->inputs[0], pass),
        .out = candidate_value(c, s + 1, pass),
        .window = window_of(op),
        .images = pass->images,
        .end = {op->in_h + op->pad[2], op->in_w + op->pad[3]},
        .max = op->kind == OP_POOL_MAX,
        .exclude_pad = op->exclude_pad,
        .bf16 = is_bf16(c),
    };
    candidate_launch_plain(c, CUDA_candidate_pool, output_pairs(step, pass->images), pass->n, &args,
                           sizeof args);
}

// As many inputs at a time as a launch takes.
static void run_gather(const struct candidates *c, int s, const struct candidate_pass *pass)
{
    const struct candidate_layer *layer = &c->layout.layers[s];
    const struct candidate_step *step = layer->step;
    const struct op *op = &step->op;
    for (int first = 0; first < step->n_inputs; first += CANDIDATE_SOURCES) {
        const int left = step->n_inputs - first;
        struct candidate_gather_args args = {
            .lists = candidate_lists_of(c),
            .out = candidate_value(c, s + 1, pass),
            .routes = c->routes + layer->routes_at,
            .routes_stride = c->layout.routes,
            .channels = op->out_c,
            .first = first,
            .n = left < CANDIDATE_SOURCES ? left : CANDIDATE_SOURCES,
            .zeros = first == 0,
            .stride = {1, 1},
            .images = pass->images,
            .bf16 = is_bf16(c),
        };
        if (op->kind == OP_PAD) {
            memcpy(args.stride, op->stride, sizeof args.stride);
            memcpy(args.pad, op->pad, sizeof args.pad);
        }
        for (int i = 0; i < args.n; i++) {
            args.in[i] = candidate_value(c, step->inputs[first + i], pass);
        }
        candidate_launch_plain(c, CUDA_candidate_gather, output_pairs(step, pass->images), pass->n,
                               &args, sizeof args);
    }
}

void candidate_run_step(const struct candidates *c, int s, const struct candidate_pass *pass)
{
    const struct candidate_step *step = &c->layout.network->steps[s];
    switch (step->op.kind) {
    case OP_CONV:
        run_weighted(c, s, pass);
        break;
    case OP_SCALE_SHIFT:
        run_batchnorm(c, s, pass);
        break;
    case OP_ADD:
        run_add(c, s, pass);
        break;
    case OP_MULTIPLY:
        run_multiply(c, s, pass);
        break;
    case OP_POOL_MAX:
    case OP_POOL_AVG:
        run_pool(c, s, pass);
        break;
    case OP_PAD:
    case OP_COPY_CHANNELS:
    case OP_SHUFFLE:
        run_gather(c, s, pass);
        break;
    default:
        CHECK(false); // candidate_open refuses others
    }
}

void candidate_fold_step(const struct candidates *c, int s, int n)
{
    const struct candidate_layer *layer = &c->layout.layers[s];
    const struct candidate_step *step = layer->step;
    const struct op *op = &step->op;
    if (!step->batchnorm) {
        return;
    }
    const struct candidate_fold_args args = {
        .lists = candidate_lists_of(c),
        .list = candidate_list_of(c, step->out_axis),
        .totals = c->totals + layer->totals_at,
        .totals_stride = c->layout.totals,
        .count = (double)c->batch * c->batches * op->out_h * op->out_w,
        .gamma = c->params + step->gamma,
        .beta = c->params + step->beta,
        .epsilon = op->epsilon,
        .scale = c->scale + layer->affine_at,
        .shift = c->shift + layer->affine_at,
        .stride = c->layout.affine,
        .diverged = c->device.diverged,
    };
    candidate_launch_plain(c, CUDA_candidate_fold, op->out_c, n, &args, sizeof args);
}
