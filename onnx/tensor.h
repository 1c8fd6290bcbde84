// A tensor of known values: an initialiser of the file, or what was computed from one. A view with
// strides, so that reshaping, transposing and broadcasting weights copies nothing.
#pragma once
#include "core/arena.h"
#include "core/status.h"

#include <stdint.h>

#define ONNX_MAX_RANK 8

// Stands for the number of images in a shape. A power of two, so that it survives a cast to
// floating point and back; no shape or index of a network is as low.
#define ONNX_BATCH (-(INT64_C(1) << 62))

enum onnx_type {
    ONNX_F32,
    ONNX_F64,
    ONNX_F16,
    ONNX_BF16,
    ONNX_I8,
    ONNX_U8, // bool too
    ONNX_I16,
    ONNX_U16,
    ONNX_I32,
    ONNX_U32,
    ONNX_I64,
    ONNX_U64, // values above INT64_MAX wrap
    ONNX_TYPE_COUNT
};

struct onnx_tensor {
    enum onnx_type type;
    int rank; // 0: one value
    int64_t dims[ONNX_MAX_RANK];
    int64_t strides[ONNX_MAX_RANK]; // in elements; 0 repeats, below 0 runs backwards
    const unsigned char *data;      // of element [0, 0, ...]; may be unaligned; borrowed
};

size_t onnx_type_bytes(enum onnx_type type);
bool onnx_type_is_integer(enum onnx_type type);

// Number of elements. A tensor that anybody made has at most ONNX_MOST_ELEMENTS.
#define ONNX_MOST_ELEMENTS (INT64_C(1) << 31)
int64_t onnx_tensor_count(const struct onnx_tensor *tensor);
// The product of dims [rank]; false: one is below 0, or more than ONNX_MOST_ELEMENTS.
bool onnx_count_dims(const int64_t *dims, int rank, int64_t *out);
void onnx_row_major(const int64_t *dims, int rank, int64_t *strides);
bool onnx_tensor_is_contiguous(const struct onnx_tensor *tensor);
// Every element is the same one, by its strides.
bool onnx_tensor_is_repeated(const struct onnx_tensor *tensor);

// Visits the elements in row-major order:
//   struct onnx_walk walk;
//   for (onnx_walk_begin(&walk, tensor); !walk.done; onnx_walk_next(&walk)) { ...
//   onnx_walk_real(&walk) ... }
struct onnx_walk {
    const struct onnx_tensor *tensor; // borrowed
    int64_t index[ONNX_MAX_RANK];
    int64_t offset; // in elements
    bool done;
};
void onnx_walk_begin(struct onnx_walk *walk, const struct onnx_tensor *tensor);
void onnx_walk_next(struct onnx_walk *walk);
double onnx_walk_real(const struct onnx_walk *walk);
int64_t onnx_walk_integer(const struct onnx_walk *walk); // of a float: cut towards zero

// The values times `scale` as float, row-major, into out [count].
void onnx_tensor_read_f32(const struct onnx_tensor *tensor, double scale, float *out);
// One element's value, of a tensor that has at least one.
double onnx_tensor_first(const struct onnx_tensor *tensor);

// Views. axis and order are checked by the caller.
void onnx_tensor_permute(const struct onnx_tensor *tensor, const int *order,
                         struct onnx_tensor *out);
// The same elements under other dims of the same count; false: only a copy could give that.
bool onnx_tensor_reshape(const struct onnx_tensor *tensor, const int64_t *dims, int rank,
                         struct onnx_tensor *out);
// The strides that the elements of dims and strides [rank] have under new_dims of the same count;
// false: there are none.
bool onnx_reshape_strides(const int64_t *dims, const int64_t *strides, int rank,
                          const int64_t *new_dims, int new_rank, int64_t *new_strides);
// Repeats dimensions of 1 so that the tensor has dims [rank]; false: it does not fit them.
bool onnx_tensor_broadcast(const struct onnx_tensor *tensor, const int64_t *dims, int rank,
                           struct onnx_tensor *out);
