// Expected improvement against its integral, and where it is extreme.
#include "learner/model/acquisition.h"
#include "test_unit.h"

#include <float.h>
#include <math.h>

// The mean of max(value - best, 0), by Simpson's rule over 12 deviations.
static double integrate(double mean, double sd, double best)
{
    enum { STEPS = 200000 };
    const double from = fmax(best, mean - 12.0 * sd), to = fmax(best, mean) + 12.0 * sd;
    const double step = (to - from) / STEPS;
    double sum = 0.0;
    for (int i = 0; i <= STEPS; i++) {
        const double value = from + i * step, z = (value - mean) / sd;
        const double weight = i == 0 || i == STEPS ? 1.0 : i % 2 == 1 ? 4.0 : 2.0;
        sum += weight * (value - best) * exp(-0.5 * z * z);
    }
    return sum * step / 3.0 / (sd * sqrt(2.0 * acos(-1.0)));
}

static void is_the_mean_of_what_is_above(void **state)
{
    (void)state;
    for (int i = 0; i < 18; i++) {
        const double z = i - 9.5, sd = 2.5, best = 70.0, mean = best + z * sd;
        const double expected = integrate(mean, sd, best);
        assert_true(fabs(expected_improvement(mean, sd, best) - expected) <= 1e-7 * expected);
    }
}

// Far below the best the value is phi(z) / z^2 (1 - 3 / z^2 + 15 / z^4 - ...).
static void keeps_the_tail(void **state)
{
    (void)state;
    double last = 1.0;
    for (int i = 20; i <= 37; i++) {
        const double z = i, square = z * z, phi = exp(-0.5 * square) / sqrt(2.0 * acos(-1.0));
        const double series =
            1.0 - 3.0 / square + 15.0 / (square * square) - 105.0 / (square * square * square);
        const double value = expected_improvement(-z, 1.0, 0.0);
        assert_true(fabs(value - phi / square * series) <= 1e-6 * value);
        assert_true(value > 0.0 && value < last);
        last = value;
    }
}

static void is_sane_at_the_ends(void **state)
{
    (void)state;
    assert_true(expected_improvement(3.0, 0.0, 1.0) == 2.0);
    assert_true(expected_improvement(1.0, 0.0, 3.0) == 0.0);
    assert_true(expected_improvement(1.0, 0.0, 1.0) == 0.0);
    assert_true(expected_improvement(1.0, DBL_MIN, 3.0) == 0.0);
    assert_true(expected_improvement(3.0, DBL_MIN, 1.0) == 2.0);
    assert_true(expected_improvement(-1e300, 1e-3, 1e300) == 0.0);
    assert_true(fabs(expected_improvement(0.0, 1e300, 0.0) - 0.3989422804014327e300) < 1e286);
    assert_true(fabs(expected_improvement(39.9, 1.0, 0.0) - 39.9) < 1e-13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_mean_of_what_is_above),
        cmocka_unit_test(keeps_the_tail),
        cmocka_unit_test(is_sane_at_the_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
