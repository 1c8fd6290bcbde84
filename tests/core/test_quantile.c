#include "core/quantile.h"
#include "test_unit.h"

static void quantiles_lie_between_values(void **state)
{
    (void)state;
    double values[] = {4, -1, 2, 10, 2};
    quantile_sort(values, 5);
    static const double sorted[] = {-1, 2, 2, 4, 10};
    assert_memory_equal(values, sorted, sizeof sorted);
    assert_true(quantile_of_sorted(sorted, 5, 0) == -1 && quantile_of_sorted(sorted, 5, 1) == 10);
    assert_true(quantile_of_sorted(sorted, 5, 0.75) == 4);
    assert_true(quantile_of_sorted(sorted, 5, 0.875) == 7);
    assert_true(quantile_of_sorted(sorted, 1, 0.3) == -1);
}

static void the_median_sorts(void **state)
{
    (void)state;
    double even[] = {3, 1, 4, 2}, odd[] = {9, 8, 7};
    assert_true(quantile_median(even, 4) == 2.5);
    assert_true(even[0] == 1 && even[3] == 4);
    assert_true(quantile_median(odd, 3) == 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_lie_between_values),
        cmocka_unit_test(the_median_sorts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
