// What a result is held to: another backend's, a projection known from elsewhere, or differences.
#include "compute/cuda/cuda_emulator.h"
#include "op_case.h"
#include "test_device.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_TESTS = 32 };

int bench_main(int argc, char **argv, const struct CMUnitTest *tests, size_t n)
{
    const char *name = argc > 1 ? argv[1] : "";
    const bool check = strcmp(name, "check") == 0;
    const struct backend_options options = {.threads = 2, .check = check}, plain = {.threads = 1};
    struct bench bench = {.name = name};
    int code = 2;
    CHECK(n <= MOST_TESTS);
    backend_offer(&cuda_host_backend_ops);
    if (backend_open("ref", &plain, &bench.ref) != OK) {
        fprintf(stderr, "%s\n", status_message());
    } else if (backend_open(check ? "ref" : name, &options, &bench.backend) != OK) {
        const bool device = strcmp(name, "cuda") == 0; // which a machine need not have
        fprintf(stderr,
                device ? "skipped: %s\n" : "usage: PROGRAM ref|check|cpu|cuda_host|cuda; %s\n",
                status_message());
        code = device ? TEST_SKIPPED : 2;
    } else {
        struct CMUnitTest with_state[MOST_TESTS];
        for (size_t i = 0; i < n; i++) {
            with_state[i] = tests[i];
            with_state[i].initial_state = &bench;
        }
        code = _cmocka_run_group_tests(name, with_state, n, NULL, NULL);
    }
    backend_close(bench.backend);
    backend_close(bench.ref);
    return code;
}

static double number(const struct case_array *array, size_t i)
{
    switch (array->type) {
    case CASE_F32:
        return (double)((const float *)array->values)[i];
    case CASE_F64:
        return ((const double *)array->values)[i];
    case CASE_I32:
        return ((const int32_t *)array->values)[i];
    case CASE_U8:
        return ((const uint8_t *)array->values)[i];
    case CASE_S8:
        return ((const int8_t *)array->values)[i];
    case CASE_NONE:
        break;
    }
    fail_msg("an absent argument has no values");
    return 0.0;
}

static void expect_equal(const struct op_case *c, int slot, const struct case_array *got,
                         const struct case_array *want, double tolerance, int steps)
{
    double greatest = 1e-30;
    for (size_t i = 0; i < want->count; i++) {
        greatest = fmax(greatest, fabs(number(want, i)));
    }
    const bool reals = got->type == CASE_F32 || got->type == CASE_F64;
    const double most = reals ? tolerance * greatest : steps;
    size_t differ = 0;
    for (size_t i = 0; i < want->count; i++) {
        const double error = fabs(number(got, i) - number(want, i));
        if (!(error <= most)) { // NaN fails, too
            char text[256];
            op_describe(&c->op, text, sizeof text);
            fail_msg("%s: output %d, element %zu: got %.9g, expected %.9g, may differ by %.3g",
                     text, slot, i, number(got, i), number(want, i), most);
        }
        differ += error > 0.0;
    }
    if (!reals && differ > want->count / 20 + 1) {
        fail_msg("output %d: %zu of %zu integers differ: that is not rounding", slot, differ,
                 want->count);
    }
}

// Emulated threads take their turns the other way round: not a bit may change.
static void expect_same_reversed(const struct bench *bench, const struct op_case *c,
                                 const struct case_result *got)
{
    struct case_result reversed;
    emulator_set_reversed(true);
    case_run(bench->backend, c, &reversed);
    emulator_set_reversed(false);
    for (int slot = 0; slot < OP_MAX_OUT; slot++) {
        const size_t bytes = c->out[slot].count * case_type_bytes(c->out[slot].type);
        if (bytes > 0 && memcmp(got->out[slot].values, reversed.out[slot].values, bytes) != 0) {
            fail_msg("%s: output %d depends on the order of threads", op_kind_name(c->op.kind),
                     slot);
        }
    }
    case_result_close(&reversed);
}

void bench_match(const struct bench *bench, const struct op_case *c, double tolerance, int steps)
{
    struct case_result got, want;
    case_run(bench->backend, c, &got);
    if (bench->backend->ops == &cuda_host_backend_ops) {
        expect_same_reversed(bench, c, &got);
    }
    case_run(bench->ref, c, &want);
    for (int slot = 0; slot < OP_MAX_OUT; slot++) {
        if (c->out[slot].type != CASE_NONE) {
            expect_equal(c, slot, &got.out[slot], &want.out[slot], tolerance, steps);
        }
    }
    case_result_close(&got);
    case_result_close(&want);
}

double case_project(const struct case_array *array, unsigned salt, double *size)
{
    double sum = 0.0;
    *size = 0.0;
    for (size_t i = 0; i < array->count; i++) {
        const double term = number(array, i) * case_number(i, salt);
        sum += term;
        *size += fabs(term);
    }
    return sum;
}

void expect_projection(const struct op_case *c, const struct case_array *array, unsigned salt,
                       double expected, double tolerance, const char *what)
{
    double size = 0.0;
    const double got = case_project(array, salt, &size);
    if (!(fabs(got - expected) <= tolerance * fmax(size, 1e-30))) {
        char text[256];
        op_describe(&c->op, text, sizeof text);
        fail_msg("%s: projection of %s: got %.9g, expected %.9g, may differ by %.3g", text, what,
                 got, expected, tolerance * size);
    }
}

enum { MOST_ELEMENTS = 24, DIRECTIONS = 4 };

// The loss with the values moved by `by` along a direction of +1 and -1, or in one element.
static double loss_at(const struct gradient_check *check, const float *start, ptrdiff_t element,
                      unsigned salt, double by)
{
    for (size_t i = 0; i < check->count; i++) {
        const double direction = element >= 0                 ? (double)((ptrdiff_t)i == element)
                                 : case_number(i, salt) < 0.0 ? -1.0
                                                              : 1.0;
        check->values[i] = (float)((double)start[i] + by * direction);
    }
    const double loss = check->loss(check->context);
    memcpy(check->values, start, check->count * sizeof *start);
    return loss;
}

// Error of order step^4: (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12 h.
static double difference(const struct gradient_check *check, const float *start, ptrdiff_t element,
                         unsigned salt)
{
    const double h = check->step;
    const double near =
        loss_at(check, start, element, salt, h) - loss_at(check, start, element, salt, -h);
    const double far = loss_at(check, start, element, salt, 2.0 * h) -
                       loss_at(check, start, element, salt, -2.0 * h);
    return (8.0 * near - far) / (12.0 * h);
}

void expect_gradient(const struct gradient_check *check)
{
    struct arena arena = {0};
    float *start = arena_alloc(&arena, check->count, sizeof *start);
    assert_non_null(start);
    memcpy(start, check->values, check->count * sizeof *start);
    double norm = 1e-3;
    for (size_t i = 0; i < check->count; i++) {
        norm += (double)check->analytic[i] * (double)check->analytic[i];
    }
    norm = sqrt(norm);
    const size_t stride = check->count / MOST_ELEMENTS + 1;
    for (size_t i = 0; i < check->count; i += stride) {
        const double expected = difference(check, start, (ptrdiff_t)i, 0);
        const double got = (double)check->analytic[i];
        if (!(fabs(got - expected) <= check->tolerance * norm)) {
            fail_msg("gradient of %s, element %zu: got %.9g, differences give %.9g", check->what, i,
                     got, expected);
        }
    }
    for (unsigned salt = 100; salt < 100 + DIRECTIONS; salt++) {
        double got = 0.0;
        for (size_t i = 0; i < check->count; i++) {
            const double along = (double)check->analytic[i];
            got += case_number(i, salt) < 0.0 ? -along : along;
        }
        const double expected = difference(check, start, -1, salt);
        if (!(fabs(got - expected) <= 3.0 * check->tolerance * norm)) {
            fail_msg("gradient of %s, direction %u: got %.9g, differences give %.9g", check->what,
                     salt, got, expected);
        }
    }
    arena_close(&arena);
}

double case_loss(void *context)
{
    const struct case_loss *loss = context;
    struct case_result result;
    double size = 0.0;
    case_run(loss->backend, loss->forward, &result);
    const double value = case_project(&result.out[0], 1, &size);
    case_result_close(&result);
    return value;
}
