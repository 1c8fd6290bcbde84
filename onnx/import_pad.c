// Pad, and nodes that pad or crop.
#include "onnx/ops.h"

#include <string.h>

// What an axis of `node` is: every stride-th value of a frame, or all of them as they are.
static bool is_whole(const struct node *node, int axis)
{
    return node->stride[axis] == 1 && node->pad[axis] == 0 && node->pad[axis + 2] == 0;
}

void onnx_join_pads(const struct importer *importer, struct onnx_draft *pad, bool alone, int *input)
{
    const struct node *first = &importer->drafts[*input].node;
    struct node *second = &pad->node;
    bool joins = alone && first->kind == NODE_PAD;
    for (int axis = 0; axis < 2; axis++) {
        joins = joins && (is_whole(first, axis) || is_whole(second, axis));
    }
    if (!joins) {
        return;
    }
    for (int axis = 0; axis < 2; axis++) {
        if (is_whole(second, axis)) {
            second->stride[axis] = first->stride[axis];
            second->pad[axis] = first->pad[axis];
            second->pad[axis + 2] = first->pad[axis + 2];
        }
        second->pad_channels[axis] += first->pad_channels[axis]; // before, after
    }
    *input = first->inputs[0];
}

enum { MOST_PAD = 1 << 20 };

// Zeros (or, below 0, what is cut off) before and after each axis: [before ..., after ...].
static enum status read_pads(const struct onnx_call *call, int rank, int64_t *out)
{
    int64_t said[2 * ONNX_MAX_RANK], axes[ONNX_MAX_RANK];
    int n = 0, n_axes = 0;
    TRY(onnx_attribute_or_input(call, "pads", 1, 2 * ONNX_MAX_RANK, said, &n));
    TRY(onnx_attribute_or_input(call, "axes", 3, ONNX_MAX_RANK, axes, &n_axes));
    const int expected = n_axes >= 0 ? n_axes : rank;
    if (n != 2 * expected || expected > rank) {
        FAIL(ERR_INPUT, "it has %d pads for %d axes", n, expected);
    }
    memset(out, 0, 2 * (size_t)rank * sizeof *out);
    for (int i = 0; i < expected; i++) {
        int axis = i;
        if (n_axes >= 0) {
            TRY(onnx_axis(axes[i], rank, &axis));
        }
        out[axis] = said[i];
        out[rank + axis] = said[expected + i];
    }
    for (int i = 0; i < 2 * rank; i++) {
        if (out[i] < -MOST_PAD || out[i] > MOST_PAD) {
            FAIL(ERR_UNSUPPORTED, "it pads by %lld, at most %d are read", (long long)out[i],
                 MOST_PAD);
        }
    }
    return OK;
}

static enum status check_mode(const struct onnx_call *call)
{
    const char *mode;
    double value;
    const struct onnx_tensor *tensor;
    TRY(onnx_attribute_text(call->node, "mode", "constant", &mode));
    TRY(onnx_attribute_float(call->node, "value", 0.0, &value));
    TRY(onnx_call_optional_tensor(call, 2, "value", &tensor));
    if (tensor != NULL && onnx_tensor_count(tensor) == 1) {
        value = onnx_tensor_first(tensor);
    }
    if (strcmp(mode, "constant") != 0 || value != 0.0) {
        FAIL(ERR_UNSUPPORTED, "it pads in mode \"%.50s\" with %g; only zeros are read", mode,
             value);
    }
    return OK;
}

enum status onnx_import_pad(struct onnx_call *call)
{
    const struct onnx_view *view;
    int64_t pads[2 * ONNX_MAX_RANK];
    TRY(onnx_call_view(call, 0, &view));
    TRY(onnx_require_map(call->importer, view));
    TRY(check_mode(call));
    const int rank = view->rank;
    TRY(read_pads(call, rank, pads));
    struct onnx_draft draft = onnx_draft_of(call->importer, NODE_PAD, view->draft);
    struct node *node = &draft.node;
    bool nothing = true;
    for (int i = 0; i < 2 * rank; i++) {
        nothing = nothing && pads[i] == 0;
    }
    if (nothing) {
        return onnx_import_identity(call);
    }
    if (pads[0] != 0 || pads[rank] != 0 || (rank > 1 && (pads[1] < 0 || pads[rank + 1] < 0))) {
        FAIL(ERR_UNSUPPORTED, "it pads the batch, or cuts channels off");
    }
    for (int i = 0; i < 2 && rank > 1; i++) {
        node->pad_channels[i] = (int)pads[i == 0 ? 1 : rank + 1];
    }
    for (int k = 0; k < rank - 2; k++) {
        node->pad[k] = (int)pads[2 + k];
        node->pad[2 + k] = (int)pads[rank + 2 + k];
    }
    node->c += node->pad_channels[0] + node->pad_channels[1];
    node->h += node->pad[0] + node->pad[2];
    node->w += node->pad[1] + node->pad[3];
    draft.label = onnx_label(call, -1);
    int input = view->draft, added;
    onnx_join_pads(call->importer, &draft, onnx_is_only_use(call, 0), &input);
    TRY(onnx_draft_add(call, &draft, &input, 1, &added));
    return onnx_set_map(call, 0, added, rank);
}
