// Networks as ONNX files: opset 17, IR version 8, any number of images.
//
// The file has the network's own names: a value is called as the node that computes it, a parameter
// as PyTorch calls it. Maps are [n, c, h, w], outputs of 1x1 pixels [n, c].
#pragma once
#include "compute/backend.h"
#include "nn/network.h"

#define ONNX_EXPORT_OPSET 17

enum onnx_batchnorm {
    ONNX_BATCHNORM_FOLD, // into the convolution before it, where there is one
    ONNX_BATCHNORM_KEEP
};

// What the file's input is; what is missing to the network's own is done inside.
enum onnx_pixels {
    ONNX_PIXELS_NORMALISED, // float, (pixel / 255 - mean) / std already
    ONNX_PIXELS_SHARES,     // float, pixel / 255; of a network that reads floats: these themselves
    ONNX_PIXELS_BYTES       // uint8
};

// Integers as QuantizeLinear and DequantizeLinear around what a runtime computes in 8 bits. Weights
// are int8, symmetric, one scale per output channel.
enum onnx_int8 {
    ONNX_INT8_OFF,
    ONNX_INT8_ORT,     // ONNX Runtime: activations uint8 with a zero point, biases int32
    ONNX_INT8_TENSORRT // TensorRT: activations int8 without one, biases float
};

// What integers must span of a node's output.
struct onnx_range {
    float low, high; // low <= 0 <= high
};

struct onnx_export_options {
    enum onnx_batchnorm batchnorm;
    enum onnx_pixels pixels;
    enum onnx_int8 int8;             // needs batchnorm to be folded
    const struct onnx_range *ranges; // int8: [network->graph.n_nodes]
};

// Writes the file, whole or not at all. *bytes: its size; may be NULL. ERR_UNSUPPORTED names the
// node that the opset cannot say.
enum status onnx_export(const struct network *network, const struct onnx_export_options *options,
                        const char *path, size_t *bytes);

// Ranges of every node's output over n >= 1 images [n][h][w][c] of the kind it reads. ranges
// [n_nodes].
enum status onnx_find_ranges(struct backend *backend, const struct network *network,
                             const uint8_t *images, int n, struct onnx_range *ranges);
