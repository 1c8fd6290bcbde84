// The stages after (and before) the search, given out as orders: the same bytes for any number of
// actors, over both transports, whatever happens to workers and whenever the job is stopped.
#include "run_program.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define DATA "\"data\": {\"name\": \"shapes\", \"size\": 12, \"count\": 3000, \"classes\": [0, 6]}"
#define TRAIN "\"train\": {\"epochs\": 2, \"batch\": 32, \"learning_rate\": 0.05, \"crop_pad\": 0}"
// Enough of them to be there for a stop at any moment.
#define LONG "--finetune.epochs 12"
static const char config[] =
    "{\"seed\": 3,"
    " \"networks\": ["
    "  {\"name\": \"a\", \"architecture\": \"convnet\", " DATA ", " TRAIN "},"
    "  {\"name\": \"b\", \"architecture\": \"convnet\", " DATA ", " TRAIN "}],"
    " \"tasks\": [{\"network\": \"a\", \"macs\": 0.5}, {\"network\": \"a\", \"macs\": 0.3},"
    "            {\"network\": \"b\", \"params\": 0.4}],"
    " \"space\": {\"round_to\": 2},"
    " \"scoring\": {\"calibration_images\": 64, \"images\": 100},"
    " \"search\": {\"evaluations\": 12, \"best\": 3},"
    " \"learner\": {\"mode\": \"sync\", \"batch\": 4},"
    " \"finetune\": {\"epochs\": 3, \"batch\": 32, \"learning_rate\": 0.02, \"crop_pad\": 0}}";
// Many slices, even of so short a training.
#define SLICES "--actors.slice_seconds 0.05"

static void assert_same_results(const struct program *p, const char *a, const char *b)
{
    static const char *const files[] = {
        "networks/a.safetensors",        "networks/b.safetensors",
        "found/a-macs0.5.safetensors",   "found/b-params0.4.safetensors",
        "final/a-macs0.5.safetensors",   "final/a-macs0.3.safetensors",
        "final/b-params0.4.safetensors", "final/a-macs0.3.onnx",
        "final/b-params0.4.onnx",        "results/a-macs0.5.json",
        "results/a-macs0.3.json",        "results/b-params0.4.json"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char names[2][PROGRAM_PATH_CHARS];
        snprintf(names[0], sizeof names[0], "%s/%s", a, files[i]);
        snprintf(names[1], sizeof names[1], "%s/%s", b, files[i]);
        program_assert_same(p, names[0], names[1]);
    }
}

static void assert_stages(const struct json *report)
{
    static const char *const names[] = {"base", "rescore", "finetune"};
    const double least_orders[] = {2, 3, 8}; // finetune: 3 slices, 3 tests, 2 tests of uncut ones
    for (int i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "stages.%s.orders", names[i]);
        assert_true(program_number(report, path) >= least_orders[i]);
        snprintf(path, sizeof path, "stages.%s.seconds", names[i]);
        assert_true(program_number(report, path) > 0);
        snprintf(path, sizeof path, "stages.%s.busy_share", names[i]);
        assert_true(program_number(report, path) > 0 && program_number(report, path) <= 1);
    }
}

static void any_number_of_actors_gives_the_same_bytes(void **state)
{
    struct program *p = *state;
    program_write(p, "small.json", config);
    assert_stages(program_json(p, "run small.json --transport inline --run-dir inline"));
    for (int actors = 1; actors <= 3; actors++) {
        static const char *const transports[] = {"local", "mpi"};
        for (int i = 0; i < 2; i++) {
            char folder[32];
            snprintf(folder, sizeof folder, "%s%d", transports[i], actors);
            assert_stages(
                program_json(p, "run small.json --transport %s --actors %d " SLICES " --run-dir %s",
                             transports[i], actors, folder));
            assert_same_results(p, "inline", folder);
        }
    }
}

static void workers_that_die_cost_a_try(void **state)
{
    struct program *p = *state;
    static const char *const transports[] = {"local", "mpi"};
    program_write(p, "small.json", config);
    program_json(p, "run small.json --transport inline --run-dir whole");
    for (int i = 0; i < 2; i++) {
        const struct json *report = program_json(
            p,
            "run small.json --transport %s --actors 2 " SLICES " --run-dir %s --actors.tries 100 "
            "--actors.faults kill=0.04,segv=0.04,hang=0.003,memory=0.03 "
            "--actors.first_episode_seconds 4 --actors.episode_seconds 4",
            transports[i], transports[i]);
        assert_stages(report);
        assert_true(program_number(report, "stages.rescore.retries") > 0);
        assert_true(program_number(report, "stages.finetune.retries") > 0);
        assert_same_results(p, "whole", transports[i]);
    }
}

static void a_job_killed_while_it_fine_tunes_goes_on_to_the_same_bytes(void **state)
{
    struct program *p = *state;
    program_write(p, "small.json", config);
    program_json(p, "run small.json --transport inline --run-dir whole " LONG);
    const struct program_kills kills = {.first = 0.1, .step = 0.05, .most = 8};
    p->end_file = "killed/results/b-params0.4.json"; // the last task's, of re-scoring
    assert_true(
        program_kill_often(p, &kills,
                           "run small.json --transport local --actors 2 --run-dir killed " LONG
                           " " SLICES) >= 2);
    p->end_file = NULL;
    program_json(p, "run small.json --transport local --actors 2 --run-dir killed " LONG);
    assert_same_results(p, "whole", "killed");
}

static void an_interrupt_leaves_a_checkpoint(void **state)
{
    struct program *p = *state;
    static const char *const transports[] = {"inline", "local", "mpi"};
    program_write(p, "small.json", config);
    program_json(p, "run small.json --transport inline --run-dir whole " LONG);
    for (int i = 0; i < 3; i++) {
        char file[64];
        snprintf(file, sizeof file, "%s/final/a-macs0.5.checkpoint.safetensors", transports[i]);
        p->end_file = file;
        program_run(p, "run small.json --transport %s --actors 2 --run-dir %s " LONG, transports[i],
                    transports[i]);
        p->end_file = NULL;
        ASSERT_RUN(p, 130, "same command");
        program_json(p, "run small.json --transport %s --actors 1 --run-dir %s " LONG,
                     transports[i], transports[i]);
        assert_same_results(p, "whole", transports[i]);
    }
}

static void an_order_that_cannot_be_done_says_why(void **state)
{
    struct program *p = *state;
    static const char *const transports[] = {"inline", "local", "mpi"};
    program_write(p, "small.json", config);
    for (int i = 0; i < 3; i++) {
        program_run(p,
                    "run small.json --transport %s --actors 2 --run-dir %s "
                    "--finetune.learning_rate 100 --finetune.weight_decay 0",
                    transports[i], transports[i]);
        ASSERT_RUN(p, 1, "diverged");
        assert_non_null(strstr(p->errors, "learning_rate"));
        assert_null(strstr(p->errors, "Abort")); // MPI's own lines say nothing of it
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(any_number_of_actors_gives_the_same_bytes),
        TEST(workers_that_die_cost_a_try),
        TEST(a_job_killed_while_it_fine_tunes_goes_on_to_the_same_bytes),
        TEST(an_interrupt_leaves_a_checkpoint),
        TEST(an_order_that_cannot_be_done_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
