// Rank correlations: values worked out by hand, ties included.
#include "core/rank_correlation.h"
#include "test_unit.h"

#include <math.h>

enum { MOST = 8 };

static void known_values(void **state)
{
    (void)state;
    static const struct {
        int n;
        double a[MOST], b[MOST], spearman, kendall;
    } cases[] = {
        {4, {1, 2, 3, 4}, {10, 20, 30, 40}, 1, 1},
        {4, {1, 2, 3, 4}, {4, 3, 2, 1}, -1, -1},
        {5, {1, 2, 3, 4, 5}, {2, 1, 4, 3, 5}, 0.8, 0.6},
        {5, {1, 2, 3, 4, 5}, {2, 100, 4000, 3, 50000}, 0.7, 0.6},

        {4, {1, 2, 2, 3}, {1, 3, 2, 4}, 0.9486832980505138, 0.9128709291752769},
        {6, {1, 1, 2, 2, 3, 3}, {1, 2, 2, 3, 3, 1}, 0.25, 0.25},
        {4, {5, 5, 5, 5}, {1, 2, 3, 4}, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double scratch[2 * MOST];
        const size_t n = (size_t)cases[i].n;
        const double rho = rank_spearman(cases[i].a, cases[i].b, n, scratch);
        const double tau = rank_kendall(cases[i].a, cases[i].b, n);
        assert_true(fabs(rho - cases[i].spearman) < 1e-12);
        assert_true(fabs(tau - cases[i].kendall) < 1e-12);
        assert_true(rank_spearman(cases[i].b, cases[i].a, n, scratch) == rho);
    }
}

static void equal_values_share_their_rank(void **state)
{
    (void)state;
    const double values[] = {7, 1, 7, 9};
    double ranks[4];
    rank_of(values, 4, ranks);
    assert_true(ranks[0] == 2.5 && ranks[1] == 1 && ranks[2] == 2.5 && ranks[3] == 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(equal_values_share_their_rank),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
