// Add, Sub, Mul, Div, Sum: with a constant they scale and shift channels, of two activations they
// are nodes of their own.
#include "onnx/arith.h"
#include "onnx/ops.h"

#include <math.h>

// The two sides of the operator, as far as they are known.
struct sides {
    const struct onnx_view *view; // the (first) activation
    int view_at;                  // its input number
    const struct onnx_view *other;
    const struct onnx_tensor *constant;
};

static enum status read_sides(const struct onnx_call *call, struct sides *out)
{
    struct sides sides = {0};
    for (int i = 0; i < 2; i++) {
        const struct onnx_value *value = onnx_call_value(call, i);
        if (value == NULL || call->node->n_inputs != 2) {
            FAIL(ERR_INPUT, "it has %d inputs, expected 2", call->node->n_inputs);
        }
        if (value->kind == ONNX_VALUE_TENSOR) {
            sides.constant = &value->is.tensor;
        } else if (sides.view == NULL) {
            sides.view = &value->is.view;
            sides.view_at = i;
        } else {
            sides.other = &value->is.view;
        }
    }
    CHECK(sides.view != NULL); // of constants only, it would have been folded
    *out = sides;
    return OK;
}

// ---- with a constant

// The constant under the dimensions of the view. Opset 6 and before could say where they begin.
static enum status align(const struct onnx_call *call, const struct onnx_view *view,
                         const struct onnx_tensor *constant, struct onnx_tensor *out)
{
    int64_t axis;
    TRY(onnx_attribute_int(call->node, "axis", -1, &axis));
    struct onnx_tensor row = *constant;
    if (axis > 0 && onnx_find_attribute(call->node, "broadcast") != NULL) {
        while (row.rank + axis < view->rank && row.rank < ONNX_MAX_RANK) {
            row.dims[row.rank] = 1;
            row.strides[row.rank++] = 0;
        }
    }
    int64_t dims[ONNX_MAX_RANK];
    for (int i = 0; i < view->rank; i++) {
        dims[i] = i == 0 ? 1 : view->dims[i]; // the same for every image
    }
    if (!onnx_tensor_broadcast(&row, dims, view->rank, out)) {
        FAIL(ERR_UNSUPPORTED,
             "its constant \"%.200s\" differs between images, or has more "
             "dimensions than the %d of the activation",
             call->node->inputs[onnx_call_value(call, 0)->kind == ONNX_VALUE_TENSOR ? 0 : 1],
             view->rank);
    }
    return OK;
}

// One value for all, or one per channel: *n is 1 or c.
static enum status read_channels(const struct onnx_call *call, const struct sides *sides,
                                 const double **out, int *n)
{
    struct importer *importer = call->importer;
    struct onnx_tensor all;
    TRY(align(call, sides->view, sides->constant, &all));
    if (onnx_tensor_is_repeated(&all)) {
        double *one;
        ARENA_NEW(&importer->arena, one, 1);
        *one = onnx_tensor_first(&all);
        *out = one;
        *n = 1;
        return OK;
    }
    TRY(onnx_require_map(importer, sides->view));
    for (int i = 0; i < all.rank; i++) {
        if (i != 1 && all.dims[i] != 1 && all.strides[i] != 0) {
            FAIL(ERR_UNSUPPORTED, "its constant differs between pixels; one per channel is read");
        }
    }
    struct onnx_tensor row = {.type = all.type, .rank = 1, .data = all.data};
    row.dims[0] = all.dims[1];
    row.strides[0] = all.strides[1];
    struct onnx_tensor made;
    void *elements;
    TRY(onnx_new_tensor(importer, ONNX_F64, row.dims, 1, &made, &elements));
    double *values = elements;
    struct onnx_walk walk;
    for (onnx_walk_begin(&walk, &row); !walk.done; onnx_walk_next(&walk)) {
        *values++ = onnx_walk_real(&walk);
    }
    *out = elements;
    *n = (int)row.dims[0];
    return OK;
}

// y = scale * x + shift of the operator with constant k, on the side that the constant is not.
static enum status scale_and_shift(enum onnx_arith arith, bool constant_first, double k,
                                   double *scale, double *shift)
{
    *scale = 1.0;
    *shift = 0.0;
    switch (arith) {
    case ONNX_ARITH_ADD:
        *shift = k;
        break;
    case ONNX_ARITH_SUB:
        *scale = constant_first ? -1.0 : 1.0;
        *shift = constant_first ? k : -k;
        break;
    case ONNX_ARITH_MUL:
        *scale = k;
        break;
    default:
        if (constant_first || k == 0.0) {
            FAIL(ERR_UNSUPPORTED, "it divides by %s", k == 0.0 ? "zero" : "an activation");
        }
        *scale = 1.0 / k;
        break;
    }
    if (!isfinite(*scale) || !isfinite(*shift)) {
        FAIL(ERR_INPUT, "its constant is no finite number");
    }
    return OK;
}

// x + b behind a layer that has weights and no bias yet becomes that layer's bias.
static bool take_bias(const struct onnx_call *call, const struct sides *sides,
                      struct onnx_draft *from)
{
    const enum node_kind kind = from->node.kind;
    struct onnx_tensor bias;
    int64_t dims[ONNX_MAX_RANK] = {1};
    if ((kind != NODE_CONV && kind != NODE_LINEAR) || from->node.bias ||
        !onnx_is_only_use(call, sides->view_at)) {
        return false;
    }
    for (int i = 1; i < sides->view->rank; i++) {
        dims[i] = sides->view->dims[i];
    }
    if (!onnx_tensor_broadcast(sides->constant, dims, sides->view->rank, &bias)) {
        return false;
    }
    bias.dims[0] = from->node.c;
    bias.strides[0] = sides->view->rank > 1 ? bias.strides[1] : 0;
    bias.rank = 1;
    from->node.bias = true;
    onnx_draft_weights(from, &bias, 1.0);
    return true;
}

static enum status with_constant(struct onnx_call *call, enum onnx_arith arith,
                                 const struct sides *sides)
{
    struct importer *importer = call->importer;
    struct onnx_view view = *sides->view;
    const double *values = NULL;
    int n = 0;
    TRY(read_channels(call, sides, &values, &n));
    struct onnx_draft *from = &importer->drafts[view.draft];
    if (n == 1) {
        bool done = false;
        TRY(onnx_match_scaled(call, arith, sides->view_at, values[0], &done));
        if (done) {
            return OK;
        }
    }
    if (arith == ONNX_ARITH_ADD && take_bias(call, sides, from)) {
        return onnx_set_view(call, 0, &view);
    }
    // Behind another scale and shift that nothing else reads, one node does for both.
    const bool joins = from->n_affine > 0 && onnx_is_only_use(call, sides->view_at);
    const int n_own = joins && from->n_affine > n ? from->n_affine : n;
    double *scale, *shift;
    ARENA_NEW(&importer->arena, scale, (size_t)n_own);
    ARENA_NEW(&importer->arena, shift, (size_t)n_own);
    for (int i = 0; i < n_own; i++) {
        TRY(scale_and_shift(arith, sides->view_at == 1, values[n > 1 ? i : 0], &scale[i],
                            &shift[i]));
        if (joins) {
            const int k = from->n_affine > 1 ? i : 0;
            shift[i] += scale[i] * from->shift[k];
            scale[i] *= from->scale[k];
        }
    }
    if (joins) {
        view.draft = from->node.inputs[0];
    }
    return onnx_add_affine(call, &view, n_own, scale, shift);
}

// ---- of two activations

// Both of one shape, whatever their views, or the second one value per channel of a map.
static enum status join(struct onnx_call *call, enum node_kind kind, const struct onnx_view *a,
                        const struct onnx_view *b)
{
    struct importer *importer = call->importer;
    const struct onnx_view first = *a, second = *b;
    const struct node *left = &importer->drafts[first.draft].node;
    const struct node *right = &importer->drafts[second.draft].node;
    const bool equal = left->h == right->h && left->w == right->w && left->c == right->c;
    const bool gate = kind == NODE_MULTIPLY && !equal && right->h == 1 && right->w == 1 &&
                      left->c == right->c && first.rank == second.rank;
    if (gate) {
        TRY(onnx_require_map(importer, a));
        TRY(onnx_require_map(importer, b));
    } else if (!equal || !onnx_views_same(a, b)) {
        FAIL(
            ERR_UNSUPPORTED,
            "it joins %d x %d x %d and %d x %d x %d values (channels, height, width); they must be "
            "of one shape%s",
            left->c, left->h, left->w, right->c, right->h, right->w,
            kind == NODE_MULTIPLY ? ", or the second one value per channel" : "");
    }
    struct onnx_draft draft = onnx_draft_of(importer, kind, first.draft);
    draft.label = onnx_label(call, -1);
    const int inputs[2] = {first.draft, second.draft};
    struct onnx_view out = first;
    TRY(onnx_draft_add(call, &draft, inputs, 2, &out.draft));
    return onnx_set_view(call, 0, &out);
}

static enum status multiply(struct onnx_call *call, const struct sides *sides)
{
    bool done = false;
    TRY(onnx_match_gate(call, sides->view, sides->other, &done));
    if (done) {
        return OK;
    }
    TRY(onnx_match_gate(call, sides->other, sides->view, &done));
    if (done) {
        return OK;
    }
    const struct onnx_draft *drafts = call->importer->drafts;
    const struct node *left = &drafts[sides->view->draft].node;
    const bool swap = left->h == 1 && left->w == 1; // the map first, the gate second
    return swap ? join(call, NODE_MULTIPLY, sides->other, sides->view)
                : join(call, NODE_MULTIPLY, sides->view, sides->other);
}

// a - b = a + (-1) * b
static enum status subtract(struct onnx_call *call, const struct sides *sides)
{
    struct importer *importer = call->importer;
    const struct onnx_view first = *sides->view, second = *sides->other;
    struct onnx_draft negative = onnx_draft_of(importer, NODE_BATCHNORM, second.draft);
    double *pair;
    ARENA_NEW(&importer->arena, pair, 2);
    pair[0] = -1.0;
    negative.n_affine = 1;
    negative.scale = pair;
    negative.shift = pair + 1;
    struct onnx_view minus = second;
    TRY(onnx_draft_add(call, &negative, &second.draft, 1, &minus.draft));
    return join(call, NODE_ADD, &first, &minus);
}

static enum status import_arith(struct onnx_call *call, enum onnx_arith arith)
{
    struct sides sides;
    TRY(read_sides(call, &sides));
    if (sides.constant != NULL) {
        return with_constant(call, arith, &sides);
    }
    switch (arith) {
    case ONNX_ARITH_ADD:
        return join(call, NODE_ADD, sides.view, sides.other);
    case ONNX_ARITH_SUB:
        return subtract(call, &sides);
    case ONNX_ARITH_MUL:
        return multiply(call, &sides);
    default:
        FAIL(ERR_UNSUPPORTED, "it divides by an activation");
    }
}

enum status onnx_import_add(struct onnx_call *call)
{
    return import_arith(call, ONNX_ARITH_ADD);
}

enum status onnx_import_sub(struct onnx_call *call)
{
    return import_arith(call, ONNX_ARITH_SUB);
}

enum status onnx_import_mul(struct onnx_call *call)
{
    return import_arith(call, ONNX_ARITH_MUL);
}

enum status onnx_import_div(struct onnx_call *call)
{
    return import_arith(call, ONNX_ARITH_DIV);
}

enum status onnx_import_sum(struct onnx_call *call)
{
    if (call->node->n_inputs == 1) {
        return onnx_import_identity(call);
    }
    if (call->node->n_inputs == 2) {
        return onnx_import_add(call);
    }
    const struct onnx_view *first;
    TRY(onnx_call_view(call, 0, &first));
    int *inputs;
    ARENA_NEW(&call->importer->arena, inputs, (size_t)call->node->n_inputs);
    for (int i = 0; i < call->node->n_inputs; i++) {
        const struct onnx_view *view;
        TRY(onnx_call_view(call, i, &view));
        if (!onnx_views_same(first, view)) {
            FAIL(ERR_UNSUPPORTED, "its inputs are not of one shape");
        }
        inputs[i] = view->draft;
        const struct node *a = &call->importer->drafts[first->draft].node;
        const struct node *b = &call->importer->drafts[view->draft].node;
        if (a->h != b->h || a->w != b->w || a->c != b->c) {
            FAIL(ERR_UNSUPPORTED, "its inputs are not of one shape");
        }
    }
    struct onnx_view out = *first;
    struct onnx_draft draft = onnx_draft_of(call->importer, NODE_ADD, first->draft);
    draft.label = onnx_label(call, -1);
    TRY(onnx_draft_add(call, &draft, inputs, call->node->n_inputs, &out.draft));
    return onnx_set_view(call, 0, &out);
}
