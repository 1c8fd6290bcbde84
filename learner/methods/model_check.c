#include "learner/methods/model_check.h"

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
    check->real[at] = trajectory_reward(trajectory);
    check->tasks[at] = task;
}

static int samples(const struct model_check *check)
{
    return *check->n < MODEL_CHECK_MOST ? (int)*check->n : MODEL_CHECK_MOST;
}

// Ranks of the values less their task's mean; equal ones share their mean rank.
static void rank(const struct model_check *check, const double *values, int n, double *ranks)
{
    double off[MODEL_CHECK_MOST];
    for (int i = 0; i < n; i++) {
        double sum = 0.0;
        int same = 0;
        for (int k = 0; k < n; k++) {
            sum += check->tasks[k] == check->tasks[i] ? values[k] : 0.0;
            same += check->tasks[k] == check->tasks[i];
        }
        off[i] = values[i] - sum / same;
    }
    for (int i = 0; i < n; i++) {
        ranks[i] = 0.0;
        for (int k = 0; k < n; k++) {
            ranks[i] += off[k] < off[i] ? 1.0 : off[k] > off[i] ? 0.0 : 0.5;
        }
    }
}

double model_check_rank(const struct model_check *check)
{
    const int n = samples(check);
    double a[MODEL_CHECK_MOST], b[MODEL_CHECK_MOST];
    double ab = 0.0, aa = 0.0, bb = 0.0;
    if (n < LEAST_SAMPLES) {
        return 0.0;
    }
    rank(check, check->predicted, n, a);
    rank(check, check->real, n, b);
    const double middle = 0.5 * n;
    for (int i = 0; i < n; i++) {
        ab += (a[i] - middle) * (b[i] - middle);
        aa += (a[i] - middle) * (a[i] - middle);
        bb += (b[i] - middle) * (b[i] - middle);
    }
    return aa > 0.0 && bb > 0.0 ? ab / sqrt(aa * bb) : 0.0;
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
