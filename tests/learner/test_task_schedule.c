// Whose turn it is: fair, within the budget, and never stuck.
#include "core/rng.h"
#include "learner/task_schedule.h"
#include "test_unit.h"

#include <math.h>

enum { TASKS = 4 };
static const double costs[TASKS] = {1.0, 2.0, 4.0, 8.0};

static void open_schedule(bool by_time, bool task_by_task, struct arena *arena,
                          struct task_schedule *out)
{
    const struct schedule_options options = {.n_tasks = TASKS,
                                             .evaluations = 50,
                                             .episodes = 120,
                                             .by_time = by_time,
                                             .task_by_task = task_by_task,
                                             .cost = costs};
    assert_ok(schedule_open(&options, arena, out));
}

static void equal_goes_round(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct task_schedule s;
    open_schedule(false, false, &arena, &s);
    for (int i = 0; i < 80; i++) {
        assert_int_equal(schedule_next(&s), i % TASKS);
    }
    assert_int_equal(schedule_remaining(&s), (50 - 20) * TASKS);
    s.finished[1] = 1;
    for (int i = 0; i < 9; i++) {
        const int expected = i % 3 == 0 ? 0 : 1 + i % 3;
        assert_int_equal(schedule_next(&s), expected);
    }
    arena_close(&arena);
}

// Ten actors' worth of tickets under way, each taking its time; candidates run dry as they do.
static void run(struct task_schedule *s, double known, int64_t *episodes, int *beyond)
{
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    int under_way[10], n = 0;
    bool gone = false;
    while (n > 0 || !gone) {
        while (n < 10 && !gone) {
            const int task = schedule_next(s);
            gone = task < 0;
            if (!gone) {
                under_way[n++] = task;
            }
        }
        const int at = (int)rng_below(&rng, (uint32_t)n);
        const int task = under_way[at];
        under_way[at] = under_way[--n];
        const bool full = s->evaluations[task] == s->options.evaluations;
        const float drawn = rng_uniform(&rng);
        *beyond += full ? 1 : 0;
        const enum episode_result result = drawn < 0.1F                          ? RESULT_FAILED
                                           : full || drawn < 0.1F + (float)known ? RESULT_KNOWN
                                                                                 : RESULT_COUNTED;
        schedule_result(s, task, result, costs[task] * 0.01);
        episodes[task]++;
        gone = false;
        if (n == 0 && schedule_all_done(s)) {
            return;
        }
    }
}

static void budgets_hold(void **state)
{
    (void)state;
    static const double known[] = {0.0, 0.3, 0.8, 0.9};
    for (int mode = 0; mode < 3; mode++) {
        for (int i = 0; i < 4; i++) {
            struct arena arena = {0};
            struct task_schedule s;
            int64_t episodes[TASKS] = {0};
            int beyond = 0;
            open_schedule(mode == 1, mode == 2, &arena, &s);
            run(&s, known[i], episodes, &beyond);
            assert_true(schedule_all_done(&s));
            assert_int_equal(schedule_next(&s), -1);
            assert_int_equal(schedule_remaining(&s), 0);
            for (int task = 0; task < TASKS; task++) {
                assert_true(episodes[task] <= 120);
                assert_true(s.evaluations[task] == 50 || episodes[task] == 120);
            }
            // Where most candidates are new, nothing is ordered beyond the budget.
            assert_true(known[i] > 0.2 || beyond == 0);
            arena_close(&arena);
        }
    }
}

// A policy that has settled: its last candidate is not searched for one episode at a time.
static void settled_tasks_get_whole_batches(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct task_schedule s;
    open_schedule(false, false, &arena, &s);
    for (int task = 1; task < TASKS; task++) {
        s.finished[task] = 1;
    }
    s.evaluations[0] = 49;
    s.episodes[0] = 100;
    assert_int_equal(schedule_next(&s), 0);
    assert_int_equal(schedule_next(&s), -1); // the one under way may be the last
    s.fresh_share[0] = 0.4;
    assert_int_equal(schedule_remaining(&s), 19);
    for (int i = 0; i < 19; i++) {
        assert_int_equal(schedule_next(&s), 0);
    }
    assert_int_equal(schedule_next(&s), -1); // episodes are a hard limit
    arena_close(&arena);
}

static void time_is_shared_out(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct task_schedule s;
    open_schedule(true, false, &arena, &s);
    for (int i = 0; i < 60; i++) {
        const int task = schedule_next(&s);
        schedule_result(&s, task, RESULT_COUNTED, 0.1 * costs[task]);
    }
    for (int task = 0; task < TASKS; task++) {
        assert_true(fabs(s.seconds[task] - s.seconds[0]) <= 0.1 * costs[TASKS - 1] + 1e-9);
    }
    assert_true(s.episodes[0] > 6 * s.episodes[3]);
    // Under way counts as well, at the time it is expected to take.
    int given[TASKS] = {0};
    for (int i = 0; i < 15; i++) {
        given[schedule_next(&s)]++;
    }
    assert_true(given[0] >= 6 && given[3] <= 2);
    arena_close(&arena);
}

static void one_task_after_the_other(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct task_schedule s;
    open_schedule(false, true, &arena, &s);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(schedule_next(&s), 0);
    }
    assert_int_equal(schedule_next(&s), -1); // not before the first is done
    assert_int_equal(schedule_remaining(&s), 0);
    for (int i = 0; i < 50; i++) {
        schedule_result(&s, 0, RESULT_COUNTED, 1.0);
    }
    assert_int_equal(schedule_next(&s), 1);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_goes_round),
        cmocka_unit_test(budgets_hold),
        cmocka_unit_test(settled_tasks_get_whole_batches),
        cmocka_unit_test(time_is_shared_out),
        cmocka_unit_test(one_task_after_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
