// Philox against the known answers published with it, and what its streams promise.
#include "core/rng.h"
#include "core/status.h"
#include "test_unit.h"

#include <math.h>
#include <stdbool.h>

static void known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], expected[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rng rng = {.used = 4};
        memcpy(rng.counter, cases[i].counter, sizeof rng.counter);
        memcpy(rng.key, cases[i].key, sizeof rng.key);
        for (int word = 0; word < 4; word++) {
            assert_int_equal(rng_u32(&rng), cases[i].expected[word]);
        }
    }
}

static void streams_are_functions_of_their_names(void **state)
{
    (void)state;
    struct rng a = rng_make(42, RNG_ORDER, 7, 3), b = rng_make(42, RNG_ORDER, 7, 3);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(rng_u32(&a), rng_u32(&b));
    }
}

// Streams whose names differ in one part share no more words than chance allows: 1000 of 2^32.
static void streams_are_independent(void **state)
{
    (void)state;
    const struct rng others[] = {
        rng_make(43, RNG_ORDER, 7, 3),
        rng_make(42 + (UINT64_C(1) << 32), RNG_ORDER, 7, 3),
        rng_make(42, RNG_SPLIT, 7, 3),
        rng_make(42, RNG_ORDER, 8, 3),
        rng_make(42, RNG_ORDER, 7 + (UINT64_C(1) << 32), 3),
        rng_make(42, RNG_ORDER, 7, 4),
    };
    for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
        struct rng a = rng_make(42, RNG_ORDER, 7, 3), b = others[k];
        int same = 0;
        double product = 0.0;
        const int n = 20000;
        for (int i = 0; i < n; i++) {
            const uint32_t x = rng_u32(&a), y = rng_u32(&b);
            same += x == y;
            product += ((double)x / 4294967296.0 - 0.5) * ((double)y / 4294967296.0 - 0.5);
        }
        assert_true(same <= 1);
        const double deviations = product / n * 12.0 * sqrt((double)n); // correlation / its error
        assert_true(fabs(deviations) < 5.0);
    }
}

// Chi-square over the cells, in units of its own standard deviation.
static double chi_square_deviations(const int *counts, int cells, int draws)
{
    const double expected = (double)draws / cells;
    double sum = 0.0;
    for (int i = 0; i < cells; i++) {
        sum += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    return (sum - (cells - 1)) / sqrt(2.0 * (cells - 1));
}

static void below_is_uniform(void **state)
{
    (void)state;
    const uint32_t limits[] = {1, 2, 3, 7, 64, 100};
    for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
        int counts[100] = {0};
        struct rng rng = rng_make(1, RNG_TEST, k, 0);
        const int draws = 200000;
        for (int i = 0; i < draws; i++) {
            const uint32_t value = rng_below(&rng, limits[k]);
            assert_true(value < limits[k]);
            counts[value]++;
        }
        if (limits[k] > 1) {
            assert_true(fabs(chi_square_deviations(counts, (int)limits[k], draws)) < 5.0);
        }
    }
    // With this limit, plain scaling of one word would favour every third value by a half.
    const uint32_t awkward = 0xC0000000;
    int thirds[3] = {0};
    struct rng rng = rng_make(2, RNG_TEST, 0, 0);
    for (int i = 0; i < 90000; i++) {
        thirds[rng_below(&rng, awkward) % 3]++;
    }
    assert_true(fabs(chi_square_deviations(thirds, 3, 90000)) < 5.0);
}

static void uniform_fills_the_interval(void **state)
{
    (void)state;
    struct rng rng = rng_make(3, RNG_TEST, 0, 0);
    int counts[64] = {0};
    const int draws = 200000;
    for (int i = 0; i < draws; i++) {
        const float value = rng_uniform(&rng);
        assert_true(value >= 0.0f && value < 1.0f);
        counts[(int)(value * 64.0f)]++;
    }
    assert_true(fabs(chi_square_deviations(counts, 64, draws)) < 5.0);
}

static void normal_has_its_moments(void **state)
{
    (void)state;
    struct rng rng = rng_make(4, RNG_TEST, 0, 0);
    double sum = 0.0, squares = 0.0, fourths = 0.0;
    const int draws = 400000;
    int beyond_two = 0;
    for (int i = 0; i < draws; i++) {
        const double value = (double)rng_normal(&rng);
        assert_true(isfinite(value));
        sum += value;
        squares += value * value;
        fourths += value * value * value * value;
        beyond_two += fabs(value) > 2.0;
    }
    assert_true(fabs(sum / draws) < 0.01);
    assert_true(fabs(squares / draws - 1.0) < 0.015);
    assert_true(fabs(fourths / draws - 3.0) < 0.1);
    assert_true(fabs((double)beyond_two / draws - 0.0455) < 0.002);
}

// All 24 orders of four items, equally often; and nothing is lost from a long list.
static void shuffle_is_fair(void **state)
{
    (void)state;
    struct rng rng = rng_make(5, RNG_TEST, 0, 0);
    int counts[256] = {0};
    for (int i = 0; i < 48000; i++) {
        int32_t items[4] = {0, 1, 2, 3};
        rng_shuffle(&rng, items, 4);
        counts[items[0] * 64 + items[1] * 16 + items[2] * 4 + items[3]]++;
    }
    int orders[24], n = 0;
    for (int i = 0; i < 256; i++) {
        if (counts[i] > 0) {
            assert_true(n < 24);
            orders[n++] = counts[i];
        }
    }
    assert_int_equal(n, 24);
    assert_true(fabs(chi_square_deviations(orders, 24, 48000)) < 5.0);

    static int32_t many[10000];
    static bool seen[10000];
    for (int i = 0; i < 10000; i++) {
        many[i] = i;
    }
    rng_shuffle(&rng, many, 10000);
    int moved = 0;
    for (int i = 0; i < 10000; i++) {
        assert_false(seen[many[i]]);
        seen[many[i]] = true;
        moved += many[i] != i;
    }
    assert_true(moved > 9900);
    rng_shuffle(&rng, many, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(streams_are_functions_of_their_names),
        cmocka_unit_test(streams_are_independent),
        cmocka_unit_test(below_is_uniform),
        cmocka_unit_test(uniform_fills_the_interval),
        cmocka_unit_test(normal_has_its_moments),
        cmocka_unit_test(shuffle_is_fair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
