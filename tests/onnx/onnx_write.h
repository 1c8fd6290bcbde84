// Writes ONNX files for tests, through protobuf-c: what a test says is in the file, and nothing
// else. Everything lies in the writer's arena.
#pragma once
#include "core/arena.h"

#include <stdint.h>

struct onnx_writer {
    struct arena arena;
    void *model; // Onnx__ModelProto
};

void writer_open(struct onnx_writer *writer, int opset);
void writer_close(struct onnx_writer *writer);

// dims below 1: open. elem_type: ONNX's number, 1 for float.
void writer_input(struct onnx_writer *writer, const char *name, int elem_type, const int *dims,
                  int rank);
void writer_output(struct onnx_writer *writer, const char *name);
// An initialiser of dims [rank] with these values, or with 0.01, 0.02, ... where values is NULL.
void writer_floats(struct onnx_writer *writer, const char *name, const int *dims, int rank,
                   const float *values);
// ... as float16, given by their bits.
void writer_halves(struct onnx_writer *writer, const char *name, const int *dims, int rank,
                   const uint16_t *bits);
void writer_ints(struct onnx_writer *writer, const char *name, const int64_t *values, int n);
// A whole number, of rank 0.
void writer_int(struct onnx_writer *writer, const char *name, int64_t value);

// An initialiser in another file; offset and length may be NULL.
void writer_external(struct onnx_writer *writer, const char *name, const int *dims, int rank,
                     const char *location, const char *offset, const char *length);

// inputs, outputs: names with a space between; "-" is one left out.
void writer_node(struct onnx_writer *writer, const char *op, const char *inputs,
                 const char *outputs);
// Of the last node.
void writer_name(struct onnx_writer *writer, const char *name);
void writer_attribute_int(struct onnx_writer *writer, const char *name, int64_t value);
void writer_attribute_float(struct onnx_writer *writer, const char *name, float value);
void writer_attribute_text(struct onnx_writer *writer, const char *name, const char *value);
void writer_attribute_ints(struct onnx_writer *writer, const char *name, const int64_t *values,
                           int n);

// The file's bytes, in the arena.
void *writer_bytes(struct onnx_writer *writer, size_t *n);
// Writes the file, and closes the writer.
void writer_save(struct onnx_writer *writer, const char *path);

// Short forms: a list of numbers and its length.
#define DIMS(...)                                                                                  \
    (const int[]){__VA_ARGS__}, (int)(sizeof((const int[]){__VA_ARGS__}) / sizeof(int))
#define INTS(...)                                                                                  \
    (const int64_t[]){__VA_ARGS__}, (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
