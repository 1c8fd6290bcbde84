// The LSTM and its gradient.
#include "golden.h"
#include "op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct op lstm_op(int n, int steps, int in, int hidden)
{
    return (struct op){
        .kind = OP_LSTM,
        .n = n,
        .in_h = steps,
        .in_w = 1,
        .in_c = in,
        .out_h = steps,
        .out_w = 1,
        .out_c = hidden,
        .training = true,
    };
}

// A backward case whose inputs are those of the forward case, its results, and dy =
// case_number(., 1).
static void open_backward(const struct op_case *forward, const struct case_result *result,
                          struct op_case *c)
{
    struct op op = forward->op;
    op.kind = OP_LSTM_BACKWARD;
    case_open(c, &op);
    case_set(&c->weights, &forward->weights);
    static const int from[] = {0, 2, 3, 4};
    for (int i = 0; i < 4; i++) {
        if (forward->in[from[i]].type == CASE_NONE) {
            case_drop(&c->in[from[i] + 1]);
        } else {
            case_set(&c->in[from[i] + 1], &forward->in[from[i]]);
        }
    }
    case_set(&c->in[6], &result->out[0]);
    case_set(&c->in[7], &result->out[1]);
}

static void test_pytorch(void **state)
{
    const struct bench *bench = *state;
    for (size_t i = 0; i < sizeof golden_lstms / sizeof golden_lstms[0]; i++) {
        const struct golden_lstm *g = &golden_lstms[i];
        const struct op op = lstm_op(g->n, g->steps, g->in, g->hidden);
        struct op_case forward, backward;
        struct case_result y, gradient;
        case_open(&forward, &op);
        if (g->resets == 0) {
            case_drop(&forward.in[4]);
        }
        case_run(bench->backend, &forward, &y);
        expect_projection(&forward, &y.out[0], 50, g->y, 2e-6, "y");
        open_backward(&forward, &y, &backward);
        case_run(bench->backend, &backward, &gradient);
        const double expected[] = {g->dx, g->partial, g->dh0, g->dc0};
        const char *const what[] = {"dx", "weight gradient", "dh0", "dc0"};
        for (int slot = 0; slot < 4; slot++) {
            expect_projection(&backward, &gradient.out[slot], 50, expected[slot], 2e-6, what[slot]);
        }
        case_result_close(&y);
        case_result_close(&gradient);
        case_close(&forward);
        case_close(&backward);
    }
}

static const int shapes[][4] = {{1, 1, 1, 1},   {2, 5, 3, 7},  {5, 1, 16, 17},
                                {1, 9, 33, 16}, {2, 4, 7, 33}, {3, 2, 64, 64}};

// Both directions, with and without resets and optional results.
static void test_shapes(void **state)
{
    const struct bench *bench = *state;
    for (int i = 0; i < 6; i++) {
        for (int variant = 0; variant < 2; variant++) {
            struct op op = lstm_op(shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3]);
            struct op_case forward, backward, inference;
            struct case_result y;
            case_open(&forward, &op);
            if (variant == 0) {
                case_drop(&forward.in[4]);
                case_drop(&forward.out[2]);
                case_drop(&forward.out[3]);
            }
            bench_match(bench, &forward, 2e-5, 0);
            case_run(bench->ref, &forward, &y);
            open_backward(&forward, &y, &backward);
            if (variant == 1) {
                case_drop(&backward.out[0]);
                case_drop(&backward.out[2]);
                case_drop(&backward.out[3]);
            }
            bench_match(bench, &backward, 5e-5, 0);
            op.training = false;
            case_open(&inference, &op);
            bench_match(bench, &inference, 2e-5, 0);
            case_result_close(&y);
            case_close(&forward);
            case_close(&backward);
            case_close(&inference);
        }
    }
}

// A partial is the gradients as pack reads the weights.
static void test_unpack(void **state)
{
    enum { N = 2, STEPS = 3, IN = 5, HIDDEN = 7, COUNT = 4 * HIDDEN * (IN + HIDDEN + 1) };
    const struct bench *bench = *state;
    struct backend *backend = bench->backend;
    struct op op = lstm_op(N, STEPS, IN, HIDDEN);
    op.kind = OP_LSTM_BACKWARD;
    struct kernel *kernel = NULL;
    assert_int_equal(kernel_open(backend, &op, &kernel), OK);
    assert_true(kernel->partial_bytes == COUNT * sizeof(float));
    float host[COUNT], unpacked[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        host[i] = (float)case_number(i, 1);
    }
    void *partial = NULL, *weights = NULL;
    assert_int_equal(backend->ops->alloc(backend, sizeof host, &partial), OK);
    assert_int_equal(backend->ops->alloc(backend, sizeof host, &weights), OK);
    backend->ops->upload(backend, partial, host, sizeof host);
    kernel->ops->unpack(kernel, partial, weights, NULL, 0);
    backend->ops->sync(backend);
    backend->ops->download(backend, unpacked, weights, sizeof unpacked);
    assert_memory_equal(unpacked, host, sizeof host);
    kernel_close(kernel);
    backend->ops->release(backend, partial);
    backend->ops->release(backend, weights);
}

// A reset at every step makes each step an independent first one from a zero state.
static void test_reset_forgets(void **state)
{
    const struct bench *bench = *state;
    const struct op op = lstm_op(1, 6, 4, 5);
    struct op_case c;
    struct case_result first, second;
    case_open(&c, &op);
    for (size_t t = 0; t < 6; t++) {
        case_f32(&c.in[4])[t] = 1.0F;
        memcpy(case_f32(&c.in[0]) + t * 4, case_f32(&c.in[0]), 4 * sizeof(float));
    }
    case_run(bench->backend, &c, &first);
    case_fill(&c.in[2], 90, 1.0); // h0 and c0 have no say
    case_fill(&c.in[3], 91, 1.0);
    case_run(bench->backend, &c, &second);
    for (size_t i = 0; i < 30; i++) {
        assert_true(case_f32(&first.out[0])[i] == case_f32(&first.out[0])[i % 5]);
        assert_true(case_f32(&first.out[0])[i] == case_f32(&second.out[0])[i]);
    }
    case_result_close(&first);
    case_result_close(&second);
    case_close(&c);
}

static void expect_near(const float *values, const float *expected, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_float_equal(values[i], expected[i], 1e-6F);
    }
}

// A sequence in two parts, the second begun where the first ends.
static void test_last_state(void **state)
{
    enum { STEPS = 3, IN = 4, HIDDEN = 5 };
    const struct bench *bench = *state;
    const struct op whole_op = lstm_op(1, 2 * STEPS, IN, HIDDEN);
    const struct op part_op = lstm_op(1, STEPS, IN, HIDDEN);
    struct op_case whole, part;
    struct case_result expected, first, second;
    case_open(&whole, &whole_op);
    case_drop(&whole.in[4]);
    case_run(bench->backend, &whole, &expected);
    case_open(&part, &part_op);
    case_drop(&part.in[4]);
    case_run(bench->backend, &part, &first);
    const float *later = case_f32(&whole.in[0]) + (size_t)STEPS * IN;
    memcpy(case_f32(&part.in[0]), later, (size_t)STEPS * IN * sizeof(float));
    case_set(&part.in[2], &first.out[2]);
    case_set(&part.in[3], &first.out[3]);
    case_run(bench->backend, &part, &second);
    expect_near(case_f32(&second.out[0]), case_f32(&expected.out[0]) + (size_t)STEPS * HIDDEN,
                (size_t)STEPS * HIDDEN);
    expect_near(case_f32(&second.out[2]), case_f32(&expected.out[2]), HIDDEN);
    expect_near(case_f32(&second.out[3]), case_f32(&expected.out[3]), HIDDEN);
    case_result_close(&expected);
    case_result_close(&first);
    case_result_close(&second);
    case_close(&whole);
    case_close(&part);
}

static void test_gradients(void **state)
{
    const struct bench *bench = *state;
    const struct op op = lstm_op(3, 4, 3, 5);
    struct op_case forward, backward;
    struct case_result y, gradient;
    case_open(&forward, &op);
    case_f32(&forward.in[4])[1] = 1.0F; // a reset that some gradient must not cross
    case_run(bench->backend, &forward, &y);
    open_backward(&forward, &y, &backward);
    case_run(bench->backend, &backward, &gradient);
    struct case_loss context = {bench->ref, &forward};
    const float *partial = case_f32(&gradient.out[1]);
    float *weights = case_f32(&forward.weights);
    const size_t ih = (size_t)20 * 3, hh = (size_t)20 * 5;
    const struct {
        float *values;
        size_t count;
        const float *analytic;
        const char *what;
    } moved[] = {
        {case_f32(&forward.in[0]), forward.in[0].count, case_f32(&gradient.out[0]), "sequence"},
        {weights, ih, partial, "input weights"},
        {weights + ih, hh, partial + ih, "hidden weights"},
        {weights + ih + hh, 20, partial + ih + hh, "bias"},
        {case_f32(&forward.in[2]), forward.in[2].count, case_f32(&gradient.out[2]), "h0"},
        {case_f32(&forward.in[3]), forward.in[3].count, case_f32(&gradient.out[3]), "c0"},
    };
    for (int i = 0; i < 6; i++) {
        expect_gradient(&(struct gradient_check){
            .loss = case_loss,
            .context = &context,
            .values = moved[i].values,
            .count = moved[i].count,
            .analytic = moved[i].analytic,
            .step = 0.03125,
            .tolerance = 2e-4,
            .what = moved[i].what,
        });
    }
    case_result_close(&y);
    case_result_close(&gradient);
    case_close(&forward);
    case_close(&backward);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pytorch),    cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_unpack),     cmocka_unit_test(test_reset_forgets),
        cmocka_unit_test(test_last_state), cmocka_unit_test(test_gradients),
    };
    return bench_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
