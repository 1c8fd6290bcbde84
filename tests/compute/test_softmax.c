// Softmax cross-entropy and distillation.
#include "golden.h"
#include "op_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct op softmax_op(int rows, int classes, float share, float temperature)
{
    return (struct op){
        .kind = OP_SOFTMAX_XENT,
        .n = rows,
        .in_h = 1,
        .in_w = 1,
        .in_c = classes,
        .target_share = share,
        .temperature = temperature,
    };
}

// Of the softened targets, added up over the rows.
static double entropy_of(const float *targets, int rows, int classes, double temperature)
{
    double entropy = 0.0;
    for (int row = 0; row < rows; row++) {
        const float *logits = targets + (size_t)row * (size_t)classes;
        double sum = 0.0, mean = 0.0;
        for (int i = 0; i < classes; i++) {
            sum += exp((double)logits[i] / temperature);
        }
        for (int i = 0; i < classes; i++) {
            const double logit = (double)logits[i] / temperature;
            mean += exp(logit) / sum * logit;
        }
        entropy += log(sum) - mean;
    }
    return entropy;
}

// PyTorch's is the cross-entropy with the teacher, ours leaves the teacher's own out.
static void test_pytorch(void **state)
{
    const struct bench *bench = *state;
    for (size_t i = 0; i < sizeof golden_softmaxes / sizeof golden_softmaxes[0]; i++) {
        const struct golden_softmax *g = &golden_softmaxes[i];
        const struct op op =
            softmax_op(g->rows, g->classes, (float)g->share, (float)g->temperature);
        struct op_case c;
        struct case_result result;
        case_open(&c, &op);
        case_run(bench->backend, &c, &result);
        const double *partial = case_f64(&result.out[0]);
        const double scale = g->share * g->temperature * g->temperature;
        const double constant = g->share > 0 ? scale * entropy_of(case_f32(&c.in[2]), g->rows,
                                                                  g->classes, g->temperature)
                                             : 0.0;
        assert_true(fabs(partial[0] + constant - g->loss) <= 2e-6 * fabs(g->loss));
        assert_true(partial[1] == (double)g->correct);
        expect_projection(&c, &result.out[1], 50, g->dlogits, 2e-6, "dlogits");
        case_result_close(&result);
        case_close(&c);
    }
}

static void test_shapes(void **state)
{
    static const int sizes[][2] = {{1, 1}, {1, 2}, {2, 7}, {5, 16}, {3, 17}, {2, 33}, {64, 10}};
    for (int i = 0; i < 7; i++) {
        for (int variant = 0; variant < 4; variant++) {
            const struct op op =
                softmax_op(sizes[i][0], sizes[i][1], variant % 2 == 0 ? 0.0F : 0.7F, 3.0F);
            struct op_case c;
            case_open(&c, &op);
            c.dynamic.count = 3.0 * sizes[i][0]; // this chunk is a third of the batch
            if (variant >= 2) {
                case_drop(&c.out[1]);
            }
            bench_match(*state, &c, 2e-6, 0);
            case_close(&c);
        }
    }
}

// Large logits must not overflow; equal ones count for the lower index.
static void test_extremes(void **state)
{
    const struct bench *bench = *state;
    const struct op op = softmax_op(3, 2, 0.0F, 1.0F);
    static const float logits[6] = {1e4F, -1e4F, 5.0F, 5.0F, -3e38F, 3e38F};
    static const int32_t labels[3] = {0, 1, 1};
    struct op_case c;
    struct case_result result;
    case_open(&c, &op);
    for (int i = 0; i < 6; i++) {
        case_f32(&c.in[0])[i] = logits[i];
    }
    for (int i = 0; i < 3; i++) {
        ((int32_t *)c.in[1].values)[i] = labels[i];
    }
    case_run(bench->backend, &c, &result);
    assert_true(fabs(case_f64(&result.out[0])[0] - log(2.0)) < 1e-6);
    assert_true(case_f64(&result.out[0])[1] == 2.0);
    for (size_t i = 0; i < 6; i++) {
        const double expected = i == 2 ? 0.5 / 3.0 : i == 3 ? -0.5 / 3.0 : 0.0;
        assert_true(fabs((double)case_f32(&result.out[1])[i] - expected) < 1e-6);
    }
    case_result_close(&result);
    case_close(&c);
}

static double mean_loss(void *context)
{
    const struct case_loss *loss = context;
    struct case_result result;
    case_run(loss->backend, loss->forward, &result);
    const double value = case_f64(&result.out[0])[0] / loss->forward->dynamic.count;
    case_result_close(&result);
    return value;
}

static void test_gradients(void **state)
{
    const struct bench *bench = *state;
    for (int variant = 0; variant < 3; variant++) {
        const struct op op = softmax_op(4, 9, (float)variant * 0.5F, 2.5F);
        struct op_case c;
        struct case_result result;
        case_open(&c, &op);
        case_run(bench->backend, &c, &result);
        struct case_loss context = {bench->ref, &c};
        expect_gradient(&(struct gradient_check){
            .loss = mean_loss,
            .context = &context,
            .values = case_f32(&c.in[0]),
            .count = c.in[0].count,
            .analytic = case_f32(&result.out[1]),
            .step = 0.03125,
            .tolerance = 1e-4,
            .what = "logits",
        });
        case_result_close(&result);
        case_close(&c);
    }
}

static struct op pixels_op(enum op_kind kind, int n, int h, int w, int c)
{
    return (struct op){
        .kind = kind, .n = n, .in_h = h, .in_w = w, .in_c = c, .out_h = h, .out_w = w, .out_c = c};
}

// Softmax by itself: against the reference, its sums, and its gradient by differences.
static void test_pixels(void **state)
{
    const struct bench *bench = *state;
    static const int shapes[][4] = {{1, 1, 1, 1},  {2, 5, 7, 3},  {5, 1, 1, 10},
                                    {1, 3, 4, 64}, {1, 2, 2, 65}, {2, 1, 1, 1000}};
    for (int i = 0; i < 6; i++) {
        const int *s = shapes[i];
        struct op op = pixels_op(OP_SOFTMAX, s[0], s[1], s[2], s[3]);
        struct op_case forward, backward;
        struct case_result y, dx;
        case_open(&forward, &op);
        case_fill(&forward.in[0], 1, 4.0);
        bench_match(bench, &forward, 1e-6, 0);
        case_run(bench->backend, &forward, &y);
        for (size_t at = 0; at < y.out[0].count; at += (size_t)op.in_c) {
            double sum = 0.0;
            for (size_t k = 0; k < (size_t)op.in_c; k++) {
                sum += (double)case_f32(&y.out[0])[at + k];
            }
            assert_true(fabs(sum - 1.0) < 1e-5);
        }
        op.kind = OP_SOFTMAX_BACKWARD;
        case_open(&backward, &op);
        case_set(&backward.in[1], &y.out[0]);
        bench_match(bench, &backward, 1e-5, 0);
        case_run(bench->backend, &backward, &dx);
        struct case_loss context = {bench->ref, &forward};
        expect_gradient(&(struct gradient_check){
            .loss = case_loss,
            .context = &context,
            .values = case_f32(&forward.in[0]),
            .count = forward.in[0].count,
            .analytic = case_f32(&dx.out[0]),
            .step = 0.03125,
            .tolerance = 1e-4,
            .what = "softmax",
        });
        case_result_close(&y);
        case_result_close(&dx);
        case_close(&forward);
        case_close(&backward);
    }
}

// Large values must not overflow.
static void test_pixel_extremes(void **state)
{
    const struct bench *bench = *state;
    static const float x[6] = {1e4F, -1e4F, 5.0F, 5.0F, -3e38F, 3e38F};
    static const float y[6] = {1.0F, 0.0F, 0.5F, 0.5F, 0.0F, 1.0F};
    const struct op op = pixels_op(OP_SOFTMAX, 1, 3, 1, 2);
    struct op_case c;
    struct case_result result;
    case_open(&c, &op);
    memcpy(c.in[0].values, x, sizeof x);
    case_run(bench->backend, &c, &result);
    for (int i = 0; i < 6; i++) {
        assert_true(fabs((double)case_f32(&result.out[0])[i] - (double)y[i]) < 1e-6);
    }
    case_result_close(&result);
    case_close(&c);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pytorch),  cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_extremes), cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_pixels),   cmocka_unit_test(test_pixel_extremes),
    };
    return bench_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
