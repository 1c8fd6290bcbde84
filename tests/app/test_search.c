// The main job on drawn images, small enough for seconds: a search keeps to its budgets, gives the
// same bytes for any number of actors and after kill -9, and leaves networks that score.
#include "core/file.h"
#include "core/machine.h"
#include "core/row_set.h"
#include "learner/run_rows.h"
#include "run_program.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA "\"data\": {\"name\": \"shapes\", \"size\": 12, \"count\": 3000, \"classes\": [0, 6]}"
static const char config[] =
    "{\"seed\": 3,"
    " \"networks\": ["
    "  {\"name\": \"a\", \"architecture\": \"convnet\", " DATA ","
    "   \"train\": {\"epochs\": 6, \"batch\": 32, \"learning_rate\": 0.05, \"crop_pad\": 0}}],"
    " \"tasks\": [{\"macs\": 0.5}, {\"macs\": 0.3}, {\"params\": 0.4}],"
    " \"space\": {\"round_to\": 2},"
    " \"scoring\": {\"calibration_images\": 64, \"images\": 100},"
    " \"search\": {\"evaluations\": 20, \"best\": 2},"
    " \"learner\": {\"mode\": \"sync\", \"batch\": 4, \"on_policy_from\": 10},"
    " \"finetune\": {\"epochs\": 1, \"batch\": 32, \"learning_rate\": 0.02, \"crop_pad\": 0}}";

static void read_table(const struct program *p, const char *folder, enum run_table table,
                       struct arena *arena, char **rows, int64_t *n)
{
    char name[PROGRAM_PATH_CHARS];
    char path[PROGRAM_PATH_CHARS];
    const struct hdf5_table *columns = &run_tables[table];
    snprintf(name, sizeof name, "%s/run.h5", folder);
    program_path(p, name, path);
    assert_int_equal(hdf5_log_count(path, columns, n), OK);
    *rows = arena_alloc(arena, (size_t)*n, columns->row_bytes);
    assert_non_null(*rows);
    assert_int_equal(hdf5_log_read(path, columns, 0, *n, *rows), OK);
}

// All of a run that does not say who did it and how long it took.
static void assert_same_run(const struct program *p, const char *a, const char *b)
{
    static const char *const files[] = {"checkpoint.h5",
                                        "policy.safetensors",
                                        "found/a-macs0.5.safetensors",
                                        "found/a-macs0.3.safetensors",
                                        "found/a-params0.4.safetensors",
                                        "results/a-macs0.5.json"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char names[2][PROGRAM_PATH_CHARS];
        snprintf(names[0], sizeof names[0], "%s/%s", a, files[i]);
        snprintf(names[1], sizeof names[1], "%s/%s", b, files[i]);
        program_assert_same(p, names[0], names[1]);
    }
    static const enum run_table same[] = {TABLE_EPISODES, TABLE_UPDATES, TABLE_DECISIONS};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        struct arena arena = {0};
        char *rows[2];
        int64_t n[2];
        read_table(p, a, same[i], &arena, &rows[0], &n[0]);
        read_table(p, b, same[i], &arena, &rows[1], &n[1]);
        assert_int_equal(n[0], n[1]);
        assert_true(n[0] > 0);
        assert_memory_equal(rows[0], rows[1], (size_t)n[0] * run_tables[same[i]].row_bytes);
        arena_close(&arena);
    }
}

static void assert_in_budget(const struct json *report)
{
    const struct json *tasks = json_get(report, "tasks");
    static const char *const shares[] = {"macs_share", "macs_share", "params_share"};
    static const double most[] = {0.5, 0.3, 0.4};
    assert_int_equal(json_count(tasks), 3);
    for (int i = 0; i < 3; i++) {
        const struct json *task = json_at(tasks, i);
        assert_true(program_number(task, shares[i]) <= most[i]);
        assert_true(program_number(task, shares[i]) > 0.5 * most[i]);
        assert_true(program_number(task, "accuracy_found") > 0.4);
        // The widest choice of the smallest space may be known before all evaluations are spent.
        assert_true(program_number(task, "evaluations") <= 20);
    }
}

// How many rows a network file says it was trained on.
static int64_t count_rows(struct program *p, const char *file)
{
    struct row_set rows;
    const struct json *facts = program_json(p, "inspect %s", file);
    if (row_set_parse(program_string(facts, "train_rows"), &rows) != OK) {
        fail_msg("%s", status_message());
    }
    const int64_t n = row_set_count(&rows);
    row_set_close(&rows);
    return n;
}

// The run has left a page, and its report says what it said itself.
static void assert_reported(struct program *p, double accuracy)
{
    char path[PROGRAM_PATH_CHARS];
    assert_true(file_exists(program_path(p, "runs/small/report.html", path)));
    const struct json *run =
        json_at(json_get(program_json(p, "report runs/small --latency 0"), "runs"), 0);
    assert_string_equal(program_string(run, "state"), "done");
    const struct json *task = json_at(json_get(run, "tasks"), 1);
    assert_true(program_number(task, "accuracy_test") == accuracy);
    assert_true(program_number(task, "latency_ms") > 0); // measured at the end of the run
    assert_int_equal(json_count(json_get(task, "steps")), 3);
    const struct json *start = json_at(json_get(run, "starts"), 0);
    assert_string_equal(program_string(start, "command"),
                        "dikdik run small.json --transport inline --json");
    program_run(p, "report runs/none");
    ASSERT_RUN(p, 1, "runs/none/config.json");
    program_run(p, "report runs/small --csv --markdown");
    ASSERT_RUN(p, 1, "give one");
}

static void everything_in_one_process(void **state)
{
    struct program *p = *state;
    program_write(p, "small.json", config);
    const struct json *report = program_json(p, "run small.json --transport inline");
    assert_in_budget(report);
    const struct json *task = json_at(json_get(report, "tasks"), 1);
    const double accuracy = program_number(task, "accuracy_test");
    assert_true(accuracy > 0.5);
    assert_string_equal(program_string(task, "validation_images"), "unseen");
    const struct json *scored =
        program_json(p, "eval %s --data shapes --data.size 12 --data.count 3000 --data.classes 0,6",
                     "runs/small/final/a-macs0.3.safetensors");
    assert_true(program_number(scored, "accuracy") == accuracy);
    // The search scored on what training had left out, a tenth of each class by the run's seed, and
    // fine-tuning took those too.
    assert_int_equal(count_rows(p, "runs/small/networks/a.safetensors"), 540);
    assert_int_equal(count_rows(p, "runs/small/found/a-macs0.3.safetensors"), 540);
    assert_int_equal(count_rows(p, "runs/small/final/a-macs0.3.safetensors"), 600);
    // Given again, nothing is done twice.
    const struct json *again = program_json(p, "run small.json --transport inline");
    task = json_at(json_get(again, "tasks"), 1);
    assert_true(program_number(task, "accuracy_test") == accuracy);
    assert_reported(p, accuracy);
}

static void any_number_of_actors_gives_the_same_bytes(void **state)
{
    struct program *p = *state;
    program_write(p, "small.json", config);
    assert_in_budget(program_json(p, "search small.json --transport inline --run-dir inline"));
    program_json(p, "search small.json --transport local --actors 3 --run-dir local");
    assert_same_run(p, "inline", "local");
    program_json(p, "search small.json --actors 1 --run-dir one");
    assert_same_run(p, "inline", "one");
    program_json(p, "search small.json --actors 2 --run-dir two");
    assert_same_run(p, "inline", "two");
    program_json(p, "search small.json --actors 3 --run-dir three");
    assert_same_run(p, "inline", "three");
}

#define SHORT                                                                                      \
    " --search.evaluations 8 --learner.on_policy_from 4 --learner.taught_batches 10 "              \
    "--learner.distilled_batches 10 "
// Nor does it matter how many episodes each plays at once, with or without workers that die.
static void any_number_of_episodes_at_once_gives_the_same_bytes(void **state)
{
    struct program *p = *state;
    program_write(p, "small.json", config);
    program_json(p, "search small.json --transport inline --run-dir one" SHORT);
    static const char *const ways[] = {
        "--transport inline --actors.episodes 8",
        "--transport local --actors 1 --actors.episodes 3",
        "--transport local --actors 2 --actors.episodes 8",
        "--actors 2 --actors.episodes 3",
        ("--transport local --actors 2 --actors.episodes 4 --actors.tries 100 "
         "--actors.faults kill=0.01,segv=0.01"),
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        char folder[16];
        snprintf(folder, sizeof folder, "way%zu", i);
        program_json(p, "search small.json %s --run-dir %s" SHORT, ways[i], folder);
        assert_same_run(p, "one", folder);
    }
}

// Where the policy plays everything, and remembers.
static void a_policy_plays_all_episodes_of_a_batch_alike(void **state)
{
    struct program *p = *state;
    program_write(p, "small.json", config);
    static const char *const ways[] = {
        "--transport inline",
        "--transport inline --actors.episodes 3",
        "--transport local --actors 2 --actors.episodes 8",
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        char folder[16];
        snprintf(folder, sizeof folder, "way%zu", i);
        program_json(p,
                     "search small.json --learner.model none --agent.core lstm --agent.hidden 24 "
                     "--learner.batch 8 %s --run-dir %s" SHORT,
                     ways[i], folder);
        if (i > 0) {
            assert_same_run(p, "way0", folder);
        }
    }
    assert_in_budget(program_json(p, "search small.json --learner.mode async --actors.episodes 5 "
                                     "--transport local --actors 2 --run-dir async" SHORT));
}

static void a_killed_job_goes_on_to_the_same_bytes(void **state)
{
    struct program *p = *state;
    program_write(p, "small.json", config);
    program_json(p, "search small.json --transport inline --run-dir whole");
    // Each run gets a little further, so other moments are hit.
    const struct program_kills kills = {.first = 0.11, .step = 0.07, .most = 10};
    assert_true(
        program_kill_often(p, &kills,
                           "search small.json --transport local --actors 2 --run-dir killed "
                           "--learner.checkpoint_seconds 0.05") >= 3);
    program_json(p, "search small.json --transport local --actors 2 --run-dir killed");
    assert_same_run(p, "whole", "killed");
}

static void a_trained_agent_serves_a_new_budget(void **state)
{
    struct program *p = *state;
    program_write(p, "small.json", config);
    program_json(p, "search small.json --transport inline");
    const struct json *report = program_json(
        p, "search runs/small/config.json --policy runs/small --task a:macs=0.4 --tries 8 "
           "--transport inline");
    const struct json *task = json_at(json_get(report, "tasks"), 0);
    assert_string_equal(program_string(task, "task"), "a-macs0.4");
    assert_true(program_number(task, "macs_share") <= 0.4);
    assert_true(program_number(task, "evaluations") <= 8);
    // The trained run's candidates are of this network, and scored like these; with another seed or
    // other images they are not.
    program_run(p, "search runs/small/config.json --policy runs/small --task a:macs=0.35 "
                   "--tries 1 --transport inline --run-dir once");
    ASSERT_RUN(p, 0, "candidates of its run are taken over");
    program_run(p, "search runs/small/config.json --policy runs/small --task a:macs=0.35 "
                   "--tries 1 --seed 2 --transport inline --run-dir other");
    ASSERT_RUN(p, 0, "are not taken over: \"seed\" differs");
}

// Other groups, other choices, another data set: a policy needs no more than what it is shown.
static void a_trained_agent_serves_a_new_network(void **state)
{
    struct program *p = *state;
    program_write(p, "small.json", config);
    program_write(p, "other.json",
                  "{\"networks\": [{\"name\": \"b\", \"architecture\": \"resnet20\", \"data\":"
                  "  {\"name\": \"shapes\", \"size\": 16, \"count\": 600}, \"train\":"
                  "  {\"epochs\": 1, \"batch\": 32, \"crop_pad\": 0}}],"
                  " \"tasks\": [{\"macs\": 0.6}, {\"macs\": 0.7, \"params\": 0.7}],"
                  " \"space\": {\"round_to\": 4},"
                  " \"scoring\": {\"calibration_images\": 64, \"refit_images\": 64}}");
    program_json(p, "search small.json --transport inline");
    const struct json *report =
        program_json(p, "search other.json --policy runs/small --tries 5 --transport inline");
    const struct json *tasks = json_get(report, "tasks");
    assert_int_equal(json_count(tasks), 2);
    for (int i = 0; i < 2; i++) {
        const struct json *task = json_at(tasks, i);
        assert_string_equal(program_string(task, "task"), i == 0 ? "b-macs0.6" : "b-macs0.7");
        assert_true(program_number(task, "macs_share") <= (i == 0 ? 0.6 : 0.7));
        assert_true(program_number(task, "macs_share") > 0.4);
        assert_true(i == 0 || program_number(task, "params_share") <= 0.7);
        assert_in_range((int)program_number(task, "evaluations"), 1, 5);
    }
    char path[PROGRAM_PATH_CHARS];
    program_path(p, "runs/small-on-other/results/b-macs0.6.json", path);
    assert_true(file_exists(path));
    program_run(p, "search other.json --policy runs/nobody --transport inline");
    ASSERT_RUN(p, 1, "--policy runs/nobody");
    program_run(p, "search other.json --policy runs/small --environment bandit");
    ASSERT_RUN(p, 1, "trained in environment prune");
    // One output per choice serves as many choices only.
    program_json(p, "search small.json --transport inline --agent.distribution categorical "
                    "--search.evaluations 6 --run-dir each");
    program_run(p, "search other.json --policy each --transport inline");
    ASSERT_RUN(p, 1, "one for each choice");
}

static void methods_share_tasks_and_budgets(void **state)
{
    struct program *p = *state;
    static const char *const names[] = {"random", "uniform", "evolution", "amc"};
    program_write(p, "small.json", config);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_in_budget(
            program_json(p, "search small.json --transport inline --search.method %s --run-dir %s",
                         names[i], names[i]));
    }
}

// A script for mpiexec in which rank 2 sees a lesser processor.
static int run_mixed(const struct program *p, const char *mode, char *said, size_t bytes)
{
    char script[PROGRAM_PATH_CHARS], command[1024];
    program_write(
        p, "mixed.sh",
        "#!/bin/sh\n[ \"$PMI_RANK\" = 2 ] && export DNNL_MAX_CPU_ISA=AVX2\nexec \"$@\"\n");
    snprintf(
        command, sizeof command,
        "cd %s && %s -n 3 sh %s %s search small.json --run-dir mixed-%s --learner.mode %s 2>&1",
        p->folder, PROGRAM_MPIEXEC, program_path(p, "mixed.sh", script), PROGRAM_PATH, mode, mode);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    const size_t n = fread(said, 1, bytes - 1, pipe);
    said[n] = '\0';
    return pclose(pipe);
}

// oneDNN can be told to use lesser instructions, as another processor would.
static void scores_mean_the_same_everywhere(void **state)
{
    struct program *p = *state;
    char said[1 << 16];
    if (!machine_has_avx512()) {
        print_message("skipped: no AVX-512\n");
        return;
    }
    program_write(p, "small.json", config);
    assert_int_equal(run_mixed(p, "sync", said, sizeof said) == 0, 0);
    assert_non_null(strstr(said, "computes otherwise than"));
    assert_non_null(strstr(said, "avx2"));
    assert_null(strstr(said, "Abort"));
    assert_int_equal(run_mixed(p, "async", said, sizeof said), 0);
    const char *warning = strstr(said, "computes otherwise than");
    assert_non_null(warning);
    assert_null(strstr(warning + 1, "computes otherwise than")); // once

    program_run(p, "search small.json --transport inline --run-dir begun");
    ASSERT_RUN(p, 0, "");
    setenv("DNNL_MAX_CPU_ISA", "AVX2", 1);
    program_run(p, "search small.json --transport inline --run-dir begun");
    unsetenv("DNNL_MAX_CPU_ISA");
    ASSERT_RUN(p, 1, "the machine that this run began on");
    program_run(p, "search small.json --transport inline --run-dir begun");
    ASSERT_RUN(p, 0, "");
}

static void bad_input_says_what_to_do(void **state)
{
    struct program *p = *state;
    program_write(p, "none.json", "{\"networks\": [], \"tasks\": []}");
    program_run(p, "search none.json");
    ASSERT_RUN(p, 1, "networks");
    program_write(p, "small.json", config);
    program_run(p, "search small.json --set tasks.0.network=b");
    ASSERT_RUN(p, 1, "tasks[0].network");
    program_run(p,
                "search small.json --set tasks.0.macs=0.0001 --transport inline --run-dir least");
    ASSERT_RUN(p, 1, "a-macs0.0001");
    char least[PROGRAM_PATH_CHARS];
    program_path(p, "least", least);
    assert_false(file_exists(least));
    p->ranks = 3; // all of them end in order, and one says why
    program_run(p, "search small.json --set tasks.0.macs=0.0001 --run-dir least");
    ASSERT_RUN(p, 1, "a-macs0.0001");
    assert_null(strstr(p->errors, "Abort"));
    assert_null(strstr(strstr(p->errors, "a-macs0.0001") + 1, "a-macs0.0001"));
    assert_false(file_exists(least));
    p->ranks = 0;
    program_run(p, "search small.json --task c:macs=0.5");
    ASSERT_RUN(p, 1, "\"c\"");
    program_run(p, "search small.json --set networks.0.train_rows=0-9");
    ASSERT_RUN(p, 1, "networks[0].train_rows");
    program_run(p, "search small.json --set networks.0.train.all_rows=true");
    ASSERT_RUN(p, 1, "networks[0].train.all_rows");
    program_json(p, "search small.json --transport inline");
    program_run(p, "search small.json --transport inline --seed 4");
    ASSERT_RUN(p, 1, "seed");
}

// What the config says of given weights goes before what their file says.
static void rows_of_given_weights(void **state)
{
    struct program *p = *state;
#define AGAIN                                                                                      \
    "search small.json --transport inline --search.method random --search.evaluations 3 "          \
    "--set networks.0.weights=runs/small/networks/a.safetensors --run-dir "
    program_write(p, "small.json", config);
    program_json(p, "search small.json --transport inline --search.method random");
    // The file's own rows: those of the split by this seed, and also under another one.
    const struct json *report = program_json(p, AGAIN "own --seed 4");
    const struct json *task = json_at(json_get(report, "tasks"), 0);
    assert_string_equal(program_string(task, "validation_images"), "unseen");
    assert_null(strstr(p->errors, "warning"));
    report = program_json(p, AGAIN "unknown --set networks.0.train_rows=unknown");
    task = json_at(json_get(report, "tasks"), 0);
    assert_string_equal(program_string(task, "validation_images"), "unknown");
    assert_non_null(strstr(p->errors, "warning: network a"));
    program_json(p, AGAIN "said --set networks.0.train_rows=0-1999");
    assert_int_equal(count_rows(p, "said/networks/a.safetensors"), 2000);
    program_run(p, AGAIN "refused --set networks.0.train_rows=9-0");
    ASSERT_RUN(p, 1, "networks[0].train_rows: row ranges have \"9-0\"");
    program_run(p, AGAIN "refused --set networks.0.train_rows=0-2999");
    ASSERT_RUN(p, 1, "network \"a\": 0 of the 600 training images of shapes");
    program_run(p, AGAIN "refused --set networks.0.train_rows=0-3000");
    ASSERT_RUN(p, 1, "row 3000");
    char refused[PROGRAM_PATH_CHARS];
    assert_false(file_exists(program_path(p, "refused", refused)));
#undef AGAIN
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(everything_in_one_process),
        TEST(any_number_of_actors_gives_the_same_bytes),
        TEST(any_number_of_episodes_at_once_gives_the_same_bytes),
        TEST(a_policy_plays_all_episodes_of_a_batch_alike),
        TEST(a_killed_job_goes_on_to_the_same_bytes),
        TEST(a_trained_agent_serves_a_new_budget),
        TEST(a_trained_agent_serves_a_new_network),
        TEST(methods_share_tasks_and_budgets),
        TEST(rows_of_given_weights),
        TEST(scores_mean_the_same_everywhere),
        TEST(bad_input_says_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
