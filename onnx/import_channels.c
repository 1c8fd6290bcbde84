// Concat, Split, Slice: parts of maps, and maps out of parts.
#include "onnx/ops.h"
#include "onnx/slices.h"

#include <limits.h>
#include <string.h>

enum status onnx_import_concat(struct onnx_call *call)
{
    struct importer *importer = call->importer;
    const int n = call->node->n_inputs;
    const struct onnx_view *first;
    int64_t given;
    int axis, added;
    TRY(onnx_call_view(call, 0, &first));
    TRY(onnx_attribute_int(call->node, "axis", 1, &given));
    TRY(onnx_axis(given, first->rank, &axis));
    if (axis != 1) {
        FAIL(ERR_UNSUPPORTED, "it joins along axis %d; only channels (axis 1) are joined", axis);
    }
    const int rank = first->rank;
    struct onnx_draft draft = onnx_draft_of(importer, NODE_CONCAT, first->draft);
    int *inputs;
    ARENA_NEW(&importer->arena, inputs, (size_t)n);
    int64_t channels = 0;
    for (int i = 0; i < n; i++) {
        const struct onnx_view *view;
        TRY(onnx_call_view(call, i, &view));
        TRY(onnx_require_map(importer, view));
        const struct node *from = &importer->drafts[view->draft].node;
        if (view->rank != rank || from->h != draft.node.h || from->w != draft.node.w) {
            FAIL(ERR_INPUT, "its inputs are of different heights and widths");
        }
        inputs[i] = view->draft;
        channels += from->c;
    }
    if (n == 1) {
        return onnx_import_identity(call);
    }
    draft.node.c = channels > INT_MAX ? 0 : (int)channels; // 0 is refused
    draft.label = onnx_label(call, -1);
    TRY(onnx_draft_add(call, &draft, inputs, n, &added));
    return onnx_set_map(call, 0, added, rank);
}

// Output i: a range of an axis of a map. Channels are a SLICE, rows and columns a PAD that crops.
static enum status add_range(struct onnx_call *call, int i, const struct onnx_view *view, int axis,
                             const struct onnx_range *range, struct onnx_view *out)
{
    struct importer *importer = call->importer;
    TRY(onnx_require_map(importer, view));
    if (range->step < 1 || range->step > INT_MAX || range->count < 1 ||
        (axis == 1 && range->step != 1)) {
        FAIL(ERR_UNSUPPORTED,
             "it takes %lld values of axis %d in steps of %lld; at least one, forwards, and "
             "neighbouring channels are read",
             (long long)range->count, axis, (long long)range->step);
    }
    struct onnx_draft draft =
        onnx_draft_of(importer, axis == 1 ? NODE_SLICE : NODE_PAD, view->draft);
    struct node *node = &draft.node;
    if (axis == 1) {
        node->from = (int)range->start;
        node->c = (int)range->count;
    } else {
        const int k = axis - 2; // rows, columns
        int *size = k == 0 ? &node->h : &node->w;
        node->pad[k] = -(int)range->start;
        node->pad[2 + k] = -(int)(*size - range->start - (range->count - 1) * range->step - 1);
        node->stride[k] = (int)range->step;
        *size = (int)range->count;
    }
    draft.label = i == 0 ? onnx_label(call, -1) : NULL;
    int input = view->draft, added;
    if (axis != 1) {
        const bool alone = importer->drafts[input].n_views == 0 || onnx_is_only_use(call, 0);
        onnx_join_pads(importer, &draft, alone, &input);
    }
    TRY(onnx_draft_add(call, &draft, &input, 1, &added));
    *out = onnx_map_view(importer, added, view->rank);
    return OK;
}

// The sizes of Split's parts: said one by one, or as their number.
static enum status read_sizes(const struct onnx_call *call, int64_t size, int64_t **out)
{
    const int n = call->node->n_outputs;
    int64_t *sizes, parts;
    int said = 0;
    ARENA_NEW(&call->importer->arena, sizes, (size_t)n);
    TRY(onnx_attribute_or_input(call, "split", 1, n, sizes, &said));
    TRY(onnx_attribute_int(call->node, "num_outputs", n, &parts));
    if (said < 0 && parts == n && n > 0) {
        const int64_t part = (size + n - 1) / n;
        for (int i = 0; i < n; i++) {
            const int64_t left = size - part * i;
            sizes[i] = left < part ? left : part;
        }
        said = n;
    }
    int64_t sum = 0;
    for (int i = 0; i < said; i++) {
        sum += sizes[i] < 1 || sizes[i] > size ? 2 * size : sizes[i];
        if (sum > size) {
            break;
        }
    }
    if (said != n || sum != size) {
        FAIL(ERR_INPUT, "its %d parts are not %lld values together, at least 1 each", n,
             (long long)size);
    }
    *out = sizes;
    return OK;
}

enum status onnx_import_split(struct onnx_call *call)
{
    const struct onnx_view *given;
    int64_t axis_given, *sizes;
    int axis;
    TRY(onnx_call_view(call, 0, &given));
    const struct onnx_view view = *given;
    TRY(onnx_attribute_int(call->node, "axis", 0, &axis_given));
    TRY(onnx_axis(axis_given, view.rank, &axis));
    if (axis == 0) {
        FAIL(ERR_UNSUPPORTED, "it splits a batch into images");
    }
    TRY(read_sizes(call, view.dims[axis], &sizes));
    int64_t start = 0;
    for (int i = 0; i < call->node->n_outputs; i++) {
        const struct onnx_range range = {.start = start, .step = 1, .count = sizes[i]};
        struct onnx_view part = view;
        if (sizes[i] != view.dims[axis]) {
            TRY(add_range(call, i, &view, axis, &range, &part));
        }
        TRY(onnx_set_view(call, i, &part));
        start += sizes[i];
    }
    return OK;
}

enum status onnx_import_slice(struct onnx_call *call)
{
    const struct onnx_view *given;
    struct onnx_range ranges[ONNX_MAX_RANK];
    TRY(onnx_call_view(call, 0, &given));
    struct onnx_view view = *given;
    TRY(onnx_read_slices(call, view.dims, view.rank, ranges));
    for (int axis = 1; axis < view.rank; axis++) {
        if (!ranges[axis].whole) {
            const struct onnx_view whole = view;
            TRY(add_range(call, axis == 1 ? 0 : axis, &whole, axis, &ranges[axis], &view));
        }
    }
    return onnx_set_view(call, 0, &view);
}

// One channel, row or column, x[:, 0]: a Slice of one whose axis is dropped.
enum status onnx_import_gather(struct onnx_call *call)
{
    const struct onnx_view *given;
    const struct onnx_tensor *indices;
    int64_t axis_given;
    int axis;
    TRY(onnx_call_view(call, 0, &given));
    TRY(onnx_call_tensor(call, 1, "indices", &indices));
    const struct onnx_view view = *given;
    TRY(onnx_attribute_int(call->node, "axis", 0, &axis_given));
    TRY(onnx_axis(axis_given, view.rank, &axis));
    if (axis == 0 || indices->rank != 0) {
        FAIL(ERR_UNSUPPORTED, "it gathers images, or with several indices; one channel is read");
    }
    struct onnx_walk walk;
    onnx_walk_begin(&walk, indices);
    int64_t index = onnx_walk_integer(&walk);
    const int64_t size = view.dims[axis];
    if (index < -size || index >= size) {
        FAIL(ERR_INPUT, "index %lld does not lie in the %lld values of axis %d", (long long)index,
             (long long)size, axis);
    }
    index += index < 0 ? size : 0;
    const struct onnx_range range = {.start = index, .step = 1, .count = 1};
    struct onnx_view one;
    TRY(add_range(call, 0, &view, axis, &range, &one));
    for (int i = axis; i + 1 < one.rank; i++) {
        one.dims[i] = one.dims[i + 1];
        one.strides[i] = one.strides[i + 1];
    }
    one.rank--;
    return onnx_set_view(call, 0, &one);
}
