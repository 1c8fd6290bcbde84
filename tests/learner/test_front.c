// Fronts: hand cases, brute force, and volumes by Monte Carlo.
#include "core/rng.h"
#include "learner/front.h"
#include "test_unit.h"

#include <math.h>

enum { MOST = 40 };

// On a coarse grid, so that there are ties and duplicates.
static void draw_points(struct rng *rng, int n, int dims, double *points)
{
    for (int i = 0; i < n * dims; i++) {
        points[i] = rng_below(rng, 8) / 8.0;
    }
}

static void only_better_points_dominate(void **state)
{
    (void)state;
    const double a[] = {1, 2, 3}, b[] = {1, 2, 4}, c[] = {0, 3, 3}, nan[] = {(double)NAN, 0, 0};
    assert_true(front_dominates(a, b, 3) && !front_dominates(b, a, 3));
    assert_false(front_dominates(a, a, 3));
    assert_false(front_dominates(a, c, 3) || front_dominates(c, a, 3));
    assert_false(front_dominates(nan, a, 3) || front_dominates(a, nan, 3));
    assert_true(front_dominates(c, a, 1));
}

// A point is on the front exactly if it is the first with its values and nothing is better.
static void fronts_are_those_of_brute_force(void **state)
{
    (void)state;
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    for (int round = 0; round < 400; round++) {
        const int dims = 1 + round % FRONT_MOST_DIMS, n = (int)rng_below(&rng, MOST + 1);
        double points[MOST * FRONT_MOST_DIMS];
        int32_t kept[MOST];
        draw_points(&rng, n, dims, points);
        const int n_kept = front_select(points, n, dims, kept);
        int at = 0;
        for (int i = 0; i < n; i++) {
            bool stays = true;
            for (int k = 0; k < n; k++) {
                int worse = 0, equal = 0;
                for (int j = 0; j < dims; j++) {
                    worse += points[k * dims + j] > points[i * dims + j];
                    equal += points[k * dims + j] == points[i * dims + j];
                }
                stays = stays && !(worse == 0 && equal < dims) && !(equal == dims && k < i);
            }
            if (stays) {
                assert_true(at < n_kept);
                assert_int_equal(kept[at++], i);
            }
        }
        assert_int_equal(at, n_kept);
    }
}

static double volume(const double *points, int n, int dims, const double *reference)
{
    struct arena arena = {0};
    double out;
    assert_ok(front_hypervolume(points, n, dims, reference, &arena, &out));
    arena_close(&arena);
    return out;
}

static void volumes_by_hand(void **state)
{
    (void)state;
    const double one[] = {1, 1, 1, 1};
    const double line[] = {0.75, 0.25, 0.5};
    assert_true(volume(line, 3, 1, one) == 0.75);
    // Two steps of a staircase, a dominated point, a duplicate, one outside, one on the border.
    const double stairs[] = {0.25, 0.5, 0.5, 0.25, 0.75, 0.75, 0.25, 0.5, 0, 1.5, 1, 0};
    assert_true(volume(stairs, 6, 2, one) == 0.75 * 0.5 + 0.5 * 0.25);
    const double cubes[] = {0.5, 0.5, 0, 0, 0.5, 0.5, 0.5, 0, 0.5};
    // Three slabs of 1/4, every two and all three of which share an eighth.
    assert_true(volume(cubes, 3, 3, one) == 3 * 0.25 - 3 * 0.125 + 0.125);
    const double corner[] = {0.5, 0.5, 0.5, 0.5};
    assert_true(volume(corner, 1, 4, one) == 1.0 / 16);
    assert_true(volume(corner, 0, 4, one) == 0);
}

// Against the share of random points that some point dominates.
static void volumes_by_chance(void **state)
{
    (void)state;
    enum { DRAWS = 40000 };
    struct rng rng = rng_make(2, RNG_TEST, 0, 0);
    for (int round = 0; round < 30; round++) {
        const int dims = 2 + round % 3, n = 1 + (int)rng_below(&rng, 25);
        const double reference[] = {0.9, 1.0, 0.8, 0.95};
        double points[MOST * FRONT_MOST_DIMS], box = 1;
        for (int i = 0; i < n * dims; i++) {
            points[i] = (double)rng_uniform(&rng);
        }
        for (int k = 0; k < dims; k++) {
            box *= reference[k];
        }
        int hits = 0;
        for (int i = 0; i < DRAWS; i++) {
            double at[FRONT_MOST_DIMS];
            bool hit = false;
            for (int k = 0; k < dims; k++) {
                at[k] = reference[k] * (double)rng_uniform(&rng);
            }
            for (int k = 0; k < n && !hit; k++) {
                hit = front_dominates(points + (ptrdiff_t)k * dims, at, dims);
            }
            hits += hit;
        }
        const double exact = volume(points, n, dims, reference);
        const double share = exact / box, seen = (double)hits / DRAWS;
        assert_true(fabs(share - seen) < 5 * sqrt(share * (1 - share) / DRAWS) + 1e-9);
    }
}

// The order of points and dimensions does not matter, further dominated ones add nothing.
static void volumes_know_no_order(void **state)
{
    (void)state;
    struct rng rng = rng_make(3, RNG_TEST, 0, 0);
    for (int round = 0; round < 60; round++) {
        const int dims = 2 + round % 3, n = 2 + (int)rng_below(&rng, 20);
        const double reference[] = {1, 1, 1, 1};
        double points[MOST * FRONT_MOST_DIMS], turned[MOST * FRONT_MOST_DIMS];
        draw_points(&rng, n, dims, points);
        for (int i = 0; i < n; i++) {
            for (int k = 0; k < dims; k++) {
                turned[(n - 1 - i) * dims + (k + 1) % dims] = points[i * dims + k];
            }
        }
        for (int k = 0; k < dims; k++) { // behind the first one
            points[n * dims + k] = fmin(points[k] + 0.125, 1);
        }
        const double whole = volume(points, n, dims, reference);
        assert_true(fabs(volume(turned, n, dims, reference) - whole) < 1e-12);
        assert_true(fabs(volume(points, n + 1, dims, reference) - whole) < 1e-12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_better_points_dominate),
        cmocka_unit_test(fronts_are_those_of_brute_force),
        cmocka_unit_test(volumes_by_hand),
        cmocka_unit_test(volumes_by_chance),
        cmocka_unit_test(volumes_know_no_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
