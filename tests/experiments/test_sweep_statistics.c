// Statistics of sweeps against rliable's and against numbers by hand.
#include "experiments/sweep_statistics.h"
#include "test_unit.h"

#include <math.h>

#define CLOSE(a, b, most) assert_true(fabs((a) - (b)) <= (most))

static const double five_by_three[] = {0.1, 0.9,  0.5,  0.2, 0.7,  0.4,  0.3, 0.8,
                                       0.6, 0.15, 0.95, 0.1, 0.25, 0.85, 0.55};

// rliable 1.2, aggregate_iqm and aggregate_mean with their intervals by stratified bootstrap,
// 20,000 resamples.
static void they_are_those_of_rliable(void **state)
{
    (void)state;
    struct sweep_summary s;
    const struct sweep_resampling how = {.resamples = 20000, .seed = 3};
    assert_ok(sweep_summarise(five_by_three, 5, 3, &how, &s));
    CLOSE(s.mean, 0.49, 1e-12);
    CLOSE(s.iqm, 0.47777777777777775, 1e-12);
    CLOSE(s.deviation, 0.07226494462892939, 1e-12);
    CLOSE(s.mean_low, 0.42333333, 0.004);
    CLOSE(s.mean_high, 0.54666667, 0.004);
    CLOSE(s.iqm_low, 0.38333333, 0.007);
    CLOSE(s.iqm_high, 0.54444444, 0.007);
}

// Two runs of one task: a resample's mean is the less, the middle or the greater one with chances
// of 1/4, 1/2 and 1/4.
static void two_runs_span_their_interval(void **state)
{
    (void)state;
    static const double values[] = {0.2, 0.6};
    const struct sweep_resampling how = {.resamples = 500, .seed = 1};
    struct sweep_summary s;
    assert_ok(sweep_summarise(values, 2, 1, &how, &s));
    CLOSE(s.mean, 0.4, 1e-12);
    CLOSE(s.mean_low, 0.2, 1e-12);
    CLOSE(s.mean_high, 0.6, 1e-12);
    CLOSE(s.deviation, 0.4 / sqrt(2), 1e-12);
}

static void one_run_has_no_interval(void **state)
{
    (void)state;
    static const double values[] = {0.2, 0.6};
    const struct sweep_resampling how = {.resamples = 100};
    struct sweep_summary s;
    assert_ok(sweep_summarise(values, 1, 2, &how, &s));
    CLOSE(s.mean, 0.4, 1e-12);
    assert_true(isnan(s.deviation) && isnan(s.mean_low) && isnan(s.iqm_high));
}

static void one_seed_gives_the_same_bytes(void **state)
{
    (void)state;
    struct sweep_summary a, b, c, d;
    struct sweep_resampling how = {.resamples = 300, .seed = 7, .index = 4};
    assert_ok(sweep_summarise(five_by_three, 5, 3, &how, &a));
    assert_ok(sweep_summarise(five_by_three, 5, 3, &how, &b));
    assert_memory_equal(&a, &b, sizeof a);
    how.index = 5;
    assert_ok(sweep_summarise(five_by_three, 5, 3, &how, &c));
    how.seed = 8;
    assert_ok(sweep_summarise(five_by_three, 5, 3, &how, &d));
    assert_true(c.iqm_low != a.iqm_low || c.iqm_high != a.iqm_high || c.mean_low != a.mean_low);
    assert_true(c.iqm_low != d.iqm_low || c.iqm_high != d.iqm_high || c.mean_low != d.mean_low);
    CLOSE(a.iqm, c.iqm, 0);
}

// y = 3 a + b on a grid of 2 x 3: the shares of variance are known, and nothing is left.
static void importance_is_the_marginal_variance(void **state)
{
    (void)state;
    double y[6], share[2];
    int a[6], b[6];
    for (int i = 0; i < 6; i++) {
        a[i] = i / 3;
        b[i] = i % 3;
        y[i] = 3 * a[i] + b[i];
    }
    assert_ok(sweep_importance(y, a, 6, 2, &share[0]));
    assert_ok(sweep_importance(y, b, 6, 3, &share[1]));
    const double of_a = 9 * 0.25, of_b = 2.0 / 3.0;
    CLOSE(share[0], of_a / (of_a + of_b), 1e-12);
    CLOSE(share[1], of_b / (of_a + of_b), 1e-12);
}

static void what_does_not_vary_has_no_importance(void **state)
{
    (void)state;
    static const double y[] = {0.7, 0.7, 0.7};
    static const int level[] = {0, 1, 2};
    double share;
    assert_ok(sweep_importance(y, level, 3, 3, &share));
    assert_true(isnan(share));
}

static void a_range_has_levels_of_equal_size(void **state)
{
    (void)state;
    static const double numbers[] = {8, 1, 2, 7, 3, 6, 4, 5};
    static const int expected[] = {3, 0, 0, 3, 1, 2, 1, 2};
    int level[8], n_levels;
    assert_ok(sweep_levels_of_range(numbers, 8, level, &n_levels));
    assert_int_equal(n_levels, 4);
    assert_memory_equal(level, expected, sizeof level);
    assert_ok(sweep_levels_of_range(numbers, 1, level, &n_levels));
    assert_int_equal(n_levels, 1);
    assert_int_equal(level[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_those_of_rliable),
        cmocka_unit_test(two_runs_span_their_interval),
        cmocka_unit_test(one_run_has_no_interval),
        cmocka_unit_test(one_seed_gives_the_same_bytes),
        cmocka_unit_test(importance_is_the_marginal_variance),
        cmocka_unit_test(what_does_not_vary_has_no_importance),
        cmocka_unit_test(a_range_has_levels_of_equal_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
