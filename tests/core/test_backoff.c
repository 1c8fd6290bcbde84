// Waiting by polling: it sleeps, sleeps longer, and wakes up for a descriptor.
#include "core/backoff.h"
#include "core/clock.h"
#include "test_unit.h"

#include <time.h>
#include <unistd.h>

static int waits_in(double seconds)
{
    struct backoff backoff = {0};
    const double start = clock_seconds();
    int waits = 0;
    for (; clock_seconds() - start < seconds; waits++) {
        backoff_wait(&backoff);
    }
    return waits;
}

static double cpu_seconds(void)
{
    struct timespec used;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
    return (double)used.tv_sec + 1e-9 * (double)used.tv_nsec;
}

static void test_sleeps_longer(void **state)
{
    (void)state;
    const double cpu = cpu_seconds();
    const int waits = waits_in(0.3);
    assert_true(waits < 3000); // were every sleep the shortest, there would be room for 6000
    assert_true(cpu_seconds() - cpu < 0.15);
}

static void test_descriptor(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const int descriptors[] = {-1, ends[0]};
    struct backoff backoff = {.waiting = true, .since = clock_seconds() - 100.0};
    assert_int_equal(write(ends[1], "x", 1), 1);
    const double start = clock_seconds();
    for (int i = 0; i < 1000; i++) { // two seconds if it slept
        backoff_wait_on(&backoff, descriptors, 2);
    }
    assert_true(clock_seconds() - start < 1.9);
    backoff_reset(&backoff);
    assert_false(backoff.waiting);
    backoff_wait_on(&backoff, NULL, 0);
    assert_true(backoff.waiting);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sleeps_longer),
        cmocka_unit_test(test_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
