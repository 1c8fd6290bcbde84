// Which data are kept: the best, the newest, and random others, without repeats.
#include "core/status.h"
#include "learner/model/data_subset.h"
#include "test_unit.h"

#include <stdbool.h>

enum { N = 200 };

static int choose(const struct data_subset *subset, int n, const double *y, uint64_t seed,
                  int32_t *chosen)
{
    static int32_t order[N];
    static uint8_t taken[N];
    struct rng rng = rng_make(seed, RNG_TEST, 1, 0);
    return data_subset_choose(subset, n, y, &rng, chosen, order, taken);
}

static void draw_values(uint64_t seed, uint32_t levels, double *y)
{
    struct rng rng = rng_make(seed, RNG_TEST, 0, 0);
    for (int i = 0; i < N; i++) {
        y[i] = (double)rng_below(&rng, levels);
    }
}

static bool holds(const int32_t *chosen, int n, int32_t datum)
{
    for (int i = 0; i < n; i++) {
        if (chosen[i] == datum) {
            return true;
        }
    }
    return false;
}

// How many data come before this one in order of value.
static int place(const double *y, int32_t datum)
{
    int before = 0;
    for (int32_t i = 0; i < N; i++) {
        before += y[i] > y[datum] || (y[i] == y[datum] && i < datum) ? 1 : 0;
    }
    return before;
}

static void keeps_best_and_newest(void **state)
{
    (void)state;
    const struct data_subset subset = {.n_best = 30, .n_newest = 20, .n_random = 25};
    for (uint64_t seed = 0; seed < 20; seed++) {
        double y[N];
        int32_t chosen[N], again[N], others[N];
        draw_values(seed, seed % 2 == 0 ? 1000000 : 5, y);
        const int n = choose(&subset, N, y, 1, chosen);
        assert_int_equal(n, 75);
        int newest = 0;
        for (int32_t i = N - 1; i >= 0; i--) {
            const bool best = place(y, i) < 30, new = !best &&newest++ < 20;
            assert_true(!(best || new) || holds(chosen, n, i));
        }
        for (int i = 1; i < n; i++) {
            assert_true(chosen[i] > chosen[i - 1] && chosen[i] < N);
        }
        assert_int_equal(choose(&subset, N, y, 1, again), n);
        assert_memory_equal(chosen, again, (size_t)n * sizeof *chosen);
        assert_int_equal(choose(&subset, N, y, 2, others), n);
        assert_memory_not_equal(chosen, others, (size_t)n * sizeof *chosen);
    }
}

// Each of those that are neither best nor newest as often as any other.
static void the_rest_is_random(void **state)
{
    (void)state;
    const struct data_subset subset = {.n_newest = 100, .n_random = 50};
    double y[N];
    int32_t chosen[N];
    int counts[N] = {0};
    draw_values(1, 1000000, y);
    for (uint64_t seed = 0; seed < 2000; seed++) {
        choose(&subset, N, y, seed, chosen);
        for (int i = 0; i < 50; i++) {
            assert_true(chosen[i] < 100);
            counts[chosen[i]]++;
        }
    }
    for (int i = 0; i < 100; i++) {
        assert_in_range(counts[i], 1000 - 110, 1000 + 110); // five standard deviations
    }
}

static void takes_all_that_fit(void **state)
{
    (void)state;
    const struct data_subset subset = {.n_best = 3, .n_random = 4};
    const double y[7] = {0};
    int32_t chosen[N];
    for (int n = 0; n <= 7; n++) {
        assert_int_equal(choose(&subset, n, y, 1, chosen), n);
        for (int i = 0; i < n; i++) {
            assert_int_equal(chosen[i], i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_best_and_newest),
        cmocka_unit_test(the_rest_is_random),
        cmocka_unit_test(takes_all_that_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
