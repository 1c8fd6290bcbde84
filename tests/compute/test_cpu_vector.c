// The block loops of the CPU kernels by themselves: sigmoid and tanh against libm over their whole
// range, rounding at every half, activations at their corners, per-channel patterns.
#include "compute/cpu/cpu_vector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static double relative(double got, double expected)
{
    return fabs(got - expected) / fmax(fabs(expected), 1e-30);
}

// Every exponent from 2^-30 on, both signs, 64 places between powers of two.
static void sigmoid_and_tanh_are_close_to_libm(void **state)
{
    (void)state;
    for (int exponent = -30; exponent < 8; exponent++) {
        float x[CPU_BLOCK], s[CPU_BLOCK], t[CPU_BLOCK];
        for (int sign = -1; sign <= 1; sign += 2) {
            for (int j = 0; j < CPU_BLOCK; j++) {
                x[j] = (float)sign * ldexpf(1.0F + (float)j / CPU_BLOCK, exponent);
                s[j] = t[j] = x[j];
            }
            cpu_block_sigmoid(s);
            cpu_block_tanh(t);
            for (int j = 0; j < CPU_BLOCK; j++) {
                const double z = (double)x[j];
                if (z > -87.0) {
                    assert_true(relative((double)s[j], 1.0 / (1.0 + exp(-z))) <= 1e-6);
                } else {
                    assert_true(s[j] >= 0.0F && s[j] < 1e-37F);
                }
                assert_true(relative((double)t[j], tanh(z)) <= 1e-6);
            }
        }
    }
}

static void sigmoid_and_tanh_keep_corners(void **state)
{
    (void)state;
    float s[CPU_BLOCK] = {0.0F, INFINITY, -INFINITY, NAN}, t[CPU_BLOCK];
    memcpy(t, s, sizeof t);
    cpu_block_sigmoid(s);
    cpu_block_tanh(t);
    assert_true(s[0] == 0.5F && s[1] == 1.0F && s[2] >= 0.0F && s[2] < 1e-37F && isnan(s[3]));
    assert_true(t[0] == 0.0F && t[1] == 1.0F && t[2] == -1.0F && isnan(t[3]));
}

static void rounds_halves_to_even_and_clamps(void **state)
{
    (void)state;
    for (int first = -300; first < 300; first += CPU_BLOCK / 4) {
        float v[CPU_BLOCK];
        uint8_t u[CPU_BLOCK];
        int8_t s[CPU_BLOCK];
        for (int j = 0; j < CPU_BLOCK; j++) {
            v[j] = ((float)first + (float)j / 4.0F) / 2.0F;
        }
        cpu_block_store(DTYPE_U8, 2.0F, v, u);
        cpu_block_store(DTYPE_S8, 2.0F, v, s);
        for (int j = 0; j < CPU_BLOCK; j++) {
            const double exact = rint((double)v[j] * 2.0);
            assert_int_equal(u[j], (int)fmin(fmax(exact, 0.0), 255.0));
            assert_int_equal(s[j], (int)fmin(fmax(exact, -128.0), 127.0));
        }
    }
    float v[CPU_BLOCK] = {NAN, INFINITY, -INFINITY, 1e30F, -1e30F};
    uint8_t u[CPU_BLOCK];
    int8_t s[CPU_BLOCK];
    cpu_block_store(DTYPE_U8, 1.0F, v, u);
    cpu_block_store(DTYPE_S8, 1.0F, v, s);
    assert_true(u[0] == 0 && u[1] == 255 && u[2] == 0 && u[3] == 255 && u[4] == 0);
    assert_true(s[0] == 0 && s[1] == 127 && s[2] == -128 && s[3] == 127 && s[4] == -128);
}

static void activation_and_gradient_corners(void **state)
{
    (void)state;
    float v[CPU_BLOCK] = {-1.0F, 0.0F, 3.0F, 6.0F, 7.0F, NAN};
    const float y[CPU_BLOCK] = {0.0F, 0.0F, 3.0F, 6.0F, 6.0F, NAN};
    float dy[CPU_BLOCK], relu[CPU_BLOCK], relu6[CPU_BLOCK];
    const struct activation act_relu = {.kind = ACT_RELU}, act_relu6 = {ACT_CLIP, 0.0F, 6.0F};
    for (int j = 0; j < CPU_BLOCK; j++) {
        dy[j] = 1.0F;
    }
    cpu_block_gradient(act_relu, CPU_BLOCK, dy, true, dy, y, relu);
    cpu_block_gradient(act_relu6, CPU_BLOCK, dy, false, NULL, y, relu6);
    cpu_block_activate(act_relu6, v);
    const float expected_v[5] = {0.0F, 0.0F, 3.0F, 6.0F, 6.0F};
    const float expected_relu[6] = {0.0F, 0.0F, 2.0F, 2.0F, 2.0F, 2.0F};
    const float expected_relu6[6] = {0.0F, 0.0F, 1.0F, 0.0F, 0.0F, 1.0F};
    for (int j = 0; j < 5; j++) {
        assert_true(v[j] == expected_v[j]);
    }
    assert_true(isnan(v[5]));
    for (int j = 0; j < 6; j++) {
        assert_true(relu[j] == expected_relu[j] && relu6[j] == expected_relu6[j]);
    }
}

// Values and slopes of every activation against its definition, from -100 to 100 and at corners.
static void activations_are_close_to_their_definition(void **state)
{
    (void)state;
    for (int kind = 0; kind < ACT_KIND_COUNT; kind++) {
        const struct activation act = {(enum activation_kind)kind, 0.125F, 6.0F};
        const bool from_output = activation_type(act.kind)->source == ACT_FROM_OUTPUT;
        for (int exponent = -20; exponent < 7; exponent++) {
            float x[CPU_BLOCK], v[CPU_BLOCK], from[CPU_BLOCK], t[CPU_BLOCK];
            for (int j = 0; j < CPU_BLOCK; j++) {
                x[j] = ldexpf(1.0F + (float)j / CPU_BLOCK, exponent);
                x[j] = j % 2 == 0 ? x[j] : -x[j];
                v[j] = x[j];
                t[j] = 1.0F;
            }
            cpu_activate_block(act, v);
            memcpy(from, from_output ? v : x, sizeof from);
            cpu_slope_block(act, CPU_BLOCK, from, t);
            for (int j = 0; j < CPU_BLOCK; j++) {
                const double y = activation_value(act, (double)x[j]);
                const double slope = activation_slope(act, (double)from[j]);
                assert_true(fabs((double)v[j] - y) <= 1e-6 * fabs(y) + 1e-30);
                assert_true(fabs((double)t[j] - slope) <= 1e-6 * fmax(fabs(slope), 0.25));
            }
            cpu_slope_block(act, 3, from, v);
        }
        float corners[CPU_BLOCK] = {NAN, INFINITY, -INFINITY, 0.0F};
        cpu_activate_block(act, corners);
        assert_true(isnan(corners[0]) && !isnan(corners[1]) && !isnan(corners[2]));
    }
}

static void patterns_repeat_their_vector(void **state)
{
    (void)state;
    enum { MOST = 300 };
    float vector[MOST], room[MOST + 2 * CPU_BLOCK];
    for (int i = 0; i < MOST; i++) {
        vector[i] = (float)i;
    }
    for (int c = 1; c <= MOST; c++) {
        assert_true(cpu_pattern_floats(c) <= sizeof room / sizeof room[0]);
        const float *pattern = cpu_pattern_make(vector, c, room);
        int at = 0;
        for (int block = 0; block < 20; block++) {
            for (int j = 0; j < CPU_BLOCK; j++) {
                assert_true(pattern[at + j] == (float)((block * CPU_BLOCK + j) % c));
            }
            at = cpu_pattern_next(at, c);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sigmoid_and_tanh_are_close_to_libm),
        cmocka_unit_test(sigmoid_and_tanh_keep_corners),
        cmocka_unit_test(rounds_halves_to_even_and_clamps),
        cmocka_unit_test(activation_and_gradient_corners),
        cmocka_unit_test(activations_are_close_to_their_definition),
        cmocka_unit_test(patterns_repeat_their_vector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
