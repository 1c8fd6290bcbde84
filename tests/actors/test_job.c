// A whole job: rank 0 hands out tickets over MPI, the others act with workers that are killed,
// crash and hang. Alone, both sides are in one process.
#include "actor_harness.h"
#include "test_unit.h"

static void test_job(void **state)
{
    (void)state;
    struct harness h;
    harness_defaults(&h);
    h.ahead = 2;
    h.options.faults = "kill=0.025,segv=0.025,hang=0.001,memory=0.004";
    h.options.tries = 100;
    h.options.memory_mib = 64;
    h.options.episode_seconds = 0.5;
    h.options.first_episode_seconds = 3.0; // a start, too, on a busy machine
    const bool alone = getenv("TEST_RANKS") == NULL;
    struct harness_count count = {0};
    if (alone) {
        harness_open(&h);
    } else {
        harness_join(&h);
    }
    if (alone || h.world.rank == 0) {
        harness_run(&h, 450, &count);
        assert_int_equal(count.failures[FAILURE_NONE], 450);
        assert_true(count.tries - count.answers >= 200);
    }
    if (!alone && h.world.rank == 0) {
        harness_stop(&h);
    } else if (!alone) {
        harness_act(&h);
    }
    harness_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_job)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
