// Which inputs a RESIZE reads, by the formulas of ONNX's Resize with scale = out / in.
#pragma once

enum resize_mode {
    RESIZE_NEAREST_FLOOR,
    RESIZE_NEAREST_ROUND, // half down: ONNX's round_prefer_floor
    RESIZE_NEAREST_CEIL,
    RESIZE_LINEAR,
    RESIZE_MODE_COUNT
};

// Where output o lies among the inputs, which are numbered from 0.
enum resize_coordinates {
    RESIZE_HALF_PIXEL,         // (o + 1/2) / scale - 1/2
    RESIZE_ASYMMETRIC,         // o / scale
    RESIZE_ALIGN_CORNERS,      // o * (in - 1) / (out - 1); 0 if out is 1
    RESIZE_PYTORCH_HALF_PIXEL, // HALF_PIXEL; 0 if out is 1
    RESIZE_COORDINATES_COUNT
};

// One output along one axis: (1 - share) * x[low] + share * x[high]. Nearest: share is 0.
struct resize_tap {
    int low, high; // in [0, in)
    double share;  // in [0, 1)
};

// in, out: extents, at least 1. output in [0, out).
struct resize_tap resize_tap_at(enum resize_mode mode, enum resize_coordinates coordinates, int in,
                                int out, int output);
