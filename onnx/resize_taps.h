// Which of our resizing nodes reads the inputs that a file's Resize does. Inside onnx/ only.
#pragma once
#include "compute/resize.h"
#include "core/status.h"

// What a file says: ONNX's words, and per axis (rows, columns) the scale that places are computed
// with, which is not always the ratio of the sizes.
struct onnx_resize {
    const char *mode;        // "nearest", "linear"
    const char *coordinates; // "half_pixel", ...
    const char *rounding;    // "floor", ...
    int in[2], out[2];
    double scale[2];
    bool exact; // scales are the ratios of the sizes
};

// ERR_UNSUPPORTED when no node of ours does that.
enum status onnx_find_resize(const struct onnx_resize *resize, enum resize_mode *mode,
                             enum resize_coordinates *coordinates);
