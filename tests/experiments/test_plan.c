// What a sweep's values come to: runs, their configs, and what is refused.
#include "core/file.h"
#include "experiments/sweep_plan.h"
#include "test_unit.h"

#include <stdio.h>

static const char base_text[] = "{\"environment\": \"bandit\", \"search\": {\"evaluations\": 20},"
                                " \"tasks\": []}";

static struct sweep_options defaults(void)
{
    struct sweep_options options;
    option_defaults(sweep_command_table, &options);
    return options;
}

// A plan of a sweep object as text, with one --set or none.
static enum status plan_of(const char *sweep, const char *set, const struct sweep_options *options,
                           struct arena *arena, struct sweep_plan *out)
{
    struct json *object, *base;
    struct sweep_axes axes = {.n = 0};
    assert_ok(json_parse(sweep, strlen(sweep), "sweep", &object));
    assert_ok(json_parse(base_text, strlen(base_text), "base", &base));
    enum status code = sweep_axes_read(object, "config.json", arena, &axes);
    if (code == OK && set != NULL) {
        code = sweep_axes_set(set, arena, &axes);
    }
    if (code == OK) {
        code = sweep_plan_make(base, base, "somewhere/config.json", options, &axes, arena, out);
    }
    json_close(object);
    json_close(base);
    return code;
}

static double config_number(const struct sweep_run *run, const char *object, const char *key)
{
    struct json *document;
    assert_ok(json_parse(run->config, strlen(run->config), "run", &document));
    const struct json *at = object != NULL ? json_get(document, object) : document;
    assert_non_null(at);
    const struct json *value = json_get(at, key);
    assert_non_null(value);
    const double number = json_number(value);
    json_close(document);
    return number;
}

static void a_grid_has_all_combinations(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct sweep_plan plan;
    const struct sweep_options options = defaults();
    assert_ok(plan_of("{\"learner.learning_rate\": [1e-3, 0.003], \"seed\": \"1..3\", "
                      "\"learner.batch\": 4}",
                      NULL, &options, &arena, &plan));
    assert_int_equal(plan.n_runs, 6);
    assert_int_equal(plan.n_settings, 2);
    assert_string_equal(plan.name, "config");
    assert_string_equal(plan.folder, "runs/config");
    assert_string_equal(plan.runs[0].label, "learning_rate=0.001,seed=1");
    assert_string_equal(plan.runs[5].label, "learning_rate=0.003,seed=3");
    assert_string_equal(plan.runs[5].folder, "runs/config/runs/learning_rate=0.003,seed=3");
    for (int i = 0; i < 6; i++) {
        assert_int_equal(plan.runs[i].setting, i / 3);
        assert_int_equal(plan.runs[i].seed, i % 3 + 1);
        assert_true(config_number(&plan.runs[i], NULL, "seed") == i % 3 + 1);
        assert_true(config_number(&plan.runs[i], "learner", "learning_rate") ==
                    (i < 3 ? 1e-3 : 3e-3));
        assert_true(config_number(&plan.runs[i], "learner", "batch") == 4);
        assert_true(config_number(&plan.runs[i], "search", "evaluations") == 20);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(plan.runs[i].identity, plan.runs[j].identity);
        }
    }
    arena_close(&arena);
}

static void the_command_line_replaces_and_adds(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct sweep_plan plan;
    const struct sweep_options options = defaults();
    assert_ok(plan_of("{\"seed\": [1, 2]}", "seed=5..7", &options, &arena, &plan));
    assert_int_equal(plan.n_runs, 3);
    assert_string_equal(plan.runs[2].label, "seed=7");
    assert_ok(plan_of("{\"seed\": [1, 2]}", "learner.mode=sync,async", &options, &arena, &plan));
    assert_int_equal(plan.n_runs, 4);
    assert_string_equal(plan.runs[3].label, "mode=async,seed=2");
    // Commas inside brackets part nothing; dashes are as underscores.
    assert_ok(plan_of("{}", "agent.dense=[80,40],[64]", &options, &arena, &plan));
    assert_int_equal(plan.n_runs, 2);
    assert_string_equal(plan.runs[0].label, "dense=_80_40_");
    assert_ok(plan_of("{}", "learner.learning-rate=0.1,0.2", &options, &arena, &plan));
    assert_int_equal(plan.n_runs, 2);
    arena_close(&arena);
}

static void draws_are_a_function_of_their_seed(void **state)
{
    (void)state;
    static const char sweep[] =
        "{\"learner.learning_rate\": {\"from\": 1e-4, \"to\": 0.1, \"log\": true},"
        " \"learner.batch\": {\"from\": 2, \"to\": 5, \"integer\": true},"
        " \"learner.mode\": [\"sync\", \"async\"], \"seed\": \"1..2\"}";
    struct arena arena = {0};
    struct sweep_plan plan, again, other;
    struct sweep_options options = defaults();
    options.kind = SWEEP_RANDOM;
    options.draws = 30;
    assert_ok(plan_of(sweep, NULL, &options, &arena, &plan));
    assert_ok(plan_of(sweep, NULL, &options, &arena, &again));
    assert_int_equal(plan.n_settings, 30);
    assert_int_equal(plan.n_runs, 60);
    int low = 0;
    bool seen[6] = {false};
    for (int i = 0; i < 60; i++) {
        assert_string_equal(plan.runs[i].label, again.runs[i].label);
        const double rate = config_number(&plan.runs[i], "learner", "learning_rate");
        const int batch = (int)config_number(&plan.runs[i], "learner", "batch");
        assert_true(rate >= 1e-4 && rate <= 0.1 && batch >= 2 && batch <= 5);
        low += rate < 3.2e-3 ? 1 : 0;
        seen[batch] = true;
        assert_int_equal(plan.runs[i].seed, i % 2 + 1);
    }
    assert_true(low > 18 && low < 42); // half of them below the geometric mean
    assert_true(seen[2] && seen[3] && seen[4] && seen[5]);
    options.draw_seed = 1;
    assert_ok(plan_of(sweep, NULL, &options, &arena, &other));
    assert_string_not_equal(plan.runs[0].label, other.runs[0].label);
    arena_close(&arena);
}

static void draws_of_lists_do_not_repeat(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct sweep_plan plan;
    struct sweep_options options = defaults();
    options.kind = SWEEP_RANDOM;
    options.draws = 11;
    assert_ok(plan_of("{\"learner.batch\": [1, 2, 3], \"learner.lag\": [0, 1, 2, 3]}", NULL,
                      &options, &arena, &plan));
    assert_int_equal(plan.n_runs, 11);
    for (int i = 0; i < 11; i++) {
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(plan.runs[i].label, plan.runs[j].label);
        }
    }
    options.draws = 50; // more than there are
    assert_ok(plan_of("{\"learner.batch\": [1, 2, 3], \"learner.lag\": [0, 1, 2, 3]}", NULL,
                      &options, &arena, &plan));
    assert_int_equal(plan.n_runs, 12);
    arena_close(&arena);
}

static void variants_set_several_options(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct sweep_plan plan;
    const struct sweep_options options = defaults();
    assert_ok(plan_of("{\"variants\": {\"first\": {\"search.evaluations\": 30, \"learner.mode\": "
                      "\"sync\"}, \"second\": {\"policy\": "
                      "\"{sweep}/runs/variant=first,seed={seed}\", \"tries\": 3}},"
                      " \"search.evaluations\": 10, \"seed\": \"1..2\"}",
                      NULL, &options, &arena, &plan));
    assert_int_equal(plan.n_runs, 4);
    assert_true(config_number(&plan.runs[0], "search", "evaluations") == 30);
    assert_true(config_number(&plan.runs[2], "search", "evaluations") == 10);
    assert_int_equal(plan.runs[0].n_words, 0);
    assert_int_equal(plan.runs[3].n_words, 2);
    assert_string_equal(plan.runs[3].words[0], "--policy=runs/config/runs/variant=first,seed=2");
    assert_string_equal(sweep_plan_word(&plan.runs[3], "tries"), "3");
    assert_int_equal(plan.runs[3].after, 1);
    assert_int_equal(plan.runs[2].after, 0);
    assert_int_equal(plan.runs[1].after, -1);
    arena_close(&arena);
}

// Who computes, and where, changes no result: the sweep goes on.
static void identity_is_what_shapes_a_result(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct sweep_plan plan, other;
    struct sweep_options options = defaults();
    assert_ok(plan_of("{\"seed\": 1}", NULL, &options, &arena, &plan));
    assert_ok(plan_of("{\"seed\": 1}", "actors.count=7", &options, &arena, &other));
    assert_string_equal(plan.runs[0].identity, other.runs[0].identity);
    assert_ok(plan_of("{\"seed\": 1}", "search.evaluations=21", &options, &arena, &other));
    assert_string_not_equal(plan.runs[0].identity, other.runs[0].identity);
    assert_ok(plan_of("{\"seed\": 1}", "learner.batch=5", &options, &arena, &other));
    assert_string_not_equal(plan.runs[0].identity, other.runs[0].identity);
    options.command = SWEEP_SEARCH;
    assert_ok(plan_of("{\"seed\": 1}", NULL, &options, &arena, &other));
    assert_string_not_equal(plan.runs[0].identity, other.runs[0].identity);
    arena_close(&arena);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *sweep, *set, *message;
    } cases[] = {
        {"{\"learner.batches\": [1, 2]}", NULL, "batches"},
        {"{\"learner.batch\": []}", NULL, "empty list"},
        {"{\"learner.batch\": [2, 3, 2]}", NULL, "twice"},
        {"{\"learner.batch\": [2, \"many\"]}", NULL, "learner.batch"},
        {"{\"learner.batch\": {\"from\": 1}}", NULL, "\"from\" below \"to\""},
        {"{\"learner.batch\": {\"from\": 0, \"to\": 4, \"log\": true}}", NULL, "above 0"},
        {"{\"learner.batch\": {\"from\": 1, \"to\": 4, \"step\": 1}}", NULL, "step"},
        {"{\"learner.batch\": {\"from\": 1, \"to\": 4}}", NULL, "is a range"},
        {"{\"seed\": \"5..2\"}", NULL, "5..2"},
        {"{\"variants\": {\"a\": 1}}", NULL, "expected an object"},
        {"{\"variants\": []}", NULL, "variants"},
        {"{\"run_dir\": [\"a\", \"b\"]}", NULL, "leave it out"},
        {"{\"seed\": \"1..100\", \"learner.batch\": \"1..100\", \"learner.lag\": [0, 1]}", NULL,
         "more than"},
        {"{}", "seed", "PATH=VALUE"},
        {"{}", "learner.mode=sync,sink", "learner.mode"},
    };
    const struct sweep_options options = defaults();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena arena = {0};
        struct sweep_plan plan;
        assert_fails(plan_of(cases[i].sweep, cases[i].set, &options, &arena, &plan), ERR_CONFIG,
                     cases[i].message);
        arena_close(&arena);
    }
}

static void options_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const int rungs[] = {10, 20}, down[] = {20, 10};
    const struct int_list two = {2, rungs}, falling = {2, down};
    struct sweep_options options = defaults();
    assert_ok(sweep_options_check(&options));
    options.kind = SWEEP_HALVING;
    assert_fails(sweep_options_check(&options), ERR_CONFIG, "rungs");
    options.rungs = &falling;
    assert_fails(sweep_options_check(&options), ERR_CONFIG, "ascending");
    options.rungs = &two;
    assert_ok(sweep_options_check(&options));
    options.slurm = true;
    assert_fails(sweep_options_check(&options), ERR_CONFIG, "--slurm");
    options.kind = SWEEP_RANDOM;
    assert_fails(sweep_options_check(&options), ERR_CONFIG, "rungs");
    options = defaults();
    options.kind = SWEEP_RANDOM;
    assert_fails(sweep_options_check(&options), ERR_CONFIG, "draws");
    options.kind = SWEEP_GRID;
    options.draws = 3;
    assert_fails(sweep_options_check(&options), ERR_CONFIG, "draws");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grid_has_all_combinations),
        cmocka_unit_test(the_command_line_replaces_and_adds),
        cmocka_unit_test(draws_are_a_function_of_their_seed),
        cmocka_unit_test(draws_of_lists_do_not_repeat),
        cmocka_unit_test(variants_set_several_options),
        cmocka_unit_test(identity_is_what_shapes_a_result),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(options_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
