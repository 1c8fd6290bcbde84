// Resize, Upsample.
#include "onnx/ops.h"
#include "onnx/resize_taps.h"

#include <math.h>
#include <string.h>

enum { MOST_SIZE = 1 << 16 };

// Which of n numbers is that of axis 2 or 3: all axes are said, or those of the attribute axes.
static enum status spread(const struct onnx_call *call, const double *numbers, int n, bool scales,
                          double out[2])
{
    int64_t axes[ONNX_MAX_RANK];
    int n_axes = 0;
    TRY(onnx_attribute_ints(call->node, "axes", ONNX_MAX_RANK, axes, &n_axes));
    if (n != (n_axes >= 0 ? n_axes : 4)) {
        FAIL(ERR_INPUT, "it has %d scales or sizes for %d axes", n, n_axes >= 0 ? n_axes : 4);
    }
    for (int i = 0; i < n; i++) {
        int axis = i;
        if (n_axes >= 0) {
            TRY(onnx_axis(axes[i], 4, &axis));
        }
        if (axis >= 2) {
            out[axis - 2] = numbers[i];
        } else if (scales && numbers[i] != 1.0) {
            FAIL(ERR_UNSUPPORTED, "it resizes images or channels by %g", numbers[i]);
        }
    }
    return OK;
}

static enum status read_numbers(const struct onnx_tensor *tensor, double *out, int *n)
{
    if (tensor->rank != 1 || tensor->dims[0] > ONNX_MAX_RANK) {
        FAIL(ERR_INPUT, "its scales or sizes are no list");
    }
    *n = 0;
    struct onnx_walk walk;
    for (onnx_walk_begin(&walk, tensor); !walk.done; onnx_walk_next(&walk)) {
        out[(*n)++] = onnx_walk_real(&walk);
    }
    return OK;
}

static enum status set_by_scales(const struct onnx_call *call, const double *scales, int n,
                                 struct onnx_resize *resize)
{
    double pair[2] = {1.0, 1.0};
    TRY(spread(call, scales, n, true, pair));
    resize->exact = true;
    for (int k = 0; k < 2; k++) {
        const double exact = resize->in[k] * pair[k], to = floor(exact);
        if (!(to >= 1.0 && to <= MOST_SIZE)) {
            FAIL(ERR_UNSUPPORTED, "its scale %g makes %g of %d", pair[k], to, resize->in[k]);
        }
        resize->out[k] = (int)to;
        resize->scale[k] = pair[k];
        resize->exact = resize->exact && to == exact;
    }
    return OK;
}

// With a policy, one scale for both axes: that which makes the map no larger, or no smaller.
static enum status keep_aspect(const struct onnx_call *call, double pair[2],
                               struct onnx_resize *resize)
{
    const char *policy;
    TRY(onnx_attribute_text(call->node, "keep_aspect_ratio_policy", "stretch", &policy));
    resize->exact = strcmp(policy, "stretch") == 0;
    const double rows = pair[0] / resize->in[0], columns = pair[1] / resize->in[1];
    const double common =
        strcmp(policy, "not_larger") == 0 ? fmin(rows, columns) : fmax(rows, columns);
    for (int k = 0; k < 2; k++) {
        resize->scale[k] = resize->exact ? pair[k] / resize->in[k] : common;
        pair[k] = resize->exact ? pair[k] : round(common * resize->in[k]);
    }
    return OK;
}

static enum status set_by_sizes(const struct onnx_call *call, const double *sizes, int n,
                                struct onnx_resize *resize)
{
    double pair[2] = {resize->in[0], resize->in[1]};
    TRY(spread(call, sizes, n, false, pair));
    TRY(keep_aspect(call, pair, resize));
    for (int k = 0; k < 2; k++) {
        if (!(pair[k] >= 1.0 && pair[k] <= MOST_SIZE)) {
            FAIL(ERR_UNSUPPORTED, "it makes a map of %g x %g", pair[0], pair[1]);
        }
        resize->out[k] = (int)pair[k];
    }
    return OK;
}

// The words of the node. Opset 10 and Upsample had none for places and rounding.
static enum status read_words(const struct onnx_call *call, bool old, struct onnx_resize *resize)
{
    int64_t antialias;
    TRY(onnx_attribute_text(call->node, "mode", "nearest", &resize->mode));
    TRY(onnx_attribute_text(call->node, "coordinate_transformation_mode",
                            old ? "asymmetric" : "half_pixel", &resize->coordinates));
    TRY(onnx_attribute_text(call->node, "nearest_mode", old ? "floor" : "round_prefer_floor",
                            &resize->rounding));
    TRY(onnx_attribute_int(call->node, "antialias", 0, &antialias));
    if (antialias != 0) {
        FAIL(ERR_UNSUPPORTED, "it resizes with antialiasing");
    }
    return OK;
}

static enum status add_resize(struct onnx_call *call, const struct onnx_resize *resize, int input)
{
    int added;
    struct onnx_draft draft = onnx_draft_of(call->importer, NODE_RESIZE, input);
    TRY(onnx_find_resize(resize, &draft.node.resize, &draft.node.coordinates));
    draft.node.h = draft.node.size[0] = resize->out[0];
    draft.node.w = draft.node.size[1] = resize->out[1];
    draft.label = onnx_label(call, -1);
    TRY(onnx_draft_add(call, &draft, &input, 1, &added));
    return onnx_set_map(call, 0, added, 4);
}

static enum status read_input(const struct onnx_call *call, const struct onnx_view **out,
                              struct onnx_resize *resize)
{
    const struct onnx_view *view;
    TRY(onnx_call_view(call, 0, &view));
    TRY(onnx_require_map(call->importer, view));
    if (view->rank != 4) {
        FAIL(ERR_UNSUPPORTED, "its input has %d dimensions, expected 4", view->rank);
    }
    const struct node *from = &call->importer->drafts[view->draft].node;
    resize->in[0] = from->h;
    resize->in[1] = from->w;
    *out = view;
    return OK;
}

// X, roi, scales, sizes; opset 10: X, scales.
enum status onnx_import_resize(struct onnx_call *call)
{
    const struct onnx_view *view;
    const struct onnx_tensor *scales, *sizes;
    struct onnx_resize resize = {0};
    double numbers[ONNX_MAX_RANK];
    int n = 0;
    const bool old = call->node->n_inputs == 2;
    TRY(read_input(call, &view, &resize));
    TRY(read_words(call, old, &resize));
    TRY(onnx_call_optional_tensor(call, old ? 1 : 2, "scales", &scales));
    TRY(onnx_call_optional_tensor(call, 3, "sizes", &sizes));
    const bool by_scales = scales != NULL && onnx_tensor_count(scales) > 0;
    if (!by_scales && sizes == NULL) {
        FAIL(ERR_INPUT, "it has neither scales nor sizes");
    }
    TRY(read_numbers(by_scales ? scales : sizes, numbers, &n));
    TRY(by_scales ? set_by_scales(call, numbers, n, &resize)
                  : set_by_sizes(call, numbers, n, &resize));
    return add_resize(call, &resize, view->draft);
}

enum status onnx_import_upsample(struct onnx_call *call)
{
    const struct onnx_view *view;
    const struct onnx_tensor *scales;
    struct onnx_resize resize = {0};
    double numbers[ONNX_MAX_RANK];
    int n = 0;
    TRY(read_input(call, &view, &resize));
    TRY(read_words(call, true, &resize));
    TRY(onnx_call_optional_tensor(call, 1, "scales", &scales));
    const struct onnx_attribute *attribute = onnx_find_attribute(call->node, "scales");
    if (scales != NULL) {
        TRY(read_numbers(scales, numbers, &n));
    } else if (attribute != NULL && attribute->kind == ONNX_ATTRIBUTE_FLOATS) {
        for (; n < attribute->n && n < ONNX_MAX_RANK; n++) {
            numbers[n] = (double)attribute->floats[n];
        }
    }
    TRY(set_by_scales(call, numbers, n, &resize));
    return add_resize(call, &resize, view->draft);
}
