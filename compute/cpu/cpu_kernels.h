// The kernels of the CPU backend, one table per op kind, each at the end of the file that
// implements it. A kernel runs on the calling thread, on one chunk; it allocates nothing and keeps
// nothing between calls. The output of an element-wise kind may be the very same array as an input
// of the same type and shape (BN_BACKWARD_REDUCE: g may be dy); other overlaps are not allowed.
#pragma once
#include "compute/backend.h"

extern const struct kernel_ops cpu_normalize_kernel, cpu_quantize_kernel, cpu_scale_shift_kernel,
    cpu_add_kernel, cpu_multiply_kernel, cpu_multiply_backward_vector_kernel,
    cpu_act_backward_kernel, cpu_dropout_kernel, cpu_range_kernel;

extern const struct kernel_ops cpu_conv_kernel, cpu_conv_backward_data_kernel,
    cpu_conv_backward_weights_kernel;

extern const struct kernel_ops cpu_pool_max_kernel, cpu_pool_max_backward_kernel,
    cpu_pool_avg_kernel, cpu_pool_avg_backward_kernel;

extern const struct kernel_ops cpu_bn_statistics_kernel, cpu_bn_sum_kernel, cpu_bn_finish_kernel,
    cpu_bn_backward_reduce_kernel, cpu_bn_backward_finish_kernel, cpu_bn_backward_apply_kernel;

extern const struct kernel_ops cpu_copy_channels_kernel, cpu_pad_kernel, cpu_pad_backward_kernel,
    cpu_shuffle_kernel, cpu_gather_kernel, cpu_scatter_add_kernel;

extern const struct kernel_ops cpu_resize_kernel, cpu_resize_backward_kernel;

extern const struct kernel_ops cpu_softmax_kernel, cpu_softmax_backward_kernel,
    cpu_softmax_xent_kernel;

extern const struct kernel_ops cpu_lstm_kernel, cpu_lstm_backward_kernel;

extern const struct kernel_ops cpu_sum_squares_kernel, cpu_clip_kernel, cpu_sgd_kernel,
    cpu_rmsprop_kernel, cpu_adam_kernel;
