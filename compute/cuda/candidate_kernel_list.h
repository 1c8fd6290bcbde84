// The kernels that score candidates, part of cuda_kernel_list.h.
#pragma once

#define CANDIDATE_KERNEL_LIST(X)                                                                   \
    X(candidate_conv_f32)                                                                          \
    X(candidate_conv_tf32)                                                                         \
    X(candidate_conv_bf16)                                                                         \
    X(candidate_pack)                                                                              \
    X(candidate_pack_depthwise)                                                                    \
    X(candidate_bias)                                                                              \
    X(candidate_route)                                                                             \
    X(candidate_input)                                                                             \
    X(candidate_combine)                                                                           \
    X(candidate_depthwise)                                                                         \
    X(candidate_pool)                                                                              \
    X(candidate_gather)                                                                            \
    X(candidate_sums)                                                                              \
    X(candidate_finish)                                                                            \
    X(candidate_fold)                                                                              \
    X(candidate_rank)                                                                              \
    X(candidate_refit_target)                                                                      \
    X(candidate_refit_solve)                                                                       \
    X(candidate_fused_f32)                                                                         \
    X(candidate_fused_tf32)                                                                        \
    X(candidate_fused_bf16)                                                                        \
    X(candidate_total)
