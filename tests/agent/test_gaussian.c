// Cell masses and their slopes against the C library's erfcl, whose long doubles reach further into
// the tails than float64 can.
#include "offer_case.h"
#include "test_unit.h"

#include <math.h>

enum { MOST = 12 };
static const long double sqrt_half = 0.70710678118654752440084436210485L;

static long double upper_tail(long double z)
{
    return 0.5L * erfcl(z * sqrt_half);
}

static long double mass(long double a, long double b)
{
    if (a >= 0.0L) {
        return upper_tail(a) - upper_tail(b);
    }
    return b <= 0.0L ? upper_tail(-b) - upper_tail(-a) : 1.0L - upper_tail(-a) - upper_tail(b);
}

// Mean and deviation as the header of the implementation promises them.
static void parameters(const float *output, long double *mean, long double *deviation)
{
    const long double t = (long double)output[0] / 0.75L;
    *mean = 0.5L + 0.75L * t / sqrtl(1.0L + t * t);
    const long double fresh = logl(43.0L / 55.0L);
    *deviation = 0.02L + 0.98L / (1.0L + expl(-((long double)output[1] + fresh)));
}

static void check_masses(const struct offer_case *c, const float *output)
{
    long double mean, deviation, cells[MOST], total = 0.0L;
    parameters(output, &mean, &deviation);
    const int n = c->offer.n;
    const long double lo = (long double)c->position[0];
    const long double span = (long double)c->position[n - 1] - lo;
    for (int k = 0; k < n; k++) {
        long double bounds[2] = {(long double)-INFINITY, (long double)INFINITY};
        for (int side = 0; side < 2; side++) {
            const int other = side == 0 ? k - 1 : k + 1;
            if (other >= 0 && other < n) {
                const long double between =
                    0.5L * ((long double)c->position[k] + (long double)c->position[other]);
                bounds[side] = ((between - lo) / span - mean) / deviation;
            }
        }
        cells[k] = mass(bounds[0], bounds[1]);
        total += c->legal[k] != 0 ? cells[k] : 0.0L;
    }
    for (int k = 0; k < n; k++) {
        if (c->legal[k] != 0 && cells[k] > 0.0L) {
            struct distribution_value value;
            const struct chosen taken = {.choice = k};
            distributions[DISTRIBUTION_GAUSSIAN]->value(output, &c->offer, &taken, &value, NULL,
                                                        NULL);
            const double expected = (double)logl(cells[k] / total);
            if (!(fabs(value.logp - expected) < 1e-9 * (1.0 + fabs(expected)))) {
                fail_msg("choice %d of %d: logp %.15g, expected %.15g", k, n, value.logp, expected);
            }
        }
    }
}

static void masses_match(void **state)
{
    (void)state;
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    for (int round = 0; round < 4000; round++) {
        struct offer_case c;
        float output[2];
        offer_case_random(&c, MOST, &rng);
        offer_case_outputs(output, 2, round % 2 == 0 ? 2.0F : 20.0F, &rng);
        check_masses(&c, output);
    }
}

// The mean at one end, the deviation at its least, the only legal choices at the other end: still
// exact, and the nearer of them still preferred.
static void tails_are_exact(void **state)
{
    (void)state;
    struct offer_case c;
    offer_case_even(&c, 11);
    memset(c.legal, 0, sizeof c.legal);
    c.legal[0] = c.legal[1] = c.legal[2] = 1;
    const float output[2] = {100.0F, -100.0F};
    check_masses(&c, output);
    struct distribution_value value;
    double d_logp[2], d_entropy[2];
    distributions[DISTRIBUTION_GAUSSIAN]->value(output, &c.offer, &(struct chosen){.choice = 0},
                                                &value, d_logp, d_entropy);
    assert_true(value.logp < -400.0 && isfinite(value.logp));
    // A positive advantage of the far choice moves the mean towards it.
    assert_true(d_logp[0] < 0.0);
    struct chosen best;
    struct rng rng = rng_make(2, RNG_TEST, 0, 0);
    distributions[DISTRIBUTION_GAUSSIAN]->sample(output, &c.offer, true, 0.0F, &rng, &best);
    assert_int_equal(best.choice, 2);
}

// A fresh network's outputs are about 0: its policy is broad and centred.
static void fresh_policy_is_broad(void **state)
{
    (void)state;
    const float output[2] = {0.0F, 0.0F};
    long double mean, deviation;
    parameters(output, &mean, &deviation);
    assert_true(fabsl(mean - 0.5L) < 1e-12L && fabsl(deviation - 0.45L) < 1e-12L);
    struct offer_case c;
    offer_case_even(&c, 10);
    struct distribution_value value;
    for (int k = 0; k < 10; k++) {
        const struct chosen taken = {.choice = k};
        distributions[DISTRIBUTION_GAUSSIAN]->value(output, &c.offer, &taken, &value, NULL, NULL);
        assert_true(value.logp > log(0.03));
    }
    assert_true(value.entropy > 0.9 * log(10.0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masses_match),
        cmocka_unit_test(tails_are_exact),
        cmocka_unit_test(fresh_policy_is_broad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
