// What env.h promises, held against every small environment at several settings.
#include "core/hash.h"
#include "env_case.h"
#include "tabular_files.h"
#include "test_folder_group.h"
#include "test_unit.h"

#include <math.h>

static const struct {
    const char *name, *json;
} settings[] = {
#define X(id, name) {#name, "{}"},
    ENV_PLAIN_LIST(X)
#undef X
        {"bandit", "{\"arms\": 2, \"contexts\": 1, \"steps\": 1}"},
    {"bandit", "{\"arms\": 7, \"contexts\": 9, \"blocked\": 0.9, \"noise\": 0.5}"},
    {"bandit", "{\"blocked\": 1, \"scales\": [0.001, 1000]}"},
    {"catch", "{\"rows\": 2, \"columns\": 2, \"scales\": [3]}"},
    {"catch", "{\"rows\": 4, \"columns\": 9, \"scales\": [1, 10, -5]}"},
    {"cartpole", "{\"hide_velocity\": true, \"scales\": [1, 100]}"},
    {"cartpole", "{\"steps\": 7}"},
    {"sleep", "{\"seconds\": 0}"},
    {"tabular", "{\"search_on\": \"final\", \"reward\": \"accuracy\"}"},
    {"tabular", "{\"table\": \"nasbench-macro\", \"tasks\": [{\"macs\": 0.3}, {\"params\": 0.5}]}"},
    {"sleep", "{\"seconds\": 0.0001, \"steps\": 9, \"tasks\": 3}"},
};
enum { SETTINGS = sizeof settings / sizeof *settings };

static void all_are_listed(void **state)
{
    (void)state;
    int n = 0;
    for (; env_list[n] != NULL; n++) {
        const struct env_ops *ops = env_list[n];
        assert_ptr_equal(env_find(ops->name), ops);
        assert_true(strlen(ops->about) > 0);
        assert_non_null(ops->open);
        assert_non_null(ops->spec);
        assert_non_null(ops->reset);
        assert_non_null(ops->step);
        assert_non_null(ops->outcome);
        ops->close(NULL);
    }
    assert_true(n >= 4);
    assert_null(env_find("chess"));
}

// One step of an episode under chance choices, into its hash.
static void play_on(struct env_case *c, struct rng *rng, uint64_t *hash)
{
    const size_t choices = (size_t)*c->row.choices;
    *hash = hash_bytes(*hash, c->row.obs, (size_t)c->spec.n_obs * sizeof(float));
    *hash = hash_bytes(*hash, c->row.position, choices * sizeof(float));
    *hash = hash_bytes(*hash, c->row.legal, choices);
    env_case_step(c, env_case_draw(c, rng));
    *hash = hash_bytes(*hash, &c->reward, sizeof c->reward);
    if (c->end != ENV_RUNNING) {
        const struct env_outcome outcome = env_case_outcome(c);
        *hash = hash_bytes(*hash, &outcome.score, sizeof outcome.score);
        *hash = hash_bytes(*hash, &c->end, sizeof c->end);
    }
}

// A hash over all that an episode under chance choices shows and gives.
static uint64_t play(struct env_case *c, int task, int64_t episode)
{
    struct rng rng = rng_make(77, RNG_TEST, (uint64_t)episode, 0);
    uint64_t hash = HASH_BEGIN;
    int steps = 0;
    env_case_reset(c, task, episode);
    while (c->end == ENV_RUNNING) {
        play_on(c, &rng, &hash);
        steps++;
    }
    assert_true(steps <= c->spec.most_steps);
    return hash;
}

// An episode is a function of (seed, task, episode): not of what was played before it.
static void episodes_repeat(void **state)
{
    (void)state;
    for (int i = 0; i < SETTINGS; i++) {
        struct env_case a, b, other;
        env_case_open(&a, settings[i].name, settings[i].json, 5);
        env_case_open(&b, settings[i].name, settings[i].json, 5);
        env_case_open(&other, settings[i].name, settings[i].json, 6);
        uint64_t hashes[12];
        int different = 0;
        for (int episode = 0; episode < 12; episode++) {
            hashes[episode] = play(&a, episode % a.spec.n_tasks, episode);
            different += play(&other, episode % a.spec.n_tasks, episode) != hashes[episode];
        }
        for (int episode = 11; episode >= 0; episode--) {
            assert_true(play(&b, episode % b.spec.n_tasks, episode) == hashes[episode]);
        }
        assert_true(different > 0 || strcmp(settings[i].name, "sleep") == 0 ||
                    strcmp(settings[i].name, "tabular") == 0 || a.spec.n_obs == 1);
        env_case_close(&a);
        env_case_close(&b);
        env_case_close(&other);
    }
}

// Several episodes under way in one environment, their steps in any order: each is what it would be
// by itself.
static void slots_do_not_meet(void **state)
{
    (void)state;
    for (int i = 0; i < SETTINGS; i++) {
        struct env_case alone, slots[ENV_CASE_SLOTS];
        struct rng rngs[ENV_CASE_SLOTS], order = rng_make(3, RNG_TEST, (uint64_t)i, 0);
        uint64_t hashes[ENV_CASE_SLOTS];
        int64_t episodes[ENV_CASE_SLOTS], next = 0;
        env_case_open(&alone, settings[i].name, settings[i].json, 5);
        env_case_open(&slots[0], settings[i].name, settings[i].json, 5);
        for (int k = 0; k < ENV_CASE_SLOTS; k++) {
            if (k > 0) {
                env_case_share(&slots[k], &slots[0], k);
            }
            slots[k].end = ENV_TERMINATED;
            episodes[k] = -1;
        }
        for (int finished = 0; finished < 12;) {
            const int k = (int)rng_below(&order, ENV_CASE_SLOTS);
            if (slots[k].end == ENV_RUNNING) {
                play_on(&slots[k], &rngs[k], &hashes[k]);
                continue;
            }
            if (episodes[k] >= 0) {
                const int task = (int)(episodes[k] % alone.spec.n_tasks);
                assert_true(hashes[k] == play(&alone, task, episodes[k]));
                finished++;
            }
            episodes[k] = next++;
            rngs[k] = rng_make(77, RNG_TEST, (uint64_t)episodes[k], 0);
            hashes[k] = HASH_BEGIN;
            env_case_reset(&slots[k], (int)(episodes[k] % alone.spec.n_tasks), episodes[k]);
        }
        for (int k = ENV_CASE_SLOTS - 1; k >= 0; k--) {
            env_case_close(&slots[k]);
        }
        env_case_close(&alone);
    }
}

// Task i of an environment with scales is the same game with other rewards.
static void scales_multiply_rewards(void **state)
{
    (void)state;
    static const char *const names[] = {"bandit", "catch", "cartpole"};
    for (int i = 0; i < 3; i++) {
        struct env_case c;
        env_case_open(&c, names[i], "{\"scales\": [1, 0.001, 1000]}", 9);
        assert_int_equal(c.spec.n_tasks, 3);
        for (int64_t episode = 0; episode < 5; episode++) {
            double sums[3], scores[3];
            for (int task = 0; task < 3; task++) {
                struct rng rng = rng_make(1, RNG_TEST, (uint64_t)episode, 0);
                sums[task] = 0.0;
                env_case_reset(&c, task, episode);
                while (c.end == ENV_RUNNING) {
                    env_case_step(&c, env_case_draw(&c, &rng));
                    sums[task] += (double)c.reward;
                }
                scores[task] = env_case_outcome(&c).score;
            }
            assert_true(fabs(sums[1] - 0.001 * sums[0]) <= 1e-6 * fabs(sums[0]));
            assert_true(fabs(sums[2] - 1000.0 * sums[0]) <= 1e-3 * fabs(sums[0]));
            assert_true(scores[1] == scores[0] && scores[2] == scores[0]);
        }
        env_case_close(&c);
    }
}

static int make_tables(void **state)
{
    make_folder(state);
    tabular_files_nasbench201(folder.path);
    tabular_files_macro(folder.path);
    return setenv("DIKDIK_DATA", folder.path, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_listed),
        cmocka_unit_test(episodes_repeat),
        cmocka_unit_test(slots_do_not_meet),
        cmocka_unit_test(scales_multiply_rewards),
    };
    return cmocka_run_group_tests(tests, make_tables, remove_folder);
}
