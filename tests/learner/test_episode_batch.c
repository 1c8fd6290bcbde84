// Packing: whole episodes always fit, and every number arrives as it was.
#include "episode_case.h"
#include "learner/episode_batch.h"
#include "test_unit.h"

#include <stdio.h>

static const struct trajectory_shape shape = {.rows = 7, .n_obs = 5, .n_choices = 9, .n_result = 3};

static void open_batch(struct episode_batch *batch, struct agent_case *agent, struct arena *arena,
                       int episodes, int unroll)
{
    agent_case_make(agent, CORE_NONE, DISTRIBUTION_CATEGORICAL, &shape, 3);
    const struct episode_batch_options options = {
        .shape = &shape, .agent = &agent->agent, .episodes = episodes, .unroll = unroll};
    assert_ok(episode_batch_open(&options, arena, batch));
}

// Lengths that waste the most room, and random ones.
static void test_always_fits(void **state)
{
    (void)state;
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    struct episode_case episode;
    episode_open(&episode, &shape);
    for (int trial = 0; trial < 300; trial++) {
        struct arena arena = {0};
        struct episode_batch batch;
        struct agent_case agent;
        const int episodes = 1 + (int)rng_below(&rng, 20);
        const int unroll = trial % 4 == 0 ? 0 : 7 + (int)rng_below(&rng, 20);
        open_batch(&batch, &agent, &arena, episodes, unroll);
        const int per_lane = (unroll == 0 ? 7 : unroll) / 7;
        assert_int_equal(batch.lanes, (episodes + per_lane - 1) / per_lane);
        int rows = 0;
        for (int i = 0; i < episodes; i++) {
            const struct episode_wish wish = {.rows = trial % 3 == 0 ? 4 + i % 2 * 3
                                                                     : 1 + (int)rng_below(&rng, 7)};
            episode_fill(&episode, &wish, &rng);
            episode_batch_add(&batch, &episode.trajectory, 0);
            rows += wish.rows;
        }
        int used = 0, acting = 0;
        for (int lane = 0; lane < batch.lanes; lane++) {
            used += batch.used[lane];
        }
        for (size_t row = 0; row < episode_batch_rows(&batch); row++) {
            acting += episode_batch_acts(&batch, row);
        }
        assert_int_equal(used, rows);
        assert_int_equal(acting, rows);
        arena_close(&arena);
    }
    episode_close(&episode);
}

// Row t of an episode that starts at row `first` of the batch.
static void check_row(const struct episode_batch *batch, const struct trajectory *trajectory, int t,
                      size_t first, int row_flags)
{
    const size_t row = first + (size_t)t, n_obs = 5, n = 9;
    // Features, last action and last reward survive as float32, bit for bit.
    float expected[64];
    assert_true(batch->n_inputs <= 64);
    const float last_action =
        t == 0 ? 0.0F
               : trajectory->position[(size_t)(t - 1) * n + (size_t)trajectory->action[t - 1]];
    const float last_reward = t == 0 ? 0.0F : trajectory->reward[t - 1];
    agent_input(batch->agent, trajectory->obs + (size_t)t * n_obs, last_action, last_reward,
                expected);
    const float *inputs = batch->inputs + row * (size_t)batch->n_inputs;
    assert_memory_equal(inputs, expected, (size_t)batch->n_inputs * sizeof *inputs);
    assert_memory_equal(inputs, trajectory->obs + (size_t)t * n_obs, n_obs * sizeof *inputs);
    assert_true(batch->reset[row] == (t == 0 ? 1.0F : 0.0F));
    assert_int_equal(batch->flags[row], trajectory->flags[t] | row_flags);
    assert_int_equal(batch->task[row], trajectory->header->task);
    assert_true(batch->reward[row] == trajectory->reward[t]);
    struct offer offer;
    struct chosen chosen;
    episode_batch_offer(batch, row, &offer);
    episode_batch_chosen(batch, row, &chosen);
    assert_int_equal(offer.n, trajectory->choices[t]);
    assert_int_equal(offer.categorical, trajectory->categorical[t]);
    assert_memory_equal(offer.position, trajectory->position + (size_t)t * n, n * sizeof(float));
    assert_memory_equal(offer.legal, trajectory->legal + (size_t)t * n, n);
    assert_int_equal(chosen.choice, trajectory->action[t]);
    assert_true(chosen.raw == trajectory->raw[t] && chosen.logp == trajectory->logp[t]);
}

static void test_rows_survive(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct episode_batch batch;
    struct agent_case agent;
    struct episode_case episodes[3];
    struct rng rng = rng_make(2, RNG_TEST, 0, 0);
    open_batch(&batch, &agent, &arena, 3, 14);
    const struct episode_wish wishes[3] = {
        {.task = 2, .rows = 5, .truncated = true, .reward_scale = 1},
        {.task = 0, .rows = 7, .reward_scale = 0.001},
        {.task = 1, .rows = 4, .reward_scale = 1000}};
    for (int again = 0; again < 2; again++) { // the second time over what the first left
        episode_batch_clear(&batch);
        for (int i = 0; i < 3; i++) {
            episode_open(&episodes[i], &shape);
            episode_fill(&episodes[i], &wishes[i], &rng);
            episode_batch_add(&batch, &episodes[i].trajectory, i == 2 ? ROW_IMITATION : 0);
        }
        const size_t firsts[3] = {0, 6, 14}; // 6 and 7 rows in the first lane, 4 in the second
        for (int i = 0; i < 3; i++) {
            for (int t = 0; t < episodes[i].trajectory.header->rows; t++) {
                check_row(&batch, &episodes[i].trajectory, t, firsts[i],
                          i == 2 ? ROW_IMITATION : 0);
            }
            episode_close(&episodes[i]);
        }
        const size_t padding[] = {13, 18, 27};
        for (int i = 0; i < 3; i++) {
            assert_int_equal(batch.flags[padding[i]], ROW_PADDING);
            assert_true(batch.inputs[padding[i] * (size_t)batch.n_inputs] == 0.0F);
            assert_true(batch.reset[padding[i]] == 1.0F);
        }
    }
    arena_close(&arena);
}

static void test_short_unroll(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct episode_batch batch;
    struct agent_case agent;
    agent_case_make(&agent, CORE_NONE, DISTRIBUTION_CATEGORICAL, &shape, 1);
    const struct episode_batch_options options = {
        .shape = &shape, .agent = &agent.agent, .episodes = 4, .unroll = 6};
    assert_fails(episode_batch_open(&options, &arena, &batch), ERR_CONFIG, "learner.unroll is 6");
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_always_fits),
        cmocka_unit_test(test_rows_survive),
        cmocka_unit_test(test_short_unroll),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
