// Products of tensors, and of a tensor and one vector per image.
#include "op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const int shapes[][4] = {{1, 1, 1, 1},  {2, 5, 7, 3},  {5, 1, 1, 16}, {1, 9, 4, 17},
                                {3, 3, 3, 33}, {2, 8, 8, 64}, {2, 7, 9, 70}};
enum { N_SHAPES = 7 };

static struct op product_op(enum op_kind kind, const int shape[4])
{
    return (struct op){
        .kind = kind,
        .n = shape[0],
        .in_h = shape[1],
        .in_w = shape[2],
        .in_c = shape[3],
        .out_h = shape[1],
        .out_w = shape[2],
        .out_c = shape[3],
    };
}

static void test_products(void **state)
{
    for (int i = 0; i < N_SHAPES; i++) {
        for (int variant = 0; variant < 6 * CASE_ACTIVATIONS; variant++) {
            struct op op = product_op(OP_MULTIPLY, shapes[i]);
            op.act = case_activation(variant % CASE_ACTIVATIONS);
            op.out_type = (enum dtype)(variant / CASE_ACTIVATIONS % 3);
            op.broadcast = variant >= 3 * CASE_ACTIVATIONS;
            struct op_case c;
            case_open(&c, &op);
            case_fill(&c.in[0], 1, 8.0);
            bench_match(*state, &c, 1e-6, 1);
            case_close(&c);
        }
    }
}

static void test_values(void **state)
{
    const struct bench *bench = *state;
    static const int shape[4] = {2, 1, 2, 2};
    static const float a[8] = {1, 2, 3, 4, 5, 6, 7, 8}, b[4] = {1, -1, 0.5F, 2};
    static const float y[8] = {1, -2, 3, -4, 2.5F, 12, 3.5F, 16};
    struct op op = product_op(OP_MULTIPLY, shape);
    op.broadcast = true;
    struct op_case c;
    struct case_result result;
    case_open(&c, &op);
    for (int i = 0; i < 8; i++) {
        case_f32(&c.in[0])[i] = a[i];
        case_f32(&c.in[1])[i / 2] = b[i / 2];
    }
    case_run(bench->backend, &c, &result);
    for (int i = 0; i < 8; i++) {
        assert_true(case_f32(&result.out[0])[i] == y[i]);
    }
    case_result_close(&result);
    case_close(&c);
}

static void test_vector_gradient(void **state)
{
    const struct bench *bench = *state;
    for (int i = 0; i < N_SHAPES; i++) {
        struct op op = product_op(OP_MULTIPLY_BACKWARD_VECTOR, shapes[i]);
        struct op_case forward, backward, other;
        struct case_result db, da;
        case_open(&backward, &op);
        bench_match(bench, &backward, 1e-5, 0);
        op.kind = OP_MULTIPLY;
        op.broadcast = true;
        case_open(&forward, &op);
        case_open(&other, &op); // dy * b
        case_set(&backward.in[1], &forward.in[0]);
        case_run(bench->backend, &backward, &db);
        case_fill(&other.in[0], 1, 1.0);
        case_run(bench->backend, &other, &da);
        struct case_loss context = {bench->ref, &forward};
        struct case_array *const moved[] = {&forward.in[0], &forward.in[1]};
        struct case_array *const analytic[] = {&da.out[0], &db.out[0]};
        for (int k = 0; k < 2; k++) {
            expect_gradient(&(struct gradient_check){
                .loss = case_loss,
                .context = &context,
                .values = case_f32(moved[k]),
                .count = moved[k]->count,
                .analytic = case_f32(analytic[k]),
                .step = 0.25, // the loss is linear in each
                .tolerance = 1e-5,
                .what = k == 0 ? "product's tensor" : "product's vector",
            });
        }
        case_result_close(&db);
        case_result_close(&da);
        case_close(&forward);
        case_close(&backward);
        case_close(&other);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_vector_gradient),
    };
    return bench_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
