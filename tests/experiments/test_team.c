// How cores and GPUs are shared out among the runs of a sweep.
#include "core/machine.h"
#include "experiments/sweep_team.h"
#include "test_unit.h"

static struct sweep_options defaults(void)
{
    struct sweep_options options;
    option_defaults(sweep_command_table, &options);
    return options;
}

static void cores_are_shared_out_and_none_twice(void **state)
{
    (void)state;
    const struct sweep_options options = defaults();
    const int cores = machine_cores();
    struct arena arena = {0};
    struct sweep_team team;
    assert_ok(sweep_team_make(&options, 1000, 0, &arena, &team));
    assert_int_equal(team.n, cores);
    assert_int_equal(team.cores_each, 1);
    for (int i = 0; i < team.n; i++) {
        assert_true(team.places[i].pinned);
        assert_int_equal(CPU_COUNT(&team.places[i].cores), 1);
        assert_null(team.places[i].gpu);
        for (int j = 0; j < i; j++) {
            cpu_set_t both;
            CPU_AND(&both, &team.places[i].cores, &team.places[j].cores);
            assert_int_equal(CPU_COUNT(&both), 0);
        }
    }
    assert_ok(sweep_team_make(&options, 1, 0, &arena, &team)); // one run has them all
    assert_int_equal(team.n, 1);
    assert_int_equal(team.cores_each, cores);
    arena_close(&arena);
}

static void more_at_once_than_cores_share_them(void **state)
{
    (void)state;
    struct sweep_options options = defaults();
    struct arena arena = {0};
    struct sweep_team team;
    options.parallel = 3 * machine_cores();
    assert_ok(sweep_team_make(&options, 1000, 0, &arena, &team));
    assert_int_equal(team.n, options.parallel);
    assert_int_equal(team.cores_each, 1);
    assert_false(team.places[team.n - 1].pinned);
    options.parallel = 0;
    options.cores = machine_cores();
    assert_ok(sweep_team_make(&options, 1000, 0, &arena, &team));
    assert_int_equal(team.n, 1);
    arena_close(&arena);
}

static void each_run_has_a_gpu(void **state)
{
    (void)state;
    const struct sweep_options options = defaults();
    struct arena arena = {0};
    struct sweep_team team;
    unsetenv("CUDA_VISIBLE_DEVICES");
    assert_ok(sweep_team_make(&options, 1000, 2, &arena, &team));
    assert_int_equal(team.n, 2);
    assert_string_equal(team.places[0].gpu, "0");
    assert_string_equal(team.places[1].gpu, "1");
    setenv("CUDA_VISIBLE_DEVICES", "5,7", 1);
    assert_ok(sweep_team_make(&options, 1000, 2, &arena, &team));
    assert_string_equal(team.places[0].gpu, "5");
    assert_string_equal(team.places[1].gpu, "7");
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cores_are_shared_out_and_none_twice),
        cmocka_unit_test(more_at_once_than_cores_share_them),
        cmocka_unit_test(each_run_has_a_gpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
