// The sliding window of a convolution or pool, as ONNX says it. Inside onnx/ only.
#pragma once
#include "onnx/import.h"

// Fills kernel, stride, dilation, pad and ceil_mode of the node and its h and w, which come in as
// the input's. spatial: how many dimensions the window has, 1 (along h) or 2; kernel [spatial]: its
// size, NULL: the attribute kernel_shape says it.
enum status onnx_read_window(const struct onnx_call *call, int spatial, const int64_t *kernel,
                             struct node *node);
