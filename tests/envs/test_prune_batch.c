// Several episodes of the pruning environment at once, scored together.
#include "prune_case.h"

// Which episode a slot plays: choices are drawn by its number.
struct player {
    struct env_case env;
    struct rng rng;
    int task, number;
};

static int open_case(void **state)
{
    static struct prune_case c;
    prune_case_open(&c);
    *state = &c;
    return 0;
}

static int close_case(void **state)
{
    prune_case_close(*state);
    return 0;
}

static void open_players(const struct prune_case *c, struct player *players)
{
    for (int k = 0; k < ENV_CASE_SLOTS; k++) {
        if (k == 0) {
            prune_case_env(c, 1, -1, &players[0].env);
        } else {
            env_case_share(&players[k].env, &players[0].env, k);
        }
        players[k].env.waits = true;
    }
}

static void close_players(struct player *players)
{
    for (int k = ENV_CASE_SLOTS - 1; k >= 0; k--) {
        env_case_close(&players[k].env);
    }
}

static void begin(struct player *player, int task, int number)
{
    player->task = task;
    player->number = number;
    player->rng = rng_make(9, RNG_TEST, (uint64_t)number, 0); // as prune_case_play
    env_case_reset(&player->env, task, number);
}

static int step(struct player *player)
{
    const int choice = env_case_draw(&player->env, &player->rng);
    env_case_step(&player->env, choice);
    return choice;
}

// Steps in turn until all of them are over; the last follows the first, as far as it is given.
static void play_all(struct player *players, int n, bool follow)
{
    for (bool running = true; running;) {
        int choice = -1;
        running = false;
        for (int k = 0; k < n; k++) {
            if (players[k].env.end != ENV_RUNNING) {
                continue;
            }
            running = true;
            if (follow && k == n - 1) {
                env_case_step(&players[k].env, choice);
            } else {
                const int taken = step(&players[k]);
                choice = k == 0 ? taken : choice;
            }
        }
    }
}

static void expect_alone(const struct player *player, struct env_case *alone, bool cached)
{
    const struct env_outcome together = env_case_outcome(&player->env);
    const struct env_outcome one = prune_case_play(alone, player->task, player->number);
    assert_true(together.score == one.score && player->env.reward == alone->reward);
    assert_true(together.macs == one.macs && together.n_result == one.n_result);
    assert_memory_equal(together.result, one.result, (size_t)one.n_result * sizeof(int32_t));
    assert_int_equal(together.cached, cached);
    assert_int_equal(together.arithmetic_seconds > 0, !cached);
}

// Of two networks and so of different lengths, on their way in turn, after others that were given
// up: each is what it would be by itself.
static void each_is_what_it_is_alone(void **state)
{
    const struct prune_case *c = *state;
    static const int tasks[ENV_CASE_SLOTS] = {0, 3, 1, 2};
    struct player players[ENV_CASE_SLOTS];
    struct env_case alone;
    struct env_case *all[ENV_CASE_SLOTS];
    open_players(c, players);
    prune_case_env(c, 1, -1, &alone);
    for (int round = 0; round < 2; round++) {
        for (int k = 0; k < ENV_CASE_SLOTS; k++) {
            begin(&players[k], 2, 99);
            step(&players[k]);
            begin(&players[k], tasks[(k + round) % ENV_CASE_SLOTS], 10 * round + k);
            all[k] = &players[k].env;
        }
        play_all(players, ENV_CASE_SLOTS, false);
        env_case_evaluate(all, ENV_CASE_SLOTS);
        for (int k = 0; k < ENV_CASE_SLOTS; k++) {
            expect_alone(&players[k], &alone, false);
        }
    }
    env_case_close(&alone);
    close_players(players);
}

// Equal candidates, of tasks with other budgets too, are scored once, whatever was asked for first;
// those that are known already are not scored again; others wait for their own evaluation.
static void equal_ones_are_scored_once(void **state)
{
    const struct prune_case *c = *state;
    struct player players[ENV_CASE_SLOTS];
    struct env_case alone;
    open_players(c, players);
    prune_case_env(c, 1, -1, &alone);
    begin(&players[0], 0, 5);
    begin(&players[1], 3, 6);
    begin(&players[2], 1, 7);
    begin(&players[3], 1, 5); // what a budget of 0.5 allows, 0.8 does
    play_all(players, ENV_CASE_SLOTS, true);
    struct env_case *const equal[] = {&players[3].env, &players[0].env};
    struct env_case *const others[] = {&players[1].env, &players[2].env};
    env_case_evaluate(equal, 2);
    const struct env_outcome first = env_case_outcome(&players[3].env);
    assert_true(!first.cached && first.arithmetic_seconds > 0);
    assert_true(first.score == env_case_outcome(&players[0].env).score);
    expect_alone(&players[0], &alone, true);
    env_case_evaluate(others, 2);
    expect_alone(&players[1], &alone, false);
    expect_alone(&players[2], &alone, false);
    begin(&players[0], 0, 1);
    begin(&players[1], 1, 7);
    play_all(players, 2, false);
    struct env_case *const again[] = {&players[1].env, &players[0].env};
    env_case_evaluate(again, 2);
    assert_true(env_case_outcome(&players[1].env).cached);
    expect_alone(&players[0], &alone, false);
    env_case_close(&alone);
    close_players(players);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_what_it_is_alone),
        cmocka_unit_test(equal_ones_are_scored_once),
    };
    return cmocka_run_group_tests(tests, open_case, close_case);
}
