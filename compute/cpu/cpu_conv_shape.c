// CONV ops in oneDNN's words.
#include "compute/cpu/cpu_conv_shape.h"

bool cpu_conv_is_linear(const struct op *op)
{
    const bool covers = op->kernel[0] == op->in_h && op->kernel[1] == op->in_w;
    const bool dense = (op->kernel[0] == 1 || op->dilation[0] == 1) &&
                       (op->kernel[1] == 1 || op->dilation[1] == 1);
    const bool padded = op->pad[0] + op->pad[1] + op->pad[2] + op->pad[3] > 0;
    return covers && dense && !padded && op->groups == 1 && op->out_h == 1 && op->out_w == 1;
}

size_t cpu_conv_align(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

size_t cpu_conv_weights(const struct op *op)
{
    return (size_t)op->out_c * (size_t)(op->in_c / op->groups) * (size_t)op->kernel[0] *
           (size_t)op->kernel[1];
}

dnnl_memory_desc_t cpu_conv_source(const struct op *op, enum dtype dtype)
{
    return cpu_dnnl_tensor(op->n, op->in_h, op->in_w, op->in_c, dtype);
}

dnnl_memory_desc_t cpu_conv_destination(const struct op *op, enum dtype dtype)
{
    dnnl_memory_desc_t layout = cpu_dnnl_tensor(op->n, op->out_h, op->out_w, op->out_c, dtype);
    if (cpu_conv_is_linear(op)) {
        const dnnl_dims_t dims = {op->n, op->out_c};
        CHECK(dnnl_memory_desc_init_by_tag(&layout, 2, dims, layout.data_type, dnnl_nc) ==
              dnnl_success);
    }
    return layout;
}

// Padding below and right: what the output size implies, so that strides that do not divide evenly
// fit.
static int end_padding(const struct op *op, int axis, int in, int out)
{
    const int covered = (op->kernel[axis] - 1) * op->dilation[axis] + 1;
    return (out - 1) * op->stride[axis] + covered - in - op->pad[axis];
}

struct conv_geometry {
    dnnl_dims_t strides, dilates, pad_begin, pad_end;
};

static struct conv_geometry geometry(const struct op *op)
{
    return (struct conv_geometry){
        .strides = {op->stride[0], op->stride[1]},
        .dilates = {op->dilation[0] - 1, op->dilation[1] - 1}, // oneDNN counts the taps left out
        .pad_begin = {op->pad[0], op->pad[1]},
        .pad_end = {end_padding(op, 0, op->in_h, op->out_h),
                    end_padding(op, 1, op->in_w, op->out_w)},
    };
}

dnnl_status_t cpu_conv_forward_descriptor(struct cpu_backend *cpu, const struct op *op,
                                          dnnl_prop_kind_t prop,
                                          const_dnnl_primitive_attr_t attributes,
                                          dnnl_primitive_desc_t *out)
{
    const dnnl_memory_desc_t source = cpu_conv_source(op, op->in_type);
    const dnnl_memory_desc_t weights =
        cpu_dnnl_weights(op, op->in_type == DTYPE_F32 ? DTYPE_F32 : DTYPE_S8, true);
    const dnnl_memory_desc_t bias = cpu_dnnl_vector(op->out_c);
    const dnnl_memory_desc_t destination = cpu_conv_destination(op, op->out_type);
    dnnl_status_t result;
    if (cpu_conv_is_linear(op)) {
        dnnl_inner_product_desc_t linear;
        result = dnnl_inner_product_forward_desc_init(&linear, prop, &source, &weights, &bias,
                                                      &destination);
        return result != dnnl_success
                   ? result
                   : dnnl_primitive_desc_create(out, &linear, attributes, cpu->engine, NULL);
    }
    dnnl_convolution_desc_t conv;
    const struct conv_geometry g = geometry(op);
    result = dnnl_dilated_convolution_forward_desc_init(
        &conv, prop, dnnl_convolution_direct, &source, &weights, &bias, &destination, g.strides,
        g.dilates, g.pad_begin, g.pad_end);
    return result != dnnl_success
               ? result
               : dnnl_primitive_desc_create(out, &conv, attributes, cpu->engine, NULL);
}

// Creates a backward descriptor from either kind of op description, with the forward one as its
// hint.
static dnnl_status_t create_backward(struct cpu_backend *cpu, const struct op *op,
                                     const_dnnl_op_desc_t description, dnnl_primitive_desc_t *out)
{
    dnnl_primitive_desc_t hint = NULL;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_status_t result = cpu_conv_forward_descriptor(cpu, op, dnnl_forward_training, NULL, &hint);
    if (result == dnnl_success) {
        result = dnnl_primitive_attr_create(&attributes);
    }
    if (result == dnnl_success) {
        result = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    }
    if (result == dnnl_success) {
        result = dnnl_primitive_desc_create(out, description, attributes, cpu->engine, hint);
    }
    if (attributes != NULL) {
        dnnl_primitive_attr_destroy(attributes);
    }
    if (hint != NULL) {
        dnnl_primitive_desc_destroy(hint);
    }
    return result;
}

dnnl_status_t cpu_conv_backward_data_descriptor(struct cpu_backend *cpu, const struct op *op,
                                                dnnl_primitive_desc_t *out)
{
    const dnnl_memory_desc_t source = cpu_conv_source(op, DTYPE_F32);
    const dnnl_memory_desc_t weights = cpu_dnnl_weights(op, DTYPE_F32, true);
    const dnnl_memory_desc_t destination = cpu_conv_destination(op, DTYPE_F32);
    dnnl_status_t result;
    if (cpu_conv_is_linear(op)) {
        dnnl_inner_product_desc_t linear;
        result =
            dnnl_inner_product_backward_data_desc_init(&linear, &source, &weights, &destination);
        return result != dnnl_success ? result : create_backward(cpu, op, &linear, out);
    }
    dnnl_convolution_desc_t conv;
    const struct conv_geometry g = geometry(op);
    result = dnnl_dilated_convolution_backward_data_desc_init(
        &conv, dnnl_convolution_direct, &source, &weights, &destination, g.strides, g.dilates,
        g.pad_begin, g.pad_end);
    return result != dnnl_success ? result : create_backward(cpu, op, &conv, out);
}

// What oneDNN likes best for op->like_n images; for n images, it may like another layout better.
static dnnl_status_t weights_layout(struct cpu_backend *cpu, const struct op *op,
                                    dnnl_memory_desc_t *layout)
{
    *layout = cpu_dnnl_weights(op, DTYPE_F32, true);
    if (op->like_n == 0 || op->like_n == op->n) {
        return dnnl_success;
    }
    struct op like = *op;
    dnnl_primitive_desc_t descriptor = NULL;
    like.n = op->like_n;
    const dnnl_status_t result = cpu_conv_backward_weights_descriptor(cpu, &like, &descriptor);
    if (result == dnnl_success) {
        *layout = *dnnl_primitive_desc_query_md(descriptor, dnnl_query_diff_weights_md, 0);
        dnnl_primitive_desc_destroy(descriptor);
    }
    return result;
}

dnnl_status_t cpu_conv_backward_weights_descriptor(struct cpu_backend *cpu, const struct op *op,
                                                   dnnl_primitive_desc_t *out)
{
    dnnl_memory_desc_t weights;
    dnnl_status_t result = weights_layout(cpu, op, &weights);
    if (result != dnnl_success) {
        return result;
    }
    const dnnl_memory_desc_t source = cpu_conv_source(op, DTYPE_F32);
    const dnnl_memory_desc_t vector = cpu_dnnl_vector(op->out_c);
    const dnnl_memory_desc_t *bias = op->bias ? &vector : NULL;
    const dnnl_memory_desc_t destination = cpu_conv_destination(op, DTYPE_F32);
    if (cpu_conv_is_linear(op)) {
        dnnl_inner_product_desc_t linear;
        result = dnnl_inner_product_backward_weights_desc_init(&linear, &source, &weights, bias,
                                                               &destination);
        return result != dnnl_success ? result : create_backward(cpu, op, &linear, out);
    }
    dnnl_convolution_desc_t conv;
    const struct conv_geometry g = geometry(op);
    result = dnnl_dilated_convolution_backward_weights_desc_init(
        &conv, dnnl_convolution_direct, &source, &weights, bias, &destination, g.strides, g.dilates,
        g.pad_begin, g.pad_end);
    return result != dnnl_success ? result : create_backward(cpu, op, &conv, out);
}
