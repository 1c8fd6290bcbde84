// Known values: other places, the same elements.
#include "onnx/ops.h"
#include "onnx/reshape.h"
#include "onnx/slices.h"

// A tensor into which elements of both kinds are written one after another.
struct writer {
    struct onnx_tensor tensor;
    bool integer;
    void *elements;
    int64_t at;
};

static enum status open_writer(struct onnx_call *call, bool integer, const int64_t *dims, int rank,
                               struct writer *out)
{
    *out = (struct writer){.integer = integer};
    return onnx_new_tensor(call->importer, integer ? ONNX_I64 : ONNX_F64, dims, rank, &out->tensor,
                           &out->elements);
}

static void write_element(struct writer *writer, const struct onnx_walk *walk)
{
    if (writer->integer) {
        ((int64_t *)writer->elements)[writer->at++] = onnx_walk_integer(walk);
    } else {
        ((double *)writer->elements)[writer->at++] = onnx_walk_real(walk);
    }
}

static void write_all(struct writer *writer, const struct onnx_tensor *tensor)
{
    struct onnx_walk walk;
    for (onnx_walk_begin(&walk, tensor); !walk.done; onnx_walk_next(&walk)) {
        write_element(writer, &walk);
    }
}

// Elements [start, start + count * step) of an axis: a view.
static struct onnx_tensor cut(const struct onnx_tensor *tensor, int axis, int64_t start,
                              int64_t count, int64_t step)
{
    struct onnx_tensor out = *tensor;
    const int64_t bytes = (int64_t)onnx_type_bytes(tensor->type);
    if (count > 0) {
        out.data = tensor->data + start * tensor->strides[axis] * bytes;
    }
    out.dims[axis] = count;
    out.strides[axis] = count > 1 ? tensor->strides[axis] * step : 0;
    return out;
}

enum status onnx_fold_slice(struct onnx_call *call)
{
    const struct onnx_tensor *from;
    struct onnx_range ranges[ONNX_MAX_RANK];
    TRY(onnx_call_tensor(call, 0, "value", &from));
    TRY(onnx_read_slices(call, from->dims, from->rank, ranges));
    struct onnx_tensor tensor = *from;
    for (int i = 0; i < from->rank; i++) {
        tensor = cut(&tensor, i, ranges[i].start, ranges[i].count, ranges[i].step);
    }
    return onnx_set_tensor(call, 0, &tensor);
}

// Axis `axis` of `from` becomes all axes of the indices.
enum status onnx_fold_gather(struct onnx_call *call)
{
    const struct onnx_tensor *from, *indices;
    int64_t given, dims[2 * ONNX_MAX_RANK];
    int axis, rank = 0;
    TRY(onnx_call_tensor(call, 0, "value", &from));
    TRY(onnx_call_tensor(call, 1, "indices", &indices));
    TRY(onnx_attribute_int(call->node, "axis", 0, &given));
    TRY(onnx_axis(given, from->rank, &axis));
    for (int i = 0; i < from->rank; i++) {
        if (i != axis) {
            dims[rank++] = from->dims[i];
            continue;
        }
        for (int k = 0; k < indices->rank; k++) {
            dims[rank++] = indices->dims[k];
        }
    }
    if (axis > 0 && onnx_tensor_count(indices) != 1) {
        FAIL(ERR_UNSUPPORTED, "it gathers along axis %d; several indices are read for axis 0",
             axis);
    }
    struct writer writer;
    TRY(open_writer(call, onnx_type_is_integer(from->type), dims, rank, &writer));
    struct onnx_walk walk;
    for (onnx_walk_begin(&walk, indices); !walk.done; onnx_walk_next(&walk)) {
        int64_t index = onnx_walk_integer(&walk);
        if (index < -from->dims[axis] || index >= from->dims[axis]) {
            FAIL(ERR_INPUT, "index %lld does not lie in the %lld values of axis %d",
                 (long long)index, (long long)from->dims[axis], axis);
        }
        index += index < 0 ? from->dims[axis] : 0;
        const struct onnx_tensor part = cut(from, axis, index, 1, 1);
        write_all(&writer, &part);
    }
    return onnx_set_tensor(call, 0, &writer.tensor);
}

// What Concat makes of its inputs: the shape, and whether all are integers.
static enum status join_dims(const struct onnx_call *call, int axis, int64_t *dims, bool *integer)
{
    *integer = true;
    dims[axis] = 0;
    for (int i = 0; i < call->node->n_inputs; i++) {
        const struct onnx_tensor *first, *tensor;
        TRY(onnx_call_tensor(call, 0, "value", &first));
        TRY(onnx_call_tensor(call, i, "value", &tensor));
        bool fits = tensor->rank == first->rank;
        for (int k = 0; k < first->rank && fits; k++) {
            fits = k == axis || tensor->dims[k] == first->dims[k];
            dims[k] = k == axis ? dims[k] : first->dims[k];
        }
        if (!fits || dims[axis] > ONNX_MOST_ELEMENTS) {
            FAIL(ERR_INPUT, "its inputs have shapes that cannot be joined");
        }
        dims[axis] += tensor->dims[axis];
        *integer = *integer && onnx_type_is_integer(tensor->type);
    }
    return OK;
}

enum status onnx_fold_concat(struct onnx_call *call)
{
    const struct onnx_tensor *first;
    int64_t given, dims[ONNX_MAX_RANK];
    int axis;
    bool integer;
    TRY(onnx_call_tensor(call, 0, "value", &first));
    TRY(onnx_attribute_int(call->node, "axis", 1, &given));
    TRY(onnx_axis(given, first->rank, &axis));
    TRY(join_dims(call, axis, dims, &integer));
    struct writer writer;
    TRY(open_writer(call, integer, dims, first->rank, &writer));
    // Row by row of the axes before: for each, the inputs' rows one after another.
    int64_t rows = 1;
    for (int i = 0; i < axis; i++) {
        rows *= dims[i];
    }
    if (rows > 1) {
        FAIL(ERR_UNSUPPORTED, "it joins constants along axis %d; along the first is read", axis);
    }
    for (int i = 0; i < call->node->n_inputs; i++) {
        const struct onnx_tensor *tensor;
        TRY(onnx_call_tensor(call, i, "value", &tensor));
        write_all(&writer, tensor);
    }
    return onnx_set_tensor(call, 0, &writer.tensor);
}

enum status onnx_fold_transpose(struct onnx_call *call)
{
    const struct onnx_tensor *from;
    struct onnx_tensor tensor;
    int order[ONNX_MAX_RANK];
    TRY(onnx_call_tensor(call, 0, "value", &from));
    TRY(onnx_read_permutation(call, from->rank, order));
    onnx_tensor_permute(from, order, &tensor);
    return onnx_set_tensor(call, 0, &tensor);
}

static enum status set_reshaped(struct onnx_call *call, const struct onnx_tensor *from,
                                const int64_t *dims, int rank)
{
    struct onnx_tensor tensor;
    int64_t count;
    if (!onnx_count_dims(dims, rank, &count) || count != onnx_tensor_count(from)) {
        FAIL(ERR_INPUT, "its new shape has not the %lld values of its input",
             (long long)onnx_tensor_count(from));
    }
    TRY(onnx_reshaped(call->importer, from, dims, rank, &tensor));
    return onnx_set_tensor(call, 0, &tensor);
}

enum status onnx_fold_reshape(struct onnx_call *call)
{
    const struct onnx_tensor *from;
    int64_t dims[ONNX_MAX_RANK], keep_zero, known = 1;
    int n = 0, open = -1;
    TRY(onnx_call_tensor(call, 0, "value", &from));
    TRY(onnx_attribute_or_input(call, "shape", 1, ONNX_MAX_RANK, dims, &n));
    TRY(onnx_attribute_int(call->node, "allowzero", 0, &keep_zero));
    const int64_t count = onnx_tensor_count(from);
    for (int i = 0; i < n; i++) {
        if (dims[i] == 0 && keep_zero == 0 && i < from->rank) {
            dims[i] = from->dims[i];
        }
        if (dims[i] == -1 && open < 0) {
            open = i;
        } else if (dims[i] < 0 || (dims[i] > 0 && known > ONNX_MOST_ELEMENTS / dims[i])) {
            FAIL(ERR_INPUT, "dimension %d of its new shape is out of range", i);
        } else {
            known *= dims[i];
        }
    }
    if (open >= 0) {
        dims[open] = known > 0 ? count / known : 0;
    }
    return set_reshaped(call, from, dims, n > 0 ? n : 0);
}

enum status onnx_fold_flatten(struct onnx_call *call)
{
    const struct onnx_tensor *from;
    int64_t given, dims[2] = {1, 1};
    TRY(onnx_call_tensor(call, 0, "value", &from));
    TRY(onnx_attribute_int(call->node, "axis", 1, &given));
    int axis = from->rank;
    if (given != from->rank) {
        TRY(onnx_axis(given, from->rank, &axis));
    }
    for (int i = 0; i < from->rank; i++) {
        dims[i < axis ? 0 : 1] *= from->dims[i];
    }
    return set_reshaped(call, from, dims, 2);
}

enum status onnx_fold_squeeze(struct onnx_call *call)
{
    const struct onnx_tensor *from;
    int64_t axes[ONNX_MAX_RANK], dims[ONNX_MAX_RANK];
    bool drop[ONNX_MAX_RANK] = {false};
    int n = 0, rank = 0;
    TRY(onnx_call_tensor(call, 0, "value", &from));
    TRY(onnx_attribute_or_input(call, "axes", 1, ONNX_MAX_RANK, axes, &n));
    for (int i = 0; i < from->rank && n < 0; i++) {
        drop[i] = from->dims[i] == 1;
    }
    for (int i = 0; i < n; i++) {
        int axis;
        TRY(onnx_axis(axes[i], from->rank, &axis));
        drop[axis] = true;
    }
    for (int i = 0; i < from->rank; i++) {
        if (!drop[i]) {
            dims[rank++] = from->dims[i];
        }
    }
    return set_reshaped(call, from, dims, rank);
}

enum status onnx_fold_unsqueeze(struct onnx_call *call)
{
    const struct onnx_tensor *from;
    int64_t axes[ONNX_MAX_RANK], dims[ONNX_MAX_RANK];
    int n = 0;
    TRY(onnx_call_tensor(call, 0, "value", &from));
    TRY(onnx_attribute_or_input(call, "axes", 1, ONNX_MAX_RANK, axes, &n));
    TRY(onnx_insert_ones(from->dims, from->rank, axes, n, dims));
    return set_reshaped(call, from, dims, from->rank + n);
}

enum status onnx_fold_expand(struct onnx_call *call)
{
    const struct onnx_tensor *from, *shape;
    struct onnx_tensor tensor;
    int64_t dims[ONNX_MAX_RANK], count;
    int rank = 0;
    TRY(onnx_call_tensor(call, 0, "value", &from));
    TRY(onnx_call_tensor(call, 1, "shape", &shape));
    TRY(onnx_read_integers(shape, "shape", ONNX_MAX_RANK, dims, &rank));
    const int missing = rank - from->rank;
    for (int i = 0; i < rank; i++) {
        const bool own = i >= missing && missing >= 0;
        dims[i] = own && dims[i] == 1 ? from->dims[i - missing] : dims[i];
    }
    if (!onnx_count_dims(dims, rank, &count) || !onnx_tensor_broadcast(from, dims, rank, &tensor)) {
        FAIL(ERR_UNSUPPORTED, "its input cannot be expanded to the shape it names");
    }
    return onnx_set_tensor(call, 0, &tensor);
}
