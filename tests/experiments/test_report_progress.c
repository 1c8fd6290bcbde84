// Best rewards so far of several runs: quartiles by hand.
#include "experiments/report/report_progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { RUNS = 4, MOST = 8 };

// Evaluations 1, 2, ... with these rewards; 0: it failed.
static void fill(struct report_run *run, struct report_task *task,
                 struct report_candidate *candidates, const double *rewards, int n)
{
    *task = (struct report_task){.name = "t", .evaluations = n, .candidates = candidates};
    for (int i = 0; i < n; i++) {
        if (rewards[i] > 0) {
            candidates[task->n++] =
                (struct report_candidate){.evaluation = i + 1, .reward = rewards[i]};
        }
    }
    *run = (struct report_run){.tasks = task, .n_tasks = 1};
}

static void quartiles_of_the_best(void **state)
{
    (void)state;
    static const double rewards[RUNS][MOST] = {
        {1, 3, 2, 4, 4, 5}, // 1 3 3 4 4 5
        {2, 1, 1, 1, 6, 1}, // 2 2 2 2 6 6
        {0, 0, 4, 1, 1, 9}, // - - 4 4 4 9
        {5, 7, 1, 1},       // 5 7 7 7, then stopped
    };
    static const int evaluations[RUNS] = {6, 6, 6, 4};
    struct report_run runs[RUNS];
    struct report_task tasks[RUNS];
    struct report_candidate candidates[RUNS][MOST];
    int numbers[RUNS] = {0, 1, 2, 3}, n;
    for (int i = 0; i < RUNS; i++) {
        fill(&runs[i], &tasks[i], candidates[i], rewards[i], evaluations[i]);
    }
    const struct report report = {.n_runs = RUNS, .runs = runs};
    const struct report_group group = {.n = RUNS, .runs = numbers};
    struct report_point points[MOST];
    struct arena arena = {0};
    assert_int_equal(report_progress(&report, &group, "t", MOST, &arena, points, &n), OK);
    static const struct report_point expected[] = {{1, 3, 1.5, 2, 3.5},     {2, 3, 2.5, 3, 5},
                                                   {3, 4, 2.75, 3.5, 4.75}, {4, 4, 3.5, 4, 4.75},
                                                   {5, 3, 4, 4, 5},         {6, 3, 5.5, 6, 7.5}};
    assert_int_equal(n, 6);
    for (int i = 0; i < n; i++) {
        assert_int_equal(points[i].evaluation, expected[i].evaluation);
        assert_int_equal(points[i].runs, expected[i].runs);
        assert_true(points[i].low == expected[i].low);
        assert_true(points[i].middle == expected[i].middle);
        assert_true(points[i].high == expected[i].high);
    }
    // Fewer points: the last one is always among them.
    assert_int_equal(report_progress(&report, &group, "t", 2, &arena, points, &n), OK);
    assert_int_equal(n, 2);
    assert_int_equal(points[0].evaluation, 3);
    assert_true(points[1].evaluation == 6 && points[1].middle == 6);
    assert_int_equal(report_progress(&report, &group, "other", MOST, &arena, points, &n), OK);
    assert_int_equal(n, 0);
    arena_close(&arena);
}

static void nothing_before_the_first_score(void **state)
{
    (void)state;
    static const double rewards[] = {0, 0, 1};
    struct report_run run;
    struct report_task task;
    struct report_candidate candidates[MOST];
    int number = 0, n;
    fill(&run, &task, candidates, rewards, 3);
    const struct report report = {.n_runs = 1, .runs = &run};
    const struct report_group group = {.n = 1, .runs = &number};
    struct report_point points[MOST];
    struct arena arena = {0};
    assert_int_equal(report_progress(&report, &group, "t", MOST, &arena, points, &n), OK);
    assert_int_equal(n, 1);
    assert_int_equal(points[0].evaluation, 3);
    assert_true(points[0].low == 1 && points[0].high == 1);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(quartiles_of_the_best),
                                       cmocka_unit_test(nothing_before_the_first_score)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
