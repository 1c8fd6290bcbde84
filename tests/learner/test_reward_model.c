// The reward model as its callers see it: a golden case from an independent script, plain dense
// algebra, pending candidates, joint draws, thinning, and odd data.
#include "gp_golden.h"
#include "reward_case.h"
#include "test_unit.h"

#include <math.h>

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance)) {
        fail_msg("%.12g is not within %g of %.12g", value, tolerance, expected);
    }
}

static void repeats_the_golden_case(void **state)
{
    (void)state;
    struct reward_model *model = reward_case_open(0, 0, CASE_MOST, 0.0);
    struct reward_model_facts facts;
    double mean[GOLDEN_CANDIDATES], sd[GOLDEN_CANDIDATES];
    assert_int_equal(GOLDEN_INPUTS, CASE_INPUTS);
    for (int i = 0; i < GOLDEN_POINTS; i++) {
        reward_model_add(model, golden_x + i * CASE_INPUTS, golden_y[i]);
    }
    assert_int_equal(reward_model_count(model), GOLDEN_POINTS);
    reward_model_fit(model);
    reward_model_describe(model, &facts);
    assert_int_equal(facts.points, GOLDEN_POINTS);
    assert_near(facts.noise, golden_noise[0], 1e-6);
    for (int g = 0; g < CASE_INPUTS; g++) {
        assert_near(facts.lengths[g], golden_lengths[g], 1e-6);
    }
    reward_model_predict(model, golden_candidates, GOLDEN_CANDIDATES, mean, sd);
    for (int i = 0; i < GOLDEN_CANDIDATES; i++) {
        assert_near(mean[i], golden_means[i], 1e-5);
        assert_near(sd[i], golden_deviations[i], 1e-5);
    }
    reward_model_pending(model, golden_pending, GOLDEN_PENDING);
    reward_model_predict(model, golden_candidates, GOLDEN_CANDIDATES, mean, sd);
    for (int i = 0; i < GOLDEN_CANDIDATES; i++) {
        assert_near(mean[i], golden_means[i], 1e-5);
        assert_near(sd[i], golden_pending_deviations[i], 1e-5);
    }
    reward_model_close(model);
}

// Hyper-parameters as the model describes them.
struct plain_params {
    double lengths[CASE_INPUTS], share, weight, own_length, linear_weight, linear_spread;
    int joint_inputs, own_inputs;
};

static double plain_matern(double square)
{
    return (1.0 + sqrt(square) + square / 3.0) * exp(-sqrt(square));
}

static double plain_kernel(const double *a, const double *b, const struct plain_params *p)
{
    double square = 0.0, sum = 0.0, products = 0.0, sum_a = 0.0, sum_b = 0.0;
    const int linear = CASE_INPUTS - p->joint_inputs;
    for (int g = 0; g < p->joint_inputs; g++) {
        const double difference = (a[g] - b[g]) / p->lengths[g];
        square += 5.0 * difference * difference;
    }
    for (int g = 0; g < p->own_inputs; g++) {
        const double difference = (a[g] - b[g]) / p->own_length;
        sum += p->weight / p->own_inputs * plain_matern(5.0 * difference * difference);
    }
    for (int c = p->joint_inputs; c < CASE_INPUTS; c++) {
        products += a[c] * b[c];
        sum_a += a[c];
        sum_b += b[c];
    }
    if (linear > 0) {
        sum += p->linear_weight / linear * (sum_a * sum_b + p->linear_spread * products);
    }
    return plain_matern(square) + sum;
}

// z with (K + share^2 I) z = b, by elimination without pivots, as the matrix is positive definite.
static void solve_plainly(int n, const double *x, const struct plain_params *p, const double *b,
                          double *z)
{
    static double a[CASE_MOST * CASE_MOST];
    for (int i = 0; i < n; i++) {
        z[i] = b[i];
        for (int k = 0; k < n; k++) {
            a[i * n + k] = plain_kernel(x + i * CASE_INPUTS, x + k * CASE_INPUTS, p) +
                           (i == k ? p->share * p->share : 0.0);
        }
    }
    for (int k = 0; k < n; k++) {
        for (int i = 0; i < n; i++) {
            const double factor = i == k ? 0.0 : a[i * n + k] / a[k * n + k];
            for (int j = k; j < n && factor != 0.0; j++) {
                a[i * n + j] -= factor * a[k * n + j];
            }
            z[i] -= factor * z[k];
        }
    }
    for (int i = 0; i < n; i++) {
        z[i] /= a[i * n + i];
    }
}

// The data, then what is pending, at the model's hyper-parameters.
struct plain {
    int n_data, n;
    double x[CASE_MOST * CASE_INPUTS], alpha[CASE_MOST];
    struct plain_params params;
    double mean, scale, s2;
};

static void make_plain(const struct reward_model *model, int n_data, const double *pending,
                       int n_pending, struct plain *out)
{
    static double y[CASE_MOST];
    struct reward_model_facts facts;
    double squares = 0.0;
    reward_model_describe(model, &facts);
    out->params = (struct plain_params){.share = facts.noise / facts.amplitude,
                                        .weight = facts.sum_weight,
                                        .own_length = facts.sum_length,
                                        .linear_weight = facts.linear_weight,
                                        .linear_spread = facts.linear_spread,
                                        .joint_inputs = CASE_INPUTS - model->options.linear_inputs,
                                        .own_inputs = model->options.own_inputs};
    memcpy(out->params.lengths, facts.lengths,
           (size_t)out->params.joint_inputs * sizeof *facts.lengths);
    out->n_data = n_data;
    out->n = n_data + n_pending;
    out->mean = out->s2 = 0.0;
    for (int i = 0; i < n_data; i++) {
        y[i] = reward_case_sample(0, i, out->x + i * CASE_INPUTS);
        out->mean += y[i] / n_data;
    }
    for (int i = 0; i < n_pending * CASE_INPUTS; i++) {
        out->x[n_data * CASE_INPUTS + i] = pending[i];
    }
    for (int i = 0; i < n_data; i++) {
        squares += (y[i] - out->mean) * (y[i] - out->mean);
    }
    out->scale = sqrt(squares / n_data);
    for (int i = 0; i < n_data; i++) {
        y[i] = (y[i] - out->mean) / out->scale;
    }
    solve_plainly(n_data, out->x, &out->params, y, out->alpha);
    for (int i = 0; i < n_data; i++) {
        out->s2 += y[i] * out->alpha[i] / n_data;
    }
    assert_near(facts.amplitude, out->scale * sqrt(out->s2), 1e-9 * facts.amplitude);
}

static double plain_mean(const struct plain *plain, const double *x)
{
    double sum = 0.0;
    for (int i = 0; i < plain->n_data; i++) {
        sum += plain->alpha[i] * plain_kernel(x, plain->x + i * CASE_INPUTS, &plain->params);
    }
    return plain->mean + plain->scale * sum;
}

// Posterior covariance of the latent function at a and b.
static double plain_covariance(const struct plain *plain, const double *a, const double *b)
{
    static double k[CASE_MOST], z[CASE_MOST];
    for (int i = 0; i < plain->n; i++) {
        k[i] = plain_kernel(a, plain->x + i * CASE_INPUTS, &plain->params);
    }
    solve_plainly(plain->n, plain->x, &plain->params, k, z);
    double left = plain_kernel(a, b, &plain->params);
    for (int i = 0; i < plain->n; i++) {
        left -= plain_kernel(b, plain->x + i * CASE_INPUTS, &plain->params) * z[i];
    }
    return plain->scale * plain->scale * plain->s2 * left;
}

// Also after growing by rows, with pending candidates, and in more than one block of candidates.
static void check_algebra(int own_inputs, int linear_inputs)
{
    enum { CANDIDATES = 150 };
    static struct plain plain;
    static const int sizes[] = {1, 2, 3, 20, 23, 25, 26, 40};
    double x[CANDIDATES * CASE_INPUTS], pending[2 * CASE_INPUTS], mean[CANDIDATES], sd[CANDIDATES];
    struct reward_model *model = reward_case_open(own_inputs, linear_inputs, CASE_MOST, 0.0);
    reward_case_candidates(CANDIDATES, x);
    reward_case_sample(2, 0, pending);
    reward_case_sample(2, 1, pending + CASE_INPUTS);
    int n = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        reward_case_add(model, n, sizes[i]);
        n = sizes[i];
        reward_model_fit(model);
        const int n_pending = (int)(i % 3);
        reward_model_pending(model, pending, n_pending);
        reward_model_predict(model, x, CANDIDATES, mean, sd);
        double alone[CANDIDATES];
        for (int again = 0; again < 2; again++) { // values met before, too
            reward_model_predict(model, x, CANDIDATES, alone, NULL);
            for (int c = 0; c < CANDIDATES; c++) {
                assert_near(alone[c], mean[c], 1e-9);
            }
        }
        if (n == 1) {
            continue; // one reward has no deviation to standardise by
        }
        make_plain(model, n, pending, n_pending, &plain);
        for (int c = 0; c < CANDIDATES; c += 7) {
            const double variance =
                plain_covariance(&plain, x + c * CASE_INPUTS, x + c * CASE_INPUTS);
            assert_near(mean[c], plain_mean(&plain, x + c * CASE_INPUTS), 1e-8);
            assert_near(sd[c] * sd[c], variance, 1e-9 * plain.scale * plain.scale);
        }
    }
    reward_model_close(model);
}

static void equals_plain_algebra(void **state)
{
    (void)state;
    check_algebra(0, 0);
    check_algebra(2, 0);
    check_algebra(CASE_INPUTS, 0);
    check_algebra(0, 2);
    check_algebra(1, 2);
}

static void pending_lowers_deviations_alone(void **state)
{
    (void)state;
    enum { CANDIDATES = 40 };
    double x[CANDIDATES * CASE_INPUTS], mean[CANDIDATES], sd[CANDIDATES];
    double mean_then[CANDIDATES], sd_then[CANDIDATES];
    struct reward_model *model = reward_case_open(0, 0, CASE_MOST, 0.0);
    reward_case_candidates(CANDIDATES, x);
    reward_case_add(model, 0, 15);
    reward_model_fit(model);
    reward_model_predict(model, x, CANDIDATES, mean, sd);
    reward_model_pending(model, x, CASE_JOINT);
    reward_model_predict(model, x, CANDIDATES, mean_then, sd_then);
    for (int i = 0; i < CANDIDATES; i++) {
        assert_near(mean_then[i], mean[i], 1e-10);
        assert_true(i < CASE_JOINT ? sd_then[i] < 0.5 * sd[i] : sd_then[i] <= sd[i] * (1.0 + 1e-9));
    }
    // A fit keeps it, and takes in what was added.
    reward_case_add(model, 15, 17);
    reward_model_fit(model);
    reward_model_predict(model, x, CANDIDATES, mean_then, sd_then);
    assert_true(sd_then[0] < 0.5 * sd[0]);
    reward_model_pending(model, NULL, 0);
    reward_model_predict(model, x, CANDIDATES, mean, sd);
    for (int i = 0; i < CANDIDATES; i++) {
        assert_near(mean_then[i], mean[i], 1e-10);
    }
    assert_true(sd_then[0] < 0.5 * sd[0]);
    reward_model_close(model);
}

static void check_draws(int own_inputs, int linear_inputs)
{
    enum { N = 4, DRAWS = 20000 };
    static struct plain plain;
    double x[N * CASE_INPUTS], pending[CASE_INPUTS], draw[N], sums[N] = {0}, products[N][N] = {{0}};
    struct reward_model *model = reward_case_open(own_inputs, linear_inputs, CASE_MOST, 0.0);
    struct rng rng = rng_make(4, RNG_TEST, 5, 0);
    reward_case_candidates(N, x);
    x[CASE_INPUTS] = x[0] + 0.1; // the second is near the first
    x[CASE_INPUTS + 1] = x[1];
    x[CASE_INPUTS + 2] = x[2];
    reward_case_sample(2, 0, pending);
    reward_case_add(model, 0, 12);
    reward_model_fit(model);
    reward_model_pending(model, pending, 1);
    make_plain(model, 12, pending, 1, &plain);
    for (int d = 0; d < DRAWS; d++) {
        reward_model_draw(model, x, N, &rng, draw);
        for (int i = 0; i < N; i++) {
            draw[i] -= plain_mean(&plain, x + i * CASE_INPUTS);
            sums[i] += draw[i];
            for (int k = 0; k <= i; k++) {
                products[i][k] += draw[i] * draw[k];
            }
        }
    }
    for (int i = 0; i < N; i++) {
        const double own = plain_covariance(&plain, x + i * CASE_INPUTS, x + i * CASE_INPUTS);
        assert_near(sums[i] / DRAWS, 0.0, 4.5 * sqrt(own / DRAWS));
        for (int k = 0; k <= i; k++) {
            const double other = plain_covariance(&plain, x + k * CASE_INPUTS, x + k * CASE_INPUTS);
            const double both = plain_covariance(&plain, x + i * CASE_INPUTS, x + k * CASE_INPUTS);
            assert_near(products[i][k] / DRAWS, both,
                        4.5 * sqrt((own * other + both * both) / DRAWS));
        }
    }
    // Equal candidates get one value, up to the square root of what keeps their factor positive.
    memcpy(x + CASE_INPUTS, x, CASE_INPUTS * sizeof *x);
    reward_model_draw(model, x, 2, &rng, draw);
    assert_near(draw[0], draw[1], 1e-3 * plain.scale);
    reward_model_close(model);
}

static void draws_are_joint(void **state)
{
    (void)state;
    check_draws(0, 0);
    check_draws(2, 0);
    check_draws(1, 2);
}

static void unusual_data_break_nothing(void **state)
{
    (void)state;
    double x[2 * CASE_INPUTS] = {0}, mean[2], sd[2], draw[2];
    struct rng rng = rng_make(4, RNG_TEST, 6, 0);
    for (int distinct = 0; distinct < 2; distinct++) {
        struct reward_model *model = reward_case_open(0, 0, CASE_MOST, 0.5);
        for (int i = 0; i < 10; i++) {
            double at[CASE_INPUTS] = {-1.0, -1.0, -1.0};
            if (distinct == 1) {
                reward_case_sample(0, i, at);
            }
            reward_model_add(model, at, 10.1);
            reward_model_fit(model);
            memcpy(x + CASE_INPUTS, at, sizeof at);
            x[0] = 5.0; // far from all data
            reward_model_predict(model, x, 2, mean, sd);
            reward_model_draw(model, x, 2, &rng, draw);
            assert_near(mean[0], 10.1, 1e-9);
            assert_near(mean[1], 10.1, 1e-9);
            assert_true(sd[0] > sd[1] && sd[1] > 0.0 && isfinite(sd[0]));
            assert_true(isfinite(draw[0]) && isfinite(draw[1]));
        }
        // One point of ten that differs, at a place that is known already.
        reward_model_add(model, x + CASE_INPUTS, 30.0);
        reward_model_fit(model);
        reward_model_predict(model, x, 2, mean, sd);
        assert_true(mean[1] > 10.1 && mean[1] < 30.0 && sd[1] > 0.0);
        reward_model_close(model);
    }
}

static void noise_has_a_floor(void **state)
{
    (void)state;
    static struct plain plain;
    struct reward_model_facts facts;
    for (int i = 0; i < 3; i++) {
        const double noise_floor = i == 0 ? 0.0 : i == 1 ? 2.0 : 1000.0;
        struct reward_model *model = reward_case_open(0, 0, CASE_MOST, noise_floor);
        reward_case_add(model, 0, 40);
        reward_model_fit(model);
        make_plain(model, 40, NULL, 0, &plain);
        reward_model_describe(model, &facts);
        const double share = facts.noise / facts.amplitude;
        if (i == 0) {
            assert_true(share >= 0.01 - 1e-12 && share < 2.0 / plain.scale);
        } else {
            assert_near(share, fmin(1.0, noise_floor / plain.scale), 1e-12);
        }
        reward_model_close(model);
    }
}

// Above most_points the model goes on with fewer, the best and the newest among them.
static void thins(void **state)
{
    (void)state;
    enum { POINTS = 64 };
    struct reward_model *model = reward_case_open(0, 0, POINTS, 0.0);
    struct reward_model_facts facts;
    double best = -HUGE_VAL, best_x[CASE_INPUTS] = {0}, x[CASE_INPUTS], mean, sd, squares = 0.0;
    int thinned = 0, before = 0;
    for (int i = 0; i < CASE_MOST; i++) {
        const double y = reward_case_sample(0, i, x);
        if (y > best) {
            best = y;
            memcpy(best_x, x, sizeof x);
        }
        reward_model_add(model, x, y);
        reward_model_fit(model);
        reward_model_describe(model, &facts);
        assert_int_equal(reward_model_count(model), i + 1);
        if (i < POINTS) {
            assert_int_equal(facts.points, i + 1);
        } else {
            assert_true(facts.points <= POINTS && facts.points >= POINTS - POINTS / 8);
            thinned += facts.points <= before ? 1 : 0;
        }
        before = facts.points;
        reward_model_predict(model, x, 1, &mean, &sd);
        assert_true(sd < 0.5 * facts.amplitude);
        reward_model_predict(model, best_x, 1, &mean, &sd);
        assert_true(i < 20 || (sd < 2.0 * facts.noise && fabs(mean - best) < 4.0));
    }
    // Once per eighth of the room, and when hyper-parameters are learnt again.
    assert_in_range(thinned, (CASE_MOST - POINTS) / (POINTS / 8) - 1,
                    (CASE_MOST - POINTS) / (POINTS / 8) + 8);
    for (int i = 0; i < 100; i++) {
        const double y = reward_case_sample(3, i, x);
        reward_model_predict(model, x, 1, &mean, NULL);
        squares += (mean - y) * (mean - y) / 100.0;
    }
    assert_true(sqrt(squares) < 1.0); // of a deviation of about 6
    reward_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeats_the_golden_case),
        cmocka_unit_test(equals_plain_algebra),
        cmocka_unit_test(pending_lowers_deviations_alone),
        cmocka_unit_test(draws_are_joint),
        cmocka_unit_test(unusual_data_break_nothing),
        cmocka_unit_test(noise_has_a_floor),
        cmocka_unit_test(thins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
