// Looks over a protobuf message before protobuf-c unpacks it.
#pragma once
#include "core/arena.h"
#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

// protobuf-c unpacks by recursion and without a limit, and merges a message that comes twice by
// copying: both would let a small file take the stack or hours. ERR_INPUT for a message nested more
// than ONNX_MOST_DEPTH deep, for a part that comes twice where one is expected, and for lengths
// that reach beyond the end. `descriptor` is a ProtobufCMessageDescriptor.
enum { ONNX_MOST_DEPTH = 24 };
enum status onnx_scan_message(const void *descriptor, const uint8_t *bytes, size_t n);

// Where the raw bytes of an initialiser lie in the mapped file.
struct onnx_raw {
    const uint8_t *bytes;
    size_t n;
};

// A copy of a ModelProto (which onnx_scan_message has seen) without the raw data of its
// initialisers, so that unpacking copies no weights. raws [*n_raws]: those data, one per
// initialiser in the file's order; {NULL, 0} where it had none. All in the arena.
enum status onnx_strip_model(const uint8_t *bytes, size_t n, struct arena *arena, uint8_t **out,
                             size_t *out_bytes, struct onnx_raw **raws, int *n_raws);
