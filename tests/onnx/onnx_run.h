// Runs an imported network on values as an ONNX file has them, and compares what comes out.
#pragma once
#include "nn/network.h"
#include "onnx/tensor.h"

struct onnx_difference {
    double worst;   // greatest difference
    double largest; // greatest expected magnitude
    bool same_size; // as many values as expected
};

// input [n, ...] of images in the order [c][h][w]; expected: of output `output`, likewise.
enum status onnx_run_compare(const struct network *network, const char *backend,
                             const struct onnx_tensor *input, int output,
                             const struct onnx_tensor *expected, struct onnx_difference *out);

// $DIKDIK_DATA/name; ends the program with code 77, which skips it, where the variable is unset.
const char *onnx_data_path(const char *name);
