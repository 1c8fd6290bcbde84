// Every kernel of compute/cuda. Each has a number, CUDA_name, by which it is launched.
#pragma once
#include "compute/cuda/candidate_kernel_list.h"

// clang-format off
#define CUDA_KERNEL_LIST(X)                                                                        \
    X(bn_statistics) \
    X(bn_backward_reduce) \
    X(bn_statistics_end) \
    X(bn_backward_reduce_end) \
    X(bn_sum) \
    X(bn_finish) \
    X(bn_backward_finish) \
    X(bn_backward_apply) \
    X(multiply_backward_vector) \
    X(conv_bf16_64) \
    X(conv_bf16_32) \
    X(conv_bf16_16) \
    X(conv_data_bf16_64) \
    X(conv_data_bf16_32) \
    X(conv_data_bf16_16) \
    X(conv_weights_bf16_64) \
    X(conv_weights_bf16_32) \
    X(conv_weights_bf16_16) \
    X(conv_f32_64) \
    X(conv_f32_32) \
    X(conv_f32_16) \
    X(conv_data_f32_64) \
    X(conv_data_f32_32) \
    X(conv_data_f32_16) \
    X(conv_weights_f32_64) \
    X(conv_weights_f32_32) \
    X(conv_weights_f32_16) \
    X(conv_pack) \
    X(conv_unpack) \
    X(conv_add_splits) \
    X(conv_tf32_64) \
    X(conv_tf32_32) \
    X(conv_tf32_16) \
    X(conv_data_tf32_64) \
    X(conv_data_tf32_32) \
    X(conv_data_tf32_16) \
    X(conv_weights_tf32_64) \
    X(conv_weights_tf32_32) \
    X(conv_weights_tf32_16) \
    X(depthwise) \
    X(depthwise_data) \
    X(tap_sums) \
    X(tap_sums_end) \
    X(normalize) \
    X(quantize) \
    X(scale_shift) \
    X(add) \
    X(multiply) \
    X(act_backward) \
    X(dropout) \
    X(range) \
    X(scale_shift_range) \
    X(matrix_product) \
    X(lstm_step) \
    X(lstm_step_backward) \
    X(lstm_start_backward) \
    X(lstm_gather_before) \
    X(lstm_bias) \
    X(lstm_transpose) \
    X(copy_channels) \
    X(gather) \
    X(scatter_add) \
    X(shuffle) \
    X(pad) \
    X(pad_backward) \
    X(resize) \
    X(resize_backward) \
    X(sgd) \
    X(sum_squares) \
    X(sum_squares_end) \
    X(clip) \
    X(rmsprop) \
    X(adam) \
    X(patch_product_16) \
    X(patch_product_32) \
    X(patch_weights_16_16) \
    X(patch_weights_16_32) \
    X(patch_weights_32_32) \
    X(pool_max) \
    X(pool_avg) \
    X(pool_max_backward) \
    X(pool_avg_backward) \
    X(softmax) \
    X(softmax_backward) \
    X(softmax_xent) \
    X(softmax_xent_end) \
    CANDIDATE_KERNEL_LIST(X)
// clang-format on

enum cuda_kernel_number {
#define X(name) CUDA_##name,
    CUDA_KERNEL_LIST(X)
#undef X
        CUDA_KERNEL_COUNT
};
