// Tensors of known values: other views of the same elements.
#include "onnx/tensor.h"

void onnx_tensor_permute(const struct onnx_tensor *tensor, const int *order,
                         struct onnx_tensor *out)
{
    struct onnx_tensor view = *tensor;
    for (int i = 0; i < tensor->rank; i++) {
        view.dims[i] = tensor->dims[order[i]];
        view.strides[i] = tensor->strides[order[i]];
    }
    *out = view;
}

// Dimensions of 1 carry no place: both shapes are compared without them.
static int drop_ones(const int64_t *dims, const int64_t *strides, int rank, int64_t *out_dims,
                     int64_t *out_strides)
{
    int n = 0;
    for (int i = 0; i < rank; i++) {
        if (dims[i] != 1) {
            out_dims[n] = dims[i];
            out_strides[n++] = strides[i];
        }
    }
    return n;
}

// Whether dimensions [from, to) are one run with the last one's stride.
static bool is_one_run(const int64_t *dims, const int64_t *strides, int from, int to)
{
    for (int i = from; i + 1 < to; i++) {
        if (strides[i] != strides[i + 1] * dims[i + 1]) {
            return false;
        }
    }
    return true;
}

// Groups of old and new dimensions with equal products, from the front; within a group the old ones
// must be one run, which the new ones then divide.
static bool fill_strides(const int64_t *dims, const int64_t *strides, int rank,
                         const int64_t *new_dims, int new_rank, int64_t *new_strides)
{
    int old_at = 0, new_at = 0;
    while (new_at < new_rank) {
        int old_end = old_at, new_end = new_at;
        int64_t old_count = 1, new_count = 1;
        do {
            if (new_count <= old_count && new_end < new_rank) {
                new_count *= new_dims[new_end++];
            } else if (old_end < rank) {
                old_count *= dims[old_end++];
            } else {
                return false;
            }
        } while (new_count != old_count || old_end == old_at);
        if (!is_one_run(dims, strides, old_at, old_end)) {
            return false;
        }
        int64_t stride = strides[old_end - 1];
        for (int i = new_end - 1; i >= new_at; i--) {
            new_strides[i] = stride;
            stride *= new_dims[i];
        }
        old_at = old_end;
        new_at = new_end;
    }
    return old_at == rank;
}

bool onnx_reshape_strides(const int64_t *dims, const int64_t *strides, int rank,
                          const int64_t *new_dims, int new_rank, int64_t *new_strides)
{
    int64_t old[ONNX_MAX_RANK], old_strides[ONNX_MAX_RANK];
    int64_t kept[ONNX_MAX_RANK], kept_strides[ONNX_MAX_RANK] = {0};
    const int n_old = drop_ones(dims, strides, rank, old, old_strides);
    const int n_new = drop_ones(new_dims, new_dims, new_rank, kept, kept_strides);
    if (!fill_strides(old, old_strides, n_old, kept, n_new, kept_strides)) {
        return false;
    }
    int at = 0;
    for (int i = 0; i < new_rank; i++) {
        new_strides[i] = new_dims[i] != 1 ? kept_strides[at++] : 0;
    }
    return true;
}

bool onnx_tensor_reshape(const struct onnx_tensor *tensor, const int64_t *dims, int rank,
                         struct onnx_tensor *out)
{
    struct onnx_tensor view = {.type = tensor->type, .rank = rank, .data = tensor->data};
    bool empty = false;
    for (int i = 0; i < rank; i++) {
        view.dims[i] = dims[i];
        empty = empty || dims[i] == 0;
    }
    if (empty) {
        onnx_row_major(dims, rank, view.strides);
    } else if (!onnx_reshape_strides(tensor->dims, tensor->strides, tensor->rank, dims, rank,
                                     view.strides)) {
        return false;
    }
    *out = view;
    return true;
}

bool onnx_tensor_broadcast(const struct onnx_tensor *tensor, const int64_t *dims, int rank,
                           struct onnx_tensor *out)
{
    if (tensor->rank > rank) {
        return false;
    }
    struct onnx_tensor view = {.type = tensor->type, .rank = rank, .data = tensor->data};
    const int missing = rank - tensor->rank;
    for (int i = 0; i < rank; i++) {
        const int64_t own = i < missing ? 1 : tensor->dims[i - missing];
        if (own != dims[i] && own != 1) {
            return false;
        }
        view.dims[i] = dims[i];
        view.strides[i] = own == 1 ? 0 : tensor->strides[i - missing];
    }
    *out = view;
    return true;
}
