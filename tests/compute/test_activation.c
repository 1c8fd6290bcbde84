// The table of activations: names, parameters, values, slopes, and what is never negative.
#include "compute/activation.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct activation usual[ACT_KIND_COUNT] = {
    [ACT_CLIP] = {ACT_CLIP, -0.5F, 2.0F},
    [ACT_RELU] = {.kind = ACT_RELU},
    [ACT_LEAKY] = {ACT_LEAKY, 0.1F, 0.0F},
    [ACT_SIGMOID] = {.kind = ACT_SIGMOID},
    [ACT_HARD_SIGMOID] = {ACT_HARD_SIGMOID, 0.2F, 0.5F},
    [ACT_HARD_SWISH] = {.kind = ACT_HARD_SWISH},
    [ACT_SILU] = {.kind = ACT_SILU},
};

static void test_names(void **state)
{
    (void)state;
    static const char *const names[ACT_KIND_COUNT] = {
        "none", "relu", "clip", "leaky_relu", "sigmoid", "hard_sigmoid", "hard_swish", "silu"};
    for (int kind = 0; kind < ACT_KIND_COUNT; kind++) {
        const struct activation_type *type = activation_type((enum activation_kind)kind);
        assert_string_equal(type->name, names[kind]);
        for (int i = 0; i < 2; i++) {
            assert_true((type->parameters[i] != NULL) == (i < type->n_parameters));
        }
    }
}

static void expect_output(struct activation act, double x, double y)
{
    if (!(fabs(activation_value(act, x) - y) <= 1e-7)) {
        fail_msg("%s(%g) = %g, expected %g", activation_type(act.kind)->name, x,
                 activation_value(act, x), y);
    }
}

// By PyTorch's functions of these names.
static void test_values(void **state)
{
    (void)state;
    expect_output(usual[ACT_NONE], -3.0, -3.0);
    expect_output(usual[ACT_RELU], -3.0, 0.0);
    expect_output(usual[ACT_RELU], 3.0, 3.0);
    expect_output(usual[ACT_CLIP], -3.0, -0.5);
    expect_output(usual[ACT_CLIP], 3.0, 2.0);
    expect_output(usual[ACT_LEAKY], -3.0, -0.3);
    expect_output(usual[ACT_LEAKY], 3.0, 3.0);
    expect_output(usual[ACT_SIGMOID], 1.0, 0.7310585786);
    expect_output(usual[ACT_HARD_SIGMOID], 1.0, 0.7);
    expect_output(usual[ACT_HARD_SIGMOID], 3.0, 1.0);
    expect_output(usual[ACT_HARD_SWISH], -1.0, -1.0 / 3.0);
    expect_output(usual[ACT_HARD_SWISH], 4.0, 4.0);
    expect_output(usual[ACT_SILU], 1.0, 0.7310585786);
    expect_output(usual[ACT_SILU], -1.0, -0.2689414214);
    for (int kind = 0; kind < ACT_KIND_COUNT; kind++) {
        assert_true(isnan(activation_value(usual[kind], (double)NAN)));
        assert_false(isnan(activation_value(usual[kind], (double)-INFINITY)));
        assert_false(isnan(activation_value(usual[kind], (double)INFINITY)));
    }
}

// Central differences off the kinks, and the least value of all that are seen.
static void test_slopes_and_least(void **state)
{
    (void)state;
    for (int kind = 0; kind < ACT_KIND_COUNT; kind++) {
        const struct activation act = usual[kind];
        const struct activation_type *type = activation_type(act.kind);
        double least = (double)INFINITY;
        for (int i = -1600; i <= 1600; i++) {
            const double x = i / 200.0 + 0.0013, h = 1e-4;
            const double y = activation_value(act, x);
            const double from = type->source == ACT_FROM_OUTPUT ? y : x;
            const double difference =
                (activation_value(act, x + h) - activation_value(act, x - h)) / (2.0 * h);
            if (!(fabs(activation_slope(act, from) - difference) <= 1e-6)) {
                fail_msg("%s at %g: slope %g, differences give %g", type->name, x,
                         activation_slope(act, from), difference);
            }
            least = fmin(least, y);
        }
        assert_true(least >= type->least(act));
        assert_true(isinf(type->least(act)) || least <= type->least(act) + 1e-3);
        assert_int_equal(activation_is_nonnegative(act),
                         kind == ACT_RELU || kind == ACT_SIGMOID || kind == ACT_HARD_SIGMOID);
    }
    assert_true(activation_is_nonnegative((struct activation){ACT_CLIP, 0.0F, 6.0F}));
}

static void test_same_and_valid(void **state)
{
    (void)state;
    const struct activation clip = {ACT_CLIP, 0.0F, 6.0F}, leaky = {ACT_LEAKY, 0.1F, 0.0F};
    assert_true(activation_same(clip, (struct activation){ACT_CLIP, 0.0F, 6.0F}));
    assert_false(activation_same(clip, (struct activation){ACT_CLIP, 0.0F, 5.0F}));
    assert_false(activation_same(clip, (struct activation){ACT_CLIP, 1.0F, 6.0F}));
    assert_true(activation_same(leaky, (struct activation){ACT_LEAKY, 0.1F, 3.0F}));
    assert_false(activation_same(leaky, clip));
    assert_true(activation_same((struct activation){ACT_RELU, 1.0F, 2.0F}, usual[ACT_RELU]));
    const char *why = NULL;
    for (int kind = 0; kind < ACT_KIND_COUNT; kind++) {
        assert_true(activation_is_valid(usual[kind], &why));
    }
    assert_null(why);
    const struct activation broken[] = {
        {.kind = ACT_KIND_COUNT},      {ACT_CLIP, 1.0F, 1.0F},
        {ACT_CLIP, NAN, 1.0F},         {ACT_LEAKY, 0.0F, 0.0F},
        {ACT_LEAKY, -0.1F, 0.0F},      {ACT_LEAKY, INFINITY, 0.0F},
        {ACT_HARD_SIGMOID, NAN, 0.0F}, {ACT_HARD_SIGMOID, 0.2F, INFINITY},
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        assert_false(activation_is_valid(broken[i], &why));
        assert_non_null(why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_slopes_and_least),
        cmocka_unit_test(test_same_and_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
