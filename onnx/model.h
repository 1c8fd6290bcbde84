// An ONNX file as plain structs: nodes with their attributes, initialisers as tensors, inputs and
// outputs. Nothing here says what the operators mean. Only model_*.c see protobuf-c.
// A file may be hostile: every length, index and size in it is checked before it is used.
#pragma once
#include "onnx/tensor.h"

enum onnx_attribute_kind {
    ONNX_ATTRIBUTE_OTHER, // graphs, types, sparse tensors: nothing that we read
    ONNX_ATTRIBUTE_FLOAT,
    ONNX_ATTRIBUTE_INT,
    ONNX_ATTRIBUTE_STRING,
    ONNX_ATTRIBUTE_TENSOR,
    ONNX_ATTRIBUTE_FLOATS,
    ONNX_ATTRIBUTE_INTS
};
struct onnx_attribute {
    const char *name;
    enum onnx_attribute_kind kind;
    float f;
    int64_t i;
    const char *s; // NUL-ended
    int n;         // FLOATS, INTS
    const float *floats;
    const int64_t *ints;
    const struct onnx_tensor *tensor;
};

struct onnx_node {
    const char *op, *name, *domain; // "" where not said
    int n_inputs, n_outputs, n_attributes;
    const char **inputs, **outputs; // names of values; "" = left out
    struct onnx_attribute *attributes;
};

struct onnx_named_tensor {
    const char *name;
    struct onnx_tensor tensor;
};

struct onnx_input {
    const char *name;
    bool is_tensor; // a tensor whose type and rank are said
    int elem_type;  // ONNX's number: 1 float, 2 uint8, ...
    int rank;
    int64_t dims[ONNX_MAX_RANK]; // below 1: not said
};

struct onnx_fact { // of metadata_props
    const char *key, *value;
};

struct onnx_model {
    struct arena arena;
    const char *path;
    const char *producer; // "pytorch 2.5.0"; may be ""
    int64_t opset;        // of the default domain; 0 = not said
    struct onnx_node *nodes;
    int n_nodes;
    struct onnx_named_tensor *initializers;
    int n_initializers;
    struct onnx_input *inputs;
    int n_inputs;
    const char **outputs;
    int n_outputs;
    struct onnx_fact *facts;
    int n_facts;

    void *message;           // owned; protobuf-c's, which names and small tensors point into
    size_t message_bytes;    // of memory
    struct onnx_file *files; // the mapped files
};

// ERR_INPUT for a damaged or hostile file, ERR_UNSUPPORTED for contents that are valid but none of
// ours, ERR_IO when it cannot be read.
enum status onnx_model_open(const char *path, struct onnx_model *out);
void onnx_model_close(struct onnx_model *model); // a zeroed model is fine

// What the file says about itself; NULL if nothing under this key.
const char *onnx_model_fact(const struct onnx_model *model, const char *key);
// What its input must be normalised with, as our own export notes it; false if it does not say.
bool onnx_model_normalisation(const struct onnx_model *model, int channels, float *mean,
                              float *std);
// Its name and data set, where it says them; else info's stay.
struct network_info;
void onnx_model_names(const struct onnx_model *model, struct network_info *info);

// A TensorProto in a file of its own, as the ONNX project's tests have them. Its elements live as
// long as the model, into whose arena they are copied.
enum status onnx_model_read_tensor(struct onnx_model *model, const char *path,
                                   struct onnx_tensor *out);
