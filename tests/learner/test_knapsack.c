// Dynamic programming against trying everything, alone and as the best combination of a task.
#include "core/rng.h"
#include "learner/methods/combination.h"
#include "loop_case.h"
#include "test_unit.h"

#include <math.h>

enum { ITEMS = 5, CHOICES = 6, CASES = 40 };

// The least loss within the limit, over all combinations of items from `item` on.
static double try_all(const struct knapsack *k, int item, const int *n_choices, double limit)
{
    double best = item == ITEMS ? 0.0 : (double)INFINITY;
    for (int c = 0; item < ITEMS && c < n_choices[item]; c++) {
        const size_t at = (size_t)item * CHOICES + (size_t)c;
        if (k->cost[at] <= limit + 1e-12) {
            best = fmin(best, k->loss[at] + try_all(k, item + 1, n_choices, limit - k->cost[at]));
        }
    }
    return best;
}

static void finds_the_least_loss(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct knapsack k;
    int feasible = 0;
    assert_ok(knapsack_open(ITEMS, CHOICES, &arena, &k));
    for (int test = 0; test < CASES; test++) {
        struct rng rng = rng_make(3, RNG_TEST, (uint64_t)test, 0);
        int n_choices[ITEMS];
        int16_t choices[ITEMS];
        for (int i = 0; i < ITEMS; i++) {
            n_choices[i] = 1 + (int)rng_below(&rng, CHOICES);
            for (int c = 0; c < CHOICES; c++) { // whole units of a limit of 2
                k.cost[i * CHOICES + c] = 2.0 * rng_below(&rng, 32) / 64.0;
                k.loss[i * CHOICES + c] = (double)rng_uniform(&rng);
            }
        }
        knapsack_solve(&k, ITEMS, n_choices, 2.0, choices);
        double cost = 0.0, loss = 0.0;
        for (int i = 0; i < ITEMS; i++) {
            assert_in_range(choices[i], 0, n_choices[i] - 1);
            cost += k.cost[i * CHOICES + choices[i]];
            loss += k.loss[i * CHOICES + choices[i]];
        }
        const double best = try_all(&k, 0, n_choices, 2.0);
        if (isfinite(best)) {
            feasible++;
            assert_true(cost <= 2.0 + 1e-12);
            assert_float_equal(loss, best, 1e-12);
        }
    }
    assert_true(feasible > CASES / 2);
    arena_close(&arena);
}

static void nothing_fits(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct knapsack k;
    static const int n_choices[] = {2, 2};
    int16_t choices[2] = {1, 1};
    assert_ok(knapsack_open(2, 2, &arena, &k));
    for (int i = 0; i < 4; i++) {
        k.cost[i] = 0.75;
    }
    knapsack_solve(&k, 2, n_choices, 1.0, choices);
    assert_int_equal(choices[0] + choices[1], 0);
    choices[0] = 1;
    knapsack_solve(&k, 2, n_choices, 0.0, choices);
    assert_int_equal(choices[0] + choices[1], 0);
    arena_close(&arena);
}

static double best_of_all(const struct combination *c, int task, int16_t *choices, int group)
{
    const struct candidate_space *space = c->space;
    if (group == GAME_GROUPS) {
        return space->holds(space->context, task, choices) ? combination_loss(c, task, choices)
                                                           : (double)INFINITY;
    }
    double best = (double)INFINITY;
    for (int i = 0; i < GAME_CHOICES; i++) {
        choices[group] = (int16_t)i;
        best = fmin(best, best_of_all(c, task, choices, group + 1));
    }
    return best;
}

// Losses that fall and bend as damage does.
static void combines_within_the_budget(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct combination c;
    assert_ok(combination_open(game_space(GAME_MOST_TASKS), &arena, &c));
    for (int task = 0; task < GAME_MOST_TASKS; task++) {
        struct rng rng = rng_make(4, RNG_TEST, (uint64_t)task, 0);
        int16_t choices[GAME_GROUPS], all[GAME_GROUPS];
        for (int i = 0; i < GAME_GROUPS; i++) {
            const double scale = exp((double)rng_normal(&rng));
            for (int k = 0; k < GAME_CHOICES; k++) {
                c.knapsack.loss[i * GAME_CHOICES + k] = scale * pow(GAME_CHOICES - 1 - k, 1.7);
            }
        }
        combination_find(&c, task, choices);
        assert_true(c.space->holds(NULL, task, choices));
        const double best = best_of_all(&c, task, all, 0);
        const double loss = combination_loss(&c, task, choices);
        if (!(loss <= 1.02 * best)) { // rounded costs may miss the very best
            fail_msg("task %d: %g, best %g", task, loss, best);
        }
    }
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_least_loss),
        cmocka_unit_test(nothing_fits),
        cmocka_unit_test(combines_within_the_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
