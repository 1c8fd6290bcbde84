// What a step of a network launches for all candidates at once.
#include "compute/cuda/candidate_element.h"
#include "compute/cuda/candidate_state.h"

#include <string.h>

enum { SUM_CHANNELS = 64, FINISH_CHANNELS = 32 }; // of a block of these kernels

void candidate_launch_plain(const struct candidates *c, enum cuda_kernel_number kernel,
                            int64_t threads, int n, const void *args, size_t bytes)
{
    const struct cuda_grid grid = {.x =
                                       (int)((threads + CANDIDATE_THREADS - 1) / CANDIDATE_THREADS),
                                   .y = 1,
                                   .z = n,
                                   .threads = CANDIDATE_THREADS};
    cuda_launch(c->backend, kernel, &grid, args, bytes);
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

int candidate_axis_of(const struct candidates *c, int value)
{
    return value == 0 ? c->layout.network->steps[0].in_axis
                      : c->layout.network->steps[value - 1].out_axis;
}

struct candidate_tensor candidate_value(const struct candidates *c, int value,
                                        const struct candidate_pass *pass)
{
    struct candidate_tensor tensor = {.axis = candidate_axis_of(c, value)};
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
    return c->precision == PRECISION_BF16;
}

// Most places that a step's output has.
static int64_t output_places(const struct candidate_step *step, enum candidate_element_kind kind,
                             int images)
{
    return (int64_t)images * step->op.out_h * step->op.out_w *
           (candidate_padded(step->op.out_c) / candidate_place_channels(kind));
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
        .refitted = step->refit ? c->refitted + layer->refitted_at : NULL,
        .refitted_stride = c->refit_stride.refitted,
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

// What a convolution does when it is not to leave its raw sums.
struct candidate_filter candidate_filter_of(const struct candidates *c,
                                            const struct candidate_layer *layer, bool raw)
{
    const struct op *op = &layer->step->op;
    struct candidate_filter filter = {
        .weights = c->weights + layer->weights_at,
        .weights_stride = c->layout.weights_bytes,
        .window = window_of(op),
        .slab = layer->slab,
    };
    if (!raw) {
        filter.affine = folded(c, layer);
        filter.act = op->act;
    }
    return filter;
}

static void run_conv(const struct candidates *c, int s, bool raw, const struct candidate_pass *pass)
{
    static const enum cuda_kernel_number kernels[] = {
        [PRECISION_FLOAT32] = CUDA_candidate_conv_f32,
        [PRECISION_TF32] = CUDA_candidate_conv_tf32,
        [PRECISION_BF16] = CUDA_candidate_conv_bf16,
    };
    const struct candidate_layer *layer = &c->layout.layers[s];
    const struct candidate_step *step = layer->step;
    const struct op *op = &step->op;
    const int64_t out = (int64_t)pass->segments.each * op->out_h * op->out_w;
    struct candidate_conv_args args = {
        .lists = candidate_lists_of(c),
        .in = candidate_value(c, step->inputs[0], pass),
        .out = candidate_value(c, s + 1, pass),
        .filter = candidate_filter_of(c, layer, raw),
        .segments = pass->segments,
        .blocks = (int)((out + layer->pixels - 1) / layer->pixels),
        .pixels = layer->pixels,
        .tile = layer->tile,
    };
    if (!raw && step->sum >= 0) {
        args.sum = candidate_value(c, step->sum, pass);
    }
    if (raw) {
        args.sums = c->sums;
        args.channels = op->out_c;
        CHECK(args.blocks == layer->parts);
    }
    const struct cuda_grid grid = {.x = args.blocks * segments_of(pass),
                                   .y = layer->columns,
                                   .z = pass->n,
                                   .threads = CANDIDATE_THREADS,
                                   .shared_bytes = layer->shared_bytes};
    cuda_launch(c->backend, kernels[c->precision], &grid, &args, sizeof args);
}

static enum candidate_element_kind kind_of(const struct op *op, int n_inputs)
{
    switch (op->kind) {
    case OP_CONV:
        return ELEMENT_DEPTHWISE;
    case OP_ADD:
        return n_inputs == 1 ? ELEMENT_ONE : ELEMENT_ADD;
    case OP_MULTIPLY:
        return ELEMENT_MULTIPLY;
    case OP_POOL_MAX:
        return ELEMENT_POOL_MAX;
    case OP_POOL_AVG:
        return ELEMENT_POOL_AVG;
    case OP_SCALE_SHIFT:
        return ELEMENT_ONE;
    default:
        return ELEMENT_GATHER;
    }
}

// What the places of a step's output are, but for the statistics of segments.
struct candidate_element candidate_element_of(const struct candidates *c, int s)
{
    const struct candidate_layer *layer = &c->layout.layers[s];
    const struct candidate_step *step = layer->step;
    const struct op *op = &step->op;
    const enum candidate_element_kind kind = kind_of(op, step->n_inputs);
    struct candidate_element element = {
        .kind = kind,
        .vector = op->broadcast,
        .exclude_pad = op->exclude_pad,
        .filter = {.act = op->act, .window = window_of(op)},
        .end = {op->in_h + op->pad[2], op->in_w + op->pad[3]},
        .channels = op->out_c,
        .n = step->n_inputs,
        .zeros = true,
    };
    if (kind == ELEMENT_DEPTHWISE) {
        element.filter = candidate_filter_of(c, layer, false);
    } else if (op->kind == OP_SCALE_SHIFT) {
        element.filter.affine = folded(c, layer);
    } else if (kind == ELEMENT_GATHER) {
        element.routes = c->routes + layer->routes_at;
        element.routes_stride = c->layout.routes;
        if (op->kind != OP_PAD) {
            element.filter.window = (struct candidate_window){.stride = {1, 1}};
        }
    }
    return element;
}

static void launch_map(const struct candidates *c, const struct candidate_step *step,
                       const struct candidate_pass *pass, struct candidate_map_args *args)
{
    static const enum cuda_kernel_number kernels[] = {
        [ELEMENT_ONE] = CUDA_candidate_combine,      [ELEMENT_ADD] = CUDA_candidate_combine,
        [ELEMENT_MULTIPLY] = CUDA_candidate_combine, [ELEMENT_DEPTHWISE] = CUDA_candidate_depthwise,
        [ELEMENT_POOL_MAX] = CUDA_candidate_pool,    [ELEMENT_POOL_AVG] = CUDA_candidate_pool,
        [ELEMENT_GATHER] = CUDA_candidate_gather,
    };
    args->lists = candidate_lists_of(c);
    args->segments = pass->segments;
    args->bf16 = is_bf16(c);
    candidate_launch_plain(c, kernels[args->element.kind],
                           output_places(step, args->element.kind, pass->images), pass->n, args,
                           sizeof *args);
}

// Sums over `value`, where no convolution has left them.
static void add_up(const struct candidates *c, const struct candidate_layer *layer, int value,
                   const struct candidate_pass *pass)
{
    const struct op *op = &layer->step->op;
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
    cuda_launch(c->backend, CUDA_candidate_sums, &grid, &sums, sizeof sums);
}

// From the sums the segments' scales and shifts, and their share of the totals.
static void finish(const struct candidates *c, const struct candidate_layer *layer,
                   const struct candidate_pass *pass)
{
    const struct candidate_step *step = layer->step;
    const struct op *op = &step->op;
    const struct candidate_finish_args args = {
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
        .totals = c->totals + layer->totals_at + (size_t)pass->first_batch * c->layout.totals,
        .totals_stride = (size_t)c->batches * c->layout.totals,
        .totals_segment = c->layout.totals,
    };
    const struct cuda_grid grid = {.x = (op->out_c + FINISH_CHANNELS - 1) / FINISH_CHANNELS,
                                   .y = segments_of(pass),
                                   .z = pass->n,
                                   .threads = CANDIDATE_THREADS,
                                   .shared_bytes = 2 * sizeof(double) * CANDIDATE_THREADS};
    cuda_launch(c->backend, CUDA_candidate_finish, &grid, &args, sizeof args);
}

static void run_depthwise(const struct candidates *c, int s, bool raw,
                          const struct candidate_pass *pass)
{
    const struct candidate_step *step = &c->layout.network->steps[s];
    struct candidate_map_args args = {.in = {candidate_value(c, step->inputs[0], pass)},
                                      .out = candidate_value(c, s + 1, pass),
                                      .element = candidate_element_of(c, s)};
    args.element.filter = candidate_filter_of(c, &c->layout.layers[s], raw);
    if (!raw && step->sum >= 0) {
        args.sum = candidate_value(c, step->sum, pass);
    }
    launch_map(c, step, pass, &args);
}

static void run_weighted(const struct candidates *c, int s, const struct candidate_pass *pass)
{
    const struct candidate_layer *layer = &c->layout.layers[s];
    const struct candidate_step *step = layer->step;
    const bool raw = pass->statistics && step->batchnorm;
    if (layer->depthwise) {
        run_depthwise(c, s, raw, pass);
    } else {
        run_conv(c, s, raw, pass);
    }
    if (!raw) {
        return;
    }
    if (layer->depthwise) {
        add_up(c, layer, s + 1, pass);
    }
    finish(c, layer, pass);
    struct candidate_map_args args = {
        .in = {candidate_value(c, s + 1, pass)},
        .out = candidate_value(c, s + 1, pass),
        .element = {.kind = ELEMENT_ONE,
                    .filter = {.affine = of_segments(c, layer, pass), .act = step->op.act}}};
    if (step->sum >= 0) {
        args.in[1] = candidate_value(c, step->sum, pass);
        args.element.kind = ELEMENT_ADD;
    }
    launch_map(c, step, pass, &args);
}

static void run_batchnorm(const struct candidates *c, int s, const struct candidate_pass *pass)
{
    const struct candidate_layer *layer = &c->layout.layers[s];
    const struct candidate_step *step = layer->step;
    struct candidate_map_args args = {.in = {candidate_value(c, step->inputs[0], pass)},
                                      .out = candidate_value(c, s + 1, pass),
                                      .element = candidate_element_of(c, s)};
    if (pass->statistics) {
        add_up(c, layer, step->inputs[0], pass);
        finish(c, layer, pass);
        args.element.filter.affine = of_segments(c, layer, pass);
    }
    launch_map(c, step, pass, &args);
}

// Two inputs at a time; the activation comes with the last.
static void run_add(const struct candidates *c, int s, const struct candidate_pass *pass)
{
    const struct candidate_step *step = &c->layout.network->steps[s];
    struct candidate_map_args args = {.in = {candidate_value(c, step->inputs[0], pass)},
                                      .out = candidate_value(c, s + 1, pass),
                                      .element = candidate_element_of(c, s)};
    for (int i = 1; i < step->n_inputs; i++) {
        const struct activation none = {.kind = ACT_NONE};
        args.in[1] = candidate_value(c, step->inputs[i], pass);
        args.element.filter.act = i == step->n_inputs - 1 ? step->op.act : none;
        launch_map(c, step, pass, &args);
        args.in[0] = args.out;
    }
    if (step->n_inputs == 1) {
        launch_map(c, step, pass, &args);
    }
}

// As many inputs at a time as a launch takes.
static void run_element(const struct candidates *c, int s, const struct candidate_pass *pass)
{
    const struct candidate_step *step = &c->layout.network->steps[s];
    for (int first = 0; first < step->n_inputs; first += CANDIDATE_SOURCES) {
        const int left = step->n_inputs - first;
        struct candidate_map_args args = {.out = candidate_value(c, s + 1, pass),
                                          .element = candidate_element_of(c, s)};
        args.element.first = first;
        args.element.n = left < CANDIDATE_SOURCES ? left : CANDIDATE_SOURCES;
        args.element.zeros = first == 0;
        for (int i = 0; i < args.element.n; i++) {
            args.in[i] = candidate_value(c, step->inputs[first + i], pass);
        }
        launch_map(c, step, pass, &args);
    }
}

void candidate_run_step(const struct candidates *c, int s, const struct candidate_pass *pass)
{
    switch (c->layout.network->steps[s].op.kind) {
    case OP_CONV:
        run_weighted(c, s, pass);
        break;
    case OP_SCALE_SHIFT:
        run_batchnorm(c, s, pass);
        break;
    case OP_ADD:
        run_add(c, s, pass);
        break;
    default: // MULTIPLY, pools, and what gathers channels
        run_element(c, s, pass);
        break;
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
        .totals_stride = (size_t)c->batches * c->layout.totals,
        .totals_segment = c->layout.totals,
        .segments = c->batches,
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
