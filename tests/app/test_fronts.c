// Searches with several objectives, as a user runs them: the front and its volume in what is
// printed, the same for any number of actors, and objectives that make no sense.
#include "run_program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char config[] =
    "{\"seed\": 3, \"environment\": \"tabular\","
    " \"tabular\": {\"table\": \"nasbench-macro\", \"path\": \".\", \"reward\": \"accuracy\","
    "   \"tasks\": [{\"objective\": {\"macs\": 0.3, \"form\": \"linear\", \"draws\": "
    "\"weights\"}}]},"
    " \"search\": {\"evaluations\": 40, \"start\": \"none\"},"
    " \"agent\": {\"distribution\": \"mixed\"},"
    " \"learner\": {\"mode\": \"sync\", \"imagined_batches\": 2, \"distilled_batches\": 4}}";

// Every network of the table; larger operations are better and dearer, some more than others.
static void write_table(const struct program *p)
{
    char path[PROGRAM_PATH_CHARS];
    FILE *file = fopen(program_path(p, "nas_bench_macro_cifar10_half.csv", path), "wb");
    assert_non_null(file);
    fprintf(file, "arch,params,macs,test_acc_seed1,test_acc_seed2,test_acc_seed3\n");
    for (int number = 0; number < 6561; number++) {
        char digits[9] = "";
        int macs = 100, params = 100;
        double percent = 30;
        for (int i = 7, rest = number; i >= 0; i--, rest /= 3) {
            digits[i] = (char)('0' + rest % 3);
            macs += (rest % 3) * (10 + 5 * i);
            params += (rest % 3) * (50 - 5 * i);
            percent += 8 * sqrt(rest % 3) * (i % 3 + 1) / 3;
        }
        fprintf(file, "%s,%d,%d,%.3f,%.3f,%.3f\n", digits, params, macs, percent, percent, percent);
    }
    assert_int_equal(fclose(file), 0);
}

static int open_all(void **state)
{
    const int code = program_setup(state);
    program_write(*state, "front.json", config);
    write_table(*state);
    return code;
}

static const struct json *first_task(const struct json *report)
{
    const struct json *tasks = json_get(report, "tasks");
    assert_int_equal(json_count(tasks), 1);
    return json_at(tasks, 0);
}

// The area under a staircase, from the points as printed.
static double area_of(const struct json *front, const char *cost, double whole)
{
    double area = 0, least = whole, step = 0; // from the most accurate on, costs fall
    for (int i = 0; i < json_count(front); i++) {
        step = program_number(json_at(front, i), "accuracy");
        for (int k = 0; k < json_count(front); k++) {
            const struct json *other = json_at(front, k);
            if (program_number(other, "accuracy") >= step) {
                least = fmin(least, program_number(other, cost));
            }
        }
        double next = 0;
        for (int k = i + 1; k < json_count(front); k++) {
            next = fmax(next, program_number(json_at(front, k), "accuracy"));
        }
        area += (step - next) * (1 - least / whole);
    }
    return area;
}

static void the_front_is_printed(void **state)
{
    struct program *p = *state;
    const struct json *task =
        first_task(program_json(p, "search front.json --transport inline --run-dir a --seed 1"));
    const struct json *front = json_get(task, "front");
    assert_true(json_count(front) >= 5);
    const double whole = program_number(task, "hypervolume.reference.macs");
    assert_true(whole == 100 + 2 * (8 * 10 + 5 * 28));
    assert_true(program_number(task, "hypervolume.reference.accuracy") == 0);
    assert_null(json_get(json_at(front, 0), "bytes"));
    assert_true(fabs(program_number(task, "hypervolume.macs") - area_of(front, "macs", whole)) <
                1e-9);
    assert_true(program_number(task, "hypervolume.all") > 0.1);
    program_run(p, "search front.json --transport inline --run-dir a --seed 1");
    assert_int_equal(p->exit_code, 0); // done already: the same once more
    assert_non_null(strstr(p->output, "on the front of accuracy against MACs, parameters"));
    assert_non_null(strstr(p->output, "0.3xmacs"));
}

// Drawn objectives depend on the episode's number alone.
static void actors_do_not_matter(void **state)
{
    struct program *p = *state;
    char *first = NULL;
    for (int actors = 1; actors <= 3; actors++) {
        (void)program_json(p, "search front.json --transport local --actors %d --run-dir n%d",
                           actors, actors);
        const char *from = strstr(p->output, "\"tasks\""), *end = strstr(p->output, "\"search\"");
        assert_true(from != NULL && end != NULL);
        char *part = strndup(from, (size_t)(end - from));
        if (first != NULL) {
            assert_string_equal(part, first);
            free(part);
        } else {
            first = part;
        }
    }
    free(first);
}

static void nsga2_prints_a_front_too(void **state)
{
    struct program *p = *state;
    const struct json *task = first_task(
        program_json(p, "search front.json --transport inline --run-dir b --set "
                        "search.method=nsga2 --set tabular.tasks.0.objective.macs=0 --set "
                        "tabular.tasks.0.objective.draws=nothing"));
    assert_true(json_count(json_get(task, "front")) >= 5);
    assert_true(program_number(task, "evaluations") == 40);
}

static void senseless_objectives_are_refused(void **state)
{
    struct program *p = *state;
    program_run(p, "search front.json --transport inline --run-dir c --set "
                   "tabular.tasks.0.objective.bytes=1");
    ASSERT_RUN(p, 1, "objective.bytes");
    program_run(p, "search front.json --transport inline --run-dir c --set "
                   "tabular.tasks.0.objective.form=square");
    ASSERT_RUN(p, 1, "absolute");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_front_is_printed),
        cmocka_unit_test(actors_do_not_matter),
        cmocka_unit_test(nsga2_prints_a_front_too),
        cmocka_unit_test(senseless_objectives_are_refused),
    };
    return cmocka_run_group_tests(tests, open_all, program_teardown);
}
