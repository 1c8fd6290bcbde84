// Gradients of convolutions and linear layers by oneDNN. A weight-gradient partial is oneDNN's
// weight layout, then at `bias_offset` the bias gradient [out_c].
#include "compute/cpu/cpu_conv_depthwise.h"
#include "compute/cpu/cpu_conv_direct.h"
#include "compute/cpu/cpu_conv_framed.h"
#include "compute/cpu/cpu_conv_shape.h"
#include "compute/cpu/cpu_kernels.h"
#include "core/hash.h"

#include <stdlib.h>
#include <string.h>

struct cpu_conv_backward {
    struct kernel base;
    struct cpu_dnnl_call call;
    struct cpu_dnnl_call
        reorder; // data: weights as given -> packed; weights: a partial's -> as given
    size_t bias_offset;
};

static void backward_close(struct kernel *kernel)
{
    struct cpu_conv_backward *conv = (struct cpu_conv_backward *)kernel;
    cpu_dnnl_call_close(&conv->call);
    cpu_dnnl_call_close(&conv->reorder);
    free(conv);
}

static enum status open_data_calls(struct cpu_conv_backward *conv)
{
    struct cpu_backend *cpu = (struct cpu_backend *)conv->base.backend;
    const struct op *op = &conv->base.op;
    dnnl_primitive_desc_t descriptor = NULL;
    TRY(cpu_dnnl_check(cpu_conv_backward_data_descriptor(cpu, op, &descriptor),
                       "a convolution's input gradient"));
    const dnnl_memory_desc_t packed =
        *dnnl_primitive_desc_query_md(descriptor, dnnl_query_weights_md, 0);
    const dnnl_memory_desc_t scratch =
        *dnnl_primitive_desc_query_md(descriptor, dnnl_query_scratchpad_md, 0);
    const struct cpu_dnnl_argument arguments[] = {
        {DNNL_ARG_DIFF_DST, cpu_conv_destination(op, DTYPE_F32)},
        {DNNL_ARG_WEIGHTS, packed},
        {DNNL_ARG_DIFF_SRC, cpu_conv_source(op, DTYPE_F32)},
        {DNNL_ARG_SCRATCHPAD, scratch},
    };
    conv->base.packed_bytes = cpu_conv_align(dnnl_memory_desc_get_size(&packed));
    conv->base.packing = hash_bytes(HASH_BEGIN, &packed, sizeof packed);
    conv->base.scratch_bytes = dnnl_memory_desc_get_size(&scratch);
    const dnnl_memory_desc_t plain = cpu_dnnl_weights(op, DTYPE_F32, false);
    const int n = (int)(sizeof arguments / sizeof *arguments);
    TRY(cpu_dnnl_call_open(cpu, descriptor, arguments, n, &conv->call));
    return cpu_dnnl_reorder_open(cpu, &plain, &packed, &conv->reorder);
}

static enum status open_weights_calls(struct cpu_conv_backward *conv)
{
    struct cpu_backend *cpu = (struct cpu_backend *)conv->base.backend;
    const struct op *op = &conv->base.op;
    dnnl_primitive_desc_t descriptor = NULL;
    TRY(cpu_dnnl_check(cpu_conv_backward_weights_descriptor(cpu, op, &descriptor),
                       "a convolution's weight gradient"));
    const dnnl_memory_desc_t packed =
        *dnnl_primitive_desc_query_md(descriptor, dnnl_query_diff_weights_md, 0);
    const dnnl_memory_desc_t scratch =
        *dnnl_primitive_desc_query_md(descriptor, dnnl_query_scratchpad_md, 0);
    const struct cpu_dnnl_argument arguments[] = {
        {DNNL_ARG_SRC, cpu_conv_source(op, DTYPE_F32)},
        {DNNL_ARG_DIFF_DST, cpu_conv_destination(op, DTYPE_F32)},
        {DNNL_ARG_DIFF_WEIGHTS, packed},
        {DNNL_ARG_SCRATCHPAD, scratch},
        {DNNL_ARG_DIFF_BIAS, cpu_dnnl_vector(op->out_c)},
    };
    conv->bias_offset = cpu_conv_align(dnnl_memory_desc_get_size(&packed));
    conv->base.partial_bytes =
        conv->bias_offset + cpu_conv_align((size_t)op->out_c * sizeof(float));
    conv->base.scratch_bytes = dnnl_memory_desc_get_size(&scratch);
    conv->base.packing = hash_bytes(HASH_BEGIN, &packed, sizeof packed);
    const dnnl_memory_desc_t plain = cpu_dnnl_weights(op, DTYPE_F32, false);
    TRY(cpu_dnnl_call_open(cpu, descriptor, arguments, op->bias ? 5 : 4, &conv->call));
    return cpu_dnnl_reorder_open(cpu, &packed, &plain, &conv->reorder);
}

static enum status backward_open(struct backend *backend, const struct op *op, struct kernel **out)
{
    if (op->kind == OP_CONV_BACKWARD_DATA && cpu_conv_direct_fits(op)) {
        return cpu_conv_direct_open(backend, op, out);
    }
    if (cpu_conv_depthwise_fits(op)) {
        return cpu_conv_depthwise_open(backend, op, out);
    }
    if (cpu_conv_needs_frame(op)) {
        return cpu_conv_framed_open(backend, op, out);
    }
    struct cpu_conv_backward *conv = calloc(1, sizeof *conv);
    if (conv == NULL) {
        FAIL(ERR_MEMORY, "no memory for a convolution's gradient");
    }
    const bool data = op->kind == OP_CONV_BACKWARD_DATA;
    conv->base = (struct kernel){.ops = data ? &cpu_conv_backward_data_kernel
                                             : &cpu_conv_backward_weights_kernel,
                                 .backend = backend,
                                 .op = *op};
    conv->base.op.in_type = DTYPE_F32;
    conv->base.op.out_type = DTYPE_F32;
    const enum status status = data ? open_data_calls(conv) : open_weights_calls(conv);
    if (status != OK) {
        backward_close(&conv->base);
        return status;
    }
    *out = &conv->base;
    return OK;
}

static void backward_data_run(struct kernel *kernel, const struct op_args *args)
{
    struct cpu_conv_backward *conv = (struct cpu_conv_backward *)kernel;
    void *const addresses[] = {(void *)(uintptr_t)args->in[0], (void *)(uintptr_t)args->in[1],
                               args->out[0], args->scratch};
    cpu_dnnl_call_run(&conv->call, args->lane, addresses);
}

static enum status backward_data_pack(struct kernel *kernel, const float *weights,
                                      const float *bias, const struct op_quantization *quantization,
                                      void *packed, int lane)
{
    (void)bias;
    (void)quantization;
    struct cpu_conv_backward *conv = (struct cpu_conv_backward *)kernel;
    void *const addresses[] = {(void *)(uintptr_t)weights, packed};
    cpu_dnnl_call_run(&conv->reorder, lane, addresses);
    return OK;
}

static void backward_weights_run(struct kernel *kernel, const struct op_args *args)
{
    struct cpu_conv_backward *conv = (struct cpu_conv_backward *)kernel;
    char *partial = args->out[0];
    void *const addresses[] = {(void *)(uintptr_t)args->in[0], (void *)(uintptr_t)args->in[1],
                               partial, args->scratch, partial + conv->bias_offset};
    cpu_dnnl_call_run(&conv->call, args->lane, addresses);
}

static void backward_weights_unpack(struct kernel *kernel, const void *partial, float *weights,
                                    float *bias, int lane)
{
    struct cpu_conv_backward *conv = (struct cpu_conv_backward *)kernel;
    void *const addresses[] = {(void *)(uintptr_t)partial, weights};
    cpu_dnnl_call_run(&conv->reorder, lane, addresses);
    if (bias != NULL) {
        memcpy(bias, (const char *)partial + conv->bias_offset,
               (size_t)kernel->op.out_c * sizeof(float));
    }
}

const struct kernel_ops cpu_conv_backward_data_kernel = {.open = backward_open,
                                                         .run = backward_data_run,
                                                         .pack = backward_data_pack,
                                                         .close = backward_close};

const struct kernel_ops cpu_conv_backward_weights_kernel = {.open = backward_open,
                                                            .run = backward_weights_run,
                                                            .unpack = backward_weights_unpack,
                                                            .close = backward_close};
