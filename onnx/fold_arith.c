// Known values: arithmetic. The number of images may go through, but not into a sum or product.
#include "onnx/ops.h"

#include <math.h>

enum operation { ADD, SUB, MUL, DIV, MIN, MAX };

// a with a neutral b gives a; false: the number of images is in it otherwise.
static bool keep_batch(enum operation operation, double a, double b, double *out)
{
    const double batch = (double)ONNX_BATCH;
    if (operation == MUL && a == 1.0) {
        *out = b;
        return true;
    }
    if (operation == ADD && a == 0.0) {
        *out = b;
        return true;
    }
    const bool neutral = a == batch && (((operation == ADD || operation == SUB) && b == 0.0) ||
                                        ((operation == MUL || operation == DIV) && b == 1.0));
    if (neutral || (a == batch && b == batch && (operation == MIN || operation == MAX))) {
        *out = a;
        return true;
    }
    return false;
}

static enum status compute_integer(enum operation operation, int64_t a, int64_t b, int64_t *out)
{
    bool overflow = false;
    switch (operation) {
    case ADD:
        overflow = __builtin_add_overflow(a, b, out);
        break;
    case SUB:
        overflow = __builtin_sub_overflow(a, b, out);
        break;
    case MUL:
        overflow = __builtin_mul_overflow(a, b, out);
        break;
    case MIN:
        *out = a < b ? a : b;
        break;
    case MAX:
        *out = a > b ? a : b;
        break;
    default:
        if (b == 0 || (a == INT64_MIN && b == -1)) {
            FAIL(ERR_INPUT, "it divides %lld by %lld", (long long)a, (long long)b);
        }
        *out = a / b;
        break;
    }
    if (overflow) {
        FAIL(ERR_INPUT, "%lld and %lld overflow", (long long)a, (long long)b);
    }
    return OK;
}

static double compute_real(enum operation operation, double a, double b)
{
    switch (operation) {
    case ADD:
        return a + b;
    case SUB:
        return a - b;
    case MUL:
        return a * b;
    case MIN:
        return fmin(a, b);
    case MAX:
        return fmax(a, b);
    default:
        return a / b;
    }
}

static enum status compute(enum operation operation, const struct onnx_walk *a,
                           const struct onnx_walk *b, bool integer, void *out)
{
    const double left = onnx_walk_real(a), right = onnx_walk_real(b);
    double kept;
    if (left == (double)ONNX_BATCH || right == (double)ONNX_BATCH) {
        if (!keep_batch(operation, left, right, &kept)) {
            FAIL(ERR_UNSUPPORTED, "it computes with the number of images");
        }
        if (integer) {
            *(int64_t *)out = (int64_t)kept;
        } else {
            *(double *)out = kept;
        }
        return OK;
    }
    if (integer) {
        return compute_integer(operation, onnx_walk_integer(a), onnx_walk_integer(b), out);
    }
    *(double *)out = compute_real(operation, left, right);
    return OK;
}

// The shape that both broadcast to.
static enum status join_shapes(const struct onnx_tensor *a, const struct onnx_tensor *b,
                               int64_t *dims, int *rank)
{
    const struct onnx_tensor *longer = a->rank >= b->rank ? a : b;
    const struct onnx_tensor *shorter = longer == a ? b : a;
    const int missing = longer->rank - shorter->rank;
    *rank = longer->rank;
    for (int i = 0; i < longer->rank; i++) {
        const int64_t other = i < missing ? 1 : shorter->dims[i - missing];
        if (longer->dims[i] != other && longer->dims[i] != 1 && other != 1) {
            FAIL(ERR_INPUT, "its inputs have %lld and %lld values along one axis",
                 (long long)longer->dims[i], (long long)other);
        }
        dims[i] = longer->dims[i] == 1 ? other : longer->dims[i];
    }
    return OK;
}

static enum status fold_binary(struct onnx_call *call, enum operation operation)
{
    const struct onnx_tensor *sides[2];
    struct onnx_tensor wide[2], tensor;
    int64_t dims[ONNX_MAX_RANK];
    int rank = 0;
    void *elements;
    if (call->node->n_inputs != 2) {
        FAIL(ERR_UNSUPPORTED, "it has %d inputs, 2 are read", call->node->n_inputs);
    }
    TRY(onnx_call_tensor(call, 0, "value", &sides[0]));
    TRY(onnx_call_tensor(call, 1, "value", &sides[1]));
    TRY(join_shapes(sides[0], sides[1], dims, &rank));
    const bool integer =
        onnx_type_is_integer(sides[0]->type) && onnx_type_is_integer(sides[1]->type);
    TRY(onnx_new_tensor(call->importer, integer ? ONNX_I64 : ONNX_F64, dims, rank, &tensor,
                        &elements));
    CHECK(onnx_tensor_broadcast(sides[0], dims, rank, &wide[0]));
    CHECK(onnx_tensor_broadcast(sides[1], dims, rank, &wide[1]));
    struct onnx_walk a, b;
    unsigned char *out = elements; // both types have 8 bytes
    onnx_walk_begin(&b, &wide[1]);
    for (onnx_walk_begin(&a, &wide[0]); !a.done; onnx_walk_next(&a), onnx_walk_next(&b)) {
        TRY(compute(operation, &a, &b, integer, out));
        out += 8;
    }
    return onnx_set_tensor(call, 0, &tensor);
}

static double negate(double x)
{
    return -x;
}

static enum status fold_unary(struct onnx_call *call, double (*function)(double))
{
    const struct onnx_tensor *from;
    struct onnx_tensor tensor;
    void *elements;
    TRY(onnx_call_tensor(call, 0, "value", &from));
    const bool integer = onnx_type_is_integer(from->type);
    TRY(onnx_new_tensor(call->importer, integer ? ONNX_I64 : ONNX_F64, from->dims, from->rank,
                        &tensor, &elements));
    int64_t *integers = elements;
    double *reals = elements;
    struct onnx_walk walk;
    for (onnx_walk_begin(&walk, from); !walk.done; onnx_walk_next(&walk)) {
        const double value = onnx_walk_real(&walk);
        if (value == (double)ONNX_BATCH) {
            FAIL(ERR_UNSUPPORTED, "it computes with the number of images");
        }
        if (!integer) {
            *reals++ = function(value);
        } else if (fabs(value) < 0x1p53) {
            *integers++ = (int64_t)function(value);
        } else {
            FAIL(ERR_UNSUPPORTED, "it computes with %g", value);
        }
    }
    return onnx_set_tensor(call, 0, &tensor);
}

enum status onnx_fold_add(struct onnx_call *call)
{
    return fold_binary(call, ADD);
}

enum status onnx_fold_sub(struct onnx_call *call)
{
    return fold_binary(call, SUB);
}

enum status onnx_fold_mul(struct onnx_call *call)
{
    return fold_binary(call, MUL);
}

enum status onnx_fold_div(struct onnx_call *call)
{
    return fold_binary(call, DIV);
}

enum status onnx_fold_min(struct onnx_call *call)
{
    return fold_binary(call, MIN);
}

enum status onnx_fold_max(struct onnx_call *call)
{
    return fold_binary(call, MAX);
}

enum status onnx_fold_neg(struct onnx_call *call)
{
    return fold_unary(call, negate);
}

enum status onnx_fold_floor(struct onnx_call *call)
{
    return fold_unary(call, floor);
}

enum status onnx_fold_ceil(struct onnx_call *call)
{
    return fold_unary(call, ceil);
}

enum status onnx_fold_sqrt(struct onnx_call *call)
{
    return fold_unary(call, sqrt);
}
