// Batch normalisation: each step against the reference, and all steps together, one image per
// chunk, against PyTorch and central differences.
#include "golden.h"
#include "op_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct op norm_op(enum op_kind kind, int n, int h, int w, int c)
{
    return (struct op){
        .kind = kind,
        .n = n,
        .in_h = h,
        .in_w = w,
        .in_c = c,
        .out_h = h,
        .out_w = w,
        .out_c = c,
        .epsilon = 1e-5F,
        .momentum = 0.1F,
    };
}

static void test_steps(void **state)
{
    static const int shapes[][4] = {{1, 1, 1, 1},  {2, 5, 7, 3},   {5, 1, 1, 16},
                                    {1, 9, 4, 17}, {64, 3, 3, 33}, {2, 8, 8, 64}};
    for (int i = 0; i < 6; i++) {
        for (int kind = OP_BN_STATISTICS; kind <= OP_BN_BACKWARD_APPLY; kind++) {
            struct op op =
                norm_op((enum op_kind)kind, shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3]);
            op.act = case_activation(i % ACT_HARD_SWISH); // those whose slope follows from y
            struct op_case c;
            case_open(&c, &op);
            if (kind == OP_BN_FINISH) { // sums of squares that a variance can have
                for (int channel = 0; channel < op.in_c; channel++) {
                    double *sums = case_f64(&c.in[0]);
                    sums[channel] *= c.dynamic.count;
                    sums[op.in_c + channel] = c.dynamic.count * (1.5 + sums[op.in_c + channel]);
                }
            }
            if (kind == OP_BN_BACKWARD_REDUCE) {
                case_fill(&c.in[2], 3, 9.0);
            }
            bench_match(*state, &c, 1e-5, 0);
            case_close(&c);
        }
    }
}

// Arguments that may be NULL.
static void test_optional(void **state)
{
    for (int absent = 0; absent < 8; absent++) {
        struct op op = norm_op(OP_BN_BACKWARD_REDUCE, 2, 5, 7, 19);
        op.act = case_activation(ACT_RELU);
        struct op_case c;
        case_open(&c, &op);
        if ((absent & 1) != 0) {
            case_drop(&c.in[1]);
        }
        if ((absent & 2) != 0) {
            case_drop(&c.in[2]);
        }
        if ((absent & 4) != 0) {
            case_drop(&c.out[0]);
        }
        bench_match(*state, &c, 1e-5, 0);
        case_close(&c);
    }
    struct op op = norm_op(OP_BN_FINISH, 2, 5, 7, 19);
    struct op_case c;
    case_open(&c, &op);
    case_drop(&c.out[4]);
    case_drop(&c.out[5]);
    for (int i = 0; i < op.in_c; i++) {
        case_f64(&c.in[0])[op.in_c + i] += 5.0;
    }
    bench_match(*state, &c, 1e-5, 0);
    case_close(&c);
    op.kind = OP_BN_BACKWARD_FINISH;
    case_open(&c, &op);
    case_drop(&c.out[0]);
    case_drop(&c.out[1]);
    bench_match(*state, &c, 1e-5, 0);
    case_close(&c);
    case_open(&c, &op);
    bench_match(*state, &c, 1e-5, 0);
    case_close(&c);
}

// A channel that never changes: variance 0, and rounding may not make it negative.
static void test_constant_channel(void **state)
{
    const struct bench *bench = *state;
    const struct op op = norm_op(OP_BN_FINISH, 1, 10, 10, 1);
    struct op_case c;
    struct case_result result;
    case_open(&c, &op);
    const double value = 1234.5678;
    case_f64(&c.in[0])[0] = 100.0 * value;
    case_f64(&c.in[0])[1] = 100.0 * value * value * (1.0 - 1e-15);
    case_run(bench->backend, &c, &result);
    const float inv_std = case_f32(&result.out[3])[0];
    assert_true(fabs((double)inv_std - 1.0 / sqrt(1e-5)) < 1e-2);
    case_result_close(&result);
    case_close(&c);
}

// A layer under test: y = relu(batchnorm(x) + residual), one image per chunk.
struct layer {
    struct backend *backend;
    int n, h, w, c;
    float *x; // [n][h][w][c], of `apply`
    struct op_case finish, apply;
    struct case_result finished, y; // of the last forward pass
};

static size_t image_count(const struct layer *layer)
{
    return (size_t)layer->h * (size_t)layer->w * (size_t)layer->c;
}

static void layer_open(struct backend *backend, const struct golden_batchnorm *g,
                       struct layer *layer)
{
    *layer = (struct layer){.backend = backend, .n = g->n, .h = g->h, .w = g->w, .c = g->c};
    struct op op = norm_op(OP_BN_FINISH, g->n, g->h, g->w, g->c);
    case_open(&layer->finish, &op);
    op.kind = OP_SCALE_SHIFT;
    op.act = case_activation(ACT_RELU);
    case_open(&layer->apply, &op);
    layer->x = case_f32(&layer->apply.in[0]);
}

static void layer_close(struct layer *layer)
{
    case_result_close(&layer->finished);
    case_result_close(&layer->y);
    case_close(&layer->finish);
    case_close(&layer->apply);
}

// Adds the chunks' partials up: sums [2][c].
static void sum_chunks(const struct layer *layer, const double *partials, struct case_array *sums)
{
    const struct op op = norm_op(OP_BN_SUM, 1, 1, 1, layer->c);
    const size_t pair = 2 * (size_t)layer->c;
    memcpy(sums->values, partials, pair * sizeof *partials);
    for (int n = 1; n < layer->n; n++) {
        struct op_case c;
        struct case_result result;
        case_open(&c, &op);
        memcpy(case_f64(&c.in[0]), sums->values, pair * sizeof *partials);
        memcpy(case_f64(&c.in[1]), partials + (size_t)n * pair, pair * sizeof *partials);
        case_run(layer->backend, &c, &result);
        case_set(sums, &result.out[0]);
        case_result_close(&result);
        case_close(&c);
    }
}

static void forward(struct layer *layer)
{
    struct arena arena = {0};
    const size_t pair = 2 * (size_t)layer->c;
    double *partials = arena_alloc(&arena, (size_t)layer->n * pair, sizeof *partials);
    assert_non_null(partials);
    for (int n = 0; n < layer->n; n++) {
        const struct op op = norm_op(OP_BN_STATISTICS, 1, layer->h, layer->w, layer->c);
        struct op_case c;
        struct case_result result;
        case_open(&c, &op);
        memcpy(case_f32(&c.in[0]), layer->x + (size_t)n * image_count(layer),
               image_count(layer) * sizeof(float));
        case_run(layer->backend, &c, &result);
        memcpy(partials + (size_t)n * pair, case_f64(&result.out[0]), pair * sizeof *partials);
        case_result_close(&result);
        case_close(&c);
    }
    sum_chunks(layer, partials, &layer->finish.in[0]);
    case_result_close(&layer->finished);
    case_result_close(&layer->y);
    case_run(layer->backend, &layer->finish, &layer->finished);
    case_set(&layer->apply.in[1], &layer->finished.out[0]);
    case_set(&layer->apply.in[2], &layer->finished.out[1]);
    case_run(layer->backend, &layer->apply, &layer->y);
    arena_close(&arena);
}

// One chunk of BN_BACKWARD_REDUCE: gradients dy and dy2 are case_number(., 1) and (., 2) over the
// whole batch.
static void reduce_chunk(const struct layer *layer, int n, float *g, double *partial)
{
    struct op op = norm_op(OP_BN_BACKWARD_REDUCE, 1, layer->h, layer->w, layer->c);
    op.act = case_activation(ACT_RELU);
    struct op_case c;
    struct case_result result;
    case_open(&c, &op);
    const size_t first = (size_t)n * image_count(layer), bytes = image_count(layer) * sizeof(float);
    const float *y = layer->y.out[0].values;
    for (size_t i = 0; i < image_count(layer); i++) {
        case_f32(&c.in[0])[i] = (float)case_number(first + i, 1);
        case_f32(&c.in[1])[i] = (float)case_number(first + i, 2);
    }
    memcpy(case_f32(&c.in[2]), y + first, bytes);
    memcpy(case_f32(&c.in[3]), layer->x + first, bytes);
    case_set(&c.in[4], &layer->finished.out[2]);
    case_set(&c.in[5], &layer->finished.out[3]);
    case_run(layer->backend, &c, &result);
    memcpy(g + first, case_f32(&result.out[0]), bytes);
    memcpy(partial, case_f64(&result.out[1]), result.out[1].count * sizeof *partial);
    case_result_close(&result);
    case_close(&c);
}

// finished: dgamma, dbeta and coefficients; dx: out[0].
static void backward(const struct layer *layer, struct case_result *finished,
                     struct case_result *dx)
{
    struct arena arena = {0};
    const size_t pair = 2 * (size_t)layer->c;
    double *partials = arena_alloc(&arena, (size_t)layer->n * pair, sizeof *partials);
    assert_non_null(partials);
    struct op op = norm_op(OP_BN_BACKWARD_FINISH, layer->n, layer->h, layer->w, layer->c);
    struct op_case finish, apply;
    case_open(&finish, &op);
    op.kind = OP_BN_BACKWARD_APPLY;
    case_open(&apply, &op);
    for (int n = 0; n < layer->n; n++) {
        reduce_chunk(layer, n, case_f32(&apply.in[0]), partials + (size_t)n * pair);
    }
    sum_chunks(layer, partials, &finish.in[0]);
    case_set(&finish.in[1], &layer->finish.in[1]);
    case_set(&finish.in[2], &layer->finished.out[2]);
    case_set(&finish.in[3], &layer->finished.out[3]);
    case_run(layer->backend, &finish, finished);
    memcpy(case_f32(&apply.in[1]), layer->x, apply.in[1].count * sizeof(float));
    case_set(&apply.in[2], &finished->out[2]);
    case_run(layer->backend, &apply, dx);
    case_close(&finish);
    case_close(&apply);
    arena_close(&arena);
}

enum { N_GOLDEN = sizeof golden_batchnorms / sizeof golden_batchnorms[0] };

static void test_pytorch(void **state)
{
    const struct bench *bench = *state;
    for (int i = 0; i < N_GOLDEN; i++) {
        const struct golden_batchnorm *g = &golden_batchnorms[i];
        struct layer layer;
        struct case_result finished, dx;
        layer_open(bench->backend, g, &layer);
        forward(&layer);
        backward(&layer, &finished, &dx);
        const struct op_case *c = &layer.apply;
        expect_projection(c, &layer.y.out[0], 50, g->y, 1e-5, "y");
        expect_projection(c, &layer.finished.out[4], 50, g->running_mean, 1e-6, "running mean");
        expect_projection(c, &layer.finished.out[5], 50, g->running_var, 1e-6, "running variance");
        expect_projection(c, &dx.out[0], 50, g->dx, 1e-5, "dx");
        expect_projection(c, &finished.out[0], 50, g->dgamma, 1e-5, "dgamma");
        expect_projection(c, &finished.out[1], 50, g->dbeta, 1e-5, "dbeta");
        case_result_close(&finished);
        case_result_close(&dx);
        layer_close(&layer);
    }
}

// The loss whose gradient with respect to y is dy + dy2.
static double layer_loss(void *context)
{
    struct layer *layer = context;
    double size = 0.0;
    forward(layer);
    return case_project(&layer->y.out[0], 1, &size) + case_project(&layer->y.out[0], 2, &size);
}

static void test_gradients(void **state)
{
    const struct bench *bench = *state;
    const struct golden_batchnorm shape = {.n = 3, .h = 4, .w = 3, .c = 5};
    struct layer layer, ref;
    struct case_result finished, dx;
    layer_open(bench->backend, &shape, &layer);
    layer_open(bench->ref, &shape, &ref);
    // Far from the kink of the activation on either side, by channel.
    for (size_t i = 0; i < layer.apply.in[3].count; i++) {
        const float residual = i % 5 % 2 == 0 ? 8.0F : -8.0F;
        case_f32(&layer.apply.in[3])[i] = case_f32(&ref.apply.in[3])[i] = residual;
    }
    forward(&layer);
    backward(&layer, &finished, &dx);
    float *const moved[] = {ref.x, case_f32(&ref.finish.in[1]), case_f32(&ref.finish.in[2])};
    const struct case_array *const analytic[] = {&dx.out[0], &finished.out[0], &finished.out[1]};
    const char *const what[] = {"normalisation's input", "gamma", "beta"};
    for (int i = 0; i < 3; i++) {
        expect_gradient(&(struct gradient_check){
            .loss = layer_loss,
            .context = &ref,
            .values = moved[i],
            .count = analytic[i]->count,
            .analytic = analytic[i]->values,
            .step = 0.015625,
            .tolerance = 3e-4,
            .what = what[i],
        });
    }
    case_result_close(&finished);
    case_result_close(&dx);
    layer_close(&layer);
    layer_close(&ref);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),     cmocka_unit_test(test_optional),
        cmocka_unit_test(test_pytorch),   cmocka_unit_test(test_constant_channel),
        cmocka_unit_test(test_gradients),
    };
    return bench_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
