// The oneDNN descriptors of a CONV op, shared by forward and backward. An op whose kernel covers
// its whole input is an inner product: one matrix product over all images instead of one per image.
#pragma once
#include "compute/cpu/cpu_dnnl.h"

bool cpu_conv_is_linear(const struct op *op);
size_t cpu_conv_align(size_t bytes);          // up to a multiple of 64
size_t cpu_conv_weights(const struct op *op); // how many

// Layouts of x and y. A linear op's y is [n, out_c].
dnnl_memory_desc_t cpu_conv_source(const struct op *op, enum dtype dtype);
dnnl_memory_desc_t cpu_conv_destination(const struct op *op, enum dtype dtype);

// Primitive descriptors; the caller owns *out. prop: inference or training.
dnnl_status_t cpu_conv_forward_descriptor(struct cpu_backend *cpu, const struct op *op,
                                          dnnl_prop_kind_t prop,
                                          const_dnnl_primitive_attr_t attributes,
                                          dnnl_primitive_desc_t *out);
dnnl_status_t cpu_conv_backward_data_descriptor(struct cpu_backend *cpu, const struct op *op,
                                                dnnl_primitive_desc_t *out);
dnnl_status_t cpu_conv_backward_weights_descriptor(struct cpu_backend *cpu, const struct op *op,
                                                   dnnl_primitive_desc_t *out);
