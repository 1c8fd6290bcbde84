#include "experiments/report/report_columns.h"

#include "core/status.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double known_if(bool known, double value)
{
    return known ? value : (double)NAN;
}

static double share_of(int64_t part, int64_t whole, bool known)
{
    return known_if(known && whole > 0, whole > 0 ? (double)part / (double)whole : 0);
}

#define OF_COST(name, cost, field)                                                                 \
    static double name##_before(const struct report_task *t)                                       \
    {                                                                                              \
        return known_if(t->whole[cost] > 0, (double)t->whole[cost]);                               \
    }                                                                                              \
    static double name(const struct report_task *t)                                                \
    {                                                                                              \
        return known_if(t->found, (double)t->result.field);                                        \
    }                                                                                              \
    static double name##_share(const struct report_task *t)                                        \
    {                                                                                              \
        return share_of(t->result.field, t->whole[cost], t->found);                                \
    }
OF_COST(macs, CANDIDATE_MACS, macs)
OF_COST(params, CANDIDATE_PARAMS, params)
OF_COST(bytes, CANDIDATE_BYTES, bytes)

#define OF_RESULT(name, known)                                                                     \
    static double name(const struct report_task *t)                                                \
    {                                                                                              \
        return known_if(t->found && (known), t->result.name);                                      \
    }
OF_RESULT(accuracy_base, true)
OF_RESULT(score, true)
OF_RESULT(accuracy_found, true)
OF_RESULT(accuracy_base_test, t->result.tested)
OF_RESULT(accuracy_test, t->result.tested)

#define OF_LATENCY(name)                                                                           \
    static double latency_##name(const struct report_task *t)                                      \
    {                                                                                              \
        return known_if(t->timed, t->latency.name);                                                \
    }
OF_LATENCY(before_ms)
OF_LATENCY(before_p90_ms)
OF_LATENCY(ms)
OF_LATENCY(p90_ms)
OF_LATENCY(ratio)
OF_LATENCY(ratio_error)

static double best_score(const struct report_task *t)
{
    double best = (double)NAN;
    for (int i = 0; i < t->n; i++) {
        best = fmax(best, t->candidates[i].accuracy); // fmax passes over NAN
    }
    return best;
}

static double best_reward(const struct report_task *t)
{
    double best = (double)NAN;
    for (int i = 0; i < t->n; i++) {
        best = fmax(best, t->candidates[i].reward);
    }
    return best;
}

static double best_known(const struct report_task *t)
{
    return known_if(t->truth, t->best_known);
}

static double evaluations(const struct report_task *t)
{
    return (double)t->evaluations;
}

static double episodes(const struct report_task *t)
{
    return (double)t->episodes;
}

static double failed(const struct report_task *t)
{
    int64_t n = 0;
    for (int i = FAILURE_NONE + 1; i < FAILURE_COUNT; i++) {
        n += t->failures[i];
    }
    return (double)n;
}

const struct report_column report_columns[] = {
    {"macs_before", "MACs, %s", UNIT_COUNT, true, macs_before},
    {"macs", "MACs", UNIT_COUNT, false, macs},
    {"macs_share", "MACs, share", UNIT_SHARE, false, macs_share},
    {"params_before", "parameters, %s", UNIT_COUNT, true, params_before},
    {"params", "parameters", UNIT_COUNT, false, params},
    {"params_share", "parameters, share", UNIT_SHARE, true, params_share},
    {"bytes_before", "bytes, %s", UNIT_COUNT, true, bytes_before},
    {"bytes", "bytes", UNIT_COUNT, false, bytes},
    {"bytes_share", "bytes, share", UNIT_SHARE, true, bytes_share},
    {"accuracy_base", "%s (search-validation)", UNIT_ACCURACY, false, accuracy_base},
    {"score", "found, as the search saw it", UNIT_ACCURACY, true, score},
    {"accuracy_found", "found (search-validation)", UNIT_ACCURACY, false, accuracy_found},
    {"accuracy_base_test", "%s (test)", UNIT_ACCURACY, false, accuracy_base_test},
    {"accuracy_test", "fine-tuned (test)", UNIT_ACCURACY, false, accuracy_test},
    {"latency_before_ms", "latency, %s", UNIT_MS, false, latency_before_ms},
    {"latency_before_p90_ms", "latency p90, %s", UNIT_MS, true, latency_before_p90_ms},
    {"latency_ms", "latency", UNIT_MS, false, latency_ms},
    {"latency_p90_ms", "latency p90", UNIT_MS, true, latency_p90_ms},
    {"latency_ratio", "latency, ratio", UNIT_RATIO, false, latency_ratio},
    {"latency_ratio_error", "its uncertainty", UNIT_RATIO, true, latency_ratio_error},
    {"best_score", "best score", UNIT_NUMBER, false, best_score},
    {"best_known", "best there is", UNIT_NUMBER, false, best_known},
    {"best_reward", "best reward", UNIT_NUMBER, true, best_reward},
    {"evaluations", "evaluations", UNIT_COUNT, false, evaluations},
    {"episodes", "episodes", UNIT_COUNT, true, episodes},
    {"failed", "failed", UNIT_COUNT, false, failed},
    {.key = NULL},
};

int report_column_find(const char *key)
{
    int column = 0;
    while (strcmp(report_columns[column].key, key) != 0) {
        column++;
        CHECK(report_columns[column].key != NULL);
    }
    return column;
}

int report_column_count(void)
{
    return (int)(sizeof report_columns / sizeof report_columns[0]) - 1;
}

// 40,551,040
static void count_words(double value, char *out, size_t bytes)
{
    char digits[32];
    const int n = snprintf(digits, sizeof digits, "%.0f", value);
    size_t length = 0;
    const int sign = digits[0] == '-';
    for (int i = 0; i < n && length + 3 < bytes; i++) {
        if (i > sign && (n - i) % 3 == 0) {
            out[length++] = ',';
        }
        out[length++] = digits[i];
    }
    out[length] = '\0';
}

void report_column_words(const struct report_column *column, double value, char *out, size_t bytes)
{
    if (!isfinite(value)) {
        snprintf(out, bytes, "-");
        return;
    }
    switch (column->unit) {
    case UNIT_COUNT:
        count_words(value, out, bytes);
        break;
    case UNIT_SHARE:
        snprintf(out, bytes, "%.1f%%", 100 * value);
        break;
    case UNIT_ACCURACY:
        snprintf(out, bytes, "%.2f%%", 100 * value);
        break;
    case UNIT_MS:
        snprintf(out, bytes, "%.3f ms", value);
        break;
    case UNIT_RATIO:
        snprintf(out, bytes, "%.3f", value);
        break;
    case UNIT_NUMBER:
        snprintf(out, bytes, "%.4f", value);
        break;
    }
}

void report_column_spread(const struct report_column *column, double mean, double deviation,
                          char *out, size_t bytes)
{
    char one[64], other[64];
    report_column_words(column, mean, one, sizeof one);
    if (!isfinite(mean) || !isfinite(deviation)) {
        snprintf(out, bytes, "%s", one);
        return;
    }
    report_column_words(column, deviation, other, sizeof other);
    other[strcspn(other, "% ")] = '\0'; // the unit stands with the mean
    snprintf(out, bytes, "%s ± %s", one, other);
}

void report_column_measured(int column, const double *values, char *out, size_t bytes)
{
    const struct report_column *of = &report_columns[column];
    const bool ratio = of->unit == UNIT_RATIO;
    const bool spread = (of->unit == UNIT_MS || ratio) && isfinite(values[column]);
    char one[64], other[64];
    report_column_words(of, values[column], one, sizeof one);
    if (!spread || of[1].unit != of->unit || !isfinite(values[column + 1])) {
        snprintf(out, bytes, "%s", one);
        return;
    }
    report_column_words(&of[1], values[column + 1], other, sizeof other);
    snprintf(out, bytes, ratio ? "%s ± %s" : "%s (p90 %s)", one, other);
}
