// NSGA-II: sorting against brute force, crowding by hand, and the fronts it finds.
#include "core/log.h"
#include "core/rng.h"
#include "learner/learner_front.h"
#include "learner/methods/nondominated.h"
#include "loop_case.h"
#include "test_unit.h"

#include <math.h>

enum { MOST = 60 };

// Ranks by taking one front away after the other.
static void peel(const double *points, int n, int dims, int32_t *rank)
{
    for (int i = 0; i < n; i++) {
        rank[i] = -1;
    }
    for (int level = 0, left = n; left > 0; level++) {
        int32_t now[MOST];
        int found = 0;
        for (int i = 0; i < n; i++) {
            bool stays = rank[i] < 0;
            for (int k = 0; k < n && stays; k++) {
                stays = rank[k] >= 0 || !front_dominates(points + (ptrdiff_t)k * dims,
                                                         points + (ptrdiff_t)i * dims, dims);
            }
            if (stays) {
                now[found++] = i;
            }
        }
        for (int i = 0; i < found; i++) {
            rank[now[i]] = level;
        }
        left -= found;
    }
}

static void ranks_are_those_of_brute_force(void **state)
{
    (void)state;
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    struct arena arena = {0};
    int deepest = 0;
    for (int round = 0; round < 400; round++) {
        const int dims = 1 + round % FRONT_MOST_DIMS, n = (int)rng_below(&rng, MOST + 1);
        double points[MOST * FRONT_MOST_DIMS];
        int32_t rank[MOST], expected[MOST];
        for (int i = 0; i < n * dims; i++) {
            points[i] = rng_below(&rng, 9) / 4.0; // with ties and duplicates
        }
        assert_ok(nondominated_rank(points, n, dims, &arena, rank));
        peel(points, n, dims, expected);
        for (int i = 0; i < n; i++) {
            assert_int_equal(rank[i], expected[i]);
            deepest = rank[i] > deepest ? rank[i] : deepest;
        }
        arena_reset(&arena);
    }
    assert_true(deepest >= 5);
    arena_close(&arena);
}

// Five points of one front, one behind it: gaps as shares of the front's own range.
static void crowding_by_hand(void **state)
{
    (void)state;
    static const double points[] = {0, 10, 1, 6, 3, 5, 7, 1, 8, 0, 9, 11};
    struct arena arena = {0};
    int32_t rank[6];
    double distance[6];
    assert_ok(nondominated_rank(points, 6, 2, &arena, rank));
    assert_ok(nondominated_crowding(points, 6, 2, rank, &arena, distance));
    assert_int_equal(rank[5], 1);
    assert_true(isinf(distance[0]) && isinf(distance[4]) && isinf(distance[5]));
    assert_true(fabs(distance[1] - (3.0 / 8 + 5.0 / 10)) < 1e-12);
    assert_true(fabs(distance[2] - (6.0 / 8 + 5.0 / 10)) < 1e-12);
    assert_true(fabs(distance[3] - (5.0 / 8 + 5.0 / 10)) < 1e-12);
    static const double same[] = {1, 1, 1, 1, 1, 1};
    assert_ok(nondominated_rank(same, 3, 2, &arena, rank));
    assert_ok(nondominated_crowding(same, 3, 2, rank, &arena, distance));
    assert_true(isinf(distance[0]) && distance[1] == 0 && isinf(distance[2]));
    arena_close(&arena);
}

// Mean volume of the fronts of all tasks, over seeds.
static double volume(const struct method_ops *method, int evaluations)
{
    struct arena arena = {0};
    double sum = 0.0;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct loop_case c;
        loop_case_defaults(&c);
        c.method = method;
        c.known = true;
        c.n_tasks = GAME_TASKS;
        c.n_weights = 0;
        c.seed = seed;
        c.search.evaluations = evaluations;
        assert_ok(loop_case_open(&c));
        assert_ok(loop_case_run(&c, false));
        for (int task = 0; task < c.n_tasks; task++) {
            struct learner_front front;
            assert_ok(learner_front(c.opened, task, &arena, &front));
            assert_int_equal(learner_evaluations(c.opened, task), evaluations);
            sum += front.volume_all / (3 * GAME_TASKS);
        }
        loop_case_close(&c);
    }
    arena_close(&arena);
    return sum;
}

static void its_fronts_are_wider(void **state)
{
    (void)state;
    const double random = volume(&method_random, 150), evolution = volume(&method_evolution, 150);
    const double nsga2 = volume(&method_nsga2, 150);
    if (!(nsga2 > random + 0.01 && nsga2 > evolution + 0.01)) {
        fail_msg("nsga2 %g, random %g, evolution %g", nsga2, random, evolution);
    }
}

int main(void)
{
    log_set_level(LOG_QUIET);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_those_of_brute_force),
        cmocka_unit_test(crowding_by_hand),
        cmocka_unit_test(its_fronts_are_wider),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
