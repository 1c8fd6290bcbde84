// New shapes for old, of activations and constants. Inside onnx/ only.
#pragma once
#include "onnx/import.h"

// ONNX's numbers of the floating-point types that are read: float32, float16, float64, bfloat16.
bool onnx_type_is_float(int64_t elem_type);

// Output 0 becomes the part of dims [rank] that Shape's attributes start and end choose.
enum status onnx_set_shape(const struct onnx_call *call, const int64_t *dims, int rank);

// Reshape's dims [n], in place: 0 copies a dimension, -1 is what is left, and the first one must be
// the number of images.
enum status onnx_resolve_shape(const struct importer *importer, const struct onnx_view *view,
                               bool keep_zero, int64_t *dims, int n);
// Output 0 becomes the view under dims [rank], the first being ONNX_BATCH; the rest has as many
// values as the view. Where the view alone cannot show that, a channel shuffle may.
enum status onnx_set_reshaped(struct onnx_call *call, const struct onnx_view *view,
                              const int64_t *dims, int rank);

// dims [rank + n] with ones at axes [n] of the result.
enum status onnx_insert_ones(const int64_t *dims, int rank, const int64_t *axes, int n,
                             int64_t *out);
// Transpose's attribute perm, by default backwards.
enum status onnx_read_permutation(const struct onnx_call *call, int rank, int *order);
