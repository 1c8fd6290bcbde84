// Networks from ONNX files: convolutional classifiers as PyTorch's exporters write them, and others
// of the same operators.
#pragma once
#include "nn/network.h"

// An input of the file that is no image but a constant, such as weights that were left as inputs.
struct onnx_constant {
    const char *name; // of the input
    const char *path; // of a file that holds one TensorProto
};

// What was found besides the network.
struct onnx_import_report {
    char producer[128];
    int64_t opset;
    int file_nodes;     // nodes in the file; the network's are fewer
    bool normalization; // the file normalised its input: it is in info.mean and info.std now
    bool said;          // the file says with what its input must be normalised, as our export does
    int batch;          // images as the file fixes them; 0: any number
    int input_rank;     // of the image input, with the batch
};

struct onnx_import_options {
    const struct onnx_constant *constants;
    int n_constants;
    int h, w; // of images, where the file leaves them open; 0: it must say them
    // What the network's input is normalised with where the file neither does it nor says it:
    // [channels] of pixels / 255, or of floats. NULL: pixels / 255, or floats, as they are.
    const float *mean, *std;
    bool floats;             // a file that does not say what it reads takes f32 samples, no pixels
    bool keep_normalization; // as nodes of the network: its input is the file's
    size_t most_bytes;       // of weights, constants and the file's messages; 0: 832 MiB
    struct onnx_import_report *report; // may be NULL
};

// What the file says of its data set, without its weights being read.
enum status onnx_read_origin(const char *path, struct network_origin *out);

// Reads a file. options may be NULL. The errors name the file and, where one is to blame, the node,
// its operator and the reason: ERR_INPUT for a file that is damaged or contradicts itself,
// ERR_UNSUPPORTED for a network that is none in our sense.
enum status onnx_import(const char *path, const struct onnx_import_options *options,
                        struct network *out);
