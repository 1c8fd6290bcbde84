// The functions that op_table.c names. Inside onnx/ only.
#pragma once
#include "onnx/import.h"

// ---- an activation comes in
enum status onnx_import_conv(struct onnx_call *call);
enum status onnx_import_gemm(struct onnx_call *call);
enum status onnx_import_matmul(struct onnx_call *call);
enum status onnx_import_batchnorm(struct onnx_call *call);
enum status onnx_import_relu(struct onnx_call *call);
enum status onnx_import_clip(struct onnx_call *call);
enum status onnx_import_leaky_relu(struct onnx_call *call);
enum status onnx_import_sigmoid(struct onnx_call *call);
enum status onnx_import_hard_sigmoid(struct onnx_call *call);
enum status onnx_import_hard_swish(struct onnx_call *call);
enum status onnx_import_swish(struct onnx_call *call);
enum status onnx_import_softmax(struct onnx_call *call);
enum status onnx_import_add(struct onnx_call *call);
enum status onnx_import_sub(struct onnx_call *call);
enum status onnx_import_mul(struct onnx_call *call);
enum status onnx_import_div(struct onnx_call *call);
enum status onnx_import_sum(struct onnx_call *call);
enum status onnx_import_concat(struct onnx_call *call);
enum status onnx_import_split(struct onnx_call *call);
enum status onnx_import_slice(struct onnx_call *call);
enum status onnx_import_gather(struct onnx_call *call);
enum status onnx_import_max_pool(struct onnx_call *call);
enum status onnx_import_average_pool(struct onnx_call *call);
enum status onnx_import_global_average_pool(struct onnx_call *call);
enum status onnx_import_global_max_pool(struct onnx_call *call);
enum status onnx_import_reduce_mean(struct onnx_call *call);
enum status onnx_import_pad(struct onnx_call *call);
enum status onnx_import_resize(struct onnx_call *call);
enum status onnx_import_upsample(struct onnx_call *call);
enum status onnx_import_dropout(struct onnx_call *call);
enum status onnx_import_identity(struct onnx_call *call);
enum status onnx_import_cast(struct onnx_call *call);
enum status onnx_import_quantize(struct onnx_call *call);
enum status onnx_import_shape(struct onnx_call *call);
enum status onnx_import_flatten(struct onnx_call *call);
enum status onnx_import_reshape(struct onnx_call *call);
enum status onnx_import_squeeze(struct onnx_call *call);
enum status onnx_import_unsqueeze(struct onnx_call *call);
enum status onnx_import_transpose(struct onnx_call *call);

// ---- every input is known
enum status onnx_fold_constant(struct onnx_call *call);
enum status onnx_fold_constant_of_shape(struct onnx_call *call);
enum status onnx_fold_identity(struct onnx_call *call);
enum status onnx_fold_dequantize(struct onnx_call *call);
enum status onnx_fold_cast(struct onnx_call *call);
enum status onnx_fold_shape(struct onnx_call *call);
enum status onnx_fold_range(struct onnx_call *call);
enum status onnx_fold_add(struct onnx_call *call);
enum status onnx_fold_sub(struct onnx_call *call);
enum status onnx_fold_mul(struct onnx_call *call);
enum status onnx_fold_div(struct onnx_call *call);
enum status onnx_fold_min(struct onnx_call *call);
enum status onnx_fold_max(struct onnx_call *call);
enum status onnx_fold_neg(struct onnx_call *call);
enum status onnx_fold_floor(struct onnx_call *call);
enum status onnx_fold_ceil(struct onnx_call *call);
enum status onnx_fold_sqrt(struct onnx_call *call);
enum status onnx_fold_gather(struct onnx_call *call);
enum status onnx_fold_concat(struct onnx_call *call);
enum status onnx_fold_slice(struct onnx_call *call);
enum status onnx_fold_reshape(struct onnx_call *call);
enum status onnx_fold_flatten(struct onnx_call *call);
enum status onnx_fold_squeeze(struct onnx_call *call);
enum status onnx_fold_unsqueeze(struct onnx_call *call);
enum status onnx_fold_transpose(struct onnx_call *call);
enum status onnx_fold_expand(struct onnx_call *call);
