// The Gaussian process on real data: 875 recorded accuracies of slimmed ResNet-20s, by their nine
// inner widths. How well it ranks candidates that it has not seen, and how fast it finds the best
// one when it chooses which record is looked up next.
#include "learner/model/acquisition.h"
#include "learner/model/reward_model.h"
#include "test_unit.h"

#include <math.h>
#include <stdio.h>

enum { INPUTS = 9, MOST_RECORDS = 1000, SPLITS = 8, FIRST = 5, ASKED = 60, SEEDS = 12 };

struct pool {
    int n;
    double x[MOST_RECORDS * INPUTS]; // ln(width / full width)
    double y[MOST_RECORDS];          // accuracy in percent
};
static struct pool pool;

// False at the end.
static bool read_record(FILE *file, double *x, double *y)
{
    char line[256];
    if (fgets(line, sizeof line, file) == NULL) {
        return false;
    }
    char *at = line;
    for (int i = 0; i < INPUTS; i++) {
        const double full = i < 3 ? 16.0 : i < 6 ? 32.0 : 64.0;
        x[i] = log(strtod(at, &at) / full);
        assert_true(*at == ',');
        at++;
    }
    *y = strtod(at, &at);
    return true;
}

static int read_pool(void **state)
{
    (void)state;
    char path[4096], header[256];
    snprintf(path, sizeof path, "%s/widths/resnet20_widths_accuracy.csv", getenv("DIKDIK_DATA"));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(header, sizeof header, file));
    while (pool.n < MOST_RECORDS && read_record(file, pool.x + pool.n * INPUTS, pool.y + pool.n)) {
        pool.n++;
    }
    fclose(file);
    assert_int_equal(pool.n, 875);
    return 0;
}

// own: with a function of each input that is added.
static struct reward_model *open_model(bool own)
{
    const struct reward_model_options options = {.n_inputs = INPUTS,
                                                 .own_inputs = own ? INPUTS : 0,
                                                 .capacity = MOST_RECORDS,
                                                 .most_points = MOST_RECORDS,
                                                 .most_joint = 1,
                                                 .seed = 1};
    struct reward_model *model;
    assert_ok(reward_model_open(REWARD_MODEL_GP, &options, &model));
    return model;
}

static void shuffle_records(uint64_t seed, uint64_t index, int32_t *order)
{
    struct rng rng = rng_make(seed, RNG_TEST, index, 0);
    for (int32_t i = 0; i < pool.n; i++) {
        order[i] = i;
    }
    rng_shuffle(&rng, order, (size_t)pool.n);
}

// Ranks from 0; equal values share their mean rank.
static void rank(int n, const double *values, double *ranks)
{
    for (int i = 0; i < n; i++) {
        int below = 0, equal = 0;
        for (int k = 0; k < n; k++) {
            below += values[k] < values[i] ? 1 : 0;
            equal += values[k] == values[i] ? 1 : 0;
        }
        ranks[i] = below + 0.5 * (equal - 1);
    }
}

static double rank_correlation(int n, const double *a, const double *b)
{
    static double ranks_a[MOST_RECORDS], ranks_b[MOST_RECORDS];
    const double middle = 0.5 * (n - 1);
    double aa = 0.0, bb = 0.0, ab = 0.0;
    rank(n, a, ranks_a);
    rank(n, b, ranks_b);
    for (int i = 0; i < n; i++) {
        aa += (ranks_a[i] - middle) * (ranks_a[i] - middle);
        bb += (ranks_b[i] - middle) * (ranks_b[i] - middle);
        ab += (ranks_a[i] - middle) * (ranks_b[i] - middle);
    }
    return ab / sqrt(aa * bb);
}

// Learns from n records and predicts the others.
static double held_out_correlation(bool own, int n, uint64_t split)
{
    static double means[MOST_RECORDS], values[MOST_RECORDS];
    int32_t order[MOST_RECORDS];
    struct reward_model *model = open_model(own);
    double squares = 0.0;
    shuffle_records(7, split, order);
    for (int i = 0; i < n; i++) {
        reward_model_add(model, pool.x + order[i] * INPUTS, pool.y[order[i]]);
    }
    reward_model_fit(model);
    const int rest = pool.n - n;
    for (int i = 0; i < rest; i++) {
        reward_model_predict(model, pool.x + order[n + i] * INPUTS, 1, means + i, NULL);
        values[i] = pool.y[order[n + i]];
        squares += (means[i] - values[i]) * (means[i] - values[i]);
    }
    reward_model_close(model);
    const double correlation = rank_correlation(rest, means, values);
    print_message("%3d records, split %d: rank correlation %.4f, error %.2f points\n", n,
                  (int)split, correlation, sqrt(squares / rest));
    return correlation;
}

static double mean_correlation(bool own, int n)
{
    double sum = 0.0;
    for (uint64_t split = 0; split < SPLITS; split++) {
        sum += held_out_correlation(own, n, split);
    }
    print_message("%3d records: rank correlation %.4f\n", n, sum / SPLITS);
    return sum / SPLITS;
}

static void ranks_what_it_has_not_seen(void **state)
{
    (void)state;
    for (int own = 0; own < 2; own++) {
        assert_true(mean_correlation(own == 1, 50) >= 0.95);
        assert_true(mean_correlation(own == 1, 100) >= 0.97);
    }
}

// How many records were looked up until the best one; ASKED + 1: it was not among them.
static int find_best(bool own, uint64_t seed, double greatest)
{
    static double means[MOST_RECORDS], deviations[MOST_RECORDS];
    bool asked[MOST_RECORDS] = {false};
    int32_t order[MOST_RECORDS];
    struct reward_model *model = open_model(own);
    double best = -HUGE_VAL;
    shuffle_records(8, seed, order);
    int n = 0;
    for (; n < ASKED && best < greatest; n++) {
        int next = order[n];
        if (n >= FIRST) {
            double most = -1.0;
            reward_model_fit(model);
            reward_model_predict(model, pool.x, pool.n, means, deviations);
            for (int i = 0; i < pool.n; i++) {
                const double value = expected_improvement(means[i], deviations[i], best);
                if (!asked[i] && value > most) {
                    most = value;
                    next = i;
                }
            }
        }
        asked[next] = true;
        best = fmax(best, pool.y[next]);
        reward_model_add(model, pool.x + next * INPUTS, pool.y[next]);
    }
    reward_model_close(model);
    return best < greatest ? ASKED + 1 : n;
}

static int count_found(bool own, double greatest)
{
    int found = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        const int asked = find_best(own, seed, greatest);
        print_message("seed %d: the best record, %.1f %%, was number %d\n", (int)seed, greatest,
                      asked);
        found += asked <= ASKED ? 1 : 0;
    }
    return found;
}

static void finds_the_best_record(void **state)
{
    (void)state;
    double greatest = -HUGE_VAL;
    for (int i = 0; i < pool.n; i++) {
        greatest = fmax(greatest, pool.y[i]);
    }
    assert_true(count_found(false, greatest) >= 11);
    assert_true(count_found(true, greatest) >= 11);
}

int main(void)
{
    if (getenv("DIKDIK_DATA") == NULL) {
        print_message("skipped: DIKDIK_DATA does not say where the data are\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_what_it_has_not_seen),
        cmocka_unit_test(finds_the_best_record),
    };
    return cmocka_run_group_tests(tests, read_pool, NULL);
}
