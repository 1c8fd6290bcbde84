// Checkpoints. The last bits of a factor depend on the steps in which it grew, so these are kept,
// and a restored model takes them again.
#include "learner/model/gp_internal.h"

#include <math.h>
#include <stdio.h>

static void list_item(struct state_list *list, const char *prefix, const char *name,
                      enum hdf5_type type, size_t count, bool grows, void *data)
{
    char full[sizeof list->items[0].name];
    CHECK((size_t)snprintf(full, sizeof full, "%s.%s", prefix, name) < sizeof full);
    state_list_add(list, full, type, count, data);
    if (grows) {
        state_list_grow(list, list->n - 1, 1);
    }
}

void gp_state(struct reward_model *model, const char *prefix, struct state_list *list)
{
    struct gp *gp = (struct gp *)model;
    const size_t n_inputs = (size_t)model->options.n_inputs;
    const size_t capacity = (size_t)model->options.capacity, held = (size_t)gp->most_held;
    const size_t joint = (size_t)model->options.most_joint;
    list_item(list, prefix, "counts", HDF5_I64, N_COUNTS, false, gp->counts);
    list_item(list, prefix, "x", HDF5_F64, capacity * n_inputs, true, gp->x);
    list_item(list, prefix, "y", HDF5_F64, capacity, true, gp->y);
    list_item(list, prefix, "params", HDF5_F64, (size_t)gp_params(&gp->form), false, gp->params);
    list_item(list, prefix, "rows", HDF5_I32, held, true, gp->rows);
    list_item(list, prefix, "steps", HDF5_I32, held, true, gp->steps);
    list_item(list, prefix, "pending", HDF5_F64, joint * n_inputs, false, gp->pending);
}

static bool counts_fit(const struct gp *gp)
{
    const int64_t *c = gp->counts;
    return c[COUNT_ADDED] >= 0 && c[COUNT_ADDED] <= gp->base.options.capacity &&
           c[COUNT_FITTED] >= 0 && c[COUNT_FITTED] <= c[COUNT_ADDED] && c[COUNT_LEARNT] >= 0 &&
           c[COUNT_LEARNT] <= c[COUNT_FITTED] && c[COUNT_HELD] >= 0 &&
           c[COUNT_HELD] <= gp->most_held && c[COUNT_HELD] <= c[COUNT_FITTED] &&
           (c[COUNT_HELD] > 0) == (c[COUNT_FITTED] > 0) && c[COUNT_STEPS] >= 0 &&
           c[COUNT_STEPS] <= c[COUNT_HELD] && (c[COUNT_STEPS] > 0) == (c[COUNT_HELD] > 0) &&
           c[COUNT_PENDING] >= 0 && c[COUNT_PENDING] <= gp->base.options.most_joint;
}

// Steps go up to the rows held, and rows are data.
static bool rows_fit(const struct gp *gp)
{
    int64_t rows = 0;
    for (int64_t i = 0; i < gp->counts[COUNT_STEPS]; i++) {
        if (gp->steps[i] <= rows || gp->steps[i] > gp->counts[COUNT_HELD]) {
            return false;
        }
        rows = gp->steps[i];
    }
    for (int64_t i = 0; i < gp->counts[COUNT_HELD]; i++) {
        if (gp->rows[i] < 0 || gp->rows[i] >= gp->counts[COUNT_FITTED]) {
            return false;
        }
    }
    return rows == gp->counts[COUNT_HELD];
}

// As learning leaves them: the priors keep them near 0, and the noise has bounds.
static bool params_fit(const struct gp *gp)
{
    const double most = 50.0, rounding = 1e-9, noise = gp->params[gp_places(&gp->form).noise];
    for (int i = 0; i < gp_params(&gp->form); i++) {
        if (!(fabs(gp->params[i]) <= most)) {
            return false;
        }
    }
    return noise >= log(GP_NOISE_LEAST) - rounding && noise <= rounding;
}

static bool task_fits(const struct gp *gp, const double *x)
{
    const double task = gp->form.n_tasks > 1 ? x[gp_task_input(&gp->form)] : 0.0;
    return task >= 0.0 && task < (gp->form.n_tasks > 1 ? gp->form.n_tasks : 1) &&
           task == floor(task);
}

static bool tasks_fit(const struct gp *gp)
{
    const size_t n_inputs = (size_t)gp->base.options.n_inputs;
    bool fit = true;
    for (int64_t i = 0; i < gp->counts[COUNT_ADDED]; i++) {
        fit = fit && task_fits(gp, gp->x + (size_t)i * n_inputs);
    }
    for (int64_t i = 0; i < gp->counts[COUNT_PENDING]; i++) {
        fit = fit && task_fits(gp, gp->pending + (size_t)i * n_inputs);
    }
    return fit;
}

static enum status grow_again(struct gp *gp)
{
    for (int64_t i = 0; i < gp->counts[COUNT_STEPS]; i++) {
        TRY(gp_grow(gp, gp->steps[i]));
    }
    if (gp->counts[COUNT_HELD] > 0) {
        gp_solve(gp);
        TRY(gp_grow_pending(gp));
    }
    return OK;
}

enum status gp_restore(struct reward_model *model)
{
    struct gp *gp = (struct gp *)model;
    if (!counts_fit(gp) || !rows_fit(gp)) {
        FAIL(ERR_INPUT, "the state of the reward model is damaged: its counts contradict each "
                        "other");
    }
    gp->factor.n = 0;
    const bool tasks = tasks_fit(gp);
    if (tasks) {
        gp_standardise(gp);
    }
    if (!tasks || !params_fit(gp) || grow_again(gp) != OK) {
        FAIL(ERR_INPUT, "the state of the reward model is damaged: its numbers make no sense");
    }
    return OK;
}
