// Windows of all shapes: random kernels, strides, dilations and paddings, each side its own,
// through convolution in every type with its gradients, and through pooling with extents rounded
// down and up. And known numbers where a window's place or divisor is easy to get wrong.
#include "core/rng.h"
#include "op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N_WINDOWS = 200 };

static int between(struct rng *rng, int least, int most)
{
    return least + (int)rng_below(rng, (uint32_t)(most - least + 1));
}

// Output extent along an axis; 0: the window does not fit.
static int outputs(const struct op *op, int axis, int in, bool ceil)
{
    const int covered = (op->kernel[axis] - 1) * op->dilation[axis] + 1;
    const int stride = op->stride[axis], before = op->pad[axis];
    const int room = in + before + op->pad[2 + axis] - covered;
    if (room < 0) {
        return 0;
    }
    const int floor = room / stride + 1;
    return ceil && room % stride != 0 && floor * stride < in + before ? floor + 1 : floor;
}

static bool random_window(struct rng *rng, struct op *op, bool ceil)
{
    op->n = between(rng, 1, 2);
    op->in_h = between(rng, 1, 11);
    op->in_w = between(rng, 1, 11);
    for (int axis = 0; axis < 2; axis++) {
        op->kernel[axis] = between(rng, 1, 5);
        op->stride[axis] = between(rng, 1, 3);
        op->dilation[axis] = between(rng, 1, 3);
        const int covered = (op->kernel[axis] - 1) * op->dilation[axis] + 1;
        op->pad[axis] = between(rng, 0, covered - 1);
        op->pad[2 + axis] = between(rng, 0, covered - 1);
    }
    op->out_h = outputs(op, 0, op->in_h, ceil);
    op->out_w = outputs(op, 1, op->in_w, ceil);
    return op->out_h > 0 && op->out_w > 0;
}

static void match(const struct bench *bench, const struct op *op, double tolerance)
{
    struct kernel *kernel = NULL;
    if (op->in_type != DTYPE_F32 && op->kind == OP_CONV && !bench->backend->int8) {
        if (kernel_open(bench->backend, op, &kernel) != OK) {
            return;
        }
        kernel_close(kernel);
    }
    struct op_case c;
    case_open(&c, op);
    bench_match(bench, &c, tolerance, op->in_type == DTYPE_F32 ? 0 : 1);
    case_close(&c);
}

static void test_convolutions(void **state)
{
    static const int channels[][3] = {{3, 7, 1},    {16, 9, 1}, {17, 16, 1}, {16, 16, 16},
                                      {33, 33, 33}, {12, 8, 4}, {1, 1, 1}};
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    for (int i = 0; i < N_WINDOWS;) {
        struct op op = {.kind = OP_CONV};
        if (!random_window(&rng, &op, false)) {
            continue;
        }
        const int *c = channels[i % 7];
        op.in_c = c[0];
        op.out_c = c[1];
        op.groups = c[2];
        op.bias = between(&rng, 0, 1) == 1;
        for (int kind = OP_CONV; kind <= OP_CONV_BACKWARD_WEIGHTS; kind++) {
            op.kind = (enum op_kind)kind;
            match(*state, &op, 2e-5);
        }
        op.kind = OP_CONV;
        op.act = case_activation(i % CASE_ACTIVATIONS);
        op.sum = between(&rng, 0, 1) == 1;
        match(*state, &op, 2e-5);
        op.in_type = between(&rng, 0, 1) == 1 ? DTYPE_U8 : DTYPE_S8;
        for (int type = DTYPE_F32; type <= DTYPE_S8; type++) {
            op.out_type = (enum dtype)type;
            match(*state, &op, 2e-5);
        }
        i++;
    }
}

// Fills the taps of a maximum's gradient by the reference's forward pass.
static void match_max_backward(const struct bench *bench, const struct op *forward_op)
{
    struct op op = *forward_op;
    struct op_case forward, backward;
    struct case_result result;
    op.training = true;
    case_open(&forward, &op);
    op.kind = OP_POOL_MAX_BACKWARD;
    case_open(&backward, &op);
    case_run(bench->ref, &forward, &result);
    case_set(&backward.in[1], &result.out[1]);
    bench_match(bench, &backward, 1e-5, 0);
    case_result_close(&result);
    case_close(&forward);
    case_close(&backward);
}

static void match_pools(const struct bench *bench, struct op op)
{
    op.kind = OP_POOL_MAX;
    match_max_backward(bench, &op);
    for (int type = DTYPE_F32; type <= DTYPE_S8; type++) {
        op.in_type = op.out_type = (enum dtype)type;
        for (int training = 0; training < 2; training++) {
            op.kind = OP_POOL_MAX;
            op.training = training == 1;
            match(bench, &op, 1e-5);
        }
        op.kind = OP_POOL_AVG;
        op.out_type = DTYPE_F32;
        match(bench, &op, 1e-5);
    }
    op.in_type = DTYPE_F32;
    op.kind = OP_POOL_AVG_BACKWARD;
    match(bench, &op, 1e-5);
}

static void test_pools(void **state)
{
    static const int channels[] = {1, 3, 16, 17, 64, 70};
    struct rng rng = rng_make(2, RNG_TEST, 0, 0);
    for (int i = 0; i < N_WINDOWS;) {
        struct op op = {.kind = OP_POOL_MAX, .in_c = channels[i % 6], .exclude_pad = i % 3 == 0};
        if (!random_window(&rng, &op, i % 2 == 1)) {
            continue;
        }
        op.out_c = op.in_c;
        const enum status status = op_check(&op);
        if (status == OK) {
            match_pools(*state, op);
            i++;
        } else { // taps that step over the input
            assert_int_equal(status, ERR_UNSUPPORTED);
            assert_non_null(strstr(status_message(), "nothing but padding"));
        }
    }
}

static void expect_y(const struct bench *bench, const struct op *op, const float *x, const float *y)
{
    struct op_case c;
    struct case_result result;
    case_open(&c, op);
    memcpy(c.in[0].values, x, c.in[0].count * sizeof *x);
    if (op->kind == OP_CONV) {
        for (size_t i = 0; i < c.weights.count; i++) {
            case_f32(&c.weights)[i] = (float)(i + 1);
        }
    }
    case_run(bench->backend, &c, &result);
    for (size_t i = 0; i < result.out[0].count; i++) {
        const double error = (double)case_f32(&result.out[0])[i] - (double)y[i];
        assert_true(error < 1e-5 && error > -1e-5);
    }
    case_result_close(&result);
    case_close(&c);
}

// Worked out by hand; PyTorch's avg_pool1d and ONNX's AveragePool agree.
static void test_numbers(void **state)
{
    static const float x[6] = {1, 2, 3, 4, 5, 6};
    struct op op = {.kind = OP_CONV,
                    .n = 1,
                    .in_h = 1,
                    .in_w = 6,
                    .in_c = 1,
                    .out_h = 1,
                    .out_w = 3,
                    .out_c = 1,
                    .kernel = {1, 3},
                    .stride = {1, 2},
                    .dilation = {1, 2},
                    .pad = {0, 3, 0, 0},
                    .groups = 1};
    // Taps at -3, -1, 1; -1, 1, 3; 1, 3, 5 with weights 1, 2, 3.
    expect_y(*state, &op, x, (const float[]){6, 16, 28});
    op.kind = OP_POOL_AVG;
    op.dilation[1] = 1;
    op.pad[1] = op.pad[3] = 1;
    op.stride[1] = 3;
    op.out_w = 2;
    // Room for 2 windows: {0, 1, 2}, {3, 4, 5}; rounded up, a third has taps on 6 and the padding.
    expect_y(*state, &op, x, (const float[]){1, 4});
    op.out_w = 3;
    expect_y(*state, &op, x, (const float[]){1, 4, 3});
    op.exclude_pad = true;
    expect_y(*state, &op, x, (const float[]){1.5F, 4, 6});
    op.kind = OP_POOL_MAX;
    op.dilation[1] = 2;
    op.pad[1] = 1;
    op.pad[3] = 0;
    op.stride[1] = 1;
    op.out_w = 3; // taps at -1, 1, 3; 0, 2, 4; 1, 3, 5
    expect_y(*state, &op, x, (const float[]){4, 5, 6});
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_numbers),
    };
    return bench_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
