// Resizing: against the tables of ONNX's operator tests, against the reference at odd shapes, and
// by central differences.
#include "op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct op resize_op(enum op_kind kind, int n, const int in[2], const int out[2], int c,
                           enum resize_mode mode, enum resize_coordinates coordinates)
{
    return (struct op){
        .kind = kind,
        .n = n,
        .in_h = in[0],
        .in_w = in[1],
        .in_c = c,
        .out_h = out[0],
        .out_w = out[1],
        .out_c = c,
        .resize = mode,
        .coordinates = coordinates,
    };
}

// x counts up from 1; the first rows of ONNX's test_resize_* and test_upsample_*.
static const struct known {
    enum resize_mode mode;
    enum resize_coordinates coordinates;
    int in[2], out[2];
    float y[24];
} known[] = {
    {RESIZE_LINEAR,
     RESIZE_HALF_PIXEL,
     {2, 2},
     {4, 4},
     {1.0F, 1.25F, 1.75F, 2.0F, 1.5F, 1.75F, 2.25F, 2.5F, 2.5F, 2.75F, 3.25F, 3.5F, 3.0F, 3.25F,
      3.75F, 4.0F}},
    {RESIZE_LINEAR,
     RESIZE_ALIGN_CORNERS,
     {2, 2},
     {4, 4},
     {1.0F, 1.3333333F, 1.6666667F, 2.0F, 1.6666667F, 2.0F, 2.3333333F, 2.6666667F, 2.3333333F,
      2.6666667F, 3.0F, 3.3333333F, 3.0F, 3.3333333F, 3.6666667F, 4.0F}},
    {RESIZE_LINEAR, RESIZE_ASYMMETRIC, {1, 2}, {1, 4}, {1.0F, 1.5F, 2.0F, 2.0F}},
    {RESIZE_LINEAR, RESIZE_PYTORCH_HALF_PIXEL, {4, 4}, {3, 1}, {1.6666666F, 7.0F, 12.333333F}},
    {RESIZE_LINEAR, RESIZE_HALF_PIXEL, {1, 4}, {1, 2}, {1.5F, 3.5F}},
    {RESIZE_LINEAR, RESIZE_ALIGN_CORNERS, {1, 4}, {1, 1}, {1.0F}},
    {RESIZE_NEAREST_FLOOR, RESIZE_ASYMMETRIC, {2, 2}, {4, 6}, {1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2,
                                                               3, 3, 3, 4, 4, 4, 3, 3, 3, 4, 4, 4}},
    {RESIZE_NEAREST_ROUND, RESIZE_HALF_PIXEL, {1, 4}, {1, 2}, {1, 3}}, // 0.5 and 2.5 go down
    {RESIZE_NEAREST_FLOOR, RESIZE_ALIGN_CORNERS, {1, 4}, {1, 8}, {1, 1, 1, 2, 2, 3, 3, 4}},
    {RESIZE_NEAREST_CEIL, RESIZE_HALF_PIXEL, {1, 4}, {1, 8}, {1, 2, 2, 3, 3, 4, 4, 4}},
    {RESIZE_NEAREST_ROUND, RESIZE_HALF_PIXEL, {1, 4}, {1, 8}, {1, 1, 2, 2, 3, 3, 4, 4}},
    {RESIZE_NEAREST_FLOOR, RESIZE_PYTORCH_HALF_PIXEL, {1, 4}, {1, 1}, {1}},
    {RESIZE_NEAREST_FLOOR, RESIZE_HALF_PIXEL, {1, 4}, {1, 1}, {2}}, // at 1.5
};

static void test_onnx(void **state)
{
    const struct bench *bench = *state;
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
        const struct op op = resize_op(OP_RESIZE, 1, known[k].in, known[k].out, 1, known[k].mode,
                                       known[k].coordinates);
        struct op_case c;
        struct case_result result;
        case_open(&c, &op);
        for (size_t i = 0; i < c.in[0].count; i++) {
            case_f32(&c.in[0])[i] = (float)(i + 1);
        }
        case_run(bench->backend, &c, &result);
        for (size_t i = 0; i < result.out[0].count; i++) {
            const double error = (double)case_f32(&result.out[0])[i] - (double)known[k].y[i];
            if (!(error < 1e-5 && error > -1e-5)) {
                fail_msg("case %zu, output %zu: got %g, expected %g", k, i,
                         (double)case_f32(&result.out[0])[i], (double)known[k].y[i]);
            }
        }
        case_result_close(&result);
        case_close(&c);
    }
}

static void match(const struct bench *bench, const struct op *op)
{
    struct op_case c;
    case_open(&c, op);
    bench_match(bench, &c, 1e-5, 0);
    case_close(&c);
}

static void test_shapes(void **state)
{
    static const int extents[][2] = {{5, 7}, {1, 1}, {10, 14}, {3, 9}, {8, 4}, {1, 6}};
    static const int channels[] = {1, 3, 16, 17, 64, 70};
    int turn = 0;
    for (int mode = 0; mode < RESIZE_MODE_COUNT; mode++) {
        for (int coordinates = 0; coordinates < RESIZE_COORDINATES_COUNT; coordinates++) {
            for (int pair = 0; pair < 36; pair++, turn++) {
                struct op op =
                    resize_op(OP_RESIZE, 1 + turn % 2, extents[pair % 6], extents[pair / 6],
                              channels[turn % 6], (enum resize_mode)mode,
                              (enum resize_coordinates)coordinates);
                match(*state, &op);
                op.kind = OP_RESIZE_BACKWARD;
                match(*state, &op);
                op.kind = OP_RESIZE;
                op.in_type = op.out_type = turn % 3 == 0 ? DTYPE_U8 : DTYPE_S8;
                if (mode != RESIZE_LINEAR) {
                    match(*state, &op);
                }
            }
        }
    }
}

static void test_gradients(void **state)
{
    const struct bench *bench = *state;
    static const int pairs[][2][2] = {{{5, 7}, {10, 14}}, {{6, 5}, {3, 4}}, {{1, 3}, {4, 1}}};
    for (int turn = 0; turn < 3 * RESIZE_MODE_COUNT; turn++) {
        const int(*pair)[2] = pairs[turn % 3];
        struct op op = resize_op(OP_RESIZE, 2, pair[0], pair[1], 3, (enum resize_mode)(turn / 3),
                                 (enum resize_coordinates)(turn % RESIZE_COORDINATES_COUNT));
        struct op_case forward, backward;
        struct case_result dx;
        case_open(&forward, &op);
        op.kind = OP_RESIZE_BACKWARD;
        case_open(&backward, &op);
        case_run(bench->backend, &backward, &dx);
        struct case_loss context = {bench->ref, &forward};
        expect_gradient(&(struct gradient_check){
            .loss = case_loss,
            .context = &context,
            .values = case_f32(&forward.in[0]),
            .count = forward.in[0].count,
            .analytic = case_f32(&dx.out[0]),
            .step = 0.25, // the loss is linear
            .tolerance = 1e-5,
            .what = "resizing",
        });
        case_result_close(&dx);
        case_close(&forward);
        case_close(&backward);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_onnx),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_gradients),
    };
    return bench_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
