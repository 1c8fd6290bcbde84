// Offers and outputs for the tests of distributions.
#include "offer_case.h"

#include <math.h>

static void bind(struct offer_case *out, int n)
{
    CHECK(n >= 1 && n <= OFFER_CASE_MOST);
    out->offer = (struct offer){n, out->position, out->legal, false};
}

void offer_case_even(struct offer_case *out, int n)
{
    bind(out, n);
    for (int k = 0; k < n; k++) {
        out->position[k] = n > 1 ? (float)k / (float)(n - 1) : 0.0F;
        out->legal[k] = 1;
    }
}

void offer_case_random(struct offer_case *out, int most, struct rng *rng)
{
    const int n = 1 + (int)rng_below(rng, (uint32_t)most);
    bind(out, n);
    float gaps = 0.0F;
    for (int k = 0; k < n; k++) {
        gaps += 0.1F + rng_uniform(rng);
        out->position[k] = gaps;
        out->legal[k] = rng_below(rng, 3) != 0;
    }
    gaps += rng_uniform(rng);
    for (int k = 0; k < n; k++) {
        out->position[k] /= gaps;
    }
    out->legal[rng_below(rng, (uint32_t)n)] = 1;
    out->offer.categorical = rng_below(rng, 2) == 0;
}

int offer_case_draw_legal(const struct offer *offer, struct rng *rng)
{
    for (;;) {
        const int choice = (int)rng_below(rng, (uint32_t)offer->n);
        if (offer->legal[choice] != 0) {
            return choice;
        }
    }
}

void offer_case_outputs(float *output, int n, float size, struct rng *rng)
{
    for (int i = 0; i < n; i++) {
        output[i] = roundf(64.0F * size * (2.0F * rng_uniform(rng) - 1.0F)) / 64.0F;
    }
}
