// What every distribution promises, on random offers with illegal choices.
#include "offer_case.h"
#include "test_unit.h"

#include <math.h>

enum { MOST = 12, OUTPUTS = MOST + 2 }; // mixed has two more than choices

static bool is_discrete(const struct distribution *d) // its logp is of the choice itself
{
    return strcmp(d->name, "gaussian") == 0 || strcmp(d->name, "categorical") == 0 ||
           strcmp(d->name, "mixed") == 0;
}

static double logp_of(const struct distribution *d, const float *output, const struct offer *offer,
                      int choice)
{
    struct distribution_value value;
    d->value(output, offer, &(struct chosen){.choice = choice}, &value, NULL, NULL);
    return value.logp;
}

static void kinds_are_listed(void **state)
{
    (void)state;
    int n = 0;
    for (; distributions[n] != NULL; n++) {
        assert_string_equal(distribution_names[n], distributions[n]->name);
    }
    assert_null(distribution_names[n]);
    assert_int_equal(distributions[DISTRIBUTION_GAUSSIAN]->outputs(7), 2);
    assert_int_equal(distributions[DISTRIBUTION_SQUASHED]->outputs(7), 2);
    assert_int_equal(distributions[DISTRIBUTION_CATEGORICAL]->outputs(7), 7);
    assert_int_equal(distributions[DISTRIBUTION_NOISY]->outputs(7), 1);
    assert_int_equal(distributions[DISTRIBUTION_MIXED]->outputs(7), 9);
}

static void probabilities_sum_to_one(void **state)
{
    (void)state;
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    for (int round = 0; round < 2000; round++) {
        struct offer_case c;
        float output[OUTPUTS];
        offer_case_random(&c, MOST, &rng);
        offer_case_outputs(output, OUTPUTS, 4.0F, &rng);
        for (int i = 0; distributions[i] != NULL; i++) {
            if (!is_discrete(distributions[i])) {
                continue;
            }
            double sum = 0.0, entropy = 0.0;
            for (int k = 0; k < c.offer.n; k++) {
                if (c.legal[k] != 0) {
                    const double logp = logp_of(distributions[i], output, &c.offer, k);
                    sum += exp(logp);
                    entropy -= exp(logp) * logp;
                }
            }
            struct distribution_value value;
            const struct chosen taken = {.choice = offer_case_draw_legal(&c.offer, &rng)};
            distributions[i]->value(output, &c.offer, &taken, &value, NULL, NULL);
            assert_true(fabs(sum - 1.0) < 1e-12);
            assert_true(fabs(value.entropy - entropy) < 1e-12);
        }
    }
}

// The legal choices keep their proportions when others become illegal.
static void masks_renormalise(void **state)
{
    (void)state;
    struct rng rng = rng_make(2, RNG_TEST, 0, 0);
    for (int round = 0; round < 500; round++) {
        struct offer_case c;
        float output[OUTPUTS];
        offer_case_random(&c, MOST, &rng);
        offer_case_outputs(output, OUTPUTS, 2.0F, &rng);
        uint8_t all[MOST];
        memset(all, 1, sizeof all);
        const struct offer whole = {c.offer.n, c.position, all, c.offer.categorical};
        for (int i = 0; distributions[i] != NULL; i++) {
            const struct distribution *d = distributions[i];
            double legal_mass = 0.0;
            for (int k = 0; is_discrete(d) && k < c.offer.n; k++) {
                legal_mass += c.legal[k] != 0 ? exp(logp_of(d, output, &whole, k)) : 0.0;
            }
            for (int k = 0; is_discrete(d) && k < c.offer.n; k++) {
                if (c.legal[k] != 0) {
                    const double expected = logp_of(d, output, &whole, k) - log(legal_mass);
                    assert_true(fabs(logp_of(d, output, &c.offer, k) - expected) < 1e-9);
                }
            }
        }
    }
}

// What the actor stores, as float32, is what the learner computes from what is stored.
static void actor_and_learner_agree(void **state)
{
    (void)state;
    struct rng rng = rng_make(3, RNG_TEST, 0, 0);
    for (int round = 0; round < 3000; round++) {
        struct offer_case c;
        float output[OUTPUTS];
        offer_case_random(&c, MOST, &rng);
        offer_case_outputs(output, OUTPUTS, 3.0F, &rng);
        for (int i = 0; distributions[i] != NULL; i++) {
            struct chosen taken;
            struct distribution_value value;
            distributions[i]->sample(output, &c.offer, round % 3 == 0, 0.2F, &rng, &taken);
            assert_true(taken.choice >= 0 && taken.choice < c.offer.n);
            assert_int_equal(c.legal[taken.choice], 1);
            distributions[i]->value(output, &c.offer, &taken, &value, NULL, NULL);
            assert_true(taken.logp == (float)value.logp);
        }
    }
}

// Chi-square of the choices drawn, in units of its own deviation.
static double deviations(const struct distribution *d, const float *output,
                         const struct offer *offer, struct rng *rng)
{
    enum { DRAWS = 20000 };
    int counts[MOST] = {0}, cells = 0;
    for (int i = 0; i < DRAWS; i++) {
        struct chosen taken;
        d->sample(output, offer, false, 0.0F, rng, &taken);
        counts[taken.choice]++;
    }
    double sum = 0.0, rest_expected = 0.0;
    int rest = 0;
    for (int k = 0; k < offer->n; k++) {
        const double expected =
            offer->legal[k] != 0 ? DRAWS * exp(logp_of(d, output, offer, k)) : 0.0;
        if (expected > 20.0) {
            sum += (counts[k] - expected) * (counts[k] - expected) / expected;
            cells++;
        } else {
            rest_expected += expected;
            rest += counts[k];
        }
    }
    assert_true(fabs(rest - rest_expected) < 5.0 * sqrt(rest_expected + 1.0) + 2.0);
    return cells > 1 ? (sum - (cells - 1)) / sqrt(2.0 * (cells - 1)) : 0.0;
}

static void samples_have_their_frequencies(void **state)
{
    (void)state;
    struct rng rng = rng_make(4, RNG_TEST, 0, 0);
    for (int round = 0; round < 20; round++) {
        struct offer_case c;
        float output[OUTPUTS];
        offer_case_random(&c, MOST, &rng);
        offer_case_outputs(output, OUTPUTS, 1.5F, &rng);
        for (int i = 0; distributions[i] != NULL; i++) {
            if (is_discrete(distributions[i])) {
                assert_true(deviations(distributions[i], output, &c.offer, &rng) < 6.0);
            }
        }
    }
}

static void greedy_is_the_mode(void **state)
{
    (void)state;
    struct rng rng = rng_make(5, RNG_TEST, 0, 0);
    for (int round = 0; round < 1000; round++) {
        struct offer_case c;
        float output[OUTPUTS];
        offer_case_random(&c, MOST, &rng);
        offer_case_outputs(output, OUTPUTS, 3.0F, &rng);
        for (int i = 0; distributions[i] != NULL; i++) {
            struct chosen best;
            distributions[i]->sample(output, &c.offer, true, 0.5F, &rng, &best);
            for (int k = 0; is_discrete(distributions[i]) && k < c.offer.n; k++) {
                if (c.legal[k] != 0) {
                    const double logp = logp_of(distributions[i], output, &c.offer, k);
                    assert_true((float)logp <= best.logp);
                }
            }
        }
    }
}

// Fourth-order central difference of logp (which = 0) or entropy by output j.
static double difference(const struct distribution *d, const float *output,
                         const struct offer *offer, const struct chosen *taken, int j, int which)
{
    static const double factors[4] = {1.0 / 12.0, -2.0 / 3.0, 2.0 / 3.0, -1.0 / 12.0};
    static const float places[4] = {-2.0F, -1.0F, 1.0F, 2.0F};
    const float h = 0x1p-14F; // a mean between two far cells turns over within 2^-8
    double sum = 0.0;
    for (int i = 0; i < 4; i++) {
        float moved[OUTPUTS];
        struct distribution_value value;
        memcpy(moved, output, sizeof moved);
        moved[j] += places[i] * h;
        d->value(moved, offer, taken, &value, NULL, NULL);
        sum += factors[i] * (which == 0 ? value.logp : value.entropy);
    }
    return sum / (double)h;
}

static void gradients_match_differences(void **state)
{
    (void)state;
    struct rng rng = rng_make(6, RNG_TEST, 0, 0);
    for (int round = 0; round < 1000; round++) {
        struct offer_case c;
        float output[OUTPUTS];
        offer_case_random(&c, MOST, &rng);
        offer_case_outputs(output, OUTPUTS, 3.0F, &rng);
        for (int i = 0; distributions[i] != NULL; i++) {
            const struct distribution *d = distributions[i];
            const struct chosen taken = {.choice = offer_case_draw_legal(&c.offer, &rng),
                                         .raw = 2.0F * rng_normal(&rng)};
            struct distribution_value value;
            double got[2][OUTPUTS] = {{0}};
            d->value(output, &c.offer, &taken, &value, got[0], got[1]);
            for (int which = 0; which < 2; which++) {
                for (int j = 0; j < d->outputs(MOST); j++) {
                    const double expected = difference(d, output, &c.offer, &taken, j, which);
                    const double error = fabs(got[which][j] - expected);
                    if (!(error < 1e-5 * (1.0 + fabs(expected)))) {
                        fail_msg("%s: d_%s[%d] is %g, by differences %g", d->name,
                                 which == 0 ? "logp" : "entropy", j, got[which][j], expected);
                    }
                }
            }
        }
    }
}

// The sign of the released MTACP code was wrong: a step along d_entropy must raise the entropy.
static void entropy_gradient_raises_entropy(void **state)
{
    (void)state;
    struct rng rng = rng_make(7, RNG_TEST, 0, 0);
    int seen[5] = {0};
    for (int round = 0; round < 500; round++) {
        struct offer_case c;
        float output[OUTPUTS];
        offer_case_random(&c, MOST, &rng);
        offer_case_outputs(output, OUTPUTS, 3.0F, &rng);
        for (int i = 0; distributions[i] != NULL; i++) {
            const struct chosen taken = {.choice = offer_case_draw_legal(&c.offer, &rng)};
            struct distribution_value before, after;
            double d_logp[OUTPUTS] = {0}, d_entropy[OUTPUTS] = {0}, square = 0.0;
            distributions[i]->value(output, &c.offer, &taken, &before, d_logp, d_entropy);
            float moved[OUTPUTS];
            for (int j = 0; j < OUTPUTS; j++) {
                square += d_entropy[j] * d_entropy[j];
            }
            for (int j = 0; j < OUTPUTS; j++) { // a step of length 1e-5
                const double step = square > 0.0 ? 1e-5 * d_entropy[j] / sqrt(square) : 0.0;
                moved[j] = (float)((double)output[j] + step);
            }
            distributions[i]->value(moved, &c.offer, &taken, &after, NULL, NULL);
            if (square > 0.09) {
                assert_true(after.entropy > before.entropy);
                seen[i]++;
            }
        }
    }
    assert_true(seen[0] > 150 && seen[1] > 150 && seen[2] > 150 && seen[3] == 0 && seen[4] > 150);
}

static void check_extreme(const struct distribution *d, const float *output,
                          const struct offer_case *c, struct rng *rng)
{
    struct chosen taken;
    d->sample(output, &c->offer, rng_below(rng, 2) == 0, 0.3F, rng, &taken);
    assert_int_equal(c->legal[taken.choice], 1);
    assert_true(isfinite(taken.logp) && isfinite(taken.raw));
    for (int k = 0; k < c->offer.n; k++) {
        if (c->legal[k] != 0) {
            struct distribution_value value;
            double d_logp[OUTPUTS] = {0}, d_entropy[OUTPUTS] = {0};
            const struct chosen other = {.choice = k, .raw = taken.raw};
            d->value(output, &c->offer, &other, &value, d_logp, d_entropy);
            assert_true(isfinite(value.logp) && isfinite(value.entropy));
            assert_true(!is_discrete(d) || (value.logp <= 1e-12 && value.entropy >= -1e-12));
            for (int j = 0; j < OUTPUTS; j++) {
                assert_true(isfinite(d_logp[j]) && isfinite(d_entropy[j]));
            }
        }
    }
}

static void extremes_stay_finite(void **state)
{
    (void)state;
    static const float sizes[] = {0, 1, -1, 8, -8, 100, -100, 1e10F, -1e10F, 3e38F, -3e38F};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    struct rng rng = rng_make(8, RNG_TEST, 0, 0);
    for (int round = 0; round < 100 * SIZES * SIZES; round++) {
        struct offer_case c;
        float output[OUTPUTS];
        offer_case_random(&c, MOST, &rng);
        for (int j = 0; j < OUTPUTS; j++) {
            output[j] = sizes[rng_below(&rng, SIZES)];
        }
        output[0] = sizes[round % SIZES];
        output[1] = sizes[round / SIZES % SIZES];
        for (int i = 0; distributions[i] != NULL; i++) {
            check_extreme(distributions[i], output, &c, &rng);
        }
    }
}

// A network that has diverged still gets a legal choice, and the probability tells.
static void no_number_is_no_crash(void **state)
{
    (void)state;
    const struct distribution *noisy = distributions[DISTRIBUTION_NOISY];
    struct rng rng = rng_make(9, RNG_TEST, 0, 0);
    for (int round = 0; round < 100; round++) {
        struct offer_case c;
        float output[OUTPUTS];
        offer_case_random(&c, MOST, &rng);
        for (int j = 0; j < OUTPUTS; j++) {
            output[j] = NAN;
        }
        for (int i = 0; distributions[i] != NULL; i++) {
            struct chosen taken;
            distributions[i]->sample(output, &c.offer, round % 2 == 0, 0.3F, &rng, &taken);
            assert_int_equal(c.legal[taken.choice], 1);
            assert_true(isnan(taken.logp) || c.offer.n == 1 || distributions[i] == noisy);
        }
    }
}

// Marks the choices that a distribution aims at while its outputs sweep over all that they can say.
static void sweep(const struct distribution *d, const struct offer *offer, bool *reached)
{
    const int beyond = d->outputs(MOST) - MOST; // mixed's other half
    const bool logits = beyond == 0 || (beyond > 0 && offer->categorical);
    for (int step = 0; step < 4000; step++) {
        float output[OFFER_CASE_MOST + 2] = {0};
        if (logits && step >= offer->n) {
            return;
        }
        if (logits) {
            output[beyond + step] = 1.0F;
        } else {
            output[0] = (float)(step - 2000) / 200.0F;
            output[1] = -9.0F; // a narrow one
        }
        struct chosen taken;
        struct rng rng = rng_make(0, RNG_TEST, 0, 0);
        d->sample(output, offer, true, 0.0F, &rng, &taken);
        reached[taken.choice] = true;
    }
}

// The released MTACP code could aim at about a third of its range only.
static void every_choice_is_within_reach(void **state)
{
    (void)state;
    static const int sizes[] = {1, 2, 3, 10, 64};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct offer_case c;
        offer_case_even(&c, sizes[s]);
        for (int i = 0; distributions[i] != NULL; i++) {
            c.offer.categorical = s % 2 == 1;
            bool reached[OFFER_CASE_MOST] = {false};
            sweep(distributions[i], &c.offer, reached);
            for (int k = 0; k < sizes[s]; k++) {
                if (!reached[k]) {
                    fail_msg("%s: no output aims at choice %d of %d", distributions[i]->name, k,
                             sizes[s]);
                }
            }
        }
    }
}

// Mixed is one of two others, by the offer alone, and leaves the other's outputs without a
// gradient.
static void mixed_goes_by_the_offer(void **state)
{
    (void)state;
    const struct distribution *mixed = distributions[DISTRIBUTION_MIXED];
    struct rng rng = rng_make(10, RNG_TEST, 0, 0);
    int categorical = 0;
    for (int round = 0; round < 300; round++) {
        struct offer_case c;
        float output[OUTPUTS];
        offer_case_random(&c, MOST, &rng);
        offer_case_outputs(output, OUTPUTS, 3.0F, &rng);
        const int first = c.offer.categorical ? 2 : 0;
        const struct distribution *same =
            distributions[c.offer.categorical ? DISTRIBUTION_CATEGORICAL : DISTRIBUTION_GAUSSIAN];
        const struct chosen taken = {.choice = offer_case_draw_legal(&c.offer, &rng)};
        struct distribution_value one, other;
        double got[2][OUTPUTS] = {{0}}, expected[2][OUTPUTS] = {{0}};
        mixed->value(output, &c.offer, &taken, &one, got[0], got[1]);
        same->value(output + first, &c.offer, &taken, &other, expected[0] + first,
                    expected[1] + first);
        assert_true(one.logp == other.logp && one.entropy == other.entropy);
        assert_memory_equal(got, expected, sizeof got);
        categorical += c.offer.categorical;
    }
    assert_true(categorical > 100 && categorical < 200);
}

static void nearest_and_repaired(void **state)
{
    (void)state;
    static const float position[] = {0.0F, 0.25F, 0.5F, 1.0F};
    static const uint8_t some[] = {0, 1, 1, 0}, last[] = {0, 0, 0, 1};
    const struct offer offer = {4, position, some, false}, end = {4, position, last, false};
    assert_int_equal(offer_nearest(&offer, -3.0), 1);
    assert_int_equal(offer_nearest(&offer, 0.375), 1); // a tie
    assert_int_equal(offer_nearest(&offer, 0.376), 2);
    assert_int_equal(offer_nearest(&offer, 1.0), 2);
    assert_int_equal(offer_nearest(&end, 0.0), 3);
    assert_int_equal(offer_repair(&offer, 0), 1);
    assert_int_equal(offer_repair(&offer, 1), 1);
    assert_int_equal(offer_repair(&offer, 2), 2);
    assert_int_equal(offer_repair(&offer, 3), 2);
    assert_int_equal(offer_repair(&offer, 100), 2);
    assert_int_equal(offer_repair(&offer, -1), 1);
    assert_int_equal(offer_repair(&end, 1), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_listed),
        cmocka_unit_test(probabilities_sum_to_one),
        cmocka_unit_test(masks_renormalise),
        cmocka_unit_test(actor_and_learner_agree),
        cmocka_unit_test(samples_have_their_frequencies),
        cmocka_unit_test(greedy_is_the_mode),
        cmocka_unit_test(gradients_match_differences),
        cmocka_unit_test(entropy_gradient_raises_entropy),
        cmocka_unit_test(extremes_stay_finite),
        cmocka_unit_test(no_number_is_no_crash),
        cmocka_unit_test(every_choice_is_within_reach),
        cmocka_unit_test(mixed_goes_by_the_offer),
        cmocka_unit_test(nearest_and_repaired),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
