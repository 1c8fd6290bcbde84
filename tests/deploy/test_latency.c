// What timing things in turn concludes, with a clock that runs as told.
#include "deploy/latency.h"
#include "test_unit.h"

#include <math.h>

static double now_s;
static int n_runs;

static double fake_clock(void)
{
    return now_s;
}

struct fake {
    double cost_s;
    double growth;   // of the cost, per second that passes: a machine that slows down
    double hiccup_s; // now and then
};

static void fake_run(void *context, int64_t number)
{
    const struct fake *fake = context;
    now_s += fake->cost_s * (1 + fake->growth * now_s) + (number % 7 == 0 ? fake->hiccup_s : 0);
    n_runs++;
}

static struct latency_result results[3];

static double measure(struct fake *fakes, double seconds)
{
    struct latency_case cases[3];
    for (int i = 0; i < 3; i++) {
        cases[i] = (struct latency_case){fake_run, &fakes[i]};
    }
    const struct latency_options options = {seconds, fake_clock};
    struct arena arena = {0};
    double difference = -1;
    now_s = 0;
    n_runs = 0;
    assert_ok(latency_measure(cases, 3, &options, &arena, results, &difference));
    arena_close(&arena);
    return difference;
}

static void equal_things_are_equal(void **state)
{
    (void)state;
    struct fake fakes[3] = {{.cost_s = 1e-3}, {.cost_s = 2e-3}, {.cost_s = 1e-3}};
    assert_true(measure(fakes, 1) < 1e-6);
    assert_true(now_s > 3 && now_s < 4); // one window and the warm-up
    assert_true(fabs(results[0].median_s - 1e-3) < 1e-9);
    assert_true(fabs(results[1].p90_s - 2e-3) < 1e-9);
    assert_true(fabs(results[0].ratio - 1) < 1e-6 && fabs(results[1].ratio - 2) < 1e-6);
    assert_true(results[1].ratio_error < 1e-6);
    assert_true(results[0].runs > 300 && results[0].runs < n_runs);
}

// What slows all down alike shows in no ratio, nor do single slow runs.
static void drift_and_hiccups_do_not_matter(void **state)
{
    (void)state;
    struct fake fakes[3] = {{1e-3, 0.3, 5e-3}, {2e-3, 0.3, 5e-3}, {1e-3, 0.3, 5e-3}};
    assert_true(measure(fakes, 2) < 0.01);
    assert_true(fabs(results[1].ratio - 2) < 0.04);
    assert_true(results[1].ratio_error > 0 && results[1].ratio_error < 0.05);
    assert_true(results[0].p90_s > 1.5 * results[0].median_s);
}

static void a_thing_unlike_itself_is_timed_longer(void **state)
{
    (void)state;
    struct fake fakes[3] = {{.cost_s = 1e-3}, {.cost_s = 2e-3}, {.cost_s = 1.05e-3}};
    assert_true(fabs(measure(fakes, 1) - 0.05) < 1e-6);
    assert_true(now_s > 3 * LATENCY_MOST_WINDOWS);
    fakes[2].cost_s = 1.015e-3; // within what is allowed
    assert_true(fabs(measure(fakes, 1) - 0.015) < 1e-6);
    assert_true(now_s < 4);
}

// Runs longer than the window are still repeated.
static void slow_things_are_repeated(void **state)
{
    (void)state;
    struct fake fakes[3] = {{.cost_s = 7}, {.cost_s = 14}, {.cost_s = 7}};
    assert_true(measure(fakes, 0.01) < 1e-6);
    assert_true(results[1].runs >= 10);
}

// However fast things are and however often the window is repeated, there is an end to what is
// kept.
static void fast_things_stop_at_the_most(void **state)
{
    (void)state;
    struct fake fakes[3] = {{.cost_s = 5e-6}, {.cost_s = 5e-6}, {.cost_s = 6e-6}};
    assert_true(measure(fakes, 1) > LATENCY_LIMIT); // so all windows were used
    for (int i = 0; i < 3; i++) {
        assert_true(results[i].runs > 100000 && results[i].runs <= 1 << 17);
    }
    struct fake slow[3] = {{.cost_s = 6e-3}, {.cost_s = 6e-3}, {.cost_s = 9e-3}};
    assert_true(measure(slow, 100) > LATENCY_LIMIT); // a run a round
    assert_int_equal(results[0].runs, 1 << 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_things_are_equal),
        cmocka_unit_test(drift_and_hiccups_do_not_matter),
        cmocka_unit_test(a_thing_unlike_itself_is_timed_longer),
        cmocka_unit_test(slow_things_are_repeated),
        cmocka_unit_test(fast_things_stop_at_the_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
