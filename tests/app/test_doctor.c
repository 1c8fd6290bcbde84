// dikdik doctor, and the correction of OpenBLAS's choice that it tells of.
#include "run_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void facts_are_there(void **state)
{
    struct program *p = *state;
    const struct json *facts = program_json(p, "doctor");
    static const char *const keys[] = {"processor",     "vectors", "vnni",
                                       "openblas_core", "backend", "mpi_launcher"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        assert_true(strlen(program_string(facts, keys[i])) > 0);
    }
    assert_true(program_number(facts, "cores") >= 1);
    assert_true(program_number(facts, "memory_gib") > 0);
    assert_true(strlen(program_string(facts, "data_sets.shapes")) > 0);
    program_run(p, "doctor");
    ASSERT_RUN(p, 0, "");
    assert_non_null(strstr(p->output, "OpenBLAS"));
}

// Two and three ranks of this host; with one a word of what to do.
static void ranks_are_measured(void **state)
{
    struct program *p = *state;
    for (p->ranks = 2; p->ranks <= 3; p->ranks++) {
        const struct json *said = program_json(p, "doctor --mpi");
        const struct json *hosts = json_get(said, "hosts"), *pairs = json_get(said, "pairs");
        const int n = p->ranks * (p->ranks - 1) / 2;
        assert_true(program_number(said, "ranks") == p->ranks);
        assert_int_equal(json_count(hosts), 1);
        assert_int_equal(json_count(json_get(json_at(hosts, 0), "ranks")), p->ranks);
        assert_int_equal(json_count(pairs), n);
        for (int i = 0; i < n; i++) {
            const struct json *pair = json_at(pairs, i);
            assert_true(program_number(pair, "a") < program_number(pair, "b"));
            assert_true(json_bool(json_get(pair, "same_host")));
            assert_true(program_number(pair, "latency_us") > 0);
            assert_true(program_number(pair, "megabytes_per_second") > 0);
        }
    }
    p->ranks = 2;
    program_run(p, "doctor --mpi");
    ASSERT_RUN(p, 0, "");
    assert_non_null(strstr(p->output, "0 - 1  same host"));
    p->ranks = 1;
    program_run(p, "doctor --mpi");
    ASSERT_RUN(p, 1, "there is only one: start several");
    p->ranks = 0;
    program_run(p, "doctor --mpi");
    ASSERT_RUN(p, 1, "mpirun -n 4 dikdik doctor --mpi");
}

// Whatever OpenBLAS chose by itself, no advice about it is left after the restart.
static void blas_core_is_corrected(void **state)
{
    struct program *p = *state;
    unsetenv("OPENBLAS_CORETYPE");
    unsetenv("DIKDIK_OPENBLAS_WAS");
    const struct json *facts = program_json(p, "doctor");
    const struct json *advice = json_get(facts, "advice");
    for (int i = 0; i < json_count(advice); i++) {
        assert_null(strstr(program_string(json_at(advice, i), "about"), "OpenBLAS"));
    }
    // A user's own choice stays.
    setenv("OPENBLAS_CORETYPE", "Prescott", 1);
    facts = program_json(p, "doctor");
    unsetenv("OPENBLAS_CORETYPE");
    assert_int_equal(strncmp(program_string(facts, "openblas_core"), "Prescott", 8), 0);
}

static void missing_data_sets_come_with_advice(void **state)
{
    struct program *p = *state;
    unsetenv("DIKDIK_DATA");
    const struct json *facts = program_json(p, "doctor");
    assert_string_equal(program_string(facts, "data_sets.cifar10"), "");
    const struct json *advice = json_get(facts, "advice");
    bool told = false;
    for (int i = 0; i < json_count(advice); i++) {
        told = told || strcmp(program_string(json_at(advice, i), "about"), "cifar10") == 0;
    }
    assert_true(told);
}

static void slurm_is_told(void **state)
{
    struct program *p = *state;
    char path[4096];
    snprintf(path, sizeof path, "%s", getenv("PATH"));
    setenv("PATH", "/nonexistent", 1); // which has no srun
    assert_null(strstr(program_string(program_json(p, "doctor"), "slurm"), "job"));
    setenv("SLURM_JOB_ID", "77", 1);
    setenv("SLURM_JOB_NODELIST", "node[3-4]", 1);
    setenv("SLURM_JOB_NUM_NODES", "2", 1);
    const struct json *facts = program_json(p, "doctor");
    const char *slurm = program_string(facts, "slurm");
    assert_non_null(strstr(slurm, "job 77, 2 hosts: node[3-4], no srun in PATH"));
    const struct json *advice = json_get(facts, "advice");
    bool told = false;
    for (int i = 0; i < json_count(advice); i++) {
        told = told || strstr(program_string(json_at(advice, i), "advice"), "--transport local");
    }
    assert_true(told);
    setenv("PATH", path, 1);
    unsetenv("SLURM_JOB_ID");
    unsetenv("SLURM_JOB_NODELIST");
    unsetenv("SLURM_JOB_NUM_NODES");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(facts_are_there, program_setup, program_teardown),
        cmocka_unit_test_setup_teardown(ranks_are_measured, program_setup, program_teardown),
        cmocka_unit_test_setup_teardown(blas_core_is_corrected, program_setup, program_teardown),
        cmocka_unit_test_setup_teardown(slurm_is_told, program_setup, program_teardown),
        cmocka_unit_test_setup_teardown(missing_data_sets_come_with_advice, program_setup,
                                        program_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
