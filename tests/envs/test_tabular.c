// The environment `tabular` on made-up tables: values, equal cells, budgets, and files that are
// wrong.
#include "core/config.h"
#include "env_case.h"
#include "envs/candidate_env.h"
#include "envs/tabular/tabular_table.h"
#include "tabular_files.h"
#include "test_folder_group.h"
#include "test_unit.h"

#include <math.h>

static int make_tables(void **state)
{
    make_folder(state);
    tabular_files_nasbench201(folder.path);
    tabular_files_macro(folder.path);
    return setenv("DIKDIK_DATA", folder.path, 1);
}

// Plays the candidate of this number; returns the reward of its last step.
static double play(struct env_case *c, int task, const struct tabular_format *format, int number)
{
    int16_t steps[TABULAR_MOST_STEPS];
    tabular_steps(format, number, steps);
    env_case_reset(c, task, 0);
    for (int i = 0; i < format->steps; i++) {
        env_case_step(c, steps[i]);
    }
    assert_int_equal(c->end, ENV_TERMINATED);
    return (double)c->reward;
}

static int result_number(const struct env_outcome *outcome, const struct tabular_format *format)
{
    int16_t steps[TABULAR_MOST_STEPS];
    assert_int_equal(outcome->n_result, format->steps);
    for (int i = 0; i < format->steps; i++) {
        steps[i] = (int16_t)outcome->result[i];
    }
    return tabular_number(format, steps);
}

static void numbers_are_steps(void **state)
{
    (void)state;
    for (int kind = 0; kind < TABULAR_KIND_COUNT; kind++) {
        const struct tabular_format *format = tabular_formats[kind];
        int16_t steps[TABULAR_MOST_STEPS];
        for (int number = 0; number < 6000; number += 7) {
            tabular_steps(format, number, steps);
            assert_int_equal(tabular_number(format, steps), number);
        }
        tabular_steps(format, 1, steps);
        assert_int_equal(steps[format->steps - 1], 1);
    }
}

// Rewards are what is searched on, scores what is reported, and equal cells come out as one.
static void cells_have_their_values(void **state)
{
    (void)state;
    struct env_case proxy, final;
    env_case_open(&proxy, "tabular", "{\"reward\": \"accuracy\"}", 1);
    env_case_open(&final, "tabular", "{\"search_on\": \"final\"}", 1);
    assert_int_equal(proxy.spec.n_tasks, 3);
    for (int number = 0; number < 15625; number += 13) {
        const int task = number % 3, equal = tabular_files_equal(number);
        const double value = tabular_files_final(equal, task);
        double reward = play(&proxy, task, &tabular_nasbench201, number);
        assert_true(fabs(reward - tabular_files_proxy(equal, task)) < 1e-6);
        const struct env_outcome outcome = env_case_outcome(&proxy);
        assert_true(fabs(outcome.score - value) < 1e-12);
        assert_int_equal(result_number(&outcome, &tabular_nasbench201), equal);
        reward = play(&final, task, &tabular_nasbench201, number);
        assert_true(fabs(reward + log(1 - value)) < 1e-6);
    }
    env_case_close(&proxy);
    env_case_close(&final);
}

static void canonical_is_one_of_the_class(void **state)
{
    (void)state;
    struct env_case c;
    int different = 0;
    env_case_open(&c, "tabular", "{}", 1);
    for (int number = 0; number < 15625; number++) {
        int16_t steps[TABULAR_MOST_STEPS];
        tabular_steps(&tabular_nasbench201, number, steps);
        c.env->ops->candidates->canonical(c.env, 0, steps);
        assert_int_equal(tabular_number(&tabular_nasbench201, steps), tabular_files_equal(number));
        different += tabular_files_equal(number) == number;
    }
    assert_int_equal(different, 15625 - 125 * 4);
    env_case_close(&c);
}

// Tasks of one data set are one model, numbered without gaps; all are one family.
static void tasks_share_a_family(void **state)
{
    (void)state;
    struct env_case c;
    struct candidate_env_space space;
    env_case_open(&c, "tabular",
                  "{\"tasks\": [{\"data\": \"imagenet16-120\"}, {\"data\": \"cifar100\"}]}", 1);
    for (int task = 0; task < 2; task++) {
        c.env->ops->candidates->space(c.env, task, &space);
        assert_int_equal(space.model, task);
        assert_int_equal(space.family, 0);
        assert_int_equal(space.steps, 6);
        assert_true(space.categorical[0] && space.categorical[5] && space.budget == 1);
        assert_true(space.position[0][0] > 0 && space.position[0][4] == 1);
    }
    env_case_close(&c);
}

// Whatever is chosen among what is legal, the table knows the network and the budget holds.
static void budgets_and_gaps_are_never_met(void **state)
{
    (void)state;
    struct env_case c;
    struct rng rng = rng_make(4, RNG_TEST, 0, 0);
    const struct tabular_format *format = &tabular_nasbench_macro;
    env_case_open(&c, "tabular",
                  "{\"table\": \"nasbench-macro\", \"tasks\": [{}, {\"macs\": 0.4}, "
                  "{\"macs\": 4000000, \"params\": 0.3}]}",
                  1);
    const long full = tabular_files_macro_macs(6560); // all digits 2
    const double most[] = {1e18, 0.4 * (double)full, fmin(4e6, 0.3 * (double)full)};
    for (int i = 0; i < 3000; i++) {
        const struct env_start start = {
            .task = i % 3, .episode = i, .imagined = i % 2 == 1, .budget = i % 4 == 3 ? 0.7 : 0};
        env_case_start(&c, &start);
        while (c.end == ENV_RUNNING) {
            env_case_step(&c, env_case_draw(&c, &rng));
        }
        const struct env_outcome outcome = env_case_outcome(&c);
        const int number = result_number(&outcome, format);
        const double limit = most[start.task] * (start.budget > 0 ? start.budget : 1);
        assert_true(tabular_files_macro_known(number));
        assert_int_equal(outcome.macs, tabular_files_macro_macs(number));
        assert_true((double)outcome.macs <= limit);
        const double score = start.imagined ? 0 : tabular_files_macro_final(number);
        assert_true(fabs(outcome.score - score) < 1e-9);
        assert_true(!start.imagined || c.reward == 0.0F);
    }
    env_case_close(&c);
}

static void holds_agrees_with_the_masks(void **state)
{
    (void)state;
    struct env_case c;
    const struct tabular_format *format = &tabular_nasbench_macro;
    env_case_open(&c, "tabular", "{\"table\": \"nasbench-macro\", \"tasks\": [{\"macs\": 0.5}]}",
                  1);
    const struct candidate_env_ops *ops = c.env->ops->candidates;
    const double most = floor(0.5 * (double)tabular_files_macro_macs(6560));
    for (int number = 0; number < 6561; number++) {
        int16_t steps[TABULAR_MOST_STEPS];
        tabular_steps(format, number, steps);
        const bool known = tabular_files_macro_known(number) != 0;
        const double share = (double)tabular_files_macro_macs(number) / most;
        assert_int_equal(ops->holds(c.env, 0, steps), known && share <= 1);
        const double use = ops->use(c.env, 0, steps);
        assert_true(known ? fabs(use - share) < 1e-9 : isinf(use));
    }
    env_case_close(&c);
}

static enum status try_open(const char *json)
{
    struct arena arena = {0};
    struct json *document;
    struct env *env = NULL;
    assert_ok(json_parse(json, strlen(json), "test", &document));
    void *options = arena_alloc(&arena, 1, env_tabular.options_bytes);
    assert_non_null(options);
    enum status code = config_read(document, "test", tabular_option_table, options, &arena);
    json_close(document);
    const struct env_job job = {.config = options, .seed = 1, .shared_fd = -1};
    if (code == OK) {
        code = env_tabular.open(&job, &env);
        env_tabular.close(env);
    }
    arena_close(&arena);
    return code;
}

static void wrong_tasks_are_refused(void **state)
{
    (void)state;
    assert_fails(try_open("{\"tasks\": [{\"data\": \"svhn\"}]}"), ERR_CONFIG,
                 "tasks[0].data: the table nasbench201 has cifar10, cifar100, imagenet16-120");
    assert_fails(try_open("{\"tasks\": [{}]}"), ERR_CONFIG, "tasks[0].data");
    assert_fails(try_open("{\"tasks\": [{\"data\": \"cifar10\", \"macs\": 0.5}]}"), ERR_CONFIG,
                 "tasks[0].macs");
    assert_fails(try_open("{\"tasks\": [{\"data\": \"cifar10\"}, {\"data\": \"cifar10\"}]}"),
                 ERR_CONFIG, "tasks[0] and tabular.tasks[1]");
    assert_fails(try_open("{\"table\": \"nasbench-macro\", \"tasks\": [{\"macs\": 1000}]}"),
                 ERR_CONFIG, "tasks[0]: no network");
    assert_fails(try_open("{\"path\": \"/nowhere\"}"), ERR_INPUT, "/nowhere");
    unsetenv("DIKDIK_DATA");
    assert_fails(try_open("{}"), ERR_CONFIG, "tabular.path");
    setenv("DIKDIK_DATA", folder.path, 1);
}

// A copy of the small table with one change, and what is said about it.
static void expect_of(const char *text, const char *words)
{
    char path[600];
    snprintf(path, sizeof path, "%s/bad", folder.path);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/bad/nas_bench_macro_cifar10_half.csv", folder.path);
    test_folder_write(path, text, strlen(text));
    snprintf(path, sizeof path, "{\"table\": \"nasbench-macro\", \"path\": \"%s/bad\"}",
             folder.path);
    if (words == NULL) {
        assert_ok(try_open(path));
    } else {
        assert_fails(try_open(path), ERR_INPUT, words);
    }
}

#define NAMES "arch,params,macs,test_acc_seed1,test_acc_seed2,test_acc_seed3\n"
static void damaged_files_are_named(void **state)
{
    (void)state;
    expect_of(NAMES "00000000,5,7,80,81,82\n\n", NULL);
    expect_of(NAMES "00000000,5,7,80,81,82", NULL);
    expect_of(NAMES "00000000,5,7,80,81\n", "line 2: 5 fields, expected 6");
    expect_of(NAMES "00000000,5,7,80,81,82,83\n", "line 2: 7 fields, expected 6");
    expect_of(NAMES "00000000,5,7,80,81,8x\n", "line 2, column test_acc_seed3");
    expect_of(NAMES "00000000,5,7,80,nan,82\n", "column test_acc_seed2");
    expect_of(NAMES "00000000,5,7,180,81,82\n", "column test_acc_seed1");
    expect_of(NAMES "00000000,5.5,7,80,81,82\n", "column params");
    expect_of(NAMES "00000000,5,-7,80,81,82\n", "column macs");
    expect_of(NAMES "00000003,5,7,80,81,82\n", "expected 8 digits from 0 to 2");
    expect_of(NAMES "0000000,5,7,80,81,82\n", "expected 8 digits");
    expect_of(NAMES "000000000,5,7,80,81,82\n", "expected 8 digits");
    expect_of(NAMES "\"00000000\",5,7,80,81,82\n", "quotation mark");
    expect_of(NAMES "00000000,5,7,80,81,82\n\n00000001,5,7,80,81,82\n", "behind an empty line");
    expect_of(NAMES "00000000,5,7,80,81,82\n00000000,5,7,80,81,82\n", "line 3: network 00000000");
    expect_of(NAMES, "there are no networks");
    expect_of("arch,params,test_acc_seed1\n", "expected a column \"macs\"");
}

// The whole table with one text in place of another.
static void expect_of_cells(const char *name, const char *from, const char *to, const char *words)
{
    char path[600], json[700];
    snprintf(path, sizeof path, "%s/nasbench201/%s", folder.path, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    static char whole[4 << 20], changed[4 << 20];
    const size_t n = fread(whole, 1, sizeof whole - 1, file);
    fclose(file);
    whole[n] = '\0';
    char *at = strstr(whole, from);
    assert_non_null(at);
    if (to == NULL) { // cut off there
        snprintf(changed, sizeof changed, "%.*s", (int)(at - whole), whole);
    } else {
        snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - whole), whole, to,
                 at + strlen(from));
    }
    test_folder_write(path, changed, strlen(changed));
    snprintf(json, sizeof json, "{\"path\": \"%s/nasbench201\"}", folder.path);
    assert_fails(try_open(json), ERR_INPUT, words);
    test_folder_write(path, whole, n);
}

static void damaged_cells_are_named(void **state)
{
    (void)state;
    const char *last = "|avg_pool_3x3~0|+|avg_pool_3x3~0|avg_pool_3x3~1|+|avg_pool_3x3~0|"
                       "avg_pool_3x3~1|avg_pool_3x3~2|";
    const char *early = "nasbench201_12ep.csv", *late = "nats_bench_tss_200ep.csv";
    expect_of_cells(early, "|skip_connect~2|", "|sep_conv~2|",
                    "expected one of none, skip_connect, nor_conv_1x1, nor_conv_3x3, "
                    "avg_pool_3x3 on edge 6, got \"sep_conv\"");
    expect_of_cells(early, "|skip_connect~2|", "|skip_connect~1|", "expected a cell such as");
    expect_of_cells(early, last, NULL, "15624 cells, expected all 15625");
    expect_of_cells(late, last, "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
                    "in an earlier line already");
    expect_of_cells(late, "UniqueString", "Unique", "expected a column \"UniqueString\"");
    expect_of_cells(early, "c100-val12", "c100-val", "expected a column \"c100-val12\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_steps),
        cmocka_unit_test(cells_have_their_values),
        cmocka_unit_test(canonical_is_one_of_the_class),
        cmocka_unit_test(tasks_share_a_family),
        cmocka_unit_test(budgets_and_gaps_are_never_met),
        cmocka_unit_test(holds_agrees_with_the_masks),
        cmocka_unit_test(wrong_tasks_are_refused),
        cmocka_unit_test(damaged_files_are_named),
        cmocka_unit_test(damaged_cells_are_named),
    };
    return cmocka_run_group_tests(tests, make_tables, remove_folder);
}
