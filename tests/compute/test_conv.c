// Convolution and its gradients in float32: against PyTorch, against the reference at odd shapes,
// and by central differences.
#include "golden.h"
#include "op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct op conv_op(enum op_kind kind, int n, int h, int w, int in_c, int out_c, int kernel_h,
                         int kernel_w, int stride, int pad, int groups)
{
    return (struct op){
        .kind = kind,
        .n = n,
        .in_h = h,
        .in_w = w,
        .in_c = in_c,
        .out_h = (h + 2 * pad - kernel_h) / stride + 1,
        .out_w = (w + 2 * pad - kernel_w) / stride + 1,
        .out_c = out_c,
        .kernel = {kernel_h, kernel_w},
        .stride = {stride, stride},
        .dilation = {1, 1},
        .pad = {pad, pad, pad, pad},
        .groups = groups,
        .bias = true,
    };
}

enum { N_GOLDEN = sizeof golden_convs / sizeof golden_convs[0] };

static struct op golden_op(enum op_kind kind, const struct golden_conv *g)
{
    const struct op op = conv_op(kind, g->n, g->h, g->w, g->in_c, g->out_c, g->kernel_h,
                                 g->kernel_w, g->stride, g->pad, g->groups);
    assert_int_equal(op.out_h, g->out_h);
    assert_int_equal(op.out_w, g->out_w);
    return op;
}

static void test_pytorch(void **state)
{
    const struct bench *bench = *state;
    for (int i = 0; i < N_GOLDEN; i++) {
        const struct golden_conv *g = &golden_convs[i];
        const struct op ops[] = {golden_op(OP_CONV, g), golden_op(OP_CONV_BACKWARD_DATA, g),
                                 golden_op(OP_CONV_BACKWARD_WEIGHTS, g)};
        const double expected[] = {g->y, g->dx, g->dweights};
        const char *const what[] = {"y", "dx", "weight gradient"};
        for (int k = 0; k < 3; k++) {
            struct op_case c;
            struct case_result result;
            case_open(&c, &ops[k]);
            case_run(bench->backend, &c, &result);
            expect_projection(&c, &result.out[0], 50, expected[k], 1e-6, what[k]);
            if (ops[k].kind == OP_CONV_BACKWARD_WEIGHTS) {
                expect_projection(&c, &result.out[1], 50, g->dbias, 1e-6, "bias gradient");
            }
            case_result_close(&result);
            case_close(&c);
        }
    }
}

static void match(const struct bench *bench, const struct op *op)
{
    struct op_case c;
    case_open(&c, op);
    bench_match(bench, &c, 2e-5, 0);
    case_close(&c);
}

// All three kinds, in every shape that fits.
static void match_shape(const struct bench *bench, int n, int h, int w, int in_c, int out_c,
                        const int kernel[2], int stride, int pad, int groups)
{
    const bool fits =
        h + 2 * pad >= kernel[0] && w + 2 * pad >= kernel[1] && pad < kernel[0] && pad < kernel[1];
    for (int kind = OP_CONV; fits && kind <= OP_CONV_BACKWARD_WEIGHTS; kind++) {
        struct op op = conv_op((enum op_kind)kind, n, h, w, in_c, out_c, kernel[0], kernel[1],
                               stride, pad, groups);
        op.bias = (in_c + stride + pad) % 2 == 0;
        match(bench, &op);
    }
}

static const int sizes[][2] = {{5, 7}, {1, 1}, {9, 4}};
static const int kernels[][2] = {{1, 1}, {3, 3}, {5, 5}, {7, 7}, {1, 3}, {5, 2}};
enum { N_SIZES = 3, N_KERNELS = 6 };

static void test_dense(void **state)
{
    static const int channels[][2] = {{1, 16}, {3, 7}, {16, 17}, {33, 3}};
    static const int batches[] = {1, 2, 5};
    int turn = 0;
    for (int size = 0; size < N_SIZES; size++) {
        for (int kernel = 0; kernel < N_KERNELS; kernel++) {
            for (int stride = 1; stride <= 3; stride++) {
                for (int pad = 0; pad <= 2; pad++) {
                    const int *pair = channels[turn % 4];
                    match_shape(*state, batches[turn % 3], sizes[size][0], sizes[size][1], pair[0],
                                pair[1], kernels[kernel], stride, pad, 1);
                    turn++;
                }
            }
        }
    }
}

// Rows of whole tiles of 4 and 8 pixels, which the cpu backend convolves by itself: every count of
// channels in a block, odd heights, bands of a cut image (no padding above or below).
static void test_tiles(void **state)
{
    static const int channels[][2] = {{1, 1}, {3, 16}, {11, 13}, {16, 33}, {19, 48}};
    static const int widths[] = {8, 12, 16, 20, 28, 32};
    int turn = 0;
    for (int w = 0; w < 6; w++) {
        for (int h = 1; h <= 5; h++, turn++) {
            const int *pair = channels[turn % 5];
            const int kernel[2] = {3, 3};
            match_shape(*state, 1 + turn % 3, h, widths[w], pair[0], pair[1], kernel, 1, 1, 1);
        }
        for (int variant = 0; variant < 8; variant++, turn++) {
            const int *pair = channels[turn % 5];
            struct op op = conv_op(OP_CONV, 2, 6, widths[w], pair[0], pair[1], 3, 3, 1, 1, 1);
            op.pad[0] = variant & 1;
            op.pad[2] = variant >> 1 & 1;
            op.out_h = 6 + op.pad[0] + op.pad[2] - 2;
            op.sum = variant >= 4;
            op.act = case_activation(variant % 3);
            match(*state, &op);
        }
    }
}

// Weights that no cache close to a core holds.
static void test_large(void **state)
{
    const int kernel[2] = {3, 3};
    match_shape(*state, 3, 4, 3, 96, 97, kernel, 1, 1, 1);
}

static void test_groups(void **state)
{
    static const int groups[][3] = {{16, 16, 16}, {33, 33, 33}, {7, 14, 7}, // depthwise
                                    {12, 18, 3},  {34, 16, 2},  {3, 3, 3}};
    int turn = 0;
    for (int size = 0; size < N_SIZES; size++) {
        for (int kernel = 0; kernel < N_KERNELS; kernel++) {
            for (int i = 0; i < 6; i++) {
                const int stride = 1 + turn % 3, pad = turn / 2 % 3;
                match_shape(*state, 2, sizes[size][0], sizes[size][1], groups[i][0], groups[i][1],
                            kernels[kernel], stride, pad, groups[i][2]);
                turn++;
            }
        }
    }
}

// Maps that are taken in several bands, the last of them smaller; taps apart; padding that differs
// from side to side, up to windows that see little else.
static void test_depthwise(void **state)
{
    static const int depthwise_kernels[][2] = {{3, 3}, {5, 5}, {7, 7}, {2, 11}};
    static const int pads[][4] = {{0, 0, 0, 0}, {2, 2, 2, 2}, {3, 0, 1, 2}, {4, 9, 5, 6}};
    for (int i = 0; i < 4 * 4 * 4; i++) {
        const int *kernel = depthwise_kernels[i % 4], *pad = pads[i / 4 % 4];
        struct op op = conv_op(OP_CONV_BACKWARD_WEIGHTS, 2, 37, 34, 19, 19, kernel[0], kernel[1],
                               1 + i / 16 % 2, 0, 19);
        op.dilation[0] = 1 + i / 32;
        op.dilation[1] = 1 + i / 16 % 2;
        const int covered[2] = {(kernel[0] - 1) * op.dilation[0] + 1,
                                (kernel[1] - 1) * op.dilation[1] + 1};
        for (int side = 0; side < 4; side++) {
            const int most = covered[side % 2] - 1;
            op.pad[side] = pad[side] < most ? pad[side] : most;
        }
        op.out_h = (op.in_h + op.pad[0] + op.pad[2] - covered[0]) / op.stride[0] + 1;
        op.out_w = (op.in_w + op.pad[1] + op.pad[3] - covered[1]) / op.stride[1] + 1;
        op.bias = i % 3 > 0;
        match(*state, &op);
    }
}

// A linear layer: the kernel covers the whole input.
static void test_linear(void **state)
{
    static const int shapes[][4] = {{1, 1, 64, 10}, {1, 1, 17, 33}, {5, 7, 3, 7}, {4, 4, 16, 1}};
    for (int i = 0; i < 4; i++) {
        const int kernel[2] = {shapes[i][0], shapes[i][1]};
        for (int n = 1; n <= 5; n += 2) {
            match_shape(*state, n, kernel[0], kernel[1], shapes[i][2], shapes[i][3], kernel, 1, 0,
                        1);
        }
    }
}

static void test_fused(void **state)
{
    static const int groups[][3] = {{7, 17, 1}, {16, 16, 16}, {12, 18, 3}};
    for (int i = 0; i < 3; i++) {
        for (int variant = 0; variant < 4 * CASE_ACTIVATIONS; variant++) {
            struct op op = conv_op(OP_CONV, 2, 5, 7, groups[i][0], groups[i][1], 3, 3,
                                   1 + variant % 2, 1, groups[i][2]);
            op.act = case_activation(variant % CASE_ACTIVATIONS);
            op.bias = variant / CASE_ACTIVATIONS % 2 == 0;
            op.sum = variant >= 2 * CASE_ACTIVATIONS;
            match(*state, &op);
        }
    }
}

// Dense layers whose rows do not depend on how many there are: right, and the same to the bit.
static void test_by_row(void **state)
{
    const struct bench *bench = *state;
    static const int channels[][2] = {{1, 1}, {5, 3}, {33, 64}, {64, 65}, {200, 130}};
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        const int in_c = channels[i][0], out_c = channels[i][1];
        struct case_result whole = {0};
        for (int n = 13; n >= 1; n -= 3) {
            struct op op = conv_op(OP_CONV, n, 1 + n % 2, 1, in_c, out_c, 1, 1, 1, 0, 1);
            op.by_row = true;
            op.bias = n != 7;
            op.act = case_activation(n % CASE_ACTIVATIONS);
            match(bench, &op);
        }
        for (int n = 13; n >= 1; n -= 4) {
            struct op op = conv_op(OP_CONV, n, 1, 1, in_c, out_c, 1, 1, 1, 0, 1);
            op.by_row = true;
            struct op_case c;
            struct case_result result;
            case_open(&c, &op);
            case_run(bench->backend, &c, n == 13 ? &whole : &result);
            if (n != 13) { // inputs of a case are numbered from the first row on
                assert_memory_equal(result.out[0].values, whole.out[0].values,
                                    (size_t)n * (size_t)out_c * sizeof(float));
                case_result_close(&result);
            }
            case_close(&c);
        }
        case_result_close(&whole);
    }
}

// What is fused is what the bare convolution would give, put together here.
static void test_fused_formula(void **state)
{
    const struct bench *bench = *state;
    struct op op = conv_op(OP_CONV, 2, 5, 7, 16, 9, 3, 3, 1, 1, 1);
    op.bias = false;
    struct op_case bare;
    struct case_result plain;
    case_open(&bare, &op);
    case_run(bench->backend, &bare, &plain);
    for (int variant = 0; variant < 4 * CASE_ACTIVATIONS; variant++) {
        op.act = case_activation(variant % CASE_ACTIVATIONS);
        op.bias = variant / CASE_ACTIVATIONS % 2 == 1;
        op.sum = variant >= 2 * CASE_ACTIVATIONS;
        struct op_case c;
        struct case_result fused;
        case_open(&c, &op);
        if (op.sum) {
            case_fill(&c.out[0], 13, 10.0);
        }
        case_run(bench->backend, &c, &fused);
        for (size_t i = 0; i < fused.out[0].count; i++) {
            double value = (double)case_f32(&plain.out[0])[i];
            value += op.bias ? (double)case_f32(&c.bias)[i % 9] : 0.0;
            value += op.sum ? (double)case_f32(&c.out[0])[i] : 0.0;
            const double error =
                (double)case_f32(&fused.out[0])[i] - activation_value(op.act, value);
            assert_true(error < 1e-4 && error > -1e-4);
        }
        case_result_close(&fused);
        case_close(&c);
    }
    case_result_close(&plain);
    case_close(&bare);
}

static void check_gradients(const struct bench *bench, const struct op *forward_op)
{
    struct op data_op = *forward_op, weights_op = *forward_op;
    data_op.kind = OP_CONV_BACKWARD_DATA;
    weights_op.kind = OP_CONV_BACKWARD_WEIGHTS;
    struct op_case forward, data, weights;
    struct case_result dx, dweights;
    case_open(&forward, forward_op);
    case_open(&data, &data_op);
    case_open(&weights, &weights_op);
    weights.partials = 1;
    weights.in[0].count /= 3;
    weights.in[1].count /= 3;
    case_fill(&weights.in[1], 1, 1.0);
    case_run(bench->backend, &data, &dx);
    case_run(bench->backend, &weights, &dweights);
    struct case_loss context = {bench->ref, &forward};
    struct case_array *const moved[] = {&forward.in[0], &forward.weights, &forward.bias};
    struct case_array *const analytic[] = {&dx.out[0], &dweights.out[0], &dweights.out[1]};
    const char *const what[] = {"convolution's input", "weights", "bias"};
    for (int i = 0; i < 3; i++) {
        expect_gradient(&(struct gradient_check){
            .loss = case_loss,
            .context = &context,
            .values = case_f32(moved[i]),
            .count = moved[i]->count,
            .analytic = case_f32(analytic[i]),
            .step = 0.25, // the loss is linear in each of them
            .tolerance = 1e-5,
            .what = what[i],
        });
    }
    case_result_close(&dx);
    case_result_close(&dweights);
    case_close(&forward);
    case_close(&data);
    case_close(&weights);
}

static void test_gradients(void **state)
{
    const struct op ops[] = {
        conv_op(OP_CONV, 2, 5, 7, 3, 7, 3, 3, 1, 1, 1),
        conv_op(OP_CONV, 1, 9, 4, 4, 6, 3, 3, 2, 1, 2),
        conv_op(OP_CONV, 2, 5, 6, 7, 7, 3, 3, 2, 1, 7),
        conv_op(OP_CONV, 5, 1, 1, 17, 3, 1, 1, 1, 0, 1),
        conv_op(OP_CONV, 1, 8, 7, 2, 3, 5, 2, 3, 1, 1),
    };
    for (int i = 0; i < 5; i++) {
        check_gradients(*state, &ops[i]);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pytorch),   cmocka_unit_test(test_dense),
        cmocka_unit_test(test_tiles),     cmocka_unit_test(test_large),
        cmocka_unit_test(test_groups),    cmocka_unit_test(test_linear),
        cmocka_unit_test(test_depthwise), cmocka_unit_test(test_linear),
        cmocka_unit_test(test_fused),     cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_by_row),    cmocka_unit_test(test_fused_formula),
    };
    return bench_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
