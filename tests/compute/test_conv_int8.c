// Convolution of 8-bit integers. A backend that cannot do it quickly may refuse to.
#include "golden.h"
#include "op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct op int8_op(int n, int h, int w, int in_c, int out_c, int kernel, int stride, int pad,
                         int groups)
{
    return (struct op){
        .kind = OP_CONV,
        .n = n,
        .in_h = h,
        .in_w = w,
        .in_c = in_c,
        .out_h = (h + 2 * pad - kernel) / stride + 1,
        .out_w = (w + 2 * pad - kernel) / stride + 1,
        .out_c = out_c,
        .kernel = {kernel, kernel},
        .stride = {stride, stride},
        .dilation = {1, 1},
        .pad = {pad, pad, pad, pad},
        .groups = groups,
        .bias = true,
        .in_type = DTYPE_U8,
        .out_type = DTYPE_U8,
    };
}

// A backend without fast int8 must refuse with ERR_UNSUPPORTED or do it right.
static bool refused(const struct bench *bench, const struct op *op)
{
    struct kernel *kernel = NULL;
    if (bench->backend->int8) {
        return false;
    }
    const enum status status = kernel_open(bench->backend, op, &kernel);
    if (status != OK) {
        assert_int_equal(status, ERR_UNSUPPORTED);
        return true;
    }
    kernel_close(kernel);
    return false;
}

static void match(const struct bench *bench, const struct op *op)
{
    if (!refused(bench, op)) {
        struct op_case c;
        case_open(&c, op);
        bench_match(bench, &c, 2e-5, 1);
        case_close(&c);
    }
}

static void test_pytorch(void **state)
{
    const struct bench *bench = *state;
    // Other backends may round a few elements the other way; bench_match looks at each.
    const double tolerance = strcmp(bench->name, "cpu") == 0 ? 5e-3 : 1e-6;
    for (size_t i = 0; i < sizeof golden_convs_int8 / sizeof golden_convs_int8[0]; i++) {
        const struct golden_conv_int8 *g = &golden_convs_int8[i];
        struct op op =
            int8_op(g->n, g->h, g->w, g->in_c, g->out_c, g->kernel, g->stride, g->pad, g->groups);
        op.in_type = g->in_type;
        op.out_type = g->out_type;
        op.act = case_activation((int)g->act);
        op.sum = g->sum;
        assert_int_equal(op.out_h, g->out_h);
        assert_int_equal(op.out_w, g->out_w);
        if (refused(bench, &op)) {
            continue;
        }
        struct op_case c;
        struct case_result result;
        case_open(&c, &op);
        case_run(bench->backend, &c, &result);
        expect_projection(&c, &result.out[0], 50, g->y, tolerance, "y");
        case_result_close(&result);
        case_close(&c);
    }
}

// Every combination of types, activation, bias and sum, dense, depthwise and grouped.
static void test_variants(void **state)
{
    static const int channels[][3] = {{3, 16, 1}, {16, 17, 1}, {16, 16, 16}, {12, 18, 3}};
    for (int variant = 0; variant < 2 * 3 * 4 * CASE_ACTIVATIONS; variant++) {
        const int *c = channels[variant % 4];
        struct op op = int8_op(2, 5, 7, c[0], c[1], 3, 1 + variant % 2, 1, c[2]);
        op.in_type = variant % 2 == 0 ? DTYPE_U8 : DTYPE_S8;
        op.out_type = (enum dtype)(variant / 2 % 3);
        op.act = case_activation(variant / 6 % CASE_ACTIVATIONS);
        op.sum = variant % 5 < 2;
        op.bias = variant % 7 != 0;
        match(*state, &op);
    }
}

static void test_shapes(void **state)
{
    static const int sizes[][2] = {{5, 7}, {1, 1}, {9, 4}, {8, 8}};
    static const int channels[][3] = {{1, 3, 1},  {3, 16, 1},   {16, 33, 1},
                                      {17, 7, 1}, {33, 16, 1},  {64, 10, 1},
                                      {7, 7, 7},  {33, 33, 33}, {12, 8, 4}};
    static const int kernels[] = {1, 3, 5, 7};
    for (int i = 0; i < 4 * 9 * 4 * 3; i++) {
        const int *size = sizes[i % 4], *c = channels[i / 4 % 9];
        const int kernel = kernels[i / 36 % 4], stride = 1 + i / 144, pad = i % 3;
        const bool fits = size[0] + 2 * pad >= kernel && size[1] + 2 * pad >= kernel;
        if (fits && pad < kernel) {
            struct op op =
                int8_op(1 + i % 5, size[0], size[1], c[0], c[1], kernel, stride, pad, c[2]);
            op.act = case_activation(ACT_RELU);
            match(*state, &op);
        }
    }
}

// Rows of whole tiles of 4 and 8 pixels, which the cpu backend convolves by itself: channels that
// fill neither group nor block, odd heights, bands of a cut image (no padding above or below).
static void test_tiles(void **state)
{
    static const int channels[][2] = {{9, 9}, {3, 17}, {11, 13}, {16, 33}, {20, 48}, {5, 4}};
    static const int widths[] = {8, 12, 16, 20, 28};
    int turn = 0;
    for (int w = 0; w < 5; w++) {
        for (int variant = 0; variant < 24; variant++, turn++) {
            const int *pair = channels[turn % 6], h = 3 + turn % 4;
            struct op op = int8_op(1 + turn % 3, h, widths[w], pair[0], pair[1], 3, 1, 1, 1);
            op.pad[0] = variant < 4 ? variant & 1 : 1;
            op.pad[2] = variant < 4 ? variant >> 1 : 1;
            op.out_h = h + op.pad[0] + op.pad[2] - 2;
            op.sum = variant % 2 == 0;
            op.bias = variant % 5 != 0;
            op.act = case_activation(variant % 3);
            match(*state, &op);
        }
    }
}

// The longest sum of a ResNet: every product at its greatest.
static void test_long_sums(void **state)
{
    const struct op op = int8_op(1, 3, 3, 512, 2, 3, 1, 0, 1);
    const struct bench *bench = *state;
    if (refused(bench, &op)) {
        return;
    }
    struct op_case c;
    case_open(&c, &op);
    c.quantization.out_scale = 1000.0F;
    memset(c.in[0].values, 255, c.in[0].count);
    for (size_t i = 0; i < c.weights.count; i++) {
        case_f32(&c.weights)[i] = i < c.weights.count / 2 ? 0.5F : -0.5F;
    }
    c.quantization.in_scale = 1.0F;
    struct case_result result;
    case_run(bench->backend, &c, &result);
    const uint8_t *y = result.out[0].values;
    assert_in_range(y[0], 255, 255); // 4608 * 255 * 0.5 / 1000 = 587
    assert_in_range(y[1], 0, 0);
    case_result_close(&result);
    c.quantization.out_scale = 4000.0F;
    case_run(bench->backend, &c, &result);
    assert_in_range(((const uint8_t *)result.out[0].values)[0], 147 - 1, 147 + 1);
    case_result_close(&result);
    case_close(&c);
}

// A channel of zero weights gives its bias.
static void test_zero_channel(void **state)
{
    const struct bench *bench = *state;
    struct op op = int8_op(2, 5, 7, 3, 4, 3, 1, 1, 1);
    op.out_type = DTYPE_F32;
    if (refused(bench, &op)) {
        return;
    }
    struct op_case c;
    struct case_result result;
    case_open(&c, &op);
    memset(case_f32(&c.weights) + 27, 0, 27 * sizeof(float)); // channel 1
    case_run(bench->backend, &c, &result);
    for (size_t i = 1; i < result.out[0].count; i += 4) {
        const float error = case_f32(&result.out[0])[i] - case_f32(&c.bias)[1];
        assert_true(error < 1e-6F && error > -1e-6F);
    }
    case_result_close(&result);
    case_close(&c);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pytorch),   cmocka_unit_test(test_variants),
        cmocka_unit_test(test_shapes),    cmocka_unit_test(test_tiles),
        cmocka_unit_test(test_long_sums), cmocka_unit_test(test_zero_channel),
    };
    return bench_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
