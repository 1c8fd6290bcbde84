// Forward convolutions and linear layers by oneDNN, float32 and int8, with bias, residual sum and
// activation fused. Packed weights: oneDNN's layout, then at `bias_offset` the bias [out_c].
#include "compute/cpu/cpu_conv_choice.h"
#include "compute/cpu/cpu_conv_direct.h"
#include "compute/cpu/cpu_conv_framed.h"
#include "compute/cpu/cpu_conv_rows.h"
#include "compute/cpu/cpu_conv_shape.h"
#include "compute/cpu/cpu_dnnl.h"
#include "compute/cpu/cpu_kernels.h"
#include "compute/cpu/cpu_quantize.h"
#include "core/hash.h"

#include <stdlib.h>
#include <string.h>

struct cpu_conv {
    struct kernel base;
    struct cpu_dnnl_call call;    // src, weights, bias, dst, scratch
    struct cpu_dnnl_call reorder; // weights as given -> packed
    size_t bias_offset;
    // int8: weights are quantised here before the reorder; scales of the last pack
    int8_t *quantized;               // [weights], owned
    float *out_scales, *scaled_bias; // [out_c], owned
};

// The activation of v = real / unit, in the same unit: act(v * unit) / unit.
static dnnl_status_t append_activation(struct activation act, float unit, dnnl_post_ops_t post_ops)
{
    const float steps = 1.0F / unit;
    dnnl_status_t result = dnnl_success;
    switch (act.kind) {
    case ACT_RELU:
        return dnnl_post_ops_append_eltwise(post_ops, 1.0F, dnnl_eltwise_relu, 0.0F, 0.0F);
    case ACT_CLIP:
        return dnnl_post_ops_append_eltwise(post_ops, 1.0F, dnnl_eltwise_clip, act.a / unit,
                                            act.b / unit);
    case ACT_LEAKY:
        return dnnl_post_ops_append_eltwise(post_ops, 1.0F, dnnl_eltwise_relu, act.a, 0.0F);
    case ACT_SILU:
        return dnnl_post_ops_append_eltwise(post_ops, 1.0F, dnnl_eltwise_swish, unit, 0.0F);
    case ACT_HARD_SIGMOID:
        result =
            dnnl_post_ops_append_eltwise(post_ops, 1.0F, dnnl_eltwise_linear, act.a, act.b / unit);
        return result != dnnl_success
                   ? result
                   : dnnl_post_ops_append_eltwise(post_ops, 1.0F, dnnl_eltwise_clip, 0.0F, steps);
    case ACT_SIGMOID:
    case ACT_HARD_SWISH:
        if (unit != 1.0F) {
            result = dnnl_post_ops_append_eltwise(post_ops, 1.0F, dnnl_eltwise_linear, unit, 0.0F);
        }
        return result != dnnl_success
                   ? result
                   : dnnl_post_ops_append_eltwise(post_ops, steps,
                                                  act.kind == ACT_SIGMOID ? dnnl_eltwise_logistic
                                                                          : dnnl_eltwise_hardswish,
                                                  0.0F, 0.0F);
    case ACT_NONE:
    case ACT_KIND_COUNT:
        break;
    }
    return result;
}

static dnnl_status_t set_post_ops(const struct op *op, const struct op_quantization *quantization,
                                  const float *out_scales, dnnl_primitive_attr_t attributes)
{
    dnnl_post_ops_t post_ops = NULL;
    dnnl_status_t result = dnnl_post_ops_create(&post_ops);
    const float out_scale = quantization != NULL ? quantization->out_scale : 1.0F;
    if (result == dnnl_success && op->sum) {
        const float sum = quantization != NULL ? quantization->sum_scale / out_scale : 1.0F;
        result = dnnl_post_ops_append_sum(post_ops, sum);
    }
    if (result == dnnl_success) {
        result = append_activation(op->act, out_scale, post_ops);
    }
    if (result == dnnl_success) {
        result = dnnl_primitive_attr_set_post_ops(attributes, post_ops);
    }
    if (result == dnnl_success && out_scales != NULL) {
        result = dnnl_primitive_attr_set_output_scales(attributes, op->out_c, 1 << 1, out_scales);
    }
    dnnl_post_ops_destroy(post_ops);
    return result;
}

static dnnl_status_t make_descriptor(struct cpu_backend *cpu, const struct op *op,
                                     const struct op_quantization *quantization,
                                     const float *out_scales, dnnl_primitive_desc_t *out)
{
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_status_t result = dnnl_primitive_attr_create(&attributes);
    if (result != dnnl_success) {
        return result;
    }
    result = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    if (result == dnnl_success) {
        result = set_post_ops(op, quantization, out_scales, attributes);
    }
    if (result == dnnl_success) {
        result = cpu_conv_forward_descriptor(cpu, op, dnnl_forward_inference, attributes, out);
    }
    dnnl_primitive_attr_destroy(attributes);
    return result;
}

// Makes (or, for int8 with new scales, makes anew) the primitive and the weight reorder.
static enum status make_calls(struct cpu_conv *conv, const struct op_quantization *quantization,
                              const float *out_scales)
{
    struct cpu_backend *cpu = (struct cpu_backend *)conv->base.backend;
    const struct op *op = &conv->base.op;
    dnnl_primitive_desc_t descriptor = NULL;
    TRY(cpu_dnnl_check(make_descriptor(cpu, op, quantization, out_scales, &descriptor),
                       "a forward convolution"));
    const dnnl_memory_desc_t packed =
        *dnnl_primitive_desc_query_md(descriptor, dnnl_query_weights_md, 0);
    const dnnl_memory_desc_t scratch =
        *dnnl_primitive_desc_query_md(descriptor, dnnl_query_scratchpad_md, 0);
    const dnnl_memory_desc_t plain =
        cpu_dnnl_weights(op, op->in_type == DTYPE_F32 ? DTYPE_F32 : DTYPE_S8, false);
    conv->bias_offset = cpu_conv_align(dnnl_memory_desc_get_size(&packed));
    conv->base.packed_bytes = conv->bias_offset + cpu_conv_align((size_t)op->out_c * sizeof(float));
    conv->base.scratch_bytes = dnnl_memory_desc_get_size(&scratch);
    conv->base.packing = hash_bytes(HASH_BEGIN, &packed, sizeof packed);
    cpu_dnnl_call_close(&conv->call);
    cpu_dnnl_call_close(&conv->reorder);
    const struct cpu_dnnl_argument arguments[] = {
        {DNNL_ARG_SRC, cpu_conv_source(op, op->in_type)},
        {DNNL_ARG_WEIGHTS, packed},
        {DNNL_ARG_BIAS, cpu_dnnl_vector(op->out_c)},
        {DNNL_ARG_DST, cpu_conv_destination(op, op->out_type)},
        {DNNL_ARG_SCRATCHPAD, scratch},
    };
    const int n = (int)(sizeof arguments / sizeof *arguments);
    TRY(cpu_dnnl_call_open(cpu, descriptor, arguments, n, &conv->call));
    return cpu_dnnl_reorder_open(cpu, &plain, &packed, &conv->reorder);
}

static void conv_close(struct kernel *kernel)
{
    struct cpu_conv *conv = (struct cpu_conv *)kernel;
    cpu_dnnl_call_close(&conv->call);
    cpu_dnnl_call_close(&conv->reorder);
    free(conv->quantized);
    free(conv->out_scales);
    free(conv->scaled_bias);
    free(conv);
}

static enum status open_int8(struct cpu_conv *conv)
{
    const struct op *op = &conv->base.op;
    if (!conv->base.backend->int8) {
        FAIL(ERR_UNSUPPORTED, "int8 needs a processor with AVX512-VNNI; use float32");
    }
    conv->quantized = malloc(cpu_conv_weights(op));
    conv->out_scales = calloc((size_t)op->out_c, sizeof(float));
    conv->scaled_bias = calloc((size_t)op->out_c, sizeof(float));
    if (conv->quantized == NULL || conv->out_scales == NULL || conv->scaled_bias == NULL) {
        FAIL(ERR_MEMORY, "no memory to quantise %zu weights", cpu_conv_weights(op));
    }
    for (int c = 0; c < op->out_c; c++) {
        conv->out_scales[c] = 1.0F;
    }
    const struct op_quantization unit = {1.0F, 1.0F, 1.0F};
    return make_calls(conv, &unit, conv->out_scales);
}

static enum status conv_open(struct backend *backend, const struct op *op, struct kernel **out)
{
    if (op->by_row) {
        return cpu_conv_rows_open(backend, op, out);
    }
    if (cpu_conv_takes_own_int8(backend, op)) {
        return cpu_conv_own_int8_open(backend, op, out);
    }
    if (cpu_conv_direct_fits(op)) {
        return cpu_conv_direct_open(backend, op, out);
    }
    return cpu_conv_needs_frame(op) ? cpu_conv_framed_open(backend, op, out)
                                    : cpu_conv_dnnl_open(backend, op, out);
}

enum status cpu_conv_dnnl_open(struct backend *backend, const struct op *op, struct kernel **out)
{
    struct cpu_conv *conv = calloc(1, sizeof *conv);
    if (conv == NULL) {
        FAIL(ERR_MEMORY, "no memory for a convolution");
    }
    conv->base = (struct kernel){.ops = &cpu_conv_kernel,
                                 .backend = backend,
                                 .op = *op,
                                 .keeps_weights = op->in_type != DTYPE_F32};
    const enum status status =
        op->in_type == DTYPE_F32 ? make_calls(conv, NULL, NULL) : open_int8(conv);
    if (status != OK) {
        conv_close(&conv->base);
        return status;
    }
    *out = &conv->base;
    return OK;
}

static void conv_run(struct kernel *kernel, const struct op_args *args)
{
    struct cpu_conv *conv = (struct cpu_conv *)kernel;
    char *packed = (char *)(uintptr_t)args->in[1];
    void *const addresses[] = {(void *)(uintptr_t)args->in[0], packed, packed + conv->bias_offset,
                               args->out[0], args->scratch};
    cpu_dnnl_call_run(&conv->call, args->lane, addresses);
}

// Symmetric, per output channel: scale = max|w| / 127, nearest even. Sets out_scales and
// scaled_bias such that y = out_scales * (sum + scaled_bias), in units of out_scale.
static void quantize_weights(struct cpu_conv *conv, const float *weights, const float *bias,
                             const struct op_quantization *quantization)
{
    const struct op *op = &conv->base.op;
    const size_t row = cpu_conv_weights(op) / (size_t)op->out_c;
    for (int o = 0; o < op->out_c; o++) {
        const float *w = weights + (size_t)o * row;
        const float scale = cpu_quantize_scale(w, row);
        for (size_t i = 0; i < row; i++) {
            conv->quantized[(size_t)o * row + i] = cpu_quantize(w[i], scale);
        }
        const float unit = quantization->in_scale * scale;
        conv->out_scales[o] = unit / quantization->out_scale;
        conv->scaled_bias[o] = bias != NULL ? bias[o] / unit : 0.0F;
    }
}

static enum status conv_pack(struct kernel *kernel, const float *weights, const float *bias,
                             const struct op_quantization *quantization, void *packed, int lane)
{
    struct cpu_conv *conv = (struct cpu_conv *)kernel;
    const size_t bias_bytes = (size_t)kernel->op.out_c * sizeof(float);
    const void *from = weights;
    const float *bias_from = bias;
    if (kernel->op.in_type != DTYPE_F32) {
        const size_t packed_bytes = kernel->packed_bytes;
        quantize_weights(conv, weights, bias, quantization);
        // oneDNN 2.6 fixes scales when a primitive is made. The same shape was made by open, so
        // this can only fail for want of memory.
        TRY(make_calls(conv, quantization, conv->out_scales));
        CHECK(kernel->packed_bytes == packed_bytes);
        from = conv->quantized;
        bias_from = conv->scaled_bias;
    }
    void *const addresses[] = {(void *)(uintptr_t)from, packed};
    cpu_dnnl_call_run(&conv->reorder, lane, addresses);
    char *bias_to = (char *)packed + conv->bias_offset;
    if (bias_from != NULL) {
        memcpy(bias_to, bias_from, bias_bytes);
    } else {
        memset(bias_to, 0, bias_bytes);
    }
    return OK;
}

const struct kernel_ops cpu_conv_kernel = {
    .open = conv_open, .run = conv_run, .pack = conv_pack, .close = conv_close};
