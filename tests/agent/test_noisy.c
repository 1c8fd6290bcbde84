// The noise of the deterministic actor: a truncated normal, narrow and broad.
#include "offer_case.h"
#include "test_unit.h"

#include <math.h>

static float logit(double share)
{
    return (float)log(share / (1.0 - share));
}

// Mean of a normal cut to [0, 1], by summing its density.
static double cut_mean(double mean, double deviation, double *spread)
{
    enum { PARTS = 20000 };
    double total = 0.0, first = 0.0, second = 0.0;
    for (int i = 0; i < PARTS; i++) {
        const double x = (i + 0.5) / PARTS, z = (x - mean) / deviation, w = exp(-0.5 * z * z);
        total += w;
        first += w * x;
        second += w * x * x;
    }
    *spread = sqrt(second / total - first / total * first / total);
    return first / total;
}

static void noise_is_a_truncated_normal(void **state)
{
    (void)state;
    static const double deviations[] = {0.02, 0.1, 0.49, 0.51, 3.0};
    static const double means[] = {0.02, 0.3, 0.5, 0.97};
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    struct offer_case c;
    offer_case_even(&c, 5);
    for (int k = 0; k < 5; k++) {
        c.position[k] = 0.2F + 0.8F * c.position[k]; // actions between 0.2 and 1
    }
    for (int i = 0; i < 20; i++) {
        const double mean = means[i % 4], deviation = deviations[i / 4];
        const float output = logit(mean);
        enum { DRAWS = 20000 };
        double sum = 0.0, squares = 0.0;
        for (int k = 0; k < DRAWS; k++) {
            struct chosen taken;
            distributions[DISTRIBUTION_NOISY]->sample(&output, &c.offer, false, (float)deviation,
                                                      &rng, &taken);
            assert_true(taken.raw >= 0.2F && taken.raw <= 1.0F);
            assert_int_equal(taken.choice, offer_nearest(&c.offer, (double)taken.raw));
            const double share = ((double)taken.raw - 0.2) / 0.8;
            sum += share;
            squares += share * share;
        }
        double spread;
        const double expected = cut_mean(mean, deviation, &spread);
        assert_true(fabs(sum / DRAWS - expected) < 5.0 * spread / sqrt(DRAWS));
        const double got = sqrt(squares / DRAWS - sum / DRAWS * sum / DRAWS);
        assert_true(fabs(got / spread - 1.0) < 0.03);
    }
}

static void without_noise_it_is_the_mean(void **state)
{
    (void)state;
    struct rng rng = rng_make(2, RNG_TEST, 0, 0);
    struct offer_case c;
    offer_case_even(&c, 11);
    for (int k = 1; k < 10; k++) {
        const float output = logit(k / 10.0);
        struct chosen still, greedy;
        distributions[DISTRIBUTION_NOISY]->sample(&output, &c.offer, false, 0.0F, &rng, &still);
        distributions[DISTRIBUTION_NOISY]->sample(&output, &c.offer, true, 0.7F, &rng, &greedy);
        assert_int_equal(still.choice, k);
        assert_int_equal(greedy.choice, k);
        assert_true(fabsf(still.raw - (float)k / 10.0F) < 1e-6F && still.raw == greedy.raw);
        assert_true(still.logp == 0.0F);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_is_a_truncated_normal),
        cmocka_unit_test(without_noise_it_is_the_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
