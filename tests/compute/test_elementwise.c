// Kinds that handle each element by itself.
#include "core/rng.h"
#include "op_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const int shapes[][4] = {{1, 1, 1, 1},  {2, 5, 7, 3},  {5, 1, 1, 16},
                                {1, 9, 4, 17}, {2, 3, 3, 33}, {1, 8, 8, 64}};
enum { N_SHAPES = 6 };

static struct op same_op(enum op_kind kind, const int shape[4])
{
    return (struct op){
        .kind = kind,
        .n = shape[0],
        .in_h = shape[1],
        .in_w = shape[2],
        .in_c = shape[3],
        .out_h = shape[1],
        .out_w = shape[2],
        .out_c = shape[3],
    };
}

static void match(const struct bench *bench, const struct op *op, int steps)
{
    struct op_case c;
    case_open(&c, op);
    bench_match(bench, &c, 1e-6, steps);
    case_close(&c);
}

static void test_normalize(void **state)
{
    for (int i = 0; i < N_SHAPES; i++) {
        struct op op = same_op(OP_NORMALIZE, shapes[i]);
        op.in_type = DTYPE_U8;
        for (int type = DTYPE_F32; type <= DTYPE_S8; type++) {
            op.out_type = (enum dtype)type;
            match(*state, &op, 1);
        }
    }
}

// Rounding, clamping and the formula, on known numbers.
static void test_normalize_values(void **state)
{
    const struct bench *bench = *state;
    static const int shape[4] = {1, 2, 2, 2};
    static const uint8_t x[8] = {0, 0, 10, 10, 100, 100, 255, 255};
    // y = x * {0.5, -2} + {0.25, 3}
    static const float reals[8] = {0.25F, 3.0F, 5.25F, -17.0F, 50.25F, -197.0F, 127.75F, -507.0F};
    static const int s8[8] = {0, 3, 5, -17, 50, -128, 127, -128};
    static const int u8[8] = {0, 3, 5, 0, 50, 0, 128, 0};
    for (int type = DTYPE_F32; type <= DTYPE_S8; type++) {
        struct op op = same_op(OP_NORMALIZE, shape);
        op.in_type = DTYPE_U8;
        op.out_type = (enum dtype)type;
        struct op_case c;
        struct case_result result;
        case_open(&c, &op);
        float *scale = case_f32(&c.in[1]), *shift = case_f32(&c.in[2]);
        scale[0] = 0.5F;
        scale[1] = -2.0F;
        shift[0] = 0.25F;
        shift[1] = 3.0F;
        for (int i = 0; i < 8; i++) {
            ((uint8_t *)c.in[0].values)[i] = x[i];
        }
        case_run(bench->backend, &c, &result);
        const void *y = result.out[0].values;
        for (int i = 0; i < 8; i++) {
            if (type == DTYPE_F32) {
                assert_true(((const float *)y)[i] == reals[i]);
            } else if (type == DTYPE_S8) {
                assert_int_equal(((const int8_t *)y)[i], s8[i]);
            } else {
                assert_int_equal(((const uint8_t *)y)[i], u8[i]);
            }
        }
        case_result_close(&result);
        case_close(&c);
    }
}

static void test_quantize(void **state)
{
    for (int i = 0; i < N_SHAPES; i++) {
        struct op op = same_op(OP_QUANTIZE, shapes[i]);
        op.out_type = DTYPE_S8;
        match(*state, &op, 0);
        op.out_type = DTYPE_U8;
        match(*state, &op, 0);
    }
}

// Half to even, both ends.
static void test_quantize_values(void **state)
{
    const struct bench *bench = *state;
    static const int shape[4] = {1, 1, 1, 8};
    static const float x[8] = {0.5F, 1.5F, 2.5F, -0.5F, -1.5F, 126.75F, 1000.0F, -1000.0F};
    static const int s8[8] = {0, 2, 2, 0, -2, 127, 127, -128};
    static const int u8[8] = {0, 2, 2, 0, 0, 127, 255, 0};
    for (int type = DTYPE_U8; type <= DTYPE_S8; type++) {
        struct op op = same_op(OP_QUANTIZE, shape);
        op.out_type = (enum dtype)type;
        struct op_case c;
        struct case_result result;
        case_open(&c, &op);
        case_set_factor(&c, 1.0F);
        for (int i = 0; i < 8; i++) {
            case_f32(&c.in[0])[i] = x[i];
        }
        case_run(bench->backend, &c, &result);
        for (int i = 0; i < 8; i++) {
            if (type == DTYPE_S8) {
                assert_int_equal(((const int8_t *)result.out[0].values)[i], s8[i]);
            } else {
                assert_int_equal(((const uint8_t *)result.out[0].values)[i], u8[i]);
            }
        }
        case_result_close(&result);
        case_close(&c);
    }
}

// SCALE_SHIFT and ADD in every combination of activation, residual and output type.
static void test_scale_shift_and_add(void **state)
{
    for (int i = 0; i < N_SHAPES; i++) {
        for (int variant = 0; variant < 6 * CASE_ACTIVATIONS; variant++) {
            struct op op = same_op(OP_SCALE_SHIFT, shapes[i]);
            op.act = case_activation(variant % CASE_ACTIVATIONS);
            op.out_type = (enum dtype)(variant / CASE_ACTIVATIONS % 3);
            struct op_case c;
            case_open(&c, &op);
            case_fill(&c.in[0], 1, 8.0); // beyond 6, for clip(0, 6)
            if (variant >= 3 * CASE_ACTIVATIONS) {
                case_drop(&c.in[3]);
            }
            if ((i + variant) % 2 == 0) {
                case_drop(&c.out[1]); // the range
            }
            bench_match(*state, &c, 1e-6, 1);
            case_close(&c);
            op.kind = OP_ADD;
            case_open(&c, &op);
            case_fill(&c.in[0], 1, 8.0);
            if (variant >= 3 * CASE_ACTIVATIONS) {
                case_drop(&c.in[1]);
            }
            bench_match(*state, &c, 1e-6, 1);
            case_close(&c);
        }
    }
}

// SCALE_SHIFT with scale 1 and shift 0 is an ADD; integers are rounded and clamped.
static void test_add_values(void **state)
{
    const struct bench *bench = *state;
    static const int shape[4] = {1, 1, 1, 4};
    static const float a[4] = {-3.0F, 1.0F, 5.0F, 0.0F}, b[4] = {1.0F, 1.5F, 22.0F, 0.0F};
    static const float reals[3][4] = {
        {-2.0F, 2.5F, 27.0F, 0.0F}, {0.0F, 2.5F, 27.0F, 0.0F}, {0.0F, 2.5F, 6.0F, 0.0F}};
    static const int integers[3][4] = {{0, 25, 255, 0}, {0, 25, 255, 0}, {0, 25, 60, 0}};
    for (int variant = 0; variant < 12; variant++) {
        const bool add = variant % 2 == 0, u8 = variant >= 6;
        struct op op = same_op(add ? OP_ADD : OP_SCALE_SHIFT, shape);
        op.act = case_activation(variant / 2 % 3);
        op.out_type = u8 ? DTYPE_U8 : DTYPE_F32;
        struct op_case c;
        struct case_result result;
        case_open(&c, &op);
        if (u8) {
            case_set_factor(&c, 10.0F);
        }
        for (int i = 0; i < 4; i++) {
            case_f32(&c.in[0])[i] = a[i];
            case_f32(&c.in[add ? 1 : 3])[i] = b[i];
            if (!add) {
                case_f32(&c.in[1])[i] = 1.0F;
                case_f32(&c.in[2])[i] = 0.0F;
            }
        }
        case_run(bench->backend, &c, &result);
        for (int i = 0; i < 4; i++) {
            if (u8) {
                assert_int_equal(((uint8_t *)result.out[0].values)[i], integers[op.act.kind][i]);
            } else {
                assert_true(case_f32(&result.out[0])[i] == reals[op.act.kind][i]);
            }
        }
        case_result_close(&result);
        case_close(&c);
    }
}

static void test_act_backward(void **state)
{
    for (int i = 0; i < N_SHAPES; i++) {
        for (int variant = 0; variant < 4 * CASE_ACTIVATIONS; variant++) {
            struct op op = same_op(OP_ACT_BACKWARD, shapes[i]);
            op.act = case_activation(variant % CASE_ACTIVATIONS);
            struct op_case c;
            case_open(&c, &op);
            case_fill(&c.in[2], 3, 9.0);
            case_f32(&c.in[2])[0] = variant % 2 == 0 ? 0.0F : 6.0F; // the edges do not pass
            if (variant / CASE_ACTIVATIONS % 2 == 1) {
                case_drop(&c.in[1]);
            }
            if (variant >= 2 * CASE_ACTIVATIONS) {
                case_drop(&c.in[2]);
            }
            bench_match(*state, &c, 1e-6, 0);
            case_close(&c);
        }
    }
}

// ADD followed by an activation, whose gradient ACT_BACKWARD is. Sums stay 0.25 off the kinks, and
// steps are small beside the curves.
static void test_act_gradient(void **state)
{
    const struct bench *bench = *state;
    static const int shape[4] = {2, 5, 7, 3};
    for (int act = ACT_NONE; act < CASE_ACTIVATIONS; act++) {
        struct op op = same_op(OP_ADD, shape);
        op.act = case_activation(act);
        struct op_case forward, backward;
        struct case_result y, g;
        case_open(&forward, &op);
        for (size_t i = 0; i < forward.in[0].count; i++) {
            case_f32(&forward.in[0])[i] = (float)(i % 37) * 0.5F - 7.75F;
            case_f32(&forward.in[1])[i] = (float)(i % 5) * 0.5F;
        }
        case_run(bench->backend, &forward, &y);
        op.kind = OP_ACT_BACKWARD;
        case_open(&backward, &op);
        case_drop(&backward.in[1]);
        case_set(&backward.in[2], &y.out[0]);
        if (activation_type(op.act.kind)->source == ACT_FROM_INPUT) { // the sum
            for (size_t i = 0; i < forward.in[0].count; i++) {
                case_f32(&backward.in[2])[i] =
                    case_f32(&forward.in[0])[i] + case_f32(&forward.in[1])[i];
            }
        }
        case_run(bench->backend, &backward, &g);
        struct case_loss context = {bench->ref, &forward};
        expect_gradient(&(struct gradient_check){
            .loss = case_loss,
            .context = &context,
            .values = case_f32(&forward.in[0]),
            .count = forward.in[0].count,
            .analytic = case_f32(&g.out[0]),
            .step = 0.0625,
            .tolerance = 1e-5,
            .what = "activation",
        });
        case_result_close(&y);
        case_result_close(&g);
        case_close(&forward);
        case_close(&backward);
    }
}

static void test_dropout(void **state)
{
    for (int i = 0; i < N_SHAPES; i++) {
        struct op op = same_op(OP_DROPOUT, shapes[i]);
        for (int rate = 0; rate < 4; rate++) {
            op.rate = (float)rate * 0.3F;
            struct op_case c;
            case_open(&c, &op);
            c.dynamic.first = 4 * i + rate; // every position within a block of four
            c.run.seed = UINT64_C(0x123456789ABCDEF0) + (uint64_t)i;
            bench_match(*state, &c, 1e-6, 0);
            case_close(&c);
        }
    }
}

// The mask is the stream of (seed, step), read from number `first` on; the rest of a batch by
// itself gives what the whole gives; the share of kept elements is 1 - rate.
static void test_dropout_mask(void **state)
{
    const struct bench *bench = *state;
    enum { COUNT = 10000, CUT = 4242 };
    static const int whole_shape[4] = {1, 1, 1, COUNT}, rest_shape[4] = {1, 1, 1, COUNT - CUT};
    struct op op = same_op(OP_DROPOUT, whole_shape), rest_op = same_op(OP_DROPOUT, rest_shape);
    op.rate = rest_op.rate = 0.25F;
    struct op_case whole, rest;
    struct case_result y, z;
    case_open(&whole, &op);
    case_open(&rest, &rest_op);
    for (size_t i = 0; i < COUNT; i++) {
        case_f32(&whole.in[0])[i] = 3.0F;
    }
    for (size_t i = 0; i < COUNT - CUT; i++) {
        case_f32(&rest.in[0])[i] = 3.0F;
    }
    whole.dynamic.first = 6;
    rest.dynamic.first = 6 + CUT;
    case_run(bench->backend, &whole, &y);
    case_run(bench->backend, &rest, &z);
    int kept = 0;
    struct rng stream = rng_make(whole.run.seed, RNG_DROPOUT, (uint64_t)whole.run.step, 0);
    for (int64_t skipped = 0; skipped < whole.dynamic.first; skipped++) {
        rng_u32(&stream);
    }
    for (size_t i = 0; i < COUNT; i++) {
        const float value = case_f32(&y.out[0])[i];
        assert_true(value == (rng_uniform(&stream) >= 0.25F ? 4.0F : 0.0F));
        kept += value != 0.0F;
        assert_true(i < CUT || value == case_f32(&z.out[0])[i - CUT]);
    }
    assert_in_range(kept, 7500 - 200, 7500 + 200); // 4.6 standard deviations
    case_result_close(&y);
    case_result_close(&z);
    case_close(&whole);
    case_close(&rest);
}

static void test_range(void **state)
{
    const struct bench *bench = *state;
    for (int i = 0; i < N_SHAPES; i++) {
        const struct op op = same_op(OP_RANGE, shapes[i]);
        struct op_case c;
        struct case_result result;
        case_open(&c, &op);
        bench_match(bench, &c, 0.0, 0);
        case_run(bench->backend, &c, &result);
        const size_t count = c.in[0].count / (size_t)op.n;
        for (size_t image = 0; image < (size_t)op.n; image++) {
            const float *x = case_f32(&c.in[0]) + image * count;
            float least = INFINITY, greatest = -INFINITY;
            for (size_t k = 0; k < count; k++) {
                least = fminf(least, x[k]);
                greatest = fmaxf(greatest, x[k]);
            }
            assert_true(case_f32(&result.out[0])[2 * image] == least);
            assert_true(case_f32(&result.out[0])[2 * image + 1] == greatest);
        }
        case_result_close(&result);
        case_close(&c);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalize),
        cmocka_unit_test(test_normalize_values),
        cmocka_unit_test(test_quantize),
        cmocka_unit_test(test_quantize_values),
        cmocka_unit_test(test_scale_shift_and_add),
        cmocka_unit_test(test_add_values),
        cmocka_unit_test(test_act_backward),
        cmocka_unit_test(test_act_gradient),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_dropout_mask),
        cmocka_unit_test(test_range),
    };
    return bench_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
