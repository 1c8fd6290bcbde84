// Pooling and its gradients: against PyTorch, against the reference at odd shapes, by central
// differences.
#include "golden.h"
#include "op_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct op pool_op(enum op_kind kind, int n, int h, int w, int c, int kernel_h, int kernel_w,
                         int stride, int pad)
{
    return (struct op){
        .kind = kind,
        .n = n,
        .in_h = h,
        .in_w = w,
        .in_c = c,
        .out_h = (h + 2 * pad - kernel_h) / stride + 1,
        .out_w = (w + 2 * pad - kernel_w) / stride + 1,
        .out_c = c,
        .kernel = {kernel_h, kernel_w},
        .stride = {stride, stride},
        .dilation = {1, 1},
        .pad = {pad, pad, pad, pad},
        .training = true,
    };
}

// Opens a case; the taps that POOL_MAX_BACKWARD needs come from the reference's forward pass over
// case_number(., 1).
static void open_pool(const struct bench *bench, const struct op *op, struct op_case *c)
{
    case_open(c, op);
    if (op->kind == OP_POOL_MAX_BACKWARD) {
        struct op forward_op = *op;
        struct op_case forward;
        struct case_result result;
        forward_op.kind = OP_POOL_MAX;
        case_open(&forward, &forward_op);
        case_run(bench->ref, &forward, &result);
        case_set(&c->in[1], &result.out[1]);
        case_result_close(&result);
        case_close(&forward);
    }
}

static void expect_golden(const struct bench *bench, const struct op *op, double expected)
{
    struct op_case c;
    struct case_result result;
    open_pool(bench, op, &c);
    case_run(bench->backend, &c, &result);
    expect_projection(&c, &result.out[0], 50, expected, 1e-6, "output");
    case_result_close(&result);
    case_close(&c);
}

static void test_pytorch(void **state)
{
    for (size_t i = 0; i < sizeof golden_pools / sizeof golden_pools[0]; i++) {
        const struct golden_pool *g = &golden_pools[i];
        struct op op = pool_op(OP_POOL_MAX, g->n, g->h, g->w, g->c, g->kernel_h, g->kernel_w,
                               g->stride, g->pad);
        assert_int_equal(op.out_h, g->out_h);
        assert_int_equal(op.out_w, g->out_w);
        expect_golden(*state, &op, g->max_y);
        op.kind = OP_POOL_MAX_BACKWARD;
        expect_golden(*state, &op, g->max_dx);
        op.kind = OP_POOL_AVG;
        expect_golden(*state, &op, g->avg_y);
        op.kind = OP_POOL_AVG_BACKWARD;
        expect_golden(*state, &op, g->avg_dx);
        op.exclude_pad = true;
        expect_golden(*state, &op, g->exclude_dx);
        op.kind = OP_POOL_AVG;
        expect_golden(*state, &op, g->exclude_y);
    }
}

static void match(const struct bench *bench, const struct op *op)
{
    struct op_case c;
    open_pool(bench, op, &c);
    bench_match(bench, &c, 1e-5, 0);
    case_close(&c);
}

static void match_kinds(const struct bench *bench, struct op op)
{
    for (int kind = OP_POOL_MAX; kind <= OP_POOL_AVG_BACKWARD; kind++) {
        op.kind = (enum op_kind)kind;
        match(bench, &op);
    }
    op.exclude_pad = true;
    for (int kind = OP_POOL_AVG; kind <= OP_POOL_AVG_BACKWARD; kind++) {
        op.kind = (enum op_kind)kind;
        match(bench, &op);
    }
    op.kind = OP_POOL_MAX;
    op.training = false;
    match(bench, &op);
    for (int type = DTYPE_U8; type <= DTYPE_S8; type++) {
        op.kind = OP_POOL_MAX;
        op.in_type = op.out_type = (enum dtype)type;
        op.training = false;
        match(bench, &op);
        op.training = true;
        match(bench, &op);
        op.kind = OP_POOL_AVG;
        op.out_type = DTYPE_F32;
        match(bench, &op);
    }
}

static void test_shapes(void **state)
{
    static const int sizes[][2] = {{5, 7}, {1, 1}, {9, 4}, {8, 8}};
    static const int channels[] = {1, 3, 7, 16, 17, 33};
    static const int kernels[][2] = {{1, 1}, {2, 2}, {3, 3}, {5, 5}, {3, 2}};
    static const int batches[] = {1, 2, 5};
    int turn = 0;
    for (int size = 0; size < 4; size++) {
        for (int kernel = 0; kernel < 5; kernel++) {
            for (int stride = 1; stride <= 3; stride++) {
                for (int pad = 0; pad <= 2; pad++) {
                    const int h = sizes[size][0], w = sizes[size][1];
                    const int kh = kernels[kernel][0], kw = kernels[kernel][1];
                    turn++;
                    if (h + 2 * pad >= kh && w + 2 * pad >= kw && pad < kh && pad < kw) {
                        match_kinds(*state, pool_op(OP_POOL_MAX, batches[turn % 3], h, w,
                                                    channels[turn % 6], kh, kw, stride, pad));
                    }
                }
            }
        }
    }
}

// Global pooling, as classifiers use it.
static void test_global(void **state)
{
    match_kinds(*state, pool_op(OP_POOL_MAX, 5, 8, 8, 64, 8, 8, 1, 0));
    match_kinds(*state, pool_op(OP_POOL_MAX, 2, 5, 7, 17, 5, 7, 1, 0));
}

// Greatest value and mean of one window of integers.
static void test_integers(void **state)
{
    const struct bench *bench = *state;
    static const int values[2][4] = {{1, 2, 3, 250}, {-128, -2, -3, -5}}; // u8, s8
    static const int greatest[2] = {250, -2};
    static const float mean[2] = {64.0F, -34.5F};
    for (int type = DTYPE_U8; type <= DTYPE_S8; type++) {
        for (int avg = 0; avg < 2; avg++) {
            struct op op = pool_op(avg ? OP_POOL_AVG : OP_POOL_MAX, 1, 2, 2, 1, 2, 2, 1, 0);
            op.in_type = (enum dtype)type;
            op.out_type = avg ? DTYPE_F32 : (enum dtype)type;
            struct op_case c;
            struct case_result result;
            case_open(&c, &op);
            if (avg) {
                case_set_factor(&c, 0.5F);
            }
            for (int i = 0; i < 4; i++) {
                ((uint8_t *)c.in[0].values)[i] = (uint8_t)values[type - DTYPE_U8][i];
            }
            case_run(bench->backend, &c, &result);
            if (avg) {
                assert_true(case_f32(&result.out[0])[0] == 0.5F * mean[type - DTYPE_U8]);
            } else {
                assert_int_equal(((uint8_t *)result.out[0].values)[0],
                                 (uint8_t)greatest[type - DTYPE_U8]);
            }
            case_result_close(&result);
            case_close(&c);
        }
    }
}

// Padding must not win over negative values, and the first of equal values must.
static void test_max_edges(void **state)
{
    const struct bench *bench = *state;
    const struct op op = pool_op(OP_POOL_MAX, 1, 2, 2, 1, 3, 3, 1, 1);
    struct op_case c;
    struct case_result result;
    case_open(&c, &op);
    float *x = case_f32(&c.in[0]);
    for (int i = 0; i < 4; i++) {
        x[i] = -7.0F;
    }
    case_run(bench->backend, &c, &result);
    const uint8_t *argmax = result.out[1].values;
    static const uint8_t first_real_tap[] = {4, 3, 1, 0};
    for (int i = 0; i < 4; i++) {
        assert_true(case_f32(&result.out[0])[i] == -7.0F);
        assert_int_equal(argmax[i], first_real_tap[i]);
    }
    case_result_close(&result);
    case_close(&c);
}

// Values 0.0625 apart, in scattered order: moving them by less than half of that changes no winner.
static void fill_apart(struct case_array *array)
{
    float *values = case_f32(array);
    const size_t step = 7919; // prime to every count used here
    for (size_t i = 0; i < array->count; i++) {
        values[i] = (float)(i * step % array->count) * 0.0625F;
    }
}

static void check_gradient(const struct bench *bench, struct op op)
{
    struct op_case forward, backward;
    struct case_result taps, dx;
    const bool max = op.kind == OP_POOL_MAX;
    case_open(&forward, &op);
    fill_apart(&forward.in[0]);
    op.kind = max ? OP_POOL_MAX_BACKWARD : OP_POOL_AVG_BACKWARD;
    case_open(&backward, &op);
    if (max) {
        case_run(bench->backend, &forward, &taps);
        case_set(&backward.in[1], &taps.out[1]);
        case_result_close(&taps);
    }
    case_run(bench->backend, &backward, &dx);
    struct case_loss context = {bench->ref, &forward};
    expect_gradient(&(struct gradient_check){
        .loss = case_loss,
        .context = &context,
        .values = case_f32(&forward.in[0]),
        .count = forward.in[0].count,
        .analytic = case_f32(&dx.out[0]),
        .step = 0.0078125,
        .tolerance = 1e-4,
        .what = max ? "greatest value" : "mean",
    });
    case_result_close(&dx);
    case_close(&forward);
    case_close(&backward);
}

static void test_gradients(void **state)
{
    static const enum op_kind kinds[] = {OP_POOL_MAX, OP_POOL_AVG};
    for (int i = 0; i < 2; i++) {
        check_gradient(*state, pool_op(kinds[i], 2, 5, 7, 3, 3, 3, 2, 1));
        check_gradient(*state, pool_op(kinds[i], 1, 6, 6, 7, 2, 2, 2, 0));
        check_gradient(*state, pool_op(kinds[i], 1, 9, 4, 2, 3, 2, 1, 1));
        struct op exclude = pool_op(kinds[i], 1, 5, 5, 2, 3, 3, 2, 1);
        exclude.exclude_pad = true;
        check_gradient(*state, exclude);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pytorch),   cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_global),    cmocka_unit_test(test_max_edges),
        cmocka_unit_test(test_gradients), cmocka_unit_test(test_integers),
    };
    return bench_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
