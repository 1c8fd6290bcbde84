// Searches on made-up tables of known results: every method that tries candidates finds good ones
// and says by how much it missed the best; the same bytes for any number of actors.
#include "tests/envs/tabular_files.h"
#include "run_program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char cells[] =
    "{\"environment\": \"tabular\", \"tabular\": {\"search_on\": \"final\"},"
    " \"search\": {\"evaluations\": 24, \"start\": \"none\"},"
    " \"agent\": {\"distribution\": \"categorical\"}, \"learner\": {\"mode\": \"sync\", "
    "\"distilled_batches\": 5}}";
static const char networks[] =
    "{\"environment\": \"tabular\", \"tabular\": {\"table\": \"nasbench-macro\","
    "  \"search_on\": \"final\", \"tasks\": [{}, {\"macs\": 0.5}]},"
    " \"search\": {\"evaluations\": 24, \"start\": \"none\"},"
    " \"agent\": {\"distribution\": \"categorical\"}, \"learner\": {\"mode\": \"sync\", "
    "\"distilled_batches\": 5}}";
static const char *const searching[] = {"impala", "bayes", "evolution", "local", "copy", "random"};

static int setup(void **state)
{
    const int code = program_setup(state);
    const struct program *p = *state;
    program_write(p, "cells.json", cells);
    program_write(p, "networks.json", networks);
    tabular_files_nasbench201(p->folder);
    tabular_files_macro(p->folder);
    return code != 0 ? code : setenv("DIKDIK_DATA", p->folder, 1);
}

static double best_cell(int data)
{
    double best = 0;
    for (int number = 0; number < 15625; number++) {
        const double value = tabular_files_final(number, data);
        best = tabular_files_equal(number) == number && value > best ? value : best;
    }
    return best;
}

static void all_methods_search_cells(void **state)
{
    static const char *const names[] = {"cifar10", "cifar100", "imagenet16-120"};
    struct program *p = *state;
    for (size_t m = 0; m < sizeof searching / sizeof searching[0]; m++) {
        const struct json *report =
            program_json(p, "search cells.json --transport inline --search.method %s --run-dir %s",
                         searching[m], searching[m]);
        const struct json *tasks = json_get(report, "tasks");
        assert_int_equal(json_count(tasks), 3);
        for (int i = 0; i < 3; i++) {
            const struct json *task = json_at(tasks, i);
            const double best = program_number(task, "best_known");
            const double score = program_number(task, "score");
            assert_string_equal(program_string(task, "task"), names[i]);
            assert_true(fabs(best - best_cell(i)) < 1e-9);
            assert_true(fabs(program_number(task, "regret") - (best - score)) < 1e-9);
            assert_true(score <= best && score > 0.7); // their mean is below 0.6
            assert_int_equal((int)program_number(task, "evaluations"), 24);
            assert_string_equal(program_string(task, "search_ended"), "evaluations");
            assert_int_equal(program_string(task, "choice")[0], '|');
        }
    }
}

static void all_methods_search_networks(void **state)
{
    struct program *p = *state;
    for (size_t m = 0; m < sizeof searching / sizeof searching[0]; m++) {
        const struct json *report = program_json(
            p, "search networks.json --transport inline --search.method %s --run-dir n-%s",
            searching[m], searching[m]);
        const struct json *task = json_at(json_get(report, "tasks"), 1);
        const long full = tabular_files_macro_macs(6560); // all digits 2
        assert_string_equal(program_string(task, "task"), "cifar10-macs0.5");
        assert_true(program_number(task, "macs") <= 0.5 * (double)full);
        assert_true(program_number(task, "regret") >= 0);
        const int number = (int)strtol(program_string(task, "choice"), NULL, 3);
        assert_true(program_number(task, "score") - tabular_files_macro_final(number) < 1e-9);
        assert_true(tabular_files_macro_known(number));
    }
}

static void any_number_of_actors_gives_the_same(void **state)
{
    struct program *p = *state;
    program_json(p, "search cells.json --transport inline --run-dir one");
    program_json(p, "search cells.json --transport local --actors 3 --run-dir three");
    program_assert_same(p, "one/checkpoint.h5", "three/checkpoint.h5");
    program_assert_same(p, "one/policy.safetensors", "three/policy.safetensors");
}

static void people_read_a_table(void **state)
{
    struct program *p = *state;
    program_run(p, "search networks.json --transport inline --search.method local --run-dir t");
    ASSERT_RUN(p, 0, "");
    assert_non_null(strstr(p->output, "best there is"));
    assert_non_null(strstr(p->output, "cifar10-macs0.5"));
}

static void a_missing_table_is_named(void **state)
{
    struct program *p = *state;
    program_run(p, "search cells.json --transport inline --tabular.path elsewhere --run-dir e");
    ASSERT_RUN(p, 1, "elsewhere");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_methods_search_cells, setup, program_teardown),
        cmocka_unit_test_setup_teardown(all_methods_search_networks, setup, program_teardown),
        cmocka_unit_test_setup_teardown(any_number_of_actors_gives_the_same, setup,
                                        program_teardown),
        cmocka_unit_test_setup_teardown(people_read_a_table, setup, program_teardown),
        cmocka_unit_test_setup_teardown(a_missing_table_is_named, setup, program_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
