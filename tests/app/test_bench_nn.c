// dikdik bench nn: every combination asked for is measured, and the figures fit together.
#include "run_program.h"

#include <math.h>
#include <string.h>

static void results_are_complete_and_consistent(void **state)
{
    struct program *p = *state;
    const struct json *bench = program_json(
        p, "bench nn --models convnet --batches 2,8 --seconds 0.02 --dtypes f32 --size 16");
    const struct json *results = json_get(bench, "results");
    const double peak = program_number(bench, "peak_gflops_f32");
    assert_true(peak > 0);
    assert_int_equal(json_count(results), 2 * 2 * 2); // widths, modes, batches
    double macs_full = 0;
    for (int i = 0; i < json_count(results); i++) {
        const struct json *r = json_at(results, i);
        const bool train = strcmp(program_string(r, "mode"), "train") == 0;
        const bool full = strcmp(program_string(r, "widths"), "full") == 0;
        const double macs = program_number(r, "macs");
        const double speed = program_number(r, "images_per_second");
        const double gflops = program_number(r, "gflops");
        assert_string_equal(program_string(r, "model"), "convnet");
        assert_string_equal(program_string(r, "dtype"), "f32");
        assert_true(program_number(r, "batch") == 2 || program_number(r, "batch") == 8);
        assert_true(speed > 0);
        assert_true(fabs(gflops - (train ? 6 : 2) * macs * speed * 1e-9) < 1e-6 * gflops);
        assert_true(fabs(program_number(r, "share_of_peak") - gflops / peak) < 1e-6);
        if (full) {
            macs_full = macs;
        } else {
            assert_true(macs <= 0.5 * macs_full);
        }
    }
}

static void the_backend_is_chosen_and_named(void **state)
{
    struct program *p = *state;
    const struct json *bench =
        program_json(p, "bench nn --models convnet --batches 2 --seconds 0.01 --slim 0 --size 8 "
                        "--dtypes f32 --backend ref");
    assert_string_equal(program_string(bench, "backend"), "ref");
    assert_string_equal(program_string(bench, "precision"), "float32");
    assert_int_equal(json_count(json_get(bench, "results")), 2);
}

static void text_is_a_table(void **state)
{
    struct program *p = *state;
    program_run(p, "bench nn --models convnet --batches 4 --seconds 0.02 --modes infer --slim 0");
    ASSERT_RUN(p, 0, "");
    assert_non_null(strstr(p->output, "images/s"));
    assert_non_null(strstr(p->output, "convnet"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(results_are_complete_and_consistent, program_setup,
                                        program_teardown),
        cmocka_unit_test_setup_teardown(the_backend_is_chosen_and_named, program_setup,
                                        program_teardown),
        cmocka_unit_test_setup_teardown(text_is_a_table, program_setup, program_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
