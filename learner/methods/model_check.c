#include "learner/methods/model_check.h"

#include "core/rank_correlation.h"

#include <math.h>
#include <string.h>

enum { FEW_SAMPLES = 12, LEAST_SAMPLES = 3 };

enum status model_check_open(struct arena *arena, struct model_check *out)
{
    ARENA_NEW(arena, out->predicted, MODEL_CHECK_MOST);
    ARENA_NEW(arena, out->real, MODEL_CHECK_MOST);
    ARENA_NEW(arena, out->tasks, MODEL_CHECK_MOST);
    ARENA_NEW(arena, out->n, 1);
    return OK;
}

void model_check_take(struct model_check *check, const struct advisor *advisor,
                      const struct trajectory *trajectory)
{
    const int task = trajectory->header->task, steps = trajectory_steps(trajectory);
    int16_t choices[TICKET_MOST_GIVEN];
    if (!advisor_knows(advisor, task)) {
        return;
    }
    for (int step = 0; step < steps; step++) {
        choices[step] = (int16_t)trajectory->action[step];
    }
    const size_t at = (size_t)(*check->n)++ % MODEL_CHECK_MOST;
    advisor_predict(advisor, task, choices, 1, 0, &check->predicted[at], NULL);
    check->real[at] = trajectory_worth(trajectory);
    check->tasks[at] = task;
}

static int samples(const struct model_check *check)
{
    return *check->n < MODEL_CHECK_MOST ? (int)*check->n : MODEL_CHECK_MOST;
}

// The values less their task's mean.
static void take_off_means(const struct model_check *check, const double *values, int n,
                           double *off)
{
    for (int i = 0; i < n; i++) {
        double sum = 0.0;
        int same = 0;
        for (int k = 0; k < n; k++) {
            sum += check->tasks[k] == check->tasks[i] ? values[k] : 0.0;
            same += check->tasks[k] == check->tasks[i];
        }
        off[i] = values[i] - sum / same;
    }
}

double model_check_rank(const struct model_check *check)
{
    const int n = samples(check);
    double predicted[MODEL_CHECK_MOST], real[MODEL_CHECK_MOST], scratch[2 * MODEL_CHECK_MOST];
    if (n < LEAST_SAMPLES) {
        return 0.0;
    }
    take_off_means(check, check->predicted, n, predicted);
    take_off_means(check, check->real, n, real);
    return rank_spearman(predicted, real, (size_t)n, scratch);
}

double model_check_trust(const struct model_check *check)
{
    return samples(check) < FEW_SAMPLES ? 1.0 : fmin(fmax(2.0 * model_check_rank(check), 0.0), 1.0);
}

void model_check_describe(const struct model_check *check, struct update_row *row)
{
    const int n = samples(check);
    double square = 0.0;
    for (int i = 0; i < n; i++) {
        const double error = check->predicted[i] - check->real[i];
        square += error * error;
    }
    row->model_checked = n;
    row->model_rank = model_check_rank(check);
    row->model_error = n > 0 ? sqrt(square / n) : 0.0;
}

void model_check_state(struct model_check *check, struct state_list *list)
{
    state_list_add(list, "check.predicted", HDF5_F64, MODEL_CHECK_MOST, check->predicted);
    state_list_add(list, "check.real", HDF5_F64, MODEL_CHECK_MOST, check->real);
    state_list_add_within(list, "check.tasks", HDF5_I32, MODEL_CHECK_MOST, check->tasks, 0,
                          INT32_MAX);
    state_list_add_within(list, "check.n", HDF5_I64, 1, check->n, 0, STATE_COUNT_MAX);
}

enum status model_check_restore(const struct model_check *check)
{
    if (*check->n < 0) {
        FAIL(ERR_INPUT,
             "the saved state counts %lld samples of the policy; use an older "
             "checkpoint",
             (long long)*check->n);
    }
    return OK;
}
