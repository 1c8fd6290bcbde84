// dikdik bench FILE...: its keys, what it refuses, and that every combination is there. Whether the
// figures can be trusted is up to the machine, so exit code 2 is as good as 0.
#include "run_program.h"

#include <stdio.h>
#include <string.h>

static const char config[] = "{\"seed\": 3, \"model\": {\"architecture\": \"convnet\"},"
                             " \"data\": {\"name\": \"shapes\", \"size\": 12, \"count\": 80},"
                             " \"train\": {\"epochs\": 1, \"batch\": 8}}";
#define NETWORK "runs/quick/network.safetensors"

static void make_networks(struct program *p)
{
    program_write(p, "quick.json", config);
    program_run(p, "train quick.json");
    ASSERT_RUN(p, 0, "");
    program_run(p, "slim " NETWORK " -o half.safetensors --macs 0.5 --recalibrate 0");
    ASSERT_RUN(p, 0, "");
}

static void results_have_their_keys(void **state)
{
    struct program *p = *state;
    static const char *const numbers[] = {"median_ms",         "p90_ms", "ratio",
                                          "ratio_error",       "macs",   "params",
                                          "images_per_second", "runs",   "aa_difference"};
    make_networks(p);
    program_run(p, "bench " NETWORK " half.safetensors --batches 1,3 --dtypes f32 --seconds 0.05 "
                   "--threads 2 --json");
    if (p->exit_code == 2) {
        ASSERT_RUN(p, 2, "differs from itself");
    } else {
        ASSERT_RUN(p, 0, "");
    }
    struct json *bench = NULL;
    assert_int_equal(json_parse(p->output, strlen(p->output), "output", &bench), OK);
    const double difference = program_number(bench, "aa_difference");
    assert_true(difference >= 0);
    const struct json *results = json_get(bench, "results");
    assert_int_equal(json_count(results), 2 * 2);
    for (int i = 0; i < json_count(results); i++) {
        const struct json *r = json_at(results, i);
        for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++) {
            assert_true(program_number(r, numbers[k]) >= 0);
        }
        assert_string_equal(program_string(r, "file"), i % 2 ? "half.safetensors" : NETWORK);
        assert_string_equal(program_string(r, "dtype"), "f32");
        assert_true(program_number(r, "batch") == (i < 2 ? 1 : 3));
        assert_true(program_number(r, "threads") == 2);
        assert_true(program_number(r, "median_ms") > 0);
        assert_true(program_number(r, "p90_ms") >= program_number(r, "median_ms"));
        assert_true(program_number(r, "aa_difference") <= difference);
        assert_true(i % 2 != 0 || program_number(r, "ratio") == 1);
    }
    json_close(bench);
}

static void text_is_a_table(void **state)
{
    struct program *p = *state;
    make_networks(p);
    program_run(p, "bench " NETWORK " --seconds 0.02");
    assert_true(p->exit_code == 0 || p->exit_code == 2);
    assert_non_null(strstr(p->output, "median ms"));
    assert_non_null(strstr(p->output, "differs from itself"));
}

static void wrong_words_are_refused(void **state)
{
    struct program *p = *state;
    program_run(p, "bench absent.safetensors");
    ASSERT_RUN(p, 1, "no file \"absent.safetensors\"");
    make_networks(p);
    program_write(p, "b.safetensors", "not a network");
    program_run(p, "bench " NETWORK " b.safetensors --seconds 0.02");
    ASSERT_RUN(p, 1, "b.safetensors");
    assert_string_equal(p->output, "");
    program_run(p, "bench " NETWORK " --dtypes f16");
    ASSERT_RUN(p, 1, "f16");
    program_run(p, "bench " NETWORK " --batches 0");
    ASSERT_RUN(p, 1, "batches");
    program_run(p, "bench");
    ASSERT_RUN(p, 1, "FILE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(results_have_their_keys, program_setup, program_teardown),
        cmocka_unit_test_setup_teardown(text_is_a_table, program_setup, program_teardown),
        cmocka_unit_test_setup_teardown(wrong_words_are_refused, program_setup, program_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
