// Plans over sequences: against an independent computation, in parts, with resets, and their
// gradients against central differences.
#include "sequence_case.h"
#include "test_device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct sequence_plan *open_plan(const struct sequence_case *p, struct backend *backend,
                                       bool training)
{
    const struct sequence_options options = {
        .batch = p->batch,
        .training = training,
        .input_gradient = training,
        .optimizer = {.kind = OPTIMIZER_RMSPROP, .alpha = 0.9F, .epsilon = 0.01F, .clip = 0.5F}};
    struct sequence_plan *plan = NULL;
    assert_ok(sequence_open(backend, &p->graph, &options, &plan));
    sequence_load(plan, p->params);
    return plan;
}

static void expect_near(const float *values, const float *expected, size_t n)
{
    assert_true(plan_case_difference(values, expected, n) < 1e-5);
}

static const struct {
    const char *name;
    bool check;
} backends[] = {{"ref", false}, {"ref", true}, {"cpu", false}, {"cuda_host", false}};

static void test_forward(void **state)
{
    (void)state;
    struct sequence_case p;
    sequence_case_open(&p, 6, CASE_STEPS);
    const size_t outputs = sequence_case_rows(&p) * CASE_OUT, states = 6 * CASE_STATE;
    float *expected = sequence_case_values(outputs, 9), *output = sequence_case_values(outputs, 9);
    float *end = sequence_case_values(states, 2), *carried = sequence_case_values(states, 2);
    sequence_case_forward(&p, end, expected);
    for (size_t i = 0; i < 2 * sizeof backends / sizeof *backends; i++) {
        struct backend *backend = plan_case_backend(backends[i / 2].name, 2, backends[i / 2].check);
        struct sequence_plan *plan = open_plan(&p, backend, i % 2 == 0);
        memcpy(carried, p.state, states * sizeof *carried);
        sequence_forward(plan, p.inputs, p.reset, carried, output);
        expect_near(output, expected, outputs);
        expect_near(carried, end, states);
        sequence_close(plan);
        backend_close(backend);
    }
    free(expected);
    free(output);
    free(end);
    free(carried);
    sequence_case_close(&p);
}

// One step at a time with the state carried on, as an actor does, gives what the whole sequence
// gives; so does a first run of the state that NULL stands for.
static void test_steps(void **state)
{
    (void)state;
    struct sequence_case p, one;
    sequence_case_open(&p, 1, CASE_STEPS);
    sequence_case_open(&one, 1, 1);
    assert_int_equal(sequence_state_count(&p.graph), CASE_STATE);
    assert_int_equal(one.graph.n_floats, p.graph.n_floats);
    struct backend *backend = plan_case_backend("cpu", 1, false);
    struct sequence_plan *whole = open_plan(&p, backend, true);
    struct sequence_plan *step = open_plan(&one, backend, false);
    float all[CASE_STEPS * CASE_OUT], output[CASE_STEPS * CASE_OUT], carried[CASE_STATE] = {0};
    sequence_forward(whole, p.inputs, NULL, NULL, all);
    for (int t = 0; t < CASE_STEPS; t++) {
        sequence_forward(step, p.inputs + (size_t)t * CASE_IN, NULL, carried,
                         output + (size_t)t * CASE_OUT);
    }
    expect_near(output, all, CASE_STEPS * CASE_OUT);
    sequence_close(whole);
    sequence_close(step);
    backend_close(backend);
    sequence_case_close(&p);
    sequence_case_close(&one);
}

// The loss is the outputs' product with d_output.
static double loss_of(const struct sequence_case *p, struct sequence_plan *plan,
                      const float *params, const float *inputs)
{
    float state[16 * CASE_STATE], output[16 * CASE_STEPS * CASE_OUT];
    double loss = 0.0;
    memcpy(state, p->state, (size_t)p->batch * CASE_STATE * sizeof *state);
    sequence_load(plan, params);
    sequence_forward(plan, inputs, p->reset, state, output);
    for (size_t i = 0; i < sequence_case_rows(p) * CASE_OUT; i++) {
        loss += (double)output[i] * (double)p->d_output[i];
    }
    return loss;
}

static void gradients_of(const struct sequence_case *p, struct sequence_plan *plan,
                         float *gradients, float *d_inputs)
{
    loss_of(p, plan, p->params, p->inputs);
    sequence_backward(plan, p->d_output, d_inputs);
    sequence_gradients(plan, gradients);
}

// A reset in the middle cuts a sequence in two: outputs, and every gradient.
static void test_reset_is_a_new_sequence(void **state)
{
    (void)state;
    enum { FIRST = 3, SECOND = CASE_STEPS - FIRST };
    struct sequence_case p, parts[2];
    sequence_case_open(&p, 1, CASE_STEPS);
    memset(p.reset, 0, CASE_STEPS * sizeof *p.reset);
    p.reset[FIRST] = 2.0F;
    sequence_case_open(&parts[0], 1, FIRST);
    sequence_case_open(&parts[1], 1, SECOND);
    struct backend *backend = plan_case_backend("cpu", 2, false);
    struct sequence_plan *plan = open_plan(&p, backend, true);
    const size_t n = p.graph.n_trainable;
    float *whole = sequence_case_values(n, 1), *sum = sequence_case_values(n, 1),
          *part = sequence_case_values(n, 1);
    float d_inputs[CASE_STEPS * CASE_IN], d_parts[CASE_STEPS * CASE_IN];
    gradients_of(&p, plan, whole, d_inputs);
    memset(sum, 0, n * sizeof *sum);
    for (int i = 0; i < 2; i++) {
        struct sequence_case *own = &parts[i];
        const size_t from = i == 0 ? 0 : FIRST;
        memset(own->reset, 0, sequence_case_rows(own) * sizeof *own->reset);
        memcpy(own->inputs, p.inputs + from * CASE_IN,
               sequence_case_rows(own) * CASE_IN * sizeof(float));
        memcpy(own->d_output, p.d_output + from * CASE_OUT,
               sequence_case_rows(own) * CASE_OUT * sizeof(float));
        if (i == 1) {
            memset(own->state, 0, CASE_STATE * sizeof(float));
        }
        struct sequence_plan *short_plan = open_plan(own, backend, true);
        gradients_of(own, short_plan, part, d_parts + from * CASE_IN);
        for (size_t j = 0; j < n; j++) {
            sum[j] += part[j];
        }
        sequence_close(short_plan);
        sequence_case_close(own);
    }
    expect_near(whole, sum, n);
    expect_near(d_inputs, d_parts, CASE_STEPS * CASE_IN);
    sequence_close(plan);
    backend_close(backend);
    free(whole);
    free(sum);
    free(part);
    sequence_case_close(&p);
}

// Central differences in random directions: of each parameter, and of the inputs. A kink of ReLU
// inside a step shows at one size of step but not at a smaller one.
static void check_direction(const struct sequence_case *p, struct sequence_plan *plan,
                            bool of_inputs, size_t first, size_t count, const float *gradient)
{
    const size_t n = of_inputs ? sequence_case_rows(p) * CASE_IN : p->graph.n_floats;
    const float *from = of_inputs ? p->inputs : p->params;
    float *moved = sequence_case_values(n, 1), *direction = sequence_case_values(count, 5);
    double expected = 0.0, norm = 0.0, best = 1e30;
    for (size_t j = 0; j < count; j++) {
        expected += (double)direction[j] * (double)gradient[first + j];
        norm += (double)gradient[first + j] * (double)gradient[first + j];
    }
    for (int halvings = 0; halvings < 6; halvings++) {
        double losses[2];
        const float step = ldexpf(4e-3F, -halvings);
        for (int side = 0; side < 2; side++) {
            memcpy(moved, from, n * sizeof *moved);
            for (size_t j = 0; j < count; j++) {
                moved[first + j] += (side == 0 ? step : -step) * direction[j];
            }
            losses[side] =
                of_inputs ? loss_of(p, plan, p->params, moved) : loss_of(p, plan, moved, p->inputs);
        }
        const double slope = (losses[0] - losses[1]) / (2.0 * (double)step);
        best = fmin(best, fabs(slope - expected));
    }
    assert_true(norm > 0.0 && best < 2e-3 * sqrt(norm));
    free(moved);
    free(direction);
}

static void test_gradients(void **state)
{
    (void)state;
    struct sequence_case p;
    sequence_case_open(&p, 5, CASE_STEPS);
    const size_t n = p.graph.n_trainable, inputs = sequence_case_rows(&p) * CASE_IN;
    float *gradients = sequence_case_values(n, 1), *d_inputs = sequence_case_values(inputs, 1);
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
        struct backend *backend = plan_case_backend(backends[i].name, 2, backends[i].check);
        struct sequence_plan *plan = open_plan(&p, backend, true);
        gradients_of(&p, plan, gradients, d_inputs);
        for (int k = 0; k < p.graph.n_params; k++) {
            check_direction(&p, plan, false, p.graph.params[k].offset, p.graph.params[k].count,
                            gradients);
        }
        check_direction(&p, plan, true, 0, inputs, d_inputs);
        sequence_close(plan);
        backend_close(backend);
    }
    free(gradients);
    free(d_inputs);
    sequence_case_close(&p);
}

// A run of a few updates; params [n_floats], gradients and d_inputs of the last.
static void train(const struct sequence_case *p, const char *name, int threads, float *params,
                  float *d_inputs)
{
    struct backend *backend = plan_case_backend(name, threads, false);
    struct sequence_plan *plan = open_plan(p, backend, true);
    float *output = sequence_case_values(sequence_case_rows(p) * CASE_OUT, 1);
    float *carried = sequence_case_values((size_t)p->batch * CASE_STATE, 2);
    for (int i = 0; i < 3; i++) {
        double norm;
        sequence_forward(plan, p->inputs, p->reset, carried, output);
        sequence_backward(plan, output, d_inputs);
        assert_ok(sequence_step(plan, 0.01F, &norm));
        assert_true(norm > 0.5);
    }
    sequence_params(plan, params);
    sequence_close(plan);
    backend_close(backend);
    free(output);
    free(carried);
}

static void test_threads(void **state)
{
    (void)state;
    struct sequence_case p;
    sequence_case_open(&p, 12, CASE_STEPS);
    const size_t n = p.graph.n_floats, inputs = sequence_case_rows(&p) * CASE_IN;
    float *ref = sequence_case_values(n, 1), *one = sequence_case_values(n, 1),
          *other = sequence_case_values(n, 1);
    float *d_ref = sequence_case_values(inputs, 1), *d_one = sequence_case_values(inputs, 1);
    float *d_other = sequence_case_values(inputs, 1);
    train(&p, "ref", 1, ref, d_ref);
    train(&p, "cpu", 1, one, d_one);
    expect_near(one, ref, n);
    assert_true(plan_case_difference(d_one, d_ref, inputs) < 1e-4);
    for (int threads = 2; threads <= 3; threads++) {
        train(&p, "cpu", threads, other, d_other);
        assert_memory_equal(other, one, n * sizeof *one);
        assert_memory_equal(d_other, d_one, inputs * sizeof *d_one);
    }
    free(ref);
    free(one);
    free(other);
    free(d_ref);
    free(d_one);
    free(d_other);
    sequence_case_close(&p);
}

// One RMSProp step by hand: g is clipped to norm 0.5 first.
static void test_step(void **state)
{
    (void)state;
    struct sequence_case p;
    sequence_case_open(&p, 3, CASE_STEPS);
    const size_t n = p.graph.n_trainable;
    struct backend *backend = plan_case_backend("cpu", 2, false);
    struct sequence_plan *plan = open_plan(&p, backend, true);
    float *gradients = sequence_case_values(n, 1), *params = sequence_case_values(n, 1);
    float *moments = sequence_case_values(sequence_optimizer_count(plan), 1);
    double norm = 0.0, sum = 0.0;
    int64_t step = -1;
    gradients_of(&p, plan, gradients, NULL);
    for (size_t i = 0; i < n; i++) {
        sum += (double)gradients[i] * (double)gradients[i];
    }
    assert_ok(sequence_step(plan, 0.1F, &norm));
    assert_true(norm > 0.5 && fabs(norm - sqrt(sum)) < 1e-5 * norm);
    sequence_params(plan, params);
    for (size_t i = 0; i < n; i++) {
        const double g = (double)gradients[i] * 0.5 / norm;
        const double expected = (double)p.params[i] - 0.1 * g / (sqrt(0.1 * g * g) + (double)0.01F);
        assert_float_equal(params[i], (float)expected, 1e-5F);
    }
    // Not finite: nothing changes, and the next good step counts as the second.
    p.d_output[5] = NAN;
    gradients_of(&p, plan, gradients, NULL);
    sequence_load(plan, params);
    assert_ok(sequence_step(plan, 0.1F, &norm));
    assert_false(isfinite(norm));
    assert_false(isfinite(norm));
    float *after = sequence_case_values(n, 2);
    sequence_params(plan, after);
    assert_memory_equal(after, params, n * sizeof *after);
    sequence_save_optimizer(plan, moments, &step);
    assert_int_equal(step, 1);
    for (size_t i = 0; i < sequence_optimizer_count(plan); i++) {
        assert_true(isfinite(moments[i]));
    }
    free(after);
    free(moments);
    free(params);
    free(gradients);
    sequence_close(plan);
    backend_close(backend);
    sequence_case_close(&p);
}

// Weights and optimiser state moved to another plan go on as the first would.
static void test_resume(void **state)
{
    (void)state;
    struct sequence_case p;
    sequence_case_open(&p, 4, CASE_STEPS);
    const size_t n = p.graph.n_floats;
    struct backend *backend = plan_case_backend("cpu", 2, false);
    struct sequence_plan *first = open_plan(&p, backend, true);
    struct sequence_plan *second = open_plan(&p, backend, true);
    float *gradients = sequence_case_values(n, 1), *params = sequence_case_values(n, 1);
    float *expected = sequence_case_values(n, 1);
    float *moments = sequence_case_values(sequence_optimizer_count(first), 1);
    double norm;
    int64_t step;
    gradients_of(&p, first, gradients, NULL);
    assert_ok(sequence_step(first, 0.1F, &norm));
    sequence_params(first, params);
    sequence_save_optimizer(first, moments, &step);
    sequence_load_optimizer(second, moments, step);
    struct sequence_plan *const plans[] = {first, second};
    float *const results[] = {expected, gradients};
    for (int i = 0; i < 2; i++) {
        loss_of(&p, plans[i], params, p.inputs);
        sequence_backward(plans[i], p.d_output, NULL);
        assert_ok(sequence_step(plans[i], 0.1F, &norm));
        sequence_params(plans[i], results[i]);
    }
    assert_memory_equal(results[0], results[1], n * sizeof *params);
    assert_memory_not_equal(results[0], params, n * sizeof *params);
    free(gradients);
    free(params);
    free(expected);
    free(moments);
    sequence_close(first);
    sequence_close(second);
    backend_close(backend);
    sequence_case_close(&p);
}

static void test_refused_graphs(void **state)
{
    (void)state;
    struct backend *backend = plan_case_backend("ref", 1, false);
    const struct sequence_options options = {.batch = 2};
    struct sequence_plan *plan = NULL;
    struct graph graph;
    plan_case_sequence(&graph); // ends in one vector
    assert_int_equal(sequence_open(backend, &graph, &options, &plan), ERR_INPUT);
    assert_non_null(strstr(status_message(), "1x1x3"));
    graph_close(&graph);
    int x;
    memset(&graph, 0, sizeof graph);
    assert_ok(graph_begin(&graph, 4, 1, 3));
    assert_ok(graph_add_batchnorm(&graph, "bn", 0, &x));
    assert_ok(graph_finish(&graph));
    assert_int_equal(sequence_open(backend, &graph, &options, &plan), ERR_UNSUPPORTED);
    assert_non_null(strstr(status_message(), "node bn"));
    graph_close(&graph);
    backend_close(backend);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward),   cmocka_unit_test(test_steps),
        cmocka_unit_test(test_gradients), cmocka_unit_test(test_reset_is_a_new_sequence),
        cmocka_unit_test(test_threads),   cmocka_unit_test(test_step),
        cmocka_unit_test(test_resume),    cmocka_unit_test(test_refused_graphs)};
    const int missing = test_device_missing();
    return missing != 0 ? missing : cmocka_run_group_tests(tests, NULL, NULL);
}
