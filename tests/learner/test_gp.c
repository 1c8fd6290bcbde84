// The parts of the Gaussian process against their definitions: the kernel against plain loops, the
// slope of the log posterior against differences, a factor grown by rows against one made at once.
#include "core/rng.h"
#include "learner/model/gp_evidence.h"
#include "learner/model/gp_factor.h"
#include "test_unit.h"

#include <math.h>

enum { INPUTS = 7, MOST = 230, MOST_PARAMS = INPUTS + 9 };

// The joint part alone, with a sum of some inputs, of all, with a linear part, with everything;
// categorical inputs beside ordered ones, alone, with several tasks, with a linear part.
static const struct gp_form forms[] = {{.n_joint = INPUTS},
                                       {.n_joint = INPUTS, .n_own = 4},
                                       {.n_joint = INPUTS, .n_own = INPUTS},
                                       {.n_joint = 4, .n_linear = INPUTS - 4},
                                       {.n_joint = 4, .n_own = 3, .n_linear = INPUTS - 4},
                                       {.n_joint = 3, .n_categorical = INPUTS - 3},
                                       {.n_categorical = INPUTS},
                                       {.n_categorical = INPUTS - 1, .n_tasks = 3},
                                       {.n_joint = INPUTS - 1, .n_own = 2, .n_tasks = 2},
                                       {.n_joint = 2, .n_own = 2, .n_categorical = 4, .n_tasks = 3},
                                       {.n_joint = 3, .n_categorical = 2, .n_linear = 2}};
enum { N_FORMS = sizeof forms / sizeof forms[0] };

// Points of a cube of side 2, and a smooth function of them with a little noise. Categorical inputs
// have a few values, and so have tasks.
static void draw_data(uint64_t seed, const struct gp_form *form, int n, double *x, double *y)
{
    const int last = form->n_joint + form->n_categorical;
    struct rng rng = rng_make(seed, RNG_TEST, 0, 0);
    for (int i = 0; i < n; i++) {
        double sum = 0.0;
        for (int g = 0; g < INPUTS; g++) {
            const double at = -2.0 * (double)rng_uniform(&rng);
            x[i * INPUTS + g] = g < form->n_joint ? at : g < last ? floor(2.0 * at) : at;
            if (g == gp_task_input(form)) {
                x[i * INPUTS + g] = (double)rng_below(&rng, (uint32_t)form->n_tasks);
            }
            sum += sin((g + 1) * x[i * INPUTS + g]) / (g + 1);
        }
        y[i] = sum + 0.05 * (double)rng_normal(&rng);
    }
}

static void draw_params(uint64_t seed, const struct gp_form *form, double *params)
{
    struct rng rng = rng_make(seed, RNG_TEST, 1, 0);
    gp_evidence_begin(form, params);
    for (int g = 0; g < gp_params(form); g++) {
        params[g] += 0.5 * (double)rng_normal(&rng);
    }
}

static double plain_matern(double square)
{
    return (1.0 + sqrt(square) + square / 3.0) * exp(-sqrt(square));
}

static double plain_kernel(const double *a, const double *b, const struct gp_form *form,
                           const double *params)
{
    const struct gp_places places = gp_places(form);
    double square = 0.0, value = 0.0, products = 0.0, sum_a = 0.0, sum_b = 0.0;
    for (int g = 0; g < form->n_joint; g++) {
        const double difference = (a[g] - b[g]) / exp(params[g]);
        square += 5.0 * difference * difference;
    }
    for (int g = 0; g < form->n_own; g++) {
        const double difference = (a[g] - b[g]) / exp(params[places.sum_length]);
        value += exp(params[places.sum_weight]) / form->n_own *
                 plain_matern(5.0 * difference * difference);
    }
    for (int c = INPUTS - form->n_linear; c < INPUTS; c++) {
        products += a[c] * b[c];
        sum_a += a[c];
        sum_b += b[c];
    }
    if (form->n_linear > 0) {
        value += exp(params[places.linear_weight]) / form->n_linear *
                 (sum_a * sum_b + exp(params[places.linear_spread]) * products);
    }
    double differing = 0.0;
    for (int s = 0; s < form->n_categorical; s++) {
        differing += a[form->n_joint + s] != b[form->n_joint + s]
                         ? 1.0 / exp(params[places.categorical + s])
                         : 0.0;
    }
    value += plain_matern(square) * exp(-differing);
    if (form->n_tasks > 1) {
        const int t = (int)a[gp_task_input(form)], u = (int)b[gp_task_input(form)];
        const double common =
            1.0 / (1.0 + exp(-params[places.tasks + t])) / (1.0 + exp(-params[places.tasks + u]));
        value = t == u ? value + exp(params[places.constant]) : value * common;
    }
    return value;
}

static void kernel_is_matern(void **state)
{
    (void)state;
    // Squares from nothing to where the kernel underflows, in the middle of a row of any length.
    for (int n = 1; n < 40; n++) {
        double values[40], again[40], slopes[40], squares[40];
        for (int i = 0; i < n; i++) {
            squares[i] = i % 10 == 0 ? 0.0 : pow(10.0, 0.37 * i - 8.0);
            values[i] = again[i] = squares[i];
        }
        gp_kernel(n, values);
        gp_kernel_slopes(n, again, slopes);
        for (int i = 0; i < n; i++) {
            const double d = sqrt(squares[i]), e = exp(-d);
            const double k = (1.0 + d + d * d / 3.0) * e, slope = (1.0 + d) * e / 3.0;
            assert_true(fabs(values[i] - k) <= 1e-14 * k + 1e-290);
            assert_true(again[i] == values[i]);
            assert_true(fabs(slopes[i] - slope) <= 1e-14 * slope + 1e-290);
        }
    }
}

static void check_slopes(const struct gp_form *form, int n)
{
    static double x[MOST * INPUTS], y[MOST];
    struct arena arena = {0};
    struct gp_evidence evidence;
    double params[MOST_PARAMS], gradient[MOST_PARAMS], unused[MOST_PARAMS];
    assert_ok(gp_evidence_open(n, form, &arena, &evidence));
    draw_data((uint64_t)n, form, n, x, y);
    draw_params((uint64_t)n, form, params);
    evidence.n = n;
    evidence.x = x;
    evidence.y = y;
    gp_evidence_value(&evidence, params, gradient);
    for (int g = 0; g < gp_params(form); g++) {
        const double middle = params[g], step = 1e-5;
        params[g] = middle + step;
        const double above = gp_evidence_value(&evidence, params, unused);
        params[g] = middle - step;
        const double below = gp_evidence_value(&evidence, params, unused);
        params[g] = middle;
        const double slope = (above - below) / (2.0 * step);
        assert_true(fabs(gradient[g] - slope) <= 1e-5 * (1.0 + fabs(slope)));
    }
    arena_close(&arena);
}

static void slope_equals_differences(void **state)
{
    (void)state;
    static const int sizes[] = {2, 5, 39, 40, 41, 90};
    for (size_t f = 0; f < N_FORMS; f++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            check_slopes(&forms[f], sizes[i]);
        }
    }
}

// The best of the steps is never below the start, and stays within the bounds of the noise.
static void climbs(void **state)
{
    (void)state;
    static double x[MOST * INPUTS], y[MOST];
    for (size_t f = 0; f < N_FORMS; f++) {
        struct arena arena = {0};
        struct gp_evidence evidence;
        double params[MOST_PARAMS], gradient[MOST_PARAMS], scratch[4 * MOST_PARAMS];
        const int noise = gp_places(&forms[f]).noise;
        assert_ok(gp_evidence_open(60, &forms[f], &arena, &evidence));
        evidence.n = 60;
        evidence.x = x;
        evidence.y = y;
        for (uint64_t seed = 0; seed < 5; seed++) {
            draw_data(seed, &forms[f], 60, x, y);
            gp_evidence_begin(&forms[f], params);
            const double before = gp_evidence_value(&evidence, params, gradient);
            gp_evidence_climb(&evidence, GP_NOISE_LEAST, params, scratch);
            const double after = gp_evidence_value(&evidence, params, gradient);
            assert_true(after > before + 1.0);
            gp_evidence_climb(&evidence, 0.5, params, scratch);
            assert_true(params[noise] >= log(0.5) && params[noise] <= 0.0);
        }
        arena_close(&arena);
    }
}

static void check_growth(const struct gp_form *form)
{
    static double x[MOST * INPUTS], y[MOST];
    static const int steps[] = {1, 3, 60, 64, 65, 66, 150, MOST};
    const double noise = 0.02;
    struct arena arena = {0};
    struct gp_factor once, grown;
    double params[MOST_PARAMS];
    draw_data(3, form, MOST, x, y);
    draw_params(4, form, params);
    params[gp_places(form).noise] = log(noise);
    assert_ok(gp_factor_open(MOST, form, &arena, &once));
    assert_ok(gp_factor_open(MOST + 5, form, &arena, &grown));
    assert_ok(gp_factor_grow(&once, MOST, x, params));
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_ok(gp_factor_grow(&grown, steps[i] - grown.n, x + grown.n * INPUTS, params));
        assert_ok(gp_factor_grow(&grown, 0, NULL, params));
    }
    assert_int_equal(grown.n, MOST);
    for (int i = 0; i < MOST; i++) {
        for (int j = 0; j <= i; j++) {
            const double *a = grown.lower + i * grown.most, *b = grown.lower + j * grown.most;
            double sum = 0.0;
            for (int k = 0; k <= j; k++) {
                sum += a[k] * b[k];
            }
            const double expected = plain_kernel(x + i * INPUTS, x + j * INPUTS, form, params) +
                                    (i == j ? noise * noise : 0.0);
            assert_true(fabs(sum - expected) <= 1e-11 * (1.0 + fabs(expected)));
            assert_true(fabs(a[j] - once.lower[i * once.most + j]) <= 1e-9);
        }
    }
    arena_close(&arena);
}

// Every element of the factor, however it grew, against the definition: L L^T = K + noise^2 I.
static void grows_like_made_at_once(void **state)
{
    (void)state;
    for (size_t f = 0; f < N_FORMS; f++) {
        check_growth(&forms[f]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernel_is_matern),
        cmocka_unit_test(slope_equals_differences),
        cmocka_unit_test(climbs),
        cmocka_unit_test(grows_like_made_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
