// Optimiser steps.
#include "golden.h"
#include "op_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

// Three steps, weights and states carried over.
static void test_pytorch(void **state)
{
    const struct bench *bench = *state;
    for (size_t i = 0; i < sizeof golden_optimizers / sizeof golden_optimizers[0]; i++) {
        const struct golden_optimizer *g = &golden_optimizers[i];
        const struct op op = {
            .kind = g->kind,
            .n = 1,
            .in_h = 1,
            .in_w = 1,
            .in_c = g->count,
            .momentum = (float)g->momentum,
            .decay = (float)g->decay,
            .nesterov = (float)g->nesterov,
            .alpha = (float)g->alpha,
            .beta1 = (float)g->beta1,
            .beta2 = (float)g->beta2,
            .epsilon = (float)g->epsilon,
        };
        struct op_case c;
        case_open(&c, &op);
        for (unsigned step = 0; step < 3; step++) {
            struct case_result result;
            case_fill(&c.in[0], 60 + step, 4.0); // the scale undoes it
            case_set_scale(&c, 0.25F);
            c.run.step = step + 1;
            case_run(bench->backend, &c, &result);
            for (int slot = 0; slot < OP_MAX_OUT && c.out[slot].type != CASE_NONE; slot++) {
                case_set(&c.out[slot], &result.out[slot]);
            }
            case_result_close(&result);
        }
        expect_projection(&c, &c.out[0], 50, g->weights, 1e-6, "weights");
        case_close(&c);
    }
}

static void test_counts(void **state)
{
    static const int counts[] = {1, 7, 16, 33, 1000};
    for (int i = 0; i < 5; i++) {
        for (int kind = OP_SGD; kind <= OP_ADAM; kind++) {
            for (int variant = 0; variant < 4; variant++) {
                const struct op op = {
                    .kind = (enum op_kind)kind,
                    .n = 1,
                    .in_h = 1,
                    .in_w = 1,
                    .in_c = counts[i],
                    .momentum = variant % 2 == 0 ? 0.0F : 0.9F,
                    .decay = variant < 2 ? 0.0F : 1e-2F,
                    .nesterov = variant == 3 ? 1.0F : 0.0F,
                    .alpha = 0.99F,
                    .beta1 = 0.9F,
                    .beta2 = 0.999F,
                    .epsilon = 1e-8F,
                };
                struct op_case c;
                case_open(&c, &op);
                for (int slot = 1; slot < OP_MAX_OUT; slot++) { // states of a run under way
                    if (c.out[slot].type != CASE_NONE) {
                        case_fill(&c.out[slot], 20, 1.0);
                        float *values = case_f32(&c.out[slot]);
                        for (size_t k = 0; k < c.out[slot].count; k++) {
                            values[k] = values[k] < 0.0F ? -values[k] : values[k];
                        }
                    }
                }
                c.run.step = 1 + 1000 * variant;
                case_set_scale(&c, 0.7F);
                bench_match(*state, &c, 2e-6, 0);
                case_close(&c);
            }
        }
    }
}

// The norm by pieces of every length, and what it makes of a gradient that is too long, or is none.
static void test_norm(void **state)
{
    const struct bench *bench = *state;
    static const int counts[] = {1, 7, 31, 32, 33, 1000};
    for (int i = 0; i < 6; i++) {
        const struct op op = {
            .kind = OP_SUM_SQUARES, .n = counts[i], .in_h = 1, .in_w = 1, .in_c = 1};
        struct op_case c;
        struct case_result result;
        case_open(&c, &op);
        double sum = 0.0;
        for (int k = 0; k < counts[i]; k++) {
            const double x = (double)case_f32(&c.in[0])[k];
            sum += x * x;
        }
        case_run(bench->backend, &c, &result);
        const double *got = case_f64(&result.out[0]);
        assert_true(fabs(got[0] - sum) <= 1e-12 * sum && got[1] == 0.0);
        case_result_close(&result);
        case_close(&c);
    }
}

static void test_clip(void **state)
{
    const struct bench *bench = *state;
    static const struct {
        float most;
        double sum, norm, scale; // scale -1: NaN
    } cases[] = {{0.0F, 9.0, 3.0, 1.0},
                 {4.0F, 9.0, 3.0, 1.0},
                 {1.5F, 9.0, 3.0, 0.5},
                 {1.5F, 0.0, 0.0, 1.0},
                 {1.0F, (double)NAN, (double)NAN, -1.0},
                 {0.0F, HUGE_VAL, HUGE_VAL, -1.0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct op op = {
            .kind = OP_CLIP, .n = 1, .in_h = 1, .in_w = 1, .in_c = 1, .clip = cases[i].most};
        struct op_case c;
        struct case_result result;
        case_open(&c, &op);
        case_f64(&c.in[0])[0] = cases[i].sum;
        case_run(bench->backend, &c, &result);
        const double norm = case_f64(&result.out[0])[0];
        const float scale = case_f32(&result.out[1])[0];
        assert_true(norm == cases[i].norm || (isnan(norm) && isnan(cases[i].norm)));
        assert_true(cases[i].scale < 0.0 ? isnan(scale) : scale == (float)cases[i].scale);
        case_result_close(&result);
        case_close(&c);
    }
}

// A scale that is no number changes nothing; none at all is 1.
static void test_scales(void **state)
{
    const struct bench *bench = *state;
    for (int kind = OP_SGD; kind <= OP_ADAM; kind++) {
        const struct op op = {.kind = (enum op_kind)kind,
                              .n = 9,
                              .in_h = 1,
                              .in_w = 1,
                              .in_c = 1,
                              .momentum = 0.9F,
                              .decay = 0.1F,
                              .alpha = 0.9F,
                              .beta1 = 0.9F,
                              .beta2 = 0.99F,
                              .epsilon = 1e-3F};
        struct op_case c;
        struct case_result with, without;
        case_open(&c, &op);
        case_set_scale(&c, NAN);
        case_run(bench->backend, &c, &with);
        for (int slot = 0; slot < OP_MAX_OUT && c.out[slot].type != CASE_NONE; slot++) {
            assert_memory_equal(with.out[slot].values, c.out[slot].values, 9 * sizeof(float));
        }
        case_result_close(&with);
        case_set_scale(&c, 1.0F);
        case_run(bench->backend, &c, &with);
        case_drop(&c.in[1]);
        case_run(bench->backend, &c, &without);
        assert_memory_equal(with.out[0].values, without.out[0].values, 9 * sizeof(float));
        assert_memory_not_equal(with.out[0].values, c.out[0].values, 9 * sizeof(float));
        case_result_close(&with);
        case_result_close(&without);
        case_close(&c);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pytorch), cmocka_unit_test(test_counts), cmocka_unit_test(test_norm),
        cmocka_unit_test(test_clip),    cmocka_unit_test(test_scales),
    };
    return bench_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
