// The squashed Gaussian as a density over actions: what may be left out of ratios, and what not.
#include "offer_case.h"
#include "test_unit.h"

#include <math.h>

static double logp_of(const float *output, float x)
{
    struct offer_case c;
    offer_case_even(&c, 2);
    struct distribution_value value;
    const struct chosen taken = {.raw = x};
    distributions[DISTRIBUTION_SQUASHED]->value(output, &c.offer, &taken, &value, NULL, NULL);
    return value.logp;
}

// log density of the action a = (tanh(x) + 1) / 2, with da/dx = (1 - tanh(x)^2) / 2.
static double log_action_density(const float *output, double action)
{
    const double x = atanh(2.0 * action - 1.0), t = tanh(x);
    return logp_of(output, (float)x) - log(0.5 * (1.0 - t * t));
}

static void action_density_integrates_to_one(void **state)
{
    (void)state;
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    for (int round = 0; round < 20; round++) {
        float output[2];
        offer_case_outputs(output, 2, 1.0F, &rng);
        enum { PARTS = 40000 };
        double sum = 0.0;
        for (int i = 0; i < PARTS; i++) {
            sum += exp(log_action_density(output, (i + 0.5) / PARTS)) / PARTS;
        }
        assert_true(fabs(sum - 1.0) < 2e-3);
    }
}

// Learner's and actor's policy at one stored x: the Jacobian is the same in both densities.
static void ratio_is_that_of_full_densities(void **state)
{
    (void)state;
    struct rng rng = rng_make(2, RNG_TEST, 0, 0);
    for (int round = 0; round < 2000; round++) {
        struct offer_case c;
        float actor[2], learner[2];
        offer_case_random(&c, 12, &rng);
        offer_case_outputs(actor, 2, 1.5F, &rng);
        offer_case_outputs(learner, 2, 1.5F, &rng);
        struct chosen taken;
        distributions[DISTRIBUTION_SQUASHED]->sample(actor, &c.offer, false, 0.0F, &rng, &taken);
        if (fabsf(taken.raw) > 3.0F) { // atanh cannot give x back from a float64 action there
            continue;
        }
        const double action = 0.5 * (tanh((double)taken.raw) + 1.0);
        const double full = log_action_density(learner, action) - log_action_density(actor, action);
        const double ratio = logp_of(learner, taken.raw) - logp_of(actor, taken.raw);
        assert_true(fabs(full - ratio) < 1e-3 * (1.0 + fabs(ratio)));
    }
}

// Draws of x have the mean and the deviation whose density logp is.
static void samples_follow_the_density(void **state)
{
    (void)state;
    struct rng rng = rng_make(3, RNG_TEST, 0, 0);
    struct offer_case c;
    offer_case_even(&c, 9);
    for (int round = 0; round < 10; round++) {
        float output[2];
        offer_case_outputs(output, 2, 2.0F, &rng);
        enum { DRAWS = 20000 };
        double sum = 0.0, squares = 0.0, surprise = 0.0;
        struct distribution_value value = {0};
        for (int i = 0; i < DRAWS; i++) {
            struct chosen taken;
            distributions[DISTRIBUTION_SQUASHED]->sample(output, &c.offer, false, 0.0F, &rng,
                                                         &taken);
            distributions[DISTRIBUTION_SQUASHED]->value(output, &c.offer, &taken, &value, NULL,
                                                        NULL);
            sum += (double)taken.raw;
            squares += (double)taken.raw * (double)taken.raw;
            surprise -= value.logp;
            const double action = 0.5 * (tanh((double)taken.raw) + 1.0);
            assert_int_equal(taken.choice, offer_nearest(&c.offer, action));
        }
        const double mean = sum / DRAWS, deviation = sqrt(squares / DRAWS - mean * mean);
        struct chosen middle;
        distributions[DISTRIBUTION_SQUASHED]->sample(output, &c.offer, true, 0.0F, &rng, &middle);
        assert_true(fabs(mean - (double)middle.raw) < 5.0 * deviation / sqrt(DRAWS));
        // The mean surprise is the entropy, 1/2 log(2 pi e sigma^2).
        assert_true(fabs(surprise / DRAWS - value.entropy) < 5.0 * sqrt(0.5 / DRAWS));
        assert_true(fabs(value.entropy - 1.4189385332 - log(deviation)) < 0.03);
        assert_true(deviation > 1e-3 && deviation < 1.03);
    }
}

static void greedy_is_the_densest(void **state)
{
    (void)state;
    struct rng rng = rng_make(4, RNG_TEST, 0, 0);
    struct offer_case c;
    offer_case_even(&c, 9);
    for (int round = 0; round < 100; round++) {
        float output[2];
        struct chosen best;
        offer_case_outputs(output, 2, 3.0F, &rng);
        distributions[DISTRIBUTION_SQUASHED]->sample(output, &c.offer, true, 0.0F, &rng, &best);
        assert_true(logp_of(output, best.raw - 1e-3F) < (double)best.logp);
        assert_true(logp_of(output, best.raw + 1e-3F) < (double)best.logp);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(action_density_integrates_to_one),
        cmocka_unit_test(ratio_is_that_of_full_densities),
        cmocka_unit_test(samples_follow_the_density),
        cmocka_unit_test(greedy_is_the_densest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
