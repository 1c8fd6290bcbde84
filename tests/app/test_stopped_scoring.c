// Stopped while the test images are scored, and before anything was scored: the same command goes
// on, to the same results.
#include "stripes.h"

#include <stdio.h>
#include <string.h>

enum { MANY = 60000 }; // test images: scoring them takes about a second

#define RECIPE "{\"epochs\": 2, \"batch\": 16, \"crop_pad\": 0, \"flip\": false}"
#define STRIPES "\"data\": {\"name\": \"stripes\", \"path\": \"stripes\"}"
static const char training[] =
    "{\"model\": {\"architecture\": \"convnet\"}, " STRIPES ", \"train\": " RECIPE "}";
static const char config[] =
    "{\"seed\": 3,"
    " \"networks\": [{\"name\": \"a\", \"architecture\": \"convnet\", " STRIPES
    ", \"train\": " RECIPE "}],"
    " \"tasks\": [{\"macs\": 0.5}, {\"macs\": 0.3}], \"space\": {\"round_to\": 2},"
    " \"scoring\": {\"calibration_images\": 32, \"images\": 30, \"refit\": \"off\"},"
    " \"search\": {\"evaluations\": 6, \"best\": 2, \"method\": \"random\"},"
    " \"learner\": {\"mode\": \"sync\", \"batch\": 2}, \"finetune\": " RECIPE "}";

static int setup(void **state)
{
    program_setup(state);
    struct program *p = *state;
    program_write(p, "small.json", config);
    program_write(p, "tr.json", training);
    stripes_write(p, "stripes", STRIPES_TRAIN, 0, 0);
    stripes_write_part(p, "stripes", "t10k", MANY, STRIPES_SIDE, 0);
    return 0;
}

static void a_training_goes_on_with_its_score(void **state)
{
    struct program *p = *state;
    const double accuracy =
        program_number(program_json(p, "train tr.json --run-dir whole"), "accuracy");
    for (int ranks = 0; ranks <= 2; ranks += 2) {
        char folder[32], file[64];
        snprintf(folder, sizeof folder, "ranks%d", ranks);
        snprintf(file, sizeof file, "%s/network.safetensors", folder);
        p->ranks = ranks;
        p->end_all = ranks > 0;
        p->end_file = file; // written before the test images are scored
        program_run(p, "train tr.json --run-dir %s", folder);
        p->end_file = NULL;
        p->end_all = false;
        assert_non_null(strstr(p->errors, "interrupted while the test part was scored"));
        assert_non_null(strstr(p->errors, "same command"));
        assert_null(strstr(p->errors, "Abort"));
        assert_true(ranks > 0 || p->exit_code == 130); // else it is mpirun's own
        program_assert_same(p, "whole/network.safetensors", file);
        const struct json *report = program_json(p, "train tr.json --run-dir %s", folder);
        assert_true(json_bool(json_get(report, "resumed")));
        assert_true(program_number(report, "accuracy") == accuracy);
        assert_true(program_number(report, "images") == MANY);
    }
}

static void a_run_goes_on_with_its_tests(void **state)
{
    static const char *const transports[] = {"inline", "local", "mpi"};
    struct program *p = *state;
    program_json(p, "run small.json --transport inline --run-dir whole");
    for (int i = 0; i < 3; i++) {
        char file[64], name[PROGRAM_PATH_CHARS];
        const char *transport = transports[i];
        snprintf(file, sizeof file, "%s/final/a-macs0.3.safetensors", transport);
        p->end_file = file; // fine-tuned; it is still to be tested
        program_run(p, "run small.json --transport %s --actors 2 --run-dir %s", transport,
                    transport);
        p->end_file = NULL;
        ASSERT_RUN(p, 130, "same command");
        assert_null(strstr(p->errors, "Abort"));
        program_json(p, "run small.json --transport %s --actors 2 --run-dir %s", transport,
                     transport);
        for (int task = 0; task < 2; task++) {
            const char *results[] = {"whole/results/a-macs0.5.json",
                                     "whole/results/a-macs0.3.json"};
            snprintf(name, sizeof name, "%s/%s", transport, strchr(results[task], '/') + 1);
            program_assert_same(p, results[task], name);
        }
    }
}

// What a start that ended before anything was scored says of its machine binds nobody; that of a
// search does.
static void only_what_was_scored_binds_a_machine(void **state)
{
    struct program *p = *state;
    static const char *const other = "int8 scores, backend abacus";
    const char *words = "run small.json --transport inline --run-dir r --set "
                        "networks.0.train.epochs=300 --finetune.epochs 1";
    p->end_file = "r/networks/a.checkpoint.safetensors";
    program_run(p, "%s", words);
    p->end_file = NULL;
    ASSERT_RUN(p, 130, "same command");
    program_write(p, "r/numerics.txt", other);
    program_json(p, "%s", words);
    program_write(p, "r/numerics.txt", other);
    program_run(p, "%s --search.evaluations 8", words);
    ASSERT_RUN(p, 1, "computes otherwise than");
    assert_non_null(strstr(p->errors, "abacus"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, program_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_training_goes_on_with_its_score),
        TEST(a_run_goes_on_with_its_tests),
        TEST(only_what_was_scored_binds_a_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
