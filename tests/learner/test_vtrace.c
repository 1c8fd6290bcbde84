// V-trace against the double sum of its definition, episode by episode, against golden values, and
// against what it must become in special cases.
#include "core/rng.h"
#include "learner/rules/vtrace.h"
#include "test_unit.h"

#include <math.h>

enum { MOST = 64 };
static const double no_limit = (double)INFINITY;

static const struct vtrace_options plain = {
    .discount = 1.0, .rho_max = 1.0, .rho_policy_max = 1.0, .c_max = 1.0, .lambda = 1.0};

struct lane_data {
    struct vtrace_lane lane;
    uint8_t flags[MOST];
    double log_ratio[MOST], policy_log_ratio[MOST], reward[MOST], value[MOST];
    double target[MOST], advantage[MOST];
};

static void bind(struct lane_data *data, int rows)
{
    data->lane.rows = rows;
    data->lane.flags = data->flags;
    data->lane.log_ratio = data->log_ratio;
    data->lane.reward = data->reward;
    data->lane.value = data->value;
}

static void compute(struct lane_data *data, const struct vtrace_options *options)
{
    vtrace_compute(options, &data->lane, data->target, data->advantage);
}

// v_s = V_s + sum over t >= s of (product of g_i c_i, i from s to t - 1) * delta_t, over the rows
// of one episode. next[t]: V of the row after row t; 0 discounts at a terminal end.
struct episode {
    int n, row[MOST];
    bool terminated;
    double end_value;
};

static double episode_value(const struct episode *episode, const struct lane_data *data, int i)
{
    return i < episode->n ? data->value[episode->row[i]] : episode->end_value;
}

static double discount_at(const struct episode *episode, const struct vtrace_options *o, int i)
{
    return episode->terminated && i == episode->n - 1 ? 0.0 : o->discount;
}

static double double_sum(const struct episode *episode, const struct lane_data *data,
                         const struct vtrace_options *o, int s)
{
    if (s == episode->n) {
        return episode->end_value;
    }
    double sum = data->value[episode->row[s]];
    for (int t = s; t < episode->n; t++) {
        double product = 1.0;
        for (int i = s; i < t; i++) {
            product *= discount_at(episode, o, i) * o->lambda *
                       fmin(o->c_max, exp(data->log_ratio[episode->row[i]]));
        }
        const int row = episode->row[t];
        sum +=
            product * fmin(o->rho_max, exp(data->log_ratio[row])) *
            (data->reward[row] + discount_at(episode, o, t) * episode_value(episode, data, t + 1) -
             data->value[row]);
    }
    return sum;
}

static void check_episode(const struct episode *episode, const struct lane_data *data,
                          const struct vtrace_options *o)
{
    const double *weight =
        data->lane.policy_log_ratio != NULL ? data->policy_log_ratio : data->log_ratio;
    for (int s = 0; s < episode->n; s++) {
        const int row = episode->row[s];
        const double q = o->lambda * double_sum(episode, data, o, s + 1) +
                         (1.0 - o->lambda) * episode_value(episode, data, s + 1);
        const double advantage =
            fmin(o->rho_policy_max, exp(weight[row])) *
            (data->reward[row] + discount_at(episode, o, s) * q - data->value[row]);
        assert_true(fabs(data->target[row] - double_sum(episode, data, o, s)) < 1e-10);
        assert_true(fabs(data->advantage[row] - advantage) < 1e-10);
    }
}

// Random episodes behind each other with padding anywhere; ends of all kinds.
static void random_lane(struct rng *rng, struct lane_data *data, struct episode *episodes, int *n)
{
    *data = (struct lane_data){0};
    bind(data, 1 + (int)rng_below(rng, MOST));
    *n = 0;
    bool open = false;
    for (int t = 0; t < data->lane.rows; t++) {
        data->value[t] = (double)rng_normal(rng);
        data->reward[t] = (double)rng_normal(rng);
        data->log_ratio[t] = 1.5 * (double)rng_normal(rng);
        data->policy_log_ratio[t] = (double)rng_normal(rng);
        if (rng_below(rng, 5) == 0) {
            data->flags[t] = ROW_PADDING;
            data->value[t] = (double)NAN; // nobody may look
            continue;
        }
        if (!open) {
            episodes[(*n)++] = (struct episode){0};
            data->flags[t] = FLAG_FIRST;
        }
        struct episode *episode = &episodes[*n - 1];
        if (open && rng_below(rng, 8) == 0) {
            data->flags[t] = FLAG_TRUNCATED;
            data->reward[t] = (double)NAN;
            data->log_ratio[t] = (double)NAN;
            episode->end_value = data->value[t];
            open = false;
            continue;
        }
        episode->row[episode->n++] = t;
        episode->terminated = rng_below(rng, 8) == 0;
        data->flags[t] |= episode->terminated ? FLAG_TERMINATED : 0;
        open = !episode->terminated;
    }
    data->lane.bootstrap = (double)rng_normal(rng);
    if (open) {
        episodes[*n - 1].end_value = data->lane.bootstrap;
    }
}

static void test_double_sum(void **state)
{
    (void)state;
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    for (int trial = 0; trial < 2000; trial++) {
        struct lane_data data;
        struct episode episodes[MOST];
        int n;
        random_lane(&rng, &data, episodes, &n);
        if (trial % 2 == 1) {
            data.lane.policy_log_ratio = data.policy_log_ratio;
        }
        const struct vtrace_options options = {
            .discount = (double)rng_uniform(&rng),
            .rho_max = trial % 7 == 0 ? no_limit : 0.1 + 2.0 * (double)rng_uniform(&rng),
            .rho_policy_max = 0.1 + 2.0 * (double)rng_uniform(&rng),
            .c_max = trial % 5 == 0 ? no_limit : 0.1 + (double)rng_uniform(&rng),
            .lambda = trial % 3 == 0 ? 1.0 : (double)rng_uniform(&rng)};
        compute(&data, &options);
        for (int e = 0; e < n; e++) {
            check_episode(&episodes[e], &data, &options);
        }
        for (int t = 0; t < data.lane.rows; t++) {
            if (data.flags[t] & (ROW_PADDING | FLAG_TRUNCATED)) {
                assert_true(data.advantage[t] == 0.0);
                assert_memory_equal(&data.target[t], &data.value[t], sizeof(double));
            }
        }
    }
}

// The inputs of the first implementation's own test (T = 5, B = 1 or 5), values computed from the
// paper's formula.
static void test_golden(void **state)
{
    (void)state;
    static const struct {
        int batch, b;
        double target[5], advantage[5];
    } cases[] = {
        {1,
         0,
         {0.200182, 2.709682, 8.513628, 11.932397, 7.33},
         {0.200182, 1.709682, 6.513628, 10.876614, 1.98}},
        {5,
         0,
         {0.929816, 12.586080, 53.250231, 84.997052, 66.53},
         {0.929816, 11.586080, 51.250231, 118.505139, 37.18}},
        {5,
         4,
         {1.654995, 8.223335, 31.861155, 76.130182, 79.17},
         {0.854995, 6.423335, 33.616118, 64.791320, 44.22}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lane_data data = {0};
        bind(&data, 5);
        const int batch = cases[i].batch, b = cases[i].b;
        for (int t = 0; t < 5; t++) {
            const double a = t * batch + b;
            data.log_ratio[t] = 5.0 * (a / (batch * 5) - 0.5);
            data.reward[t] = a;
            data.value[t] = a / batch;
        }
        data.lane.bootstrap = b + 1;
        const struct vtrace_options options = {.discount = 0.9 / (b + 1),
                                               .rho_max = 3.7,
                                               .rho_policy_max = 2.2,
                                               .c_max = 1.0,
                                               .lambda = 1.0};
        compute(&data, &options);
        for (int t = 0; t < 5; t++) {
            assert_true(fabs(data.target[t] - cases[i].target[t]) < 2e-6);
            assert_true(fabs(data.advantage[t] - cases[i].advantage[t]) < 2e-6);
        }
    }
}

// r = 1 2 3 4, an end after the third row, bootstrap 2.
static void small_lane(struct lane_data *data)
{
    *data = (struct lane_data){.flags = {FLAG_FIRST, 0, FLAG_TERMINATED, FLAG_FIRST},
                               .reward = {1, 2, 3, 4},
                               .value = {.5, .6, .7, .8}};
    bind(data, 4);
    data->lane.bootstrap = 2.0;
}

static void test_on_policy(void **state)
{
    (void)state;
    struct lane_data data;
    small_lane(&data);
    struct vtrace_options options = plain;
    options.discount = 0.9;
    compute(&data, &options);
    const double returns[] = {1 + .9 * (2 + .9 * 3), 2 + .9 * 3, 3, 4 + .9 * 2};
    for (int t = 0; t < 4; t++) {
        assert_true(fabs(data.target[t] - returns[t]) < 1e-12);
        assert_true(fabs(data.advantage[t] - (returns[t] - data.value[t])) < 1e-12);
    }
}

// Lambda below 1: the advantage is GAE's, sum of (g lambda)^k delta.
static void test_gae(void **state)
{
    (void)state;
    struct lane_data data;
    small_lane(&data);
    struct vtrace_options options = plain;
    options.discount = 0.9;
    options.lambda = 0.8;
    compute(&data, &options);
    const double expected[] = {3.69392, 3.686, 2.3, 5.0};
    for (int t = 0; t < 4; t++) {
        assert_true(fabs(data.advantage[t] - expected[t]) < 1e-12);
        assert_true(fabs(data.target[t] - data.value[t] - expected[t]) < 1e-12);
    }
    options.lambda = 0.0; // one step
    compute(&data, &options);
    assert_true(fabs(data.target[0] - (1 + .9 * .6)) < 1e-12);
    assert_true(fabs(data.target[3] - (4 + .9 * 2)) < 1e-12);
}

// Two episodes in one lane give, on the time axis, what each gives alone; a truncated one
// bootstraps from its last observation.
static void test_ends(void **state)
{
    (void)state;
    struct rng rng = rng_make(2, RNG_TEST, 0, 0);
    struct vtrace_options options = plain;
    options.discount = 0.97;
    enum { ROWS = 9 };
    for (int end = 0; end < ROWS - 1; end++) {
        struct lane_data both = {0};
        bind(&both, ROWS);
        for (int t = 0; t < ROWS; t++) {
            both.value[t] = (double)rng_normal(&rng);
            both.reward[t] = (double)rng_normal(&rng);
            both.log_ratio[t] = (double)rng_normal(&rng);
        }
        both.lane.bootstrap = 0.3;
        both.flags[end] = end > 0 && end % 2 == 0 ? FLAG_TRUNCATED : FLAG_TERMINATED;
        both.flags[end + 1] = FLAG_FIRST;
        struct lane_data first = both, second = both;
        const bool truncated = both.flags[end] == FLAG_TRUNCATED;
        bind(&first, truncated ? end : end + 1);
        first.lane.bootstrap = both.value[end];
        bind(&second, ROWS);
        second.lane.flags += end + 1;
        second.lane.value += end + 1;
        second.lane.reward += end + 1;
        second.lane.log_ratio += end + 1;
        second.lane.rows -= end + 1;
        compute(&both, &options);
        compute(&first, &options);
        compute(&second, &options);
        for (int t = 0; t < ROWS; t++) {
            if (t == end && truncated) {
                continue;
            }
            const struct lane_data *alone = t <= end ? &first : &second;
            const int at = t <= end ? t : t - end - 1;
            assert_true(both.target[t] == alone->target[at]);
            assert_true(both.advantage[t] == alone->advantage[at]);
        }
    }
}

// Equation 3: with the values of the policy proportional to min(rho_max mu, pi), the expected
// correction over mu's data is zero in both states, for any c_max; with pi's own values it is not.
static const double mdp_pi[2][2] = {{0.9, 0.1}, {0.3, 0.7}},
                    mdp_mu[2][2] = {{0.4, 0.6}, {0.5, 0.5}};
static const double mdp_reward[2][2] = {{1.0, -0.5}, {0.2, 2.0}}; // action a leads to state a

static void mdp_values(const double policy[2][2], double discount, double *value)
{
    value[0] = value[1] = 0.0;
    for (int i = 0; i < 4000; i++) {
        double next[2] = {0, 0};
        for (int s = 0; s < 2; s++) {
            for (int a = 0; a < 2; a++) {
                next[s] += policy[s][a] * (mdp_reward[s][a] + discount * value[a]);
            }
        }
        value[0] = next[0];
        value[1] = next[1];
    }
}

// Expected target - value at the first row over all paths of four steps from state s.
static double expected_correction(const struct vtrace_options *options, const double *value, int s)
{
    enum { STEPS = 4 };
    double sum = 0.0;
    for (int path = 0; path < 1 << STEPS; path++) {
        struct lane_data data = {0};
        bind(&data, STEPS);
        double probability = 1.0;
        int at = s;
        for (int t = 0; t < STEPS; t++) {
            const int a = path >> t & 1;
            probability *= mdp_mu[at][a];
            data.value[t] = value[at];
            data.reward[t] = mdp_reward[at][a];
            data.log_ratio[t] = log(mdp_pi[at][a] / mdp_mu[at][a]);
            at = a;
        }
        data.lane.bootstrap = value[at];
        compute(&data, options);
        sum += probability * (data.target[0] - data.value[0]);
    }
    return sum;
}

static void test_fixed_point(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct vtrace_options options = plain;
        options.discount = 0.9;
        options.rho_max = (const double[]){1.0, 1.4, no_limit}[i];
        options.c_max = (const double[]){1.0, 0.5, 1.2}[i];
        double truncated[2][2], value[2], of_pi[2];
        for (int s = 0; s < 2; s++) {
            const double a = fmin(options.rho_max * mdp_mu[s][0], mdp_pi[s][0]);
            const double b = fmin(options.rho_max * mdp_mu[s][1], mdp_pi[s][1]);
            truncated[s][0] = a / (a + b);
            truncated[s][1] = b / (a + b);
        }
        mdp_values(truncated, options.discount, value);
        mdp_values(mdp_pi, options.discount, of_pi);
        for (int s = 0; s < 2; s++) {
            assert_true(fabs(expected_correction(&options, value, s)) < 1e-9);
            if (i == 0) {
                assert_true(fabs(expected_correction(&options, of_pi, s)) > 1e-3);
            }
        }
    }
}

// rho_max = c_max = infinity: per-decision importance sampling, written out.
static void test_untruncated(void **state)
{
    (void)state;
    struct lane_data data = {.log_ratio = {0.3, -0.4, 0.9}, .reward = {1, 2, 3}, .value = {0}};
    bind(&data, 3);
    data.flags[2] = FLAG_TERMINATED;
    const struct vtrace_options options = {.discount = 0.9,
                                           .rho_max = no_limit,
                                           .rho_policy_max = no_limit,
                                           .c_max = no_limit,
                                           .lambda = 1.0};
    compute(&data, &options);
    const double expected = exp(0.3) * 1 + .9 * exp(0.3 - 0.4) * 2 + .81 * exp(0.3 - 0.4 + 0.9) * 3;
    assert_true(fabs(data.target[0] - expected) < 1e-12);
}

static void test_extreme_ratios(void **state)
{
    (void)state;
    const double extremes[] = {-1e300, -800, -100, 0, 100, 800, 1e300};
    for (size_t i = 0; i < sizeof extremes / sizeof *extremes; i++) {
        struct lane_data data;
        small_lane(&data);
        for (int t = 0; t < 4; t++) {
            data.log_ratio[t] = t % 2 == 0 ? extremes[i] : -extremes[i];
        }
        const struct vtrace_options options = {.discount = 1.0,
                                               .rho_max = no_limit,
                                               .rho_policy_max = no_limit,
                                               .c_max = no_limit,
                                               .lambda = 1.0};
        compute(&data, &options);
        for (int t = 0; t < 4; t++) {
            assert_true(isfinite(data.target[t]) && isfinite(data.advantage[t]));
        }
    }
    assert_true(vtrace_ratio(-40.0) < 1e-17); // no lower bound: a step that never happens weighs 0
    assert_true(isnan(vtrace_ratio((double)NAN)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_double_sum),  cmocka_unit_test(test_golden),
        cmocka_unit_test(test_on_policy),   cmocka_unit_test(test_gae),
        cmocka_unit_test(test_ends),        cmocka_unit_test(test_fixed_point),
        cmocka_unit_test(test_untruncated), cmocka_unit_test(test_extreme_ratios),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
