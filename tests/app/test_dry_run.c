// dikdik run --dry-run: what it says, and that it leaves nothing behind.
#include "run_program.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DATA "\"data\": {\"name\": \"shapes\", \"size\": 12, \"count\": 1500, \"classes\": [0, 6]}"
#define TRAIN "\"train\": {\"epochs\": 2, \"batch\": 32, \"crop_pad\": 0}"
static const char prune[] =
    "{\"networks\": [\n"
    "  {\"name\": \"a\", \"architecture\": \"convnet\", " DATA ", " TRAIN "}],\n"
    " \"tasks\": [{\"macs\": 0.5}, {\"params\": 0.4}],\n"
    " \"scoring\": {\"calibration_images\": 64, \"images\": 100},\n"
    " \"search\": {\"evaluations\": 2000},\n"
    " \"finetune\": {\"epochs\": 300, \"batch\": 32, \"crop_pad\": 0}}";
static const char nas[] =
    "{\"environment\": \"nas\",\n"
    " \"networks\": [{\"name\": \"s\", " DATA ",\n"
    "  \"space\": {\"name\": \"mobile\", \"mobile\": {\"stem_width\": 8, \"head_width\": 16,\n"
    "   \"stages\": [{\"width\": [8, 16], \"depth\": [1, 2], \"kernel\": [3], \"expansion\": [2, "
    "3]}]}},\n"
    "  \"supernet\": {\"epochs\": 3, \"batch\": 32}}],\n"
    " \"tasks\": [{\"macs\": 0.6}],\n"
    " \"scoring\": {\"calibration_images\": 64, \"images\": 100},\n"
    " \"search\": {\"evaluations\": 30},\n"
    " \"finetune\": {\"epochs\": 1, \"batch\": 32}}";

// Everything that the program makes for itself goes into its own folder, too.
static int setup(void **state)
{
    const int code = program_setup(state);
    const struct program *p = *state;
    setenv("TMPDIR", p->folder, 1);
    return code;
}

static int teardown(void **state)
{
    unsetenv("TMPDIR");
    return program_teardown(state);
}

static void assert_only_config(const struct program *p)
{
    DIR *folder = opendir(p->folder);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        const char *name = entry->d_name;
        const bool known = name[0] == '.' || strcmp(name, "c.json") == 0 ||
                           strcmp(name, "output.txt") == 0 || strcmp(name, "errors.txt") == 0;
        if (!known) {
            fail_msg("%s was left behind", name);
        }
    }
    closedir(folder);
}

static double seconds_of(const struct json *report, const char *stage)
{
    char path[64];
    snprintf(path, sizeof path, "stages.%s.seconds", stage);
    return program_number(report, path);
}

static void stages_add_up_and_nothing_stays(void **state)
{
    struct program *p = *state;
    program_write(p, "c.json", prune);
    const struct json *report = program_json(p, "run c.json --dry-run");
    const double sum = seconds_of(report, "base") + seconds_of(report, "search") +
                       seconds_of(report, "rescore") + seconds_of(report, "finetune");
    assert_true(fabs(program_number(report, "seconds") - sum) < 1e-6 * sum);
    assert_true(seconds_of(report, "base") > 0 && seconds_of(report, "search") > 0);
    assert_true(program_number(report, "memory_bytes") > 1e6);
    // 300 epochs for each of two tasks, against 2 for one network.
    assert_true(seconds_of(report, "finetune") > 10 * seconds_of(report, "base"));
    const struct json *tasks = json_get(report, "tasks");
    assert_int_equal(json_count(tasks), 2);
    assert_string_equal(program_string(json_at(tasks, 0), "task"), "a-macs0.5");
    assert_true(program_number(json_at(tasks, 0), "log10_candidates") > 1);
    assert_only_config(p);
    program_run(p, "search c.json --dry-run");
    ASSERT_RUN(p, 0, "");
    assert_non_null(strstr(p->output, "\nrescore "));
    assert_null(strstr(p->output, "\nfinetune "));
    assert_non_null(strstr(p->output, "a-params0.4"));
    assert_only_config(p);
}

static void more_of_everything_takes_longer(void **state)
{
    struct program *p = *state;
    program_write(p, "c.json", prune);
    const struct json *report = program_json(p, "run c.json --dry-run --networks.0.train.epochs 1");
    const double base = seconds_of(report, "base");
    report = program_json(p, "run c.json --dry-run --networks.0.train.epochs 100");
    assert_true(seconds_of(report, "base") > 10 * base);
}

static void spaces_and_plain_environments_are_known_too(void **state)
{
    struct program *p = *state;
    program_write(p, "c.json", nas);
    const struct json *report = program_json(p, "run c.json --dry-run");
    assert_true(seconds_of(report, "base") > 0);
    const struct json *task = json_at(json_get(report, "tasks"), 0);
    assert_true(program_number(task, "decisions") > 2);
    assert_only_config(p);
    program_write(p, "c.json",
                  "{\"environment\": \"catch\", \"search\": {\"evaluations\": 5000},"
                  " \"learner\": {\"model\": \"none\"}}");
    report = program_json(p, "run c.json --dry-run");
    assert_true(seconds_of(report, "search") > 0);
    assert_null(json_get(json_get(report, "stages"), "base"));
    assert_only_config(p);
}

static void mistakes_and_signals_leave_nothing(void **state)
{
    struct program *p = *state;
    program_write(p, "c.json", prune);
    program_run(p, "run c.json --dry-run --tasks.0.macs 0.0001");
    ASSERT_RUN(p, 1, "the least possible");
    assert_only_config(p);
    program_run(p,
                "run c.json --dry-run --networks.0.data.name idx --networks.0.data.path /nowhere");
    ASSERT_RUN(p, 1, "");
    assert_only_config(p);
    p->end_seconds = 0.4;
    program_run(p, "run c.json --dry-run --networks.0.data.count 20000");
    assert_true(p->exit_code == 130 || p->exit_code == 0);
    assert_only_config(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stages_add_up_and_nothing_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(more_of_everything_takes_longer, setup, teardown),
        cmocka_unit_test_setup_teardown(spaces_and_plain_environments_are_known_too, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(mistakes_and_signals_leave_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
