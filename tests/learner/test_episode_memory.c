// What is kept: episodes that wait, old ones to replay, the best to imitate.
#include "episode_case.h"
#include "learner/episode_memory.h"
#include "test_unit.h"

#include <math.h>

enum { TASKS = 2 };
static const struct trajectory_shape shape = {.rows = 6, .n_obs = 4, .n_choices = 5, .n_result = 2};

static void take_scored(struct episode_memory *memory, struct episode_case *episode, int task,
                        double score, int candidate)
{
    const struct trajectory *t = &episode->trajectory;
    struct rng rng = rng_make(3, RNG_TEST, (uint64_t)candidate, 0);
    episode_fill(episode, &(struct episode_wish){.task = task, .rows = 3}, &rng);
    memset(t->reward, 0, (size_t)shape.rows * sizeof *t->reward);
    t->reward[1] = (float)score;
    t->header->score = 0.1;
    t->header->actor = 5;
    t->header->wire_seconds = 0.3;
    t->result[0] = candidate;
    t->result[1] = 0;
    if (memory->n_pending == memory->options.pending) {
        episode_memory_turn(memory);
    }
    episode_memory_take(memory, t);
}

static void assert_best(const struct episode_memory *memory, int task, const double *scores,
                        const int *candidates, int n)
{
    assert_int_equal(memory->n_best[task], n);
    for (int i = 0; i < n; i++) {
        struct trajectory t;
        episode_memory_best(memory, task * memory->options.best + i, &t);
        assert_true(trajectory_reward(&t) == (double)(float)scores[i]);
        assert_int_equal(t.result[0], candidates[i]);
        assert_true(t.header->actor == 0 && t.header->wire_seconds == 0.0);
    }
}

static void test_memory(void **state)
{
    (void)state;
    struct episode_case c;
    struct arena arena = {0};
    struct episode_memory memory;
    episode_open(&c, &shape);
    const struct episode_memory_options options = {
        .pending = 4, .replay = 6, .best = 3, .n_tasks = TASKS};
    assert_ok(episode_memory_open(&shape, &options, &arena, &memory));
    take_scored(&memory, &c, 0, 0.5, 1);
    take_scored(&memory, &c, 0, 0.7, 2);
    take_scored(&memory, &c, 0, 0.5, 3);
    take_scored(&memory, &c, 0, 0.5, 1); // known
    assert_best(&memory, 0, (const double[]){0.7, 0.5, 0.5}, (const int[]){2, 1, 3}, 3);
    take_scored(&memory, &c, 0, 0.4, 4);
    take_scored(&memory, &c, 0, 0.6, 5);
    take_scored(&memory, &c, 0, 0.9, 1); // known, but better now
    assert_best(&memory, 0, (const double[]){0.9, 0.7, 0.6}, (const int[]){1, 2, 5}, 3);
    take_scored(&memory, &c, 0, 0.5, 2); // known, and worse now
    take_scored(&memory, &c, 0, (double)NAN, 6);
    assert_best(&memory, 0, (const double[]){0.9, 0.7, 0.6}, (const int[]){1, 2, 5}, 3);
    take_scored(&memory, &c, 1, 0.1, 1);
    assert_best(&memory, 1, (const double[]){0.1}, (const int[]){1}, 1);
    assert_int_equal(episode_memory_replayable(&memory), 6);
    assert_true(*memory.n_replayed == 8);
    // All drawn once, up to as many as are wanted.
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    int32_t order[6];
    assert_int_equal(episode_memory_draw_best(&memory, &rng, 10, order), 4);
    int seen = 0;
    for (int i = 0; i < 4; i++) {
        seen |= 1 << order[i];
    }
    assert_int_equal(seen, 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3);
    assert_int_equal(episode_memory_draw_best(&memory, &rng, 2, order), 2);
    *memory.n_replayed = -1;
    assert_fails(episode_memory_check(&memory), ERR_INPUT, "impossible counts");
    arena_close(&arena);
    episode_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
