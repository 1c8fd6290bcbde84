// Every operator that is read, once. To add one: a function (or two), and its row.
#include "onnx/ops.h"

#include <string.h>

static const struct onnx_op ops[] = {
    {"Add", onnx_import_add, onnx_fold_add},
    {"AveragePool", onnx_import_average_pool, NULL},
    {"BatchNormalization", onnx_import_batchnorm, NULL},
    {"Cast", onnx_import_cast, onnx_fold_cast},
    {"Ceil", NULL, onnx_fold_ceil},
    {"Clip", onnx_import_clip, NULL},
    {"Concat", onnx_import_concat, onnx_fold_concat},
    {"Constant", NULL, onnx_fold_constant},
    {"ConstantOfShape", NULL, onnx_fold_constant_of_shape},
    {"Conv", onnx_import_conv, NULL},
    {"DequantizeLinear", onnx_import_identity, onnx_fold_dequantize},
    {"Div", onnx_import_div, onnx_fold_div},
    {"Dropout", onnx_import_dropout, onnx_fold_identity},
    {"Expand", NULL, onnx_fold_expand},
    {"Flatten", onnx_import_flatten, onnx_fold_flatten},
    {"Floor", NULL, onnx_fold_floor},
    {"Gather", onnx_import_gather, onnx_fold_gather},
    {"Gemm", onnx_import_gemm, NULL},
    {"GlobalAveragePool", onnx_import_global_average_pool, NULL},
    {"GlobalMaxPool", onnx_import_global_max_pool, NULL},
    {"HardSigmoid", onnx_import_hard_sigmoid, NULL},
    {"HardSwish", onnx_import_hard_swish, NULL},
    {"Identity", onnx_import_identity, onnx_fold_identity},
    {"LeakyRelu", onnx_import_leaky_relu, NULL},
    {"MatMul", onnx_import_matmul, NULL},
    {"Max", NULL, onnx_fold_max},
    {"MaxPool", onnx_import_max_pool, NULL},
    {"Min", NULL, onnx_fold_min},
    {"Mul", onnx_import_mul, onnx_fold_mul},
    {"Neg", NULL, onnx_fold_neg},
    {"Pad", onnx_import_pad, NULL},
    {"QuantizeLinear", onnx_import_quantize, NULL},
    {"Range", NULL, onnx_fold_range},
    {"ReduceMean", onnx_import_reduce_mean, NULL},
    {"Relu", onnx_import_relu, NULL},
    {"Reshape", onnx_import_reshape, onnx_fold_reshape},
    {"Resize", onnx_import_resize, NULL},
    {"Shape", onnx_import_shape, onnx_fold_shape},
    {"Sigmoid", onnx_import_sigmoid, NULL},
    {"Slice", onnx_import_slice, onnx_fold_slice},
    {"Softmax", onnx_import_softmax, NULL},
    {"Split", onnx_import_split, NULL},
    {"Sqrt", NULL, onnx_fold_sqrt},
    {"Squeeze", onnx_import_squeeze, onnx_fold_squeeze},
    {"Sub", onnx_import_sub, onnx_fold_sub},
    {"Sum", onnx_import_sum, NULL},
    {"Swish", onnx_import_swish, NULL},
    {"Transpose", onnx_import_transpose, onnx_fold_transpose},
    {"Unsqueeze", onnx_import_unsqueeze, onnx_fold_unsqueeze},
    {"Upsample", onnx_import_upsample, NULL},
};

const struct onnx_op *onnx_find_op(const char *name)
{
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        if (strcmp(ops[i].name, name) == 0) {
            return &ops[i];
        }
    }
    return NULL;
}
