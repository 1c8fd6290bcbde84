// What a file is that is no network file, for messages.
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { FILE_KIND_HEAD = 16 }; // bytes of its beginning that tell

// By the file's first n bytes: "a PNG image", "an ONNX model; ...", with what to do where there is
// something to do. NULL: unknown.
const char *file_kind(const void *head, size_t n);
// Is it ONNX? Such a file begins with a field of a protobuf message, the version of its format.
bool file_kind_is_onnx(const void *head, size_t n);
