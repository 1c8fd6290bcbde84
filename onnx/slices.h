// The ranges that Slice takes, of activations and of constants. Inside onnx/ only.
#pragma once
#include "onnx/import.h"

struct onnx_range {
    int64_t start, step, count;
    bool whole; // begins at the front with step 1 and ends where no size is smaller
};
// What Slice says of each axis of dims [rank]; an axis of ONNX_BATCH can only be taken whole.
enum status onnx_read_slices(const struct onnx_call *call, const int64_t *dims, int rank,
                             struct onnx_range ranges[ONNX_MAX_RANK]);
