// What the model_*.c files share. Included behind onnx.pb-c.h.
#pragma once
#include "onnx/model.h"
#include "onnx/model_scan.h"

struct onnx_file {
    struct onnx_file *next;
    const char *path; // as resolved; arena
    void *bytes;      // owned, mapped
    size_t n;
};

// Maps a file for as long as the model lives; one that is mapped already is not mapped again.
enum status onnx_model_map(struct onnx_model *model, const char *path,
                           const struct onnx_file **out);

// `proto` is an Onnx__TensorProto of model->message; raw: its raw data where they were taken out of
// it, else {NULL, 0}.
enum status onnx_model_tensor(struct onnx_model *model, const void *proto, struct onnx_raw raw,
                              struct onnx_tensor *out);
// The bytes of a tensor that lies in another file: `proto` says which one and where.
enum status onnx_model_external(struct onnx_model *model, const void *proto, struct onnx_raw *out);

// Unpacks a message that onnx_scan_message has seen; NULL: it is damaged, or would take more memory
// than such a message may. Freed by onnx_release_message.
void *onnx_unpack_message(const void *descriptor, const uint8_t *bytes, size_t n);
void onnx_release_message(void *message); // NULL is fine
