// dikdik bench score: every way of the grid for every task, from a run's own config, which names no
// weights.
#include "run_program.h"

#include <math.h>
#include <string.h>

static const char config[] =
    "{\"networks\": [{\"name\": \"small\", \"architecture\": \"convnet\","
    " \"data\": {\"name\": \"shapes\", \"size\": 12, \"count\": 1000},"
    " \"train\": {\"epochs\": 1, \"batch\": 50}}],"
    " \"tasks\": [{\"network\": \"small\", \"macs\": 0.5}, {\"network\": \"small\", \"macs\": "
    "0.3}],"
    " \"space\": {\"round_to\": 1},"
    " \"scoring\": {\"images\": 50, \"calibration_images\": 32, \"dtype\": \"float32\","
    " \"reward\": \"loss\"},"
    " \"search\": {\"method\": \"random\", \"evaluations\": 4}}";

static void run_search(struct program *p)
{
    program_write(p, "small.json", config);
    program_run(p, "search small.json --transport inline");
    ASSERT_RUN(p, 0, "");
}

static void every_cell_is_measured(void **state)
{
    struct program *p = *state;
    run_search(p);
    const struct json *bench =
        program_json(p, "bench score runs/small/config.json --candidates 6 --grid-images 50,0 "
                        "--grid-calibration 64,32,32 --calibrations chosen,drawn --dtypes f32 "
                        "--full-calibration 64 --scoring.calibration_pool 128");
    const struct json *tasks = json_get(bench, "tasks");
    assert_int_equal(json_count(tasks), 2);
    for (int t = 0; t < 2; t++) {
        const struct json *task = json_at(tasks, t), *cells = json_get(task, "cells");
        int configured = 0;
        assert_string_equal(program_string(task, "task"),
                            t == 0 ? "small-macs0.5" : "small-macs0.3");
        assert_true(program_number(task, "candidates") == 6);
        assert_int_equal(json_count(cells), 2 * 4 * 3);
        for (int i = 0; i < 2 * 4 * 3; i++) {
            const struct json *cell = json_at(cells, i);
            const double spearman = program_number(cell, "spearman");
            assert_true(fabs(spearman) <= 1 + 1e-12);
            assert_true(fabs(program_number(cell, "kendall")) <= 1 + 1e-12);
            assert_true(program_number(cell, "candidates_per_second") > 0);
            const double images = program_number(cell, "images");
            const bool chosen = strcmp(program_string(cell, "calibration"), "chosen") == 0;
            const bool distils = strcmp(program_string(cell, "reward"), "distillation") == 0;
            const bool few = program_number(cell, "calibration_images") == 32;
            assert_true(program_number(cell, "samples") == (images > 50 ? 1 : 2));
            // All images and the same recalibration: that is the full score itself.
            if (images > 50 && !few && !chosen && !distils) {
                assert_true(spearman > 1 - 1e-12);
            }
            if (json_bool(json_get(cell, "configured"))) {
                configured++;
                assert_true(images == 50 && few && chosen);
                assert_string_equal(program_string(cell, "reward"), "loss");
            }
        }
        assert_int_equal(configured, 1);
        assert_true(program_number(json_get(task, "cheapest"), "spearman") >= 0.95);
    }
}

static void a_person_reads_a_table(void **state)
{
    struct program *p = *state;
    run_search(p);
    program_run(p, "bench score runs/small/config.json --candidates 4 --grid-images 50 "
                   "--grid-calibration 32 --full-calibration 64 --task small-macs0.3");
    ASSERT_RUN(p, 0, "");
    assert_non_null(strstr(p->output, "<- as configured"));
    assert_non_null(strstr(p->output, "correlation of 0.95"));
    assert_null(strstr(p->output, "small-macs0.5"));
}

static void bad_input_is_named(void **state)
{
    struct program *p = *state;
    program_write(p, "small.json", config);
    program_run(p, "bench score small.json");
    ASSERT_RUN(p, 1,
               "network \"small\" is trained by a run, and there is no networks/small.safetensors");
    program_run(p, "bench score");
    ASSERT_RUN(p, 1, "CONFIG");
    program_run(p, "bench score small.json --dtypes int4");
    ASSERT_RUN(p, 1, "--dtypes");
    program_write(p, "cart.json",
                  "{\"environment\": \"cartpole\", \"networks\": [], \"tasks\": []}");
    program_run(p, "bench score cart.json");
    ASSERT_RUN(p, 1, "environment prune");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_cell_is_measured),
        TEST(a_person_reads_a_table),
        TEST(bad_input_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
