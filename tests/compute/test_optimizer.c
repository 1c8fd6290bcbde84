// Optimiser steps.
#include "golden.h"
#include "op_case.h"

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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pytorch),
        cmocka_unit_test(test_counts),
    };
    return bench_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
