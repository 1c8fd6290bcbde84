// Copies of channels, and padding, which is also the zero-padded shortcut.
#include "golden.h"
#include "op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct op shortcut_op(int n, int h, int w, int in_c, int out_c, int stride, int before)
{
    return (struct op){
        .kind = OP_PAD,
        .n = n,
        .in_h = h,
        .in_w = w,
        .in_c = in_c,
        .out_h = (h - 1) / stride + 1,
        .out_w = (w - 1) / stride + 1,
        .out_c = out_c,
        .stride = {stride, stride},
        .to = before,
    };
}

static void test_pytorch(void **state)
{
    const struct bench *bench = *state;
    for (size_t i = 0; i < sizeof golden_pads / sizeof golden_pads[0]; i++) {
        const struct golden_pad *g = &golden_pads[i];
        struct op op = shortcut_op(g->n, g->h, g->w, g->in_c, g->out_c, g->stride, g->before);
        assert_int_equal(op.out_h, g->out_h);
        assert_int_equal(op.out_w, g->out_w);
        for (int backward = 0; backward < 2; backward++) {
            struct op_case c;
            struct case_result result;
            op.kind = backward ? OP_PAD_BACKWARD : OP_PAD;
            case_open(&c, &op);
            case_run(bench->backend, &c, &result);
            expect_projection(&c, &result.out[0], 50, backward ? g->dx : g->y, 1e-6, "output");
            case_result_close(&result);
            case_close(&c);
        }
    }
}

static void match(const struct bench *bench, const struct op *op)
{
    struct op_case c;
    case_open(&c, op);
    bench_match(bench, &c, 0.0, 0);
    case_close(&c);
}

static void test_shortcut_shapes(void **state)
{
    static const int sizes[][2] = {{5, 7}, {1, 1}, {9, 4}};
    static const int channels[][3] = {{1, 1, 0}, {3, 7, 2}, {16, 33, 17}, {17, 17, 0}, {7, 33, 26}};
    for (int i = 0; i < 3 * 5 * 3; i++) {
        const int *size = sizes[i % 3], *channel = channels[i / 3 % 5];
        struct op op = shortcut_op(1 + i % 4, size[0], size[1], channel[0], channel[1], 1 + i / 15,
                                   channel[2]);
        match(*state, &op);
        op.in_type = op.out_type = DTYPE_U8;
        match(*state, &op);
        op.in_type = op.out_type = DTYPE_S8;
        match(*state, &op);
        op.in_type = op.out_type = DTYPE_F32;
        op.kind = OP_PAD_BACKWARD;
        match(*state, &op);
    }
}

// Frames and crops on each side, with and without strides and channels around.
static void test_pad_shapes(void **state)
{
    static const int pads[][4] = {{0, 0, 1, 1},  {3, 0, 0, 2},   {-1, -2, 0, 1}, {2, 2, -3, -1},
                                  {-4, 0, 9, 0}, {0, -6, -4, 0}, {6, -3, -5, 3}, {-5, 1, 2, 1}};
    for (int i = 0; i < 8 * 4; i++) {
        const int *pad = pads[i % 8];
        struct op op = shortcut_op(1 + i % 2, 5, 7, 3 + i % 5, 9, 1, i % 2);
        const int stride_h = 1 + i / 8 % 2, stride_w = 1 + i / 16 * 2;
        memcpy(op.pad, pad, sizeof op.pad);
        op.stride[0] = stride_h;
        op.stride[1] = stride_w;
        op.out_h = (5 + pad[0] + pad[2] - 1) / stride_h + 1;
        op.out_w = (7 + pad[1] + pad[3] - 1) / stride_w + 1;
        match(*state, &op);
        op.in_type = op.out_type = DTYPE_S8;
        match(*state, &op);
        op.in_type = op.out_type = DTYPE_F32;
        op.kind = OP_PAD_BACKWARD;
        match(*state, &op);
    }
}

// y[oh][ow] = x[oh * stride - above][ow * stride - left], 0 outside.
static void test_pad_values(void **state)
{
    const struct bench *bench = *state;
    struct op op = shortcut_op(1, 2, 3, 1, 1, 1, 0);
    op.pad[0] = 1;
    op.pad[1] = -1;
    op.pad[3] = 2;
    op.stride[1] = 2;
    op.out_h = 3;
    op.out_w = 2;
    static const float y[6] = {0, 0, 2, 0, 5, 0};
    struct op_case c;
    struct case_result result;
    case_open(&c, &op);
    for (int i = 0; i < 6; i++) {
        case_f32(&c.in[0])[i] = (float)(i + 1);
    }
    case_run(bench->backend, &c, &result);
    for (int i = 0; i < 6; i++) {
        assert_true(case_f32(&result.out[0])[i] == y[i]);
    }
    case_result_close(&result);
    case_close(&c);
}

// Against the reference; c / groups parts put everything back; and one by hand.
static void test_shuffle(void **state)
{
    const struct bench *bench = *state;
    static const int parts[][2] = {{1, 1}, {6, 2}, {6, 3}, {12, 4}, {64, 8}, {51, 17}, {7, 7}};
    for (int i = 0; i < 7 * 3; i++) {
        struct op op = {.kind = OP_SHUFFLE,
                        .n = 2,
                        .in_h = 3,
                        .in_w = 5,
                        .in_c = parts[i % 7][0],
                        .groups = parts[i % 7][1],
                        .in_type = (enum dtype)(i / 7),
                        .out_type = (enum dtype)(i / 7)};
        match(bench, &op);
        struct op_case there, back;
        struct case_result y, x;
        case_open(&there, &op);
        case_run(bench->backend, &there, &y);
        op.groups = op.in_c / op.groups;
        case_open(&back, &op);
        case_set(&back.in[0], &y.out[0]);
        case_run(bench->backend, &back, &x);
        assert_memory_equal(x.out[0].values, there.in[0].values,
                            x.out[0].count * case_type_bytes(x.out[0].type));
        case_result_close(&y);
        case_result_close(&x);
        case_close(&there);
        case_close(&back);
    }
    const struct op op = {.kind = OP_SHUFFLE, .n = 1, .in_h = 1, .in_w = 1, .in_c = 6, .groups = 2};
    static const float y[6] = {1, 4, 2, 5, 3, 6};
    struct op_case c;
    struct case_result result;
    case_open(&c, &op);
    for (int i = 0; i < 6; i++) {
        case_f32(&c.in[0])[i] = (float)(i + 1);
    }
    case_run(bench->backend, &c, &result);
    assert_memory_equal(result.out[0].values, y, sizeof y);
    case_result_close(&result);
    case_close(&c);
}

static struct op copy_op(int n, int h, int w, int in_c, int out_c, int from, int to, int count)
{
    return (struct op){
        .kind = OP_COPY_CHANNELS,
        .n = n,
        .in_h = h,
        .in_w = w,
        .in_c = in_c,
        .out_h = h,
        .out_w = w,
        .out_c = out_c,
        .from = from,
        .to = to,
        .count = count,
    };
}

static void test_copy_shapes(void **state)
{
    static const int channels[][5] = {
        {1, 1, 0, 0, 1},     {3, 7, 1, 5, 2},   {16, 33, 0, 17, 16},
        {33, 16, 17, 0, 16}, {17, 17, 3, 3, 0}, {40, 12, 24, 0, 12},
    };
    for (int i = 0; i < 6; i++) {
        const int *c = channels[i];
        struct op op = copy_op(2, 5, 7, c[0], c[1], c[2], c[3], c[4]);
        match(*state, &op);
        op.in_type = op.out_type = DTYPE_U8;
        match(*state, &op);
        op.in_type = op.out_type = DTYPE_S8;
        match(*state, &op);
    }
}

// Two copies make a concatenation, element by element.
static void test_concatenation(void **state)
{
    const struct bench *bench = *state;
    enum { PIXELS = 3 * 2 * 5, FIRST = 3, SECOND = 4, BOTH = FIRST + SECOND };
    const struct op ops[] = {copy_op(3, 2, 5, FIRST, BOTH, 0, 0, FIRST),
                             copy_op(3, 2, 5, SECOND, BOTH, 0, FIRST, SECOND)};
    struct op_case a, b;
    struct case_result first, both;
    case_open(&a, &ops[0]);
    case_open(&b, &ops[1]);
    case_fill(&b.in[0], 9, 1.0);
    case_run(bench->backend, &a, &first);
    case_set(&b.out[0], &first.out[0]);
    case_run(bench->backend, &b, &both);
    const float *y = case_f32(&both.out[0]);
    for (int pixel = 0; pixel < PIXELS; pixel++) {
        for (int c = 0; c < BOTH; c++) {
            const float expected = c < FIRST ? case_f32(&a.in[0])[pixel * FIRST + c]
                                             : case_f32(&b.in[0])[pixel * SECOND + c - FIRST];
            assert_true(y[pixel * BOTH + c] == expected);
        }
    }
    case_result_close(&first);
    case_result_close(&both);
    case_close(&a);
    case_close(&b);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pytorch),       cmocka_unit_test(test_shortcut_shapes),
        cmocka_unit_test(test_pad_shapes),    cmocka_unit_test(test_pad_values),
        cmocka_unit_test(test_shuffle),       cmocka_unit_test(test_copy_shapes),
        cmocka_unit_test(test_concatenation),
    };
    return bench_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
