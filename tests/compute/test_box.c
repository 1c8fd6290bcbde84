// Boxes of a larger tensor: read out of it, and added onto it.
#include "op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

// Box and what lies behind the tensor's first dimension.
static const int shapes[][7] = {{1, 1, 1, 1, 1, 1, 1},    {4, 3, 5, 5, 3, 5, 5},
                                {4, 3, 5, 5, 7, 5, 5},    {4, 3, 3, 3, 7, 5, 5},
                                {2, 1, 3, 5, 1, 3, 7},    {5, 6, 1, 1, 9, 1, 1},
                                {3, 2, 3, 3, 2, 5, 3},    {1, 1, 1, 37, 1, 1, 41},
                                {17, 33, 1, 1, 33, 1, 1}, {2, 1, 1, 16, 1, 3, 64}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static struct op box_op(enum op_kind kind, const int *shape)
{
    return (struct op){.kind = kind,
                       .n = shape[0],
                       .in_h = shape[1],
                       .in_w = shape[2],
                       .in_c = shape[3],
                       .out_h = shape[4],
                       .out_w = shape[5],
                       .out_c = shape[6],
                       .alpha = kind == OP_SCATTER_ADD ? 0.375F : 0.0F};
}

static void test_shapes(void **state)
{
    for (int i = 0; i < SHAPES; i++) {
        for (int adds = 0; adds < 2; adds++) {
            const struct op op = box_op(adds ? OP_SCATTER_ADD : OP_GATHER, shapes[i]);
            struct op_case c;
            case_open(&c, &op);
            bench_match(*state, &c, adds ? 1e-7 : 0.0, 0);
            case_close(&c);
        }
    }
}

// Every value by its four coordinates; between the box's nothing changes.
static void test_places(void **state)
{
    const struct bench *bench = *state;
    for (int i = 0; i < SHAPES; i++) {
        const int *s = shapes[i];
        const struct op gather = box_op(OP_GATHER, s), add = box_op(OP_SCATTER_ADD, s);
        struct op_case g, a;
        struct case_result read, sum;
        case_open(&g, &gather);
        case_open(&a, &add);
        case_run(bench->backend, &g, &read);
        case_run(bench->backend, &a, &sum);
        float *rest = case_f32(&sum.out[0]);
        const float *before = case_f32(&a.out[0]);
        for (int k = 0; k < s[0] * s[1] * s[2] * s[3]; k++) {
            const int d3 = k % s[3], d2 = k / s[3] % s[2], d1 = k / (s[3] * s[2]) % s[1];
            const int d0 = k / (s[3] * s[2] * s[1]);
            const int at = ((d0 * s[4] + d1) * s[5] + d2) * s[6] + d3;
            assert_true(case_f32(&read.out[0])[k] == case_f32(&g.in[0])[at]);
            assert_float_equal(rest[at], before[at] + 0.375F * case_f32(&a.in[0])[k], 1e-6);
            rest[at] = before[at];
        }
        assert_memory_equal(rest, before, a.out[0].count * sizeof *rest);
        case_result_close(&read);
        case_result_close(&sum);
        case_close(&g);
        case_close(&a);
    }
}

static void test_refused(void **state)
{
    (void)state;
    for (int axis = 1; axis <= 3; axis++) {
        int shape[7] = {2, 3, 4, 5, 3, 4, 5};
        shape[axis]++;
        for (int adds = 0; adds < 2; adds++) {
            struct op op = box_op(adds ? OP_SCATTER_ADD : OP_GATHER, shape);
            assert_int_equal(op_check(&op), ERR_INPUT);
            shape[axis]--;
            op = box_op(adds ? OP_SCATTER_ADD : OP_GATHER, shape);
            assert_int_equal(op_check(&op), OK);
            shape[axis]++;
            op.in_type = DTYPE_U8;
            assert_int_not_equal(op_check(&op), OK);
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_refused),
    };
    return bench_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
