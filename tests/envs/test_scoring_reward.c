// What candidates are rewarded with, by scoring.reward.
#include "envs/network_env.h"
#include "envs/scoring/scoring_reward.h"
#include "prune_case.h"

#include <math.h>

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

static void rewards_follow_the_loss_when_asked(void **state)
{
    const struct prune_case *plain = *state;
    struct prune_case c = *plain;
    struct env_case by_accuracy, by_loss;
    prune_case_env(plain, 1, -1, &by_accuracy);
    c.config.scoring.reward = REWARD_LOSS;
    prune_case_env(&c, 1, -1, &by_loss);
    for (int64_t episode = 0; episode < 6; episode++) {
        const struct env_outcome one = prune_case_play(&by_accuracy, 0, episode);
        const struct env_outcome other = prune_case_play(&by_loss, 0, episode);
        assert_true(one.score == other.score && by_accuracy.reward == (float)one.score);
        assert_true(by_loss.reward >= -1 && by_loss.reward < 1);
        const float first = by_loss.reward; // a known one has the same loss
        (void)prune_case_play(&by_loss, 1, episode);
        const struct env_outcome again = prune_case_play(&by_loss, 0, episode);
        assert_true(again.cached && by_loss.reward == first);
    }
    env_case_close(&by_accuracy);
    env_case_close(&by_loss);
}

// The uncut network is at no distance from itself; candidates are at some, whoever looked at them
// before, and images are chosen for them.
static void rewards_follow_distillation_when_asked(void **state)
{
    struct prune_case c = *(const struct prune_case *)*state;
    struct env_case by_loss, by_distillation, drawn;
    c.config.scoring.reward = REWARD_LOSS;
    c.config.scoring.calibration_pool = 200;
    prune_case_env(&c, 1, -1, &by_loss);
    c.config.scoring.reward = REWARD_DISTILLATION;
    prune_case_env(&c, 2, -1, &by_distillation);
    struct prune_case d = c;
    d.config.scoring.calibration_pool = 0;
    prune_case_env(&d, 1, -1, &drawn);
    int others = 0;
    for (int64_t episode = 0; episode < 6; episode++) {
        const struct env_outcome one = prune_case_play(&by_loss, 0, episode);
        const struct env_outcome other = prune_case_play(&by_distillation, 0, episode);
        const float first = by_distillation.reward;
        assert_true(one.score == other.score);
        // The mean of the loss' reward and of a share that is below 1.
        assert_true(first >= -1 && first < (by_loss.reward + 1) / 2);
        (void)prune_case_play(&drawn, 0, episode);
        others += drawn.reward != first;
        const struct env_outcome again = prune_case_play(&by_distillation, 0, episode);
        assert_true(again.cached && by_distillation.reward == first);
    }
    assert_true(others > 0);
    env_case_close(&by_loss);
    env_case_close(&by_distillation);
    env_case_close(&drawn);
}

static void rewards_are_on_one_scale(void **state)
{
    (void)state;
    const struct host_dataset data = {.n_validation = 100, .classes = 10};
    const struct host_subject subject = {.images = &data, .spread = 3};

    const struct cached_score guess = {.right = 10, .loss = 100 * log(10), .distance = 300};
    const struct cached_score sure = {.right = 100}, none = {.diverged = 1};
    const struct cached_score wrong = {.loss = 1e6, .distance = 1e6};
    static const enum scoring_reward by_loss[] = {REWARD_LOSS, REWARD_DISTILLATION};
    for (int i = 0; i < 2; i++) {
        assert_true(fabs(scoring_reward_of(by_loss[i], &subject, &guess, 100)) < 1e-12);
        assert_true(scoring_reward_of(by_loss[i], &subject, &sure, 100) == 1);
        assert_true(scoring_reward_of(by_loss[i], &subject, &wrong, 100) == -1);
        assert_true(scoring_reward_of(by_loss[i], &subject, &none, 100) == -1);
    }
    assert_true(scoring_reward_of(REWARD_ACCURACY, &subject, &guess, 100) == 0.1);
    assert_true(scoring_reward_of(REWARD_ACCURACY, &subject, &none, 100) == 0);
}

// On more images than candidates are scored on.
static void networks_are_worth_more_images_too(void **state)
{
    struct prune_case c = *(const struct prune_case *)*state;
    struct network_score loss, distillation;
    for (int i = 0; i < 2; i++) {
        struct env_case env;
        struct network built;
        c.config.scoring.reward = i == 0 ? REWARD_LOSS : REWARD_DISTILLATION;
        prune_case_env(&c, 1, -1, &env);
        const struct env_outcome outcome = prune_case_play(&env, 0, 1);
        assert_ok(env_prune.network->build(env.env, 0, outcome.result,
                                           c.config.scoring.calibration_images, &built));
        assert_ok(env_prune.network->score(env.env, 0, &built, i == 0 ? &loss : &distillation));
        const double likely = (double)env.reward;
        const double reward = i == 0 ? loss.reward : distillation.reward;
        assert_true(fabs(reward - likely) < 0.25 && reward != likely);
        network_close(&built);
        env_case_close(&env);
    }
    assert_true(fabs(loss.loss - distillation.loss) < 1e-6);
    assert_true(fabs(loss.reward - (1 - loss.loss / log(2))) < 1e-9);
    assert_true(distillation.reward < (loss.reward + 1) / 2);
}

// Without candidates that explain more than the mean does, logits that are all alike have no
// spread.
static void spread_is_that_around_the_mean(void **state)
{
    (void)state;
    struct arena arena = {0};
    const float same[] = {1, 2, 3, 11, 12, 13, -4, -3, -2}; // the same but for a constant
    const float apart[] = {2, 0, 0, 0, 2, 0, 0, 0, 2};
    double spread;
    assert_ok(scoring_spread(same, 3, 3, &arena, &spread));
    assert_true(fabs(spread) < 1e-12);
    // Each row is 4/3 and twice -2/3 when centred, their mean is 0: (16 + 4 + 4) / 9 / 3.
    assert_ok(scoring_spread(apart, 3, 3, &arena, &spread));
    assert_true(fabs(spread - 24.0 / 27) < 1e-12);
    assert_ok(scoring_spread(NULL, 0, 3, &arena, &spread));
    assert_true(spread == 0);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rewards_follow_the_loss_when_asked),
        cmocka_unit_test(rewards_follow_distillation_when_asked),
        cmocka_unit_test(rewards_are_on_one_scale),
        cmocka_unit_test(networks_are_worth_more_images_too),
        cmocka_unit_test(spread_is_that_around_the_mean),
    };
    return cmocka_run_group_tests(tests, open_case, close_case);
}
