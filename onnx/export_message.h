// An ONNX model while it is written: nodes, initialisers, inputs and outputs are appended in order.
// Only export_message.c sees protobuf-c. Texts and data are borrowed until the model is written.
#pragma once
#include "core/arena.h"

#include <stdint.h>

// Element types by ONNX's numbers.
enum onnx_elements {
    ONNX_ELEMENTS_FLOAT = 1,
    ONNX_ELEMENTS_UINT8 = 2,
    ONNX_ELEMENTS_INT8 = 3,
    ONNX_ELEMENTS_INT32 = 6,
    ONNX_ELEMENTS_INT64 = 7
};

struct onnx_message {
    struct arena *arena; // borrowed
    void *model;         // Onnx__ModelProto; arena
    bool failed;         // memory ran out, which onnx_message_write says
};
enum status onnx_message_open(struct onnx_message *message, struct arena *arena, const char *graph);

void onnx_message_metadata(struct onnx_message *message, const char *key, const char *value);
// Inputs and outputs are [n, dims...], n being any number of images.
void onnx_message_input(struct onnx_message *message, const char *name, enum onnx_elements elements,
                        const int *dims, int n_dims);
void onnx_message_output(struct onnx_message *message, const char *name, const int *dims,
                         int n_dims); // float
// An initialiser of dims [rank], row-major.
void onnx_message_tensor(struct onnx_message *message, const char *name,
                         enum onnx_elements elements, const int64_t *dims, int rank,
                         const void *data, size_t bytes);

// A node named as its only output. An input of "" is one left out.
void onnx_message_node(struct onnx_message *message, const char *op, const char *output,
                       const char *const *inputs, int n_inputs);
// Attributes of the last node.
void onnx_message_int(struct onnx_message *message, const char *name, int64_t value);
void onnx_message_float(struct onnx_message *message, const char *name, float value);
void onnx_message_text(struct onnx_message *message, const char *name, const char *value);
void onnx_message_ints(struct onnx_message *message, const char *name, const int *values, int n);

// Writes the file, whole or not at all. ERR_UNSUPPORTED: it would have more bytes than such a file
// can.
enum status onnx_message_write(const struct onnx_message *message, const char *path,
                               size_t *out_bytes);
