// Pools, and means that are pools.
#include "onnx/ops.h"
#include "onnx/window.h"

static enum status add_pool(struct onnx_call *call, struct onnx_draft *draft, int input, int rank)
{
    int added;
    draft->label = onnx_label(call, -1);
    TRY(onnx_draft_add(call, draft, &input, 1, &added));
    return onnx_set_map(call, 0, added, rank);
}

static enum status read_map(const struct onnx_call *call, int least_rank,
                            const struct onnx_view **out)
{
    const struct onnx_view *view;
    TRY(onnx_call_view(call, 0, &view));
    TRY(onnx_require_map(call->importer, view));
    if (view->rank < least_rank) {
        FAIL(ERR_INPUT, "its input has %d dimensions, expected a map", view->rank);
    }
    *out = view;
    return OK;
}

static enum status import_window_pool(struct onnx_call *call, enum node_kind kind, bool count_pad)
{
    const struct onnx_view *view;
    TRY(read_map(call, 3, &view));
    struct onnx_draft draft = onnx_draft_of(call->importer, kind, view->draft);
    TRY(onnx_read_window(call, view->rank - 2, NULL, &draft.node));
    draft.node.count_pad = count_pad;
    return add_pool(call, &draft, view->draft, view->rank);
}

enum status onnx_import_max_pool(struct onnx_call *call)
{
    TRY(onnx_unused_outputs(call, 1, "the indices"));
    return import_window_pool(call, NODE_MAX_POOL, false);
}

enum status onnx_import_average_pool(struct onnx_call *call)
{
    int64_t count_pad;
    TRY(onnx_attribute_int(call->node, "count_include_pad", 0, &count_pad));
    return import_window_pool(call, NODE_AVG_POOL, count_pad != 0);
}

enum status onnx_import_global_average_pool(struct onnx_call *call)
{
    const struct onnx_view *view;
    TRY(read_map(call, 3, &view));
    struct onnx_draft draft = onnx_draft_of(call->importer, NODE_GLOBAL_POOL, view->draft);
    draft.node.h = draft.node.w = 1;
    return add_pool(call, &draft, view->draft, view->rank);
}

// One window as large as the map.
enum status onnx_import_global_max_pool(struct onnx_call *call)
{
    const struct onnx_view *view;
    TRY(read_map(call, 3, &view));
    struct onnx_draft draft = onnx_draft_of(call->importer, NODE_MAX_POOL, view->draft);
    draft.node.kernel[0] = draft.node.stride[0] = draft.node.h;
    draft.node.kernel[1] = draft.node.stride[1] = draft.node.w;
    draft.node.h = draft.node.w = 1;
    return add_pool(call, &draft, view->draft, view->rank);
}

// ---- ReduceMean

// Which axes are reduced; none said: all of them, or none.
static enum status read_axes(const struct onnx_call *call, const struct onnx_view *view,
                             bool reduced[ONNX_MAX_RANK], bool *nothing)
{
    int64_t axes[ONNX_MAX_RANK], noop;
    int n = 0;
    TRY(onnx_attribute_or_input(call, "axes", 1, ONNX_MAX_RANK, axes, &n));
    TRY(onnx_attribute_int(call->node, "noop_with_empty_axes", 0, &noop));
    *nothing = n <= 0 && noop != 0;
    for (int i = 0; i < ONNX_MAX_RANK; i++) {
        reduced[i] = n <= 0 && noop == 0;
    }
    for (int i = 0; i < n; i++) {
        int axis;
        TRY(onnx_axis(axes[i], view->rank, &axis));
        reduced[axis] = true;
    }
    if (reduced[0]) {
        FAIL(ERR_UNSUPPORTED, "it takes the mean over the images of a batch");
    }
    return OK;
}

// The view that is left when the reduced axes have one value, of the draft that holds it.
static struct onnx_view drop_axes(const struct onnx_view *view, const bool *reduced, bool keep,
                                  int draft, int64_t divisor)
{
    struct onnx_view out = {.draft = draft};
    for (int i = 0; i < view->rank; i++) {
        if (reduced[i] && !keep) {
            continue;
        }
        out.dims[out.rank] = reduced[i] ? 1 : view->dims[i];
        out.strides[out.rank++] = reduced[i] ? 0 : view->strides[i] / divisor;
    }
    return out;
}

// Rows or columns alone, of a plain map: a pool whose window is one line.
static enum status reduce_lines(struct onnx_call *call, const struct onnx_view *view,
                                const bool *reduced, bool keep)
{
    TRY(onnx_require_map(call->importer, view));
    if (view->rank != 4 || reduced[1] || reduced[2] == reduced[3]) {
        FAIL(ERR_UNSUPPORTED, "it takes the mean over the channels; only one over the map is read");
    }
    struct onnx_draft draft = onnx_draft_of(call->importer, NODE_AVG_POOL, view->draft);
    const int axis = reduced[2] ? 0 : 1;
    int *size = axis == 0 ? &draft.node.h : &draft.node.w;
    draft.node.kernel[axis] = draft.node.stride[axis] = *size;
    *size = 1;
    draft.label = onnx_label(call, -1);
    int added;
    TRY(onnx_draft_add(call, &draft, &view->draft, 1, &added));
    const struct onnx_view map = onnx_map_view(call->importer, added, 4);
    const struct onnx_view out = drop_axes(&map, reduced, keep, added, 1);
    return onnx_set_view(call, 0, &out);
}

enum status onnx_import_reduce_mean(struct onnx_call *call)
{
    const struct onnx_view *given;
    int64_t keep;
    bool reduced[ONNX_MAX_RANK], nothing;
    TRY(onnx_call_view(call, 0, &given));
    TRY(onnx_attribute_int(call->node, "keepdims", 1, &keep));
    const struct onnx_view view = *given;
    TRY(read_axes(call, &view, reduced, &nothing));
    if (nothing) {
        return onnx_set_view(call, 0, &view);
    }
    // Under any view: all pixels, and nothing but pixels, which lie within one channel.
    const struct node *from = &call->importer->drafts[view.draft].node;
    const int64_t pixels = (int64_t)from->h * from->w;
    int64_t count = 1;
    bool inside = true;
    for (int i = 1; i < view.rank; i++) {
        count *= reduced[i] ? view.dims[i] : 1;
        inside = inside && (view.dims[i] == 1 || (view.strides[i] < pixels) == reduced[i]);
    }
    if (!inside || count != pixels) {
        return reduce_lines(call, &view, reduced, keep != 0);
    }
    struct onnx_draft draft = onnx_draft_of(call->importer, NODE_GLOBAL_POOL, view.draft);
    draft.node.h = draft.node.w = 1;
    draft.label = onnx_label(call, -1);
    int added;
    TRY(onnx_draft_add(call, &draft, &view.draft, 1, &added));
    const struct onnx_view out = drop_axes(&view, reduced, keep != 0, added, pixels);
    return onnx_set_view(call, 0, &out);
}
