// The Gaussian process as a reward model: its memory, and what it says of candidates.
#include "compute/blas.h"
#include "learner/model/gp_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PREDICT_ROWS = 128 }; // candidates at once

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static enum status allocate(struct gp *gp, const struct reward_model_options *options)
{
    const size_t n_inputs = (size_t)options->n_inputs, capacity = (size_t)options->capacity;
    const size_t joint = (size_t)options->most_joint, held = (size_t)gp->most_held;
    const size_t n_params = (size_t)gp_params(&gp->form);
    const int most_learnt = smaller(options->capacity, GP_LEARN_BEST + GP_LEARN_OTHERS);
    const size_t gathered = (size_t)larger(gp->most_held, most_learnt);
    const int at_once = larger(options->most_joint, PREDICT_ROWS);
    TRY(gp_factor_open(gp->most_held + options->most_joint, &gp->form, &gp->arena, &gp->factor));
    TRY(gp_evidence_open(most_learnt, &gp->form, &gp->arena, &gp->evidence));
    TRY(gp_points_open(at_once, &gp->form, &gp->arena, &gp->candidates));
    TRY(gp_targets_open(options->ranked, larger(options->n_tasks, 1), options->capacity, &gp->arena,
                        &gp->targets));
    TRY(gp_parts_open(&gp->form, gp->most_held, &gp->arena, &gp->parts));
    ARENA_NEW(&gp->arena, gp->x, capacity * n_inputs);
    ARENA_NEW(&gp->arena, gp->y, capacity);
    ARENA_NEW(&gp->arena, gp->params, n_params);
    ARENA_NEW(&gp->arena, gp->rows, held);
    ARENA_NEW(&gp->arena, gp->steps, held);
    ARENA_NEW(&gp->arena, gp->pending, joint * n_inputs);
    ARENA_NEW(&gp->arena, gp->alpha, held);
    ARENA_NEW(&gp->arena, gp->lengths, (size_t)gp->form.n_joint);
    ARENA_NEW(&gp->arena, gp->categorical_lengths, (size_t)gp->form.n_categorical);
    ARENA_NEW(&gp->arena, gp->common, (size_t)gp->targets.n_tasks);
    if (gp->form.n_tasks > 1) {
        ARENA_NEW(&gp->arena, gp->tasks, capacity);
    }
    ARENA_NEW(&gp->arena, gp->gathered_x, gathered * n_inputs);
    ARENA_NEW(&gp->arena, gp->gathered_y, gathered);
    ARENA_NEW(&gp->arena, gp->climb, 4 * n_params);
    ARENA_NEW(&gp->arena, gp->order, capacity);
    ARENA_NEW(&gp->arena, gp->taken, capacity);
    ARENA_NEW(&gp->arena, gp->cross, (size_t)at_once * (size_t)gp->factor.most);
    ARENA_NEW(&gp->arena, gp->joint, joint * joint);
    ARENA_NEW(&gp->arena, gp->normals, joint);
    return OK;
}

static void gp_close(struct reward_model *model)
{
    struct gp *gp = (struct gp *)model;
    arena_close(&gp->arena);
    free(gp);
}

static enum status gp_open(const struct reward_model_options *options, struct reward_model **out)
{
    struct gp *gp = calloc(1, sizeof *gp);
    if (gp == NULL) {
        FAIL(ERR_MEMORY, "no memory for a reward model");
    }
    const int others = options->linear_inputs + options->categorical_inputs;
    gp->form = (struct gp_form){.n_own = options->own_inputs,
                                .n_categorical = options->categorical_inputs,
                                .n_tasks = options->n_tasks,
                                .n_linear = options->linear_inputs};
    gp->form.n_joint = options->n_inputs - others - (options->n_tasks > 1 ? 1 : 0);
    gp->most_held = smaller(options->capacity, options->most_points);
    const enum status status = allocate(gp, options);
    if (status != OK) {
        gp_close(&gp->base);
        return status;
    }
    gp_evidence_begin(&gp->form, gp->params);
    *out = &gp->base;
    return OK;
}

static void gp_add(struct reward_model *model, const double *x, double y)
{
    struct gp *gp = (struct gp *)model;
    const size_t at = (size_t)gp->counts[COUNT_ADDED]++, n_inputs = (size_t)model->options.n_inputs;
    memcpy(gp->x + at * n_inputs, x, n_inputs * sizeof *x);
    gp->y[at] = y;
}

static int gp_count(const struct reward_model *model)
{
    return (int)((const struct gp *)model)->counts[COUNT_ADDED];
}

// A standardised mean of candidate i in the model's units, and the unit of the deviations.
static double to_units(const struct gp *gp, const double *x, int i, double value)
{
    const int task = gp_task_of(gp, x + (size_t)i * (size_t)gp->base.options.n_inputs);
    return gp->targets.ranked ? value : gp->targets.mean[task] + gp->targets.scale[task] * value;
}

static double unit_of(const struct gp *gp, const double *x, int i)
{
    const int task = gp_task_of(gp, x + (size_t)i * (size_t)gp->base.options.n_inputs);
    return gp->targets.ranked ? 1.0 : gp->targets.scale[task];
}

// Means alone: the joint part's covariances, and what the other parts add by value. What those add
// depends on the task too where there are several.
static void predict_means(struct gp *gp, const double *x, int n, double *mean)
{
    const struct gp_factor *f = &gp->factor;
    const int held = (int)gp->counts[COUNT_HELD];
    CHECK(held > 0);
    gp_points_fill(&gp->candidates, 0, n, x, gp->params);
    const bool alike = gp->form.n_tasks <= 1;
    if (alike) {
        gp_joint_covariances(&gp->candidates, 0, n, &f->points, held, gp->cross, f->most);
    } else {
        gp_covariances(&gp->candidates, 0, n, &f->points, held, gp->params, gp->cross, f->most);
    }
    for (int i = 0; i < n; i++) {
        const double *row = gp->cross + (size_t)i * (size_t)f->most;
        const double other = alike ? gp_parts_mean(&gp->parts, &f->points, held, gp->alpha,
                                                   gp->params, &gp->candidates, i)
                                   : 0.0;
        mean[i] = to_units(gp, x, i, blas_dot(held, row, gp->alpha) + other);
    }
}

// Means, and v = L^-1 k(rows, x) into `cross`, for deviations.
static void compare(struct gp *gp, const double *x, int n, double *mean)
{
    const struct gp_factor *f = &gp->factor;
    CHECK(gp->counts[COUNT_HELD] > 0);
    gp_points_fill(&gp->candidates, 0, n, x, gp->params);
    gp_covariances(&gp->candidates, 0, n, &f->points, f->n, gp->params, gp->cross, f->most);
    for (int i = 0; i < n; i++) {
        const double *row = gp->cross + (size_t)i * (size_t)f->most;
        mean[i] = to_units(gp, x, i, blas_dot((int)gp->counts[COUNT_HELD], row, gp->alpha));
    }
    blas_solve_lower(false, n, f->n, f->lower, f->most, gp->cross, f->most);
}

static void gp_predict(struct reward_model *model, const double *x, int n, double *mean, double *sd)
{
    struct gp *gp = (struct gp *)model;
    const size_t n_inputs = (size_t)model->options.n_inputs;
    for (int first = 0; first < n; first += PREDICT_ROWS) {
        const int rows = smaller(n - first, PREDICT_ROWS);
        if (sd == NULL) {
            predict_means(gp, x + (size_t)first * n_inputs, rows, mean + first);
            continue;
        }
        compare(gp, x + (size_t)first * n_inputs, rows, mean + first);
        for (int i = 0; i < rows; i++) {
            const double *v = gp->cross + (size_t)i * (size_t)gp->factor.most;
            const double left =
                fmax(0.0, gp->candidates.variances[i] - blas_dot(gp->factor.n, v, v));
            sd[first + i] = unit_of(gp, x, first + i) * sqrt(gp->s2 * left);
        }
    }
}

// The posterior covariance of the candidates in `cross`, over s2.
static void fill_joint(struct gp *gp, int n, double jitter)
{
    const int ld = gp->base.options.most_joint;
    gp_covariances(&gp->candidates, 0, n, &gp->candidates, n, gp->params, gp->joint, ld);
    for (int i = 0; i < n; i++) {
        gp->joint[(size_t)i * (size_t)ld + (size_t)i] = gp->candidates.variances[i] + jitter;
    }
    blas_gemm_double(false, true, n, n, gp->factor.n, -1.0, gp->cross, gp->factor.most, gp->cross,
                     gp->factor.most, 1.0, gp->joint, ld);
}

// Near candidates are all but dependent: a little is added to their variances, more if need be.
static void gp_draw(struct reward_model *model, const double *x, int n, struct rng *rng,
                    double *draw)
{
    struct gp *gp = (struct gp *)model;
    const double jitter_least = 1e-8, jitter_most = 1e-2;
    double jitter = jitter_least;
    compare(gp, x, n, draw);
    fill_joint(gp, n, jitter);
    while (blas_cholesky(n, gp->joint, model->options.most_joint) != OK) {
        jitter *= 10.0;
        CHECK(jitter < jitter_most);
        fill_joint(gp, n, jitter);
    }
    for (int i = 0; i < n; i++) {
        gp->normals[i] = (double)rng_normal(rng);
    }
    for (int i = 0; i < n; i++) {
        const double *row = gp->joint + (size_t)i * (size_t)model->options.most_joint;
        draw[i] += unit_of(gp, x, i) * sqrt(gp->s2) * blas_dot(i + 1, row, gp->normals);
    }
}

static void gp_rewards(struct reward_model *model, const double *x, int n, double *values)
{
    const struct gp *gp = (const struct gp *)model;
    for (int i = 0; i < n; i++) {
        const int task = gp_task_of(gp, x + (size_t)i * (size_t)model->options.n_inputs);
        values[i] = gp_targets_reward(&gp->targets, task, gp->y, values[i]);
    }
}

static void gp_describe(const struct reward_model *model, struct reward_model_facts *out)
{
    const struct gp *gp = (const struct gp *)model;
    const struct gp_places places = gp_places(&gp->form);
    const double unit = gp->targets.ranked ? 1.0 : gp->targets.scale[0];
    const double amplitude = unit * sqrt(gp->s2);
    for (int i = 0; i < gp->form.n_joint; i++) {
        gp->lengths[i] = exp(gp->params[i]);
    }
    for (int i = 0; i < gp->form.n_categorical; i++) {
        gp->categorical_lengths[i] = exp(gp->params[places.categorical + i]);
    }
    for (int task = 0; task < gp->form.n_tasks && gp->form.n_tasks > 1; task++) {
        gp->common[task] = gp_common(&gp->form, gp->params, task);
    }
    *out = (struct reward_model_facts){
        .points = (int)gp->counts[COUNT_HELD],
        .noise = amplitude * gp_noise(&gp->form, gp->params),
        .amplitude = amplitude,
        .lengths = gp->lengths,
        .categorical_lengths = gp->categorical_lengths,
        .common = gp->common,
        .sum_weight = gp_sum_weight(&gp->form, gp->params),
        .sum_length = gp->form.n_own > 0 ? exp(gp->params[places.sum_length]) : 0.0,
        .linear_weight = gp->form.n_linear > 0 ? exp(gp->params[places.linear_weight]) : 0.0,
        .linear_spread = gp->form.n_linear > 0 ? exp(gp->params[places.linear_spread]) : 0.0,
    };
}

const struct reward_model_ops reward_model_gp = {
    .name = "gp",
    .open = gp_open,
    .close = gp_close,
    .add = gp_add,
    .count = gp_count,
    .fit = gp_fit,
    .pending = gp_pending,
    .predict = gp_predict,
    .rewards = gp_rewards,
    .draw = gp_draw,
    .describe = gp_describe,
    .state = gp_state,
    .restore = gp_restore,
};
