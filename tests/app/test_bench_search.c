// dikdik bench search: every number of workers asked for is measured, and the figures make sense.
#include "run_program.h"

#include <string.h>

#define SMALL                                                                                      \
    "bench search --architecture convnet --data shapes --data.size 12 --data.count 600 "           \
    "--scoring.images 50 --scoring.calibration_images 64 --space.round_to 1 "

static void every_number_of_workers_is_measured(void **state)
{
    struct program *p = *state;
    const struct json *bench = program_json(p, SMALL "--seconds 0.2 --workers 1,3 --learner false");
    const struct json *results = json_get(bench, "results");
    assert_int_equal(json_count(results), 2);
    assert_null(json_get(bench, "learner_frames_per_second"));
    for (int i = 0; i < 2; i++) {
        const struct json *r = json_at(results, i);
        const double candidates = program_number(r, "candidates");
        const double rate = program_number(r, "candidates_per_second");
        const double share = program_number(r, "overhead_share");
        assert_true(program_number(r, "workers") == (i == 0 ? 1 : 3));
        assert_true(candidates >= (i == 0 ? 1 : 3));
        // The window is what was asked for or more.
        assert_true(rate > 0 && rate <= candidates / 0.2);
        assert_true(share > 0 && share < 1);
    }
    assert_string_equal(program_string(bench, "model"), "convnet");
}

static void the_learner_is_measured_too(void **state)
{
    struct program *p = *state;
    const struct json *bench = program_json(p, SMALL "--seconds 0.1 --workers 1");
    assert_true(program_number(bench, "learner_frames_per_second") > 0);
    assert_true(program_number(bench, "learner_threads") >= 1);
    program_run(p, SMALL "--seconds 0.1 --workers 1 --learner false");
    ASSERT_RUN(p, 0, "");
    assert_non_null(strstr(p->output, "outside arithmetic"));
    assert_null(strstr(p->output, "frames per second"));
}

static void workers_play_several_episodes_at_once(void **state)
{
    struct program *p = *state;
    const struct json *bench =
        program_json(p, SMALL "--seconds 0.2 --workers 2 --episodes 6 --learner false");
    const struct json *r = json_at(json_get(bench, "results"), 0);
    const double candidates = program_number(r, "candidates");
    assert_true(program_number(bench, "episodes") == 6);
    assert_true(candidates >= 2);
    assert_true(program_number(r, "candidates_per_second") <= candidates / 0.2);
}

// Whatever computes: the figures say what it was.
static void the_backend_is_chosen_and_named(void **state)
{
    struct program *p = *state;
    const struct json *bench = program_json(
        p, SMALL "--seconds 0.1 --workers 1 --learner false --policy false --backend ref");
    assert_string_equal(program_string(bench, "backend"), "ref");
    assert_string_equal(program_string(bench, "precision"), "float32");
    assert_null(json_get(bench, "device"));
    assert_true(program_number(bench, "episodes") == 1);
    program_run(p, SMALL "--seconds 0.1 --workers 1 --learner false --backend gpu");
    ASSERT_RUN(p, 2, "no backend \"gpu\"");
    program_run(p, SMALL "--seconds 0.1 --backend cpu --backend.precision bf16");
    ASSERT_RUN(p, 2, "float32 only");
}

static void known_candidates_do_not_count(void **state)
{
    struct program *p = *state;
    // One group can take one width only: there is one candidate in all, and warming up found it.
    const struct json *bench = program_json(
        p, SMALL "--space.least_share 1 --macs 1 --seconds 0.1 --workers 1 --learner false");
    const struct json *r = json_at(json_get(bench, "results"), 0);
    assert_true(program_number(r, "candidates") == 0);
}

static void bad_input_is_named(void **state)
{
    struct program *p = *state;
    program_run(p, SMALL "--workers 0");
    ASSERT_RUN(p, 1, "workers");
    program_run(p, SMALL "--macs 0.011 --seconds 0.1 --learner false");
    ASSERT_RUN(p, 1, "0.011");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_number_of_workers_is_measured),   TEST(the_learner_is_measured_too),
        TEST(workers_play_several_episodes_at_once), TEST(the_backend_is_chosen_and_named),
        TEST(known_candidates_do_not_count),         TEST(bad_input_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
