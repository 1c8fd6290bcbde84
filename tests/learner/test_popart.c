// PopArt: outputs that stay, statistics that are right after few episodes, scales that do not
// matter.
#include "core/rng.h"
#include "learner/rules/popart.h"
#include "test_unit.h"

#include <math.h>

enum { TASKS = 3, IN = 7, POLICY = 2, OUT = POLICY + TASKS };

static void feed_returns(struct popart *popart, int task, double scale, double shift, int n)
{
    struct rng rng = rng_make(5, RNG_TEST, (uint64_t)task, 0);
    for (int i = 0; i < n; i++) {
        const double value = scale * ((double)rng_normal(&rng) + shift);
        popart_feed(popart, task, value, value * value);
    }
}

static double head_value(const struct popart *popart, const float *weight, const float *bias,
                         const float *x, int task)
{
    double sum = (double)bias[POLICY + task];
    for (int i = 0; i < IN; i++) {
        sum += (double)weight[(POLICY + task) * IN + i] * (double)x[i];
    }
    return popart->sigma[task] * sum + popart->mean[task];
}

static void test_invariance(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct popart before, now;
    assert_ok(popart_open(TASKS, true, 0.05, &arena, &before));
    assert_ok(popart_open(TASKS, true, 0.05, &arena, &now));
    struct rng rng = rng_make(6, RNG_TEST, 0, 0);
    float weight[OUT * IN], bias[OUT], x[IN], old_weight[OUT * IN], old_bias[OUT];
    for (int i = 0; i < OUT * IN; i++) {
        weight[i] = rng_normal(&rng);
    }
    for (int i = 0; i < OUT; i++) {
        bias[i] = rng_normal(&rng);
    }
    feed_returns(&before, 0, 1.0, 3.0, 5);
    feed_returns(&before, 1, 1e-3, 1.0, 5);
    popart_copy(&before, &now);
    feed_returns(&now, 0, 400.0, -2.0, 30);
    feed_returns(&now, 1, 1e-2, 5.0, 30);
    memcpy(old_weight, weight, sizeof weight);
    memcpy(old_bias, bias, sizeof bias);
    popart_rescale(&before, &now, &(struct popart_heads){weight, bias, IN, POLICY});
    for (int trial = 0; trial < 20; trial++) {
        for (int i = 0; i < IN; i++) {
            x[i] = rng_normal(&rng);
        }
        for (int task = 0; task < 2; task++) {
            const double old = head_value(&before, old_weight, old_bias, x, task);
            const double new = head_value(&now, weight, bias, x, task);
            assert_true(fabs(old - new) < 1e-5 * now.sigma[task] + 1e-6 * fabs(old));
        }
    }
    // The policy's rows and the task without episodes are as they were.
    assert_memory_equal(weight, old_weight, POLICY * IN * sizeof(float));
    assert_memory_equal(bias, old_bias, POLICY * sizeof(float));
    assert_memory_equal(weight + 4 * IN, old_weight + 4 * IN, IN * sizeof(float));
    // And back again.
    before.episodes[0] = before.episodes[1] = 1000;
    popart_rescale(&now, &before, &(struct popart_heads){weight, bias, IN, POLICY});
    for (int i = 0; i < OUT * IN; i++) {
        assert_true(fabsf(weight[i] - old_weight[i]) < 1e-5F);
    }
    arena_close(&arena);
}

// After n episodes mean and square are the exponentially weighted averages of those n alone.
static void test_debiased(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct popart popart;
    const double rate = 0.05, returns[] = {4.0, 7.0, 1.0};
    assert_ok(popart_open(1, true, rate, &arena, &popart));
    assert_true(popart.mean[0] == 0.0 && popart.sigma[0] == 1.0);
    double weights = 0.0, mean = 0.0, square = 0.0;
    for (int n = 0; n < 3; n++) {
        popart_feed(&popart, 0, returns[n], returns[n] * returns[n]);
        weights = mean = square = 0.0;
        for (int i = 0; i <= n; i++) {
            const double weight = pow(1.0 - rate, n - i);
            weights += weight;
            mean += weight * returns[i];
            square += weight * returns[i] * returns[i];
        }
        mean /= weights;
        square /= weights;
        const double variance = square - mean * mean + mean * mean / ((n + 1) * (n + 1));
        assert_true(fabs(popart.mean[0] - mean) < 1e-12);
        assert_true(fabs(popart.sigma[0] - sqrt(variance)) < 1e-12);
    }
    arena_close(&arena);
}

// Many episodes: normalised returns have mean 0 and standard deviation 1, at any scale.
static void test_scales(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct popart popart;
    assert_ok(popart_open(TASKS, true, 0.001, &arena, &popart));
    const double scales[TASKS] = {1e-2, 1.0, 1e3};
    for (int task = 0; task < TASKS; task++) {
        feed_returns(&popart, task, scales[task], 2.0, 5000);
        assert_true(fabs(popart.mean[task] / scales[task] - 2.0) < 0.1);
        assert_true(fabs(popart.sigma[task] / scales[task] - 1.0) < 0.1);
    }
    arena_close(&arena);
}

static void test_bounds(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct popart popart;
    assert_ok(popart_open(TASKS, true, 0.05, &arena, &popart));
    for (int i = 0; i < 500; i++) {
        popart_feed(&popart, 0, 0.0, 0.0);
        popart_feed(&popart, 1, 0.7, 0.49);
        popart_feed(&popart, 2, 1e9 * (i % 2), 1e18 * (i % 2));
    }
    assert_true(popart.sigma[0] == POPART_SIGMA_LEAST);
    assert_true(fabs(popart.sigma[1] - 0.007) < 1e-6); // the same return always: a share of it
    assert_true(popart.sigma[2] == POPART_SIGMA_MOST);
    arena_close(&arena);
}

static void test_disabled(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct popart popart;
    assert_ok(popart_open(1, false, 0.05, &arena, &popart));
    popart_feed(&popart, 0, 100.0, 10000.0);
    assert_true(popart.mean[0] == 0.0 && popart.sigma[0] == 1.0);
    arena_close(&arena);
}

// Discounted returns of the rows; the observation it was cut off at is no row.
static void test_episode(void **state)
{
    (void)state;
    struct trajectory_header header = {.rows = 4};
    float reward[] = {1.0F, 0.0F, 4.0F, 77.0F};
    uint8_t flags[] = {FLAG_FIRST, 0, 0, FLAG_TRUNCATED};
    const struct trajectory episode = {.header = &header, .reward = reward, .flags = flags};
    double mean, square;
    popart_episode(&episode, 0.5, &mean, &square);
    assert_true(fabs(mean - (2.0 + 2.0 + 4.0) / 3.0) < 1e-12);
    assert_true(fabs(square - (4.0 + 4.0 + 16.0) / 3.0) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_invariance), cmocka_unit_test(test_debiased),
        cmocka_unit_test(test_scales),     cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_disabled),   cmocka_unit_test(test_episode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
