// Activation functions that files spell out: silu as x * sigmoid(x), hard swish as x * clip(x + 3,
// 0, 6) / 6 and in between.
#include "onnx/arith.h"

#include <math.h>

static bool is_near(double a, double b)
{
    return fabs(a - b) <= 1e-6 * fabs(b);
}

// Draft `at` is clip(scale * x + shift, 0, high): x, which may be the clip's own input.
static bool find_clip(const struct importer *importer, int at, double *high, double *scale,
                      double *shift, int *x)
{
    const struct onnx_draft *clip = &importer->drafts[at];
    if (clip->node.kind != NODE_ACT || clip->node.act.kind != ACT_CLIP ||
        clip->node.act.a != 0.0F || clip->node.act.b <= 0.0F) {
        return false;
    }
    const int below = clip->node.inputs[0];
    const struct onnx_draft *affine = &importer->drafts[below];
    if (affine->n_affine != 1) {
        return false;
    }
    *high = (double)clip->node.act.b;
    *scale = affine->scale[0];
    *shift = affine->shift[0];
    *x = affine->node.inputs[0];
    return true;
}

static enum status set_act(struct onnx_call *call, const struct onnx_view *like, int x,
                           struct activation act)
{
    struct onnx_view out = *like;
    struct onnx_draft draft = onnx_draft_of(call->importer, NODE_ACT, x);
    draft.node.act = act;
    draft.label = onnx_label(call, -1);
    TRY(onnx_draft_add(call, &draft, &x, 1, &out.draft));
    return onnx_set_view(call, 0, &out);
}

enum status onnx_match_scaled(struct onnx_call *call, enum onnx_arith arith, int i, double k,
                              bool *done)
{
    const struct importer *importer = call->importer;
    const struct onnx_view view = onnx_call_value(call, i)->is.view;
    if ((arith != ONNX_ARITH_MUL && !(arith == ONNX_ARITH_DIV && i == 0)) || k == 0.0) {
        return OK;
    }
    const double factor = arith == ONNX_ARITH_MUL ? k : 1.0 / k;
    double high, scale, shift;
    int x;
    if (find_clip(importer, view.draft, &high, &scale, &shift, &x) && is_near(factor * high, 1.0)) {
        *done = true;
        return set_act(call, &view, x,
                       (struct activation){.kind = ACT_HARD_SIGMOID,
                                           .a = (float)(scale * factor),
                                           .b = (float)(shift * factor)});
    }
    const struct node *product = &importer->drafts[view.draft].node;
    if (product->kind != NODE_MULTIPLY) {
        return OK;
    }
    for (int side = 0; side < 2; side++) {
        const int gate = product->inputs[side], other = product->inputs[1 - side];
        if (find_clip(importer, gate, &high, &scale, &shift, &x) && x == other &&
            is_near(high, 6.0) && is_near(scale, 1.0) && is_near(shift, 3.0) &&
            is_near(factor * 6.0, 1.0)) {
            *done = true;
            return set_act(call, &view, x, (struct activation){.kind = ACT_HARD_SWISH});
        }
    }
    return OK;
}

enum status onnx_match_gate(struct onnx_call *call, const struct onnx_view *x,
                            const struct onnx_view *gate, bool *done)
{
    const struct onnx_draft *draft = &call->importer->drafts[gate->draft];
    if (draft->node.kind != NODE_ACT || draft->node.inputs[0] != x->draft ||
        !onnx_views_same(x, gate)) {
        return OK;
    }
    const struct activation act = draft->node.act;
    const struct onnx_view like = *x;
    if (act.kind == ACT_SIGMOID) {
        *done = true;
        return set_act(call, &like, x->draft, (struct activation){.kind = ACT_SILU});
    }
    if (act.kind == ACT_HARD_SIGMOID && is_near((double)act.a, 1.0 / 6.0) &&
        is_near((double)act.b, 0.5)) {
        *done = true;
        return set_act(call, &like, x->draft, (struct activation){.kind = ACT_HARD_SWISH});
    }
    return OK;
}
