// As many workers as a cluster has, on one machine, sleeping most of the time: none is lost and no
// ticket with it.
#include "actor_harness.h"
#include "envs/env_list.h"
#include "test_unit.h"

#include <sys/resource.h>

// Sets one value of the environment's options.
static void set_option(char *options, const char *key, const void *value, size_t bytes)
{
    for (const struct option *row = env_sleep.options; row->key != NULL; row++) {
        if (strcmp(row->key, key) == 0) {
            memcpy(options + row->offset, value, bytes);
            return;
        }
    }
    fail_msg("the environment has no option %s", key);
}

static void test_crowd(void **state)
{
    (void)state;
    struct rlimit limit; // each worker takes two descriptors at the start
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    char *options = calloc(1, env_sleep.options_bytes);
    option_defaults(env_sleep.options, options);
    set_option(options, "seconds", &(double){2e-3}, sizeof(double));
    set_option(options, "tasks", &(int){2}, sizeof(int));
    struct harness h;
    struct harness_count count;
    harness_defaults(&h);
    h.ops = &env_sleep;
    h.config = options;
    h.n_actors = HARNESS_MOST_ACTORS;
    h.options.faults = "kill=0.01";
    h.options.tries = 20;
    harness_open(&h);
    harness_run(&h, 4 * HARNESS_MOST_ACTORS, &count);
    assert_int_equal(count.failures[FAILURE_NONE], 4 * HARNESS_MOST_ACTORS);
    harness_close(&h);
    free(options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_crowd)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
