// Offers and outputs for the tests of distributions.
#pragma once
#include "agent/distribution.h"

enum { OFFER_CASE_MOST = 1024 };
struct offer_case {
    struct offer offer; // of the arrays below
    float position[OFFER_CASE_MOST];
    uint8_t legal[OFFER_CASE_MOST];
};
// n choices evenly on [0, 1], all legal.
void offer_case_even(struct offer_case *out, int n);
// 1 to `most` choices at random places, some of them illegal, with an order or without.
void offer_case_random(struct offer_case *out, int most, struct rng *rng);

int offer_case_draw_legal(const struct offer *offer, struct rng *rng); // uniformly
// Multiples of 2^-6 within +-size, so that small steps from there are exact.
void offer_case_outputs(float *output, int n, float size, struct rng *rng);
