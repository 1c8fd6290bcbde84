// The environment `tabular` with several objectives: what is rewarded, what the agent sees, and
// which tasks share their candidates.
#include "core/config.h"
#include "env_case.h"
#include "envs/candidate_env.h"
#include "envs/tabular/tabular.h"
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

static const char *const macro = "{\"table\": \"nasbench-macro\", \"search_on\": \"final\", "
                                 "\"reward\": \"accuracy\", \"tasks\": [{}, {\"objective\": "
                                 "{\"macs\": 0.2, \"form\": \"linear\"%s}}]}";

static void open_macro(struct env_case *c, const char *draws)
{
    char json[512];
    snprintf(json, sizeof json, macro, draws);
    env_case_open(c, "tabular", json, 3);
}

// One random episode; false of a network that the table does not know cannot come.
static struct env_outcome play(struct env_case *c, int task, int64_t episode)
{
    struct rng rng = rng_make(8, RNG_TEST, (uint64_t)episode, 0);
    env_case_reset(c, task, episode);
    while (c->end == ENV_RUNNING) {
        assert_int_equal(*c->row.categorical, 1);
        env_case_step(c, env_case_draw(c, &rng));
    }
    return env_case_outcome(c);
}

static long greatest_macs(void)
{
    long most = 0;
    for (int number = 0; number < 6561; number++) {
        const long macs = tabular_files_macro_known(number) ? tabular_files_macro_macs(number) : 0;
        most = macs > most ? macs : most;
    }
    return most;
}

static void costs_are_taken_off(void **state)
{
    (void)state;
    struct env_case c;
    const double whole = (double)greatest_macs();
    open_macro(&c, "");
    for (int64_t episode = 0; episode < 200; episode++) {
        const struct env_outcome plain = play(&c, 0, episode);
        assert_true(c.reward == (float)plain.score);
        const struct env_outcome outcome = play(&c, 1, episode);
        const double expected = outcome.score - 0.2 * (double)outcome.macs / whole;
        assert_true(fabs((double)c.reward - expected) < 1e-6 && outcome.off_task == 0);
    }
    env_case_close(&c);
}

// An episode that draws its weights is rewarded by them, shows them, and says what the task's own
// objective would have made of it.
static void drawn_weights_are_shown_and_told(void **state)
{
    (void)state;
    struct env_case c, own;
    const double whole = (double)greatest_macs();
    float least = 1, most = 0;
    open_macro(&c, ", \"draws\": \"weights\"");
    open_macro(&own, "");
    for (int64_t episode = 0; episode < 200; episode++) {
        env_case_reset(&c, 1, episode);
        const float seen = c.row.obs[c.spec.n_obs - OBJECTIVE_FEATURES + OBJECTIVE_WEIGHT];
        least = fminf(least, seen);
        most = fmaxf(most, seen);
        const double share = pow(10, 4 * ((double)seen - 1)); // w / (1 + w)
        const double weight = share / (1 - share);
        assert_true(weight > 0.02 && weight < 1.7);
        const struct env_outcome outcome = play(&c, 1, episode);
        const double reward = outcome.score - weight * (double)outcome.macs / whole;
        assert_true(fabs((double)c.reward - reward) < 1e-4);
        (void)play(&own, 1, episode);
        assert_true(fabs((double)c.reward - outcome.off_task - (double)own.reward) < 1e-5);
    }
    assert_true((double)most - (double)least > 0.2);
    env_case_close(&c);
    env_case_close(&own);
}

// Other objectives, other rewards: such tasks are of one family but of different models.
static void objectives_part_models(void **state)
{
    (void)state;
    struct env_case c;
    const int models[] = {0, 0, 1, 1, 2, 3};
    env_case_open(&c, "tabular",
                  "{\"table\": \"nasbench-macro\", \"tasks\": [{}, {\"macs\": 0.5}, "
                  "{\"objective\": {\"params\": 0.1}}, "
                  "{\"macs\": 0.5, \"objective\": {\"params\": 0.1}}, "
                  "{\"objective\": {\"params\": 0.2}}, "
                  "{\"objective\": {\"params\": 0.2, \"params_target\": 0.5}}]}",
                  1);
    for (int task = 0; task < 6; task++) {
        struct candidate_env_space space;
        c.env->ops->candidates->space(c.env, task, &space);
        assert_int_equal(space.model, models[task]);
        assert_int_equal(space.family, 0);
    }
    env_case_close(&c);
}

static void unknown_costs_are_refused(void **state)
{
    (void)state;
    static struct tabular_options options;
    struct tabular_task_options task;
    struct env *env;
    struct json *document;
    struct arena arena = {0};
    const char *json = "{\"tasks\": [{\"data\": \"cifar10\", \"objective\": {\"macs\": 1}}]}";
    assert_ok(json_parse(json, strlen(json), "test", &document));
    assert_ok(config_read(document, "test", tabular_option_table, &options, &arena));
    json_close(document);
    task = *(const struct tabular_task_options *)option_list_at(options.tasks, 0);
    assert_true(task.objective.weight[COST_MACS] == 1 && task.objective.accuracy == 1);
    const struct env_job job = {.config = &options, .seed = 1};
    assert_fails(env_tabular.open(&job, &env), ERR_CONFIG, "objective.macs");
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(costs_are_taken_off),
        cmocka_unit_test(drawn_weights_are_shown_and_told),
        cmocka_unit_test(objectives_part_models),
        cmocka_unit_test(unknown_costs_are_refused),
    };
    return cmocka_run_group_tests(tests, make_tables, remove_folder);
}
