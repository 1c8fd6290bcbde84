// Sweeps as a user runs them: tables, statistics, going on after a kill or an interrupt, failures,
// halving, refusals.
#include "core/file.h"
#include "core/hdf5_file.h"
#include "run_program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BANDIT                                                                                     \
    "\"environment\": \"bandit\", \"search\": {\"evaluations\": 30}, \"learner\": {\"mode\": "     \
    "\"sync\", \"batch\": 2, \"lag\": 0}"
// An episode takes long enough for a sweep to be caught in the middle of it.
#define SLEEP                                                                                      \
    "\"environment\": \"sleep\", \"sleep\": {\"seconds\": 0.01}, \"search\": {\"evaluations\": "   \
    "12, \"episodes\": 16}, \"learner\": {\"mode\": \"sync\", \"batch\": 4, \"lag\": 0}"
#define TWO_BY_THREE                                                                               \
    "\"sweep\": {\"learner.learning_rate\": [0.001, 0.1], \"seed\": \"1..3\", \"transport\": "     \
    "\"inline\"}"

static const struct json *element(const struct json *object, const char *key, int i)
{
    const struct json *list = json_get(object, key);
    assert_non_null(list);
    assert_true(i < json_count(list));
    return json_at(list, i);
}

// The score that a run has left in its own report.
static double score_of(const struct program *p, const char *label)
{
    char name[160], path[PROGRAM_PATH_CHARS];
    struct json *report;
    snprintf(name, sizeof name, "s/runs/%s/report.json", label);
    assert_int_equal(json_read_file(program_path(p, name, path), &report), OK);
    const double score = json_number(element(report, "scores", 0));
    json_close(report);
    return score;
}

static void a_grid_has_a_row_per_setting(void **state)
{
    struct program *p = *state;
    program_write(p, "grid.json", "{" BANDIT ", " TWO_BY_THREE "}");
    const struct json *out = program_json(p, "sweep grid.json --sweep-dir s");
    assert_string_equal(program_string(out, "name"), "grid");
    assert_int_equal(json_count(json_get(out, "runs")), 6);
    assert_int_equal(json_count(json_get(out, "groups")), 2);
    assert_int_equal(json_count(json_get(out, "importance")), 1);
    double scores[3];
    for (int seed = 1; seed <= 3; seed++) {
        char label[64];
        snprintf(label, sizeof label, "learning_rate=0.1,seed=%d", seed);
        scores[seed - 1] = score_of(p, label);
        assert_string_equal(program_string(element(out, "runs", 2 + seed), "run"), label);
        assert_string_equal(program_string(element(out, "runs", 2 + seed), "state"), "done");
    }
    const struct json *group = element(out, "groups", 1);
    const double mean = (scores[0] + scores[1] + scores[2]) / 3;
    assert_true(fabs(program_number(group, "all.mean") - mean) < 1e-12);
    assert_int_equal((int)program_number(group, "all.runs"), 3);
    assert_true(program_number(group, "all.iqm_low") <= program_number(group, "all.iqm"));
    assert_true(program_number(group, "all.iqm_high") >= program_number(group, "all.iqm"));
}

// The file that others read, as its header comment describes it.
static void the_hdf5_file_is_as_described(void **state)
{
    struct program *p = *state;
    char path[PROGRAM_PATH_CHARS];
    struct hdf5_file *file;
    struct hdf5_array array;
    program_write(p, "grid.json", "{" BANDIT ", " TWO_BY_THREE "}");
    program_run(p, "sweep grid.json --sweep-dir s");
    ASSERT_RUN(p, 0, "");
    assert_int_equal(hdf5_open(program_path(p, "s/sweep.h5", path), &file), OK);
    assert_int_equal(hdf5_describe(file, "runs/label", &array), OK);
    assert_int_equal(array.n_dims, 2);
    assert_int_equal(array.dims[0], 6);
    const int64_t width = array.dims[1];
    char labels[6 * 64];
    assert_true(array.count <= sizeof labels);
    assert_int_equal(hdf5_read(file, "runs/label", HDF5_U8, array.count, labels), OK);
    assert_memory_equal(labels + 3 * width, "learning_rate=0.1,seed=1", 24);
    int32_t states[6], settings[6];
    uint64_t seeds[6];
    double scores[6], mean[2 * 2], importance[2];
    assert_int_equal(hdf5_read(file, "runs/state", HDF5_I32, 6, states), OK);
    assert_int_equal(hdf5_read(file, "runs/setting", HDF5_I32, 6, settings), OK);
    assert_int_equal(hdf5_read(file, "runs/seed", HDF5_U64, 6, seeds), OK);
    assert_int_equal(hdf5_read(file, "runs/score", HDF5_F64, 6, scores), OK);
    assert_int_equal(hdf5_read(file, "groups/mean", HDF5_F64, 4, mean), OK);
    assert_int_equal(hdf5_read(file, "options/importance", HDF5_F64, 2, importance), OK);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(states[i], 1);
        assert_int_equal(settings[i], i / 3);
        assert_int_equal(seeds[i], i % 3 + 1);
    }
    assert_true(scores[4] == score_of(p, "learning_rate=0.1,seed=2"));
    assert_true(fabs(mean[3] - (scores[3] + scores[4] + scores[5]) / 3) < 1e-12);
    assert_true(mean[2] == mean[3]); // one task: its column and that of all
    assert_true(isnan(importance[1]));
    hdf5_close(file);
}

// The sweep of s, done without a break into whole/ and with one into broken/.
static void compare_with_whole(struct program *p)
{
    program_run(p, "sweep slow.json --sweep-dir whole");
    ASSERT_RUN(p, 0, "");
    program_assert_same(p, "whole/sweep.csv", "broken/sweep.csv");
    program_assert_same(p, "whole/sweep.h5", "broken/sweep.h5");
}

static void a_killed_sweep_goes_on_to_the_same_table(void **state)
{
    struct program *p = *state;
    char path[PROGRAM_PATH_CHARS];
    program_write(p, "slow.json", "{" SLEEP ", " TWO_BY_THREE "}");
    p->end_file = "broken/results/learning_rate=0.001,seed=2.json";
    p->kill_seconds = 0.05;
    program_run(p, "sweep slow.json --sweep-dir broken --parallel 1");
    assert_int_equal(p->exit_code, 128 + 9);
    p->end_file = NULL;
    p->kill_seconds = 0;
    struct stat before, after;
    const char *first = program_path(p, "broken/results/learning_rate=0.001,seed=1.json", path);
    assert_int_equal(stat(first, &before), 0);
    program_run(p, "sweep slow.json --sweep-dir broken --parallel 2");
    ASSERT_RUN(p, 0, "");
    assert_int_equal(stat(first, &after), 0);
    assert_true(before.st_ino == after.st_ino); // what was done is not done again
    compare_with_whole(p);
}

static void an_interrupted_sweep_goes_on_to_the_same_table(void **state)
{
    struct program *p = *state;
    program_write(p, "slow.json", "{" SLEEP ", " TWO_BY_THREE "}");
    p->end_file = "broken/results/learning_rate=0.001,seed=1.json";
    program_run(p, "sweep slow.json --sweep-dir broken --parallel 2");
    ASSERT_RUN(p, 130, "interrupted");
    p->end_file = NULL;
    char path[PROGRAM_PATH_CHARS];
    assert_true(file_exists(program_path(p, "broken/sweep.csv", path))); // of what was done
    program_run(p, "sweep slow.json --sweep-dir broken");
    ASSERT_RUN(p, 0, "");
    compare_with_whole(p);
}

static void a_failed_run_stops_no_other(void **state)
{
    struct program *p = *state;
    program_write(p, "some.json",
                  "{" BANDIT
                  ", \"sweep\": {\"variants\": {\"lost\": {\"environment\": \"tabular\", "
                  "\"tabular.path\": \"nowhere\"}, \"good\": {}, \"late\": {\"policy\": "
                  "\"{sweep}/runs/variant=lost,seed={seed}\"}},"
                  " \"seed\": [1, 2], \"transport\": \"inline\"}}");
    program_run(p, "sweep some.json --sweep-dir s --json");
    ASSERT_RUN(p, 2, "4 of 6 runs failed, the first variant=lost,seed=1");
    assert_non_null(strstr(p->errors, "nowhere"));
    struct json *out;
    assert_int_equal(json_parse(p->output, strlen(p->output), "output", &out), OK);
    for (int i = 0; i < 6; i++) {
        const struct json *run = element(out, "runs", i);
        const bool good = i == 2 || i == 3;
        assert_string_equal(program_string(run, "state"), good ? "done" : "failed");
        assert_true((program_string(run, "reason")[0] == '\0') == good);
    }
    assert_non_null(strstr(program_string(element(out, "runs", 4), "reason"), "policy"));
    assert_int_equal((int)program_number(element(out, "groups", 0), "failed"), 2);
    assert_int_equal((int)program_number(element(out, "groups", 1), "done"), 2);
    json_close(out);
}

static void a_run_takes_the_policy_of_another(void **state)
{
    struct program *p = *state;
    program_write(p, "chain.json",
                  "{" BANDIT ", \"sweep\": {\"variants\": {\"tries\": {\"policy\": "
                  "\"{sweep}/runs/variant=trained,seed={seed}\", \"tries\": 4}, \"trained\": {}},"
                  " \"seed\": [1, 2], \"transport\": \"inline\"}}");
    const struct json *out = program_json(p, "sweep chain.json --sweep-dir s");
    for (int i = 0; i < 4; i++) {
        assert_string_equal(program_string(element(out, "runs", i), "state"), "done");
    }
    program_run(p, "sweep chain.json --sweep-dir s");
    ASSERT_RUN(p, 0, "4 of 4 runs are done already");
}

static void another_config_is_refused(void **state)
{
    struct program *p = *state;
    program_write(p, "grid.json", "{" BANDIT ", " TWO_BY_THREE "}");
    program_run(p, "sweep grid.json --sweep-dir s");
    ASSERT_RUN(p, 0, "");
    program_run(p, "sweep grid.json --sweep-dir s --set learner.batch=3");
    ASSERT_RUN(p, 1, "has begun with learner.batch = 2, and here it is 3");
    program_run(p, "sweep grid.json --sweep-dir s --set search.evaluations=40");
    ASSERT_RUN(p, 1, "has begun with search.evaluations = 30, and here it is 40");
    program_run(p, "sweep grid.json --sweep-dir s --command search");
    ASSERT_RUN(p, 1, "another config or command");
    // More of the same goes on with what there is, and so does what shapes no result.
    const struct json *out = program_json(
        p, "sweep grid.json --sweep-dir s --set seed=1..4 --set actors.tries=5 --parallel 1");
    assert_int_equal(json_count(json_get(out, "runs")), 8);
    assert_int_equal((int)program_number(element(out, "groups", 0), "done"), 4);
}

static void halving_stops_the_worse_half(void **state)
{
    struct program *p = *state;
    program_write(p, "halving.json",
                  "{" BANDIT ", \"sweep\": {\"kind\": \"halving\", \"rungs\": [4, 8, 16],"
                  " \"learner.learning_rate\": [0.0001, 0.01, 0.1, 0.3], \"seed\": [1, 2],"
                  " \"transport\": \"inline\"}}");
    const struct json *out = program_json(p, "sweep halving.json --sweep-dir s");
    int at_rung[3] = {0}, stopped = 0;
    double best_stopped = 0, least_kept = 1;
    for (int i = 0; i < 4; i++) {
        const struct json *group = element(out, "groups", i);
        const int rung = (int)program_number(group, "rung");
        at_rung[rung == 4 ? 0 : rung == 8 ? 1 : 2]++;
    }
    for (int i = 0; i < 8; i++) {
        const struct json *run = element(out, "runs", i);
        const bool ended = strcmp(program_string(run, "state"), "stopped") == 0;
        stopped += ended ? 1 : 0;
        assert_true(ended == (program_number(run, "rung") < 16));
    }
    assert_int_equal(at_rung[0], 2);
    assert_int_equal(at_rung[1], 1);
    assert_int_equal(at_rung[2], 1);
    assert_int_equal(stopped, 6);
    // Those that went on from the first rung were the better ones there.
    for (int i = 0; i < 4; i++) {
        static const char *const rates[] = {"0.0001", "0.01", "0.1", "0.3"};
        double sum = 0;
        for (int seed = 1; seed <= 2; seed++) {
            char name[160], path[PROGRAM_PATH_CHARS];
            struct json *record;
            snprintf(name, sizeof name, "s/results/learning_rate=%s,seed=%d.e4.json", rates[i],
                     seed);
            assert_int_equal(json_read_file(program_path(p, name, path), &record), OK);
            sum += program_number(element(record, "tasks", 0), "score") / 2;
            json_close(record);
        }
        const bool kept = program_number(element(out, "groups", i), "rung") > 4;
        least_kept = kept && sum < least_kept ? sum : least_kept;
        best_stopped = !kept && sum > best_stopped ? sum : best_stopped;
    }
    assert_true(least_kept >= best_stopped);
    // Given again, nothing is left to do, and the table is the same.
    char path[PROGRAM_PATH_CHARS], other[PROGRAM_PATH_CHARS];
    assert_int_equal(rename(program_path(p, "s/sweep.h5", path), program_path(p, "old", other)), 0);
    program_run(p, "sweep halving.json --sweep-dir s");
    ASSERT_RUN(p, 0, "");
    program_assert_same(p, "s/sweep.h5", "old");
}

static void a_dry_run_writes_nothing(void **state)
{
    struct program *p = *state;
    char path[PROGRAM_PATH_CHARS];
    program_write(p, "grid.json", "{" BANDIT ", " TWO_BY_THREE "}");
    program_run(p, "sweep grid.json --sweep-dir s --dry-run");
    ASSERT_RUN(p, 0, "");
    assert_non_null(strstr(p->output, "learning_rate=0.1,seed=3"));
    assert_non_null(strstr(p->output, "6 runs of 2 settings"));
    program_run(p, "sweep grid.json --sweep-dir s --dry-run --slurm --cores 3 --parallel 4 "
                   "--slurm-options --gres=gpu:1");
    ASSERT_RUN(p, 1, "slurm-options"); // a word that begins with dashes needs its =
    program_run(p, "sweep grid.json --sweep-dir s --dry-run --slurm --cores 3 --parallel 4 "
                   "--slurm-options=--gres=gpu:1");
    ASSERT_RUN(p, 0, "");
    assert_non_null(strstr(p->output, "#SBATCH --array=0-5%4\n"));
    assert_non_null(strstr(p->output, "--cpus-per-task=3\n"));
    assert_non_null(strstr(p->output, "#SBATCH --gres=gpu:1\n"));
    assert_non_null(strstr(p->output, "--member \"$SLURM_ARRAY_TASK_ID\""));
    assert_false(file_exists(program_path(p, "s", path)));
}

// A sweep in a file of its own, and the parts of a job array one after the other.
static void members_make_the_same_table(void **state)
{
    struct program *p = *state;
    char path[PROGRAM_PATH_CHARS];
    assert_int_equal(mkdir(program_path(p, "sweeps", path), 0777), 0);
    program_write(p, "base.json", "{" BANDIT ", \"name\": \"base\"}");
    program_write(p, "sweeps/own.json",
                  "{\"learner\": {\"mode\": \"sync\", \"batch\": 3, \"lag\": 0}, \"sweep\": "
                  "{\"config\": \"../base.json\", \"seed\": \"1..3\", \"transport\": \"inline\"}}");
    const struct json *out = program_json(p, "sweep sweeps/own.json");
    assert_string_equal(program_string(out, "sweep_dir"), "runs/own");
    for (int member = 2; member >= 0; member--) {
        program_run(p, "sweep sweeps/own.json --sweep-dir parts --member %d", member);
        ASSERT_RUN(p, 0, "");
    }
    program_assert_same(p, "runs/own/sweep.csv", "parts/sweep.csv");
    program_assert_same(p, "runs/own/sweep.h5", "parts/sweep.h5");
    program_run(p, "sweep sweeps/own.json --sweep-dir parts --member 3");
    ASSERT_RUN(p, 1, "--member 3");
}

static void mistakes_are_named(void **state)
{
    struct program *p = *state;
    program_write(p, "none.json", "{" BANDIT "}");
    program_run(p, "sweep none.json");
    ASSERT_RUN(p, 1, "nothing to run through");
    program_run(p, "sweep none.json --set seed=1..2 --set learner.batch=1,nine");
    ASSERT_RUN(p, 1, "run batch=nine,seed=1: learner.batch");
    program_run(p, "sweep none.json --kind halving --set seed=1,2");
    ASSERT_RUN(p, 1, "rungs");
    program_run(p, "sweep nowhere.json");
    ASSERT_RUN(p, 1, "nowhere.json");
    program_write(p, "bad.json", "{" BANDIT ", \"sweep\": [1]}");
    program_run(p, "sweep bad.json");
    ASSERT_RUN(p, 1, "sweep: expected an object");
    program_write(p, "lost.json", "{\"sweep\": {\"config\": \"other.json\", \"seed\": [1]}}");
    program_run(p, "sweep lost.json");
    ASSERT_RUN(p, 1, "other.json");
    char path[PROGRAM_PATH_CHARS];
    assert_int_not_equal(access(program_path(p, "runs", path), F_OK), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_grid_has_a_row_per_setting),
        CASE(the_hdf5_file_is_as_described),
        CASE(a_killed_sweep_goes_on_to_the_same_table),
        CASE(an_interrupted_sweep_goes_on_to_the_same_table),
        CASE(a_failed_run_stops_no_other),
        CASE(a_run_takes_the_policy_of_another),
        CASE(another_config_is_refused),
        CASE(halving_stops_the_worse_half),
        CASE(a_dry_run_writes_nothing),
        CASE(members_make_the_same_table),
        CASE(mistakes_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
