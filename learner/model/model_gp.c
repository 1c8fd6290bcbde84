// A Gaussian process with a Matern-5/2 kernel, one length scale per input (Rasmussen and Williams
// 2006, algorithm 2.1). Hyper-parameters are learnt again when the data have grown by three tenths;
// in between the factor grows by rows. Standardising the rewards only rescales them, so it leaves
// the factor alone.
//
// The last bits of a factor depend on the steps in which it grew. A checkpoint therefore keeps
// these steps, and a restored model takes them again.
#include "compute/blas.h"
#include "learner/model/data_subset.h"
#include "learner/model/gp_evidence.h"
#include "learner/model/gp_factor.h"
#include "learner/model/reward_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEARN_BEST = 50, // data that hyper-parameters are learnt from: the best and others
    LEARN_OTHERS = 150,
    PREDICT_ROWS = 128, // candidates at once
};
enum { STREAM_LEARN, STREAM_THIN }; // steps of RNG_MODEL

// COUNT_LEARNT: data at the time hyper-parameters were last learnt. COUNT_HELD: rows of the factor
// that are data; pending candidates follow them.
enum { COUNT_ADDED, COUNT_FITTED, COUNT_LEARNT, COUNT_HELD, COUNT_STEPS, COUNT_PENDING, N_COUNTS };

struct gp {
    struct reward_model base;
    struct arena arena;
    int most_held;
    // The state.
    int64_t counts[N_COUNTS];
    double *x, *y;   // [capacity][n_inputs], [capacity]
    double *params;  // [n_inputs + 1] logarithms of lengths and noise (gp_evidence.h)
    int32_t *rows;   // [most_held] which datum each row of the factor is
    int32_t *steps;  // [most_held] rows after each step of its growth
    double *pending; // [most_joint][n_inputs]
    // What follows from it.
    bool flat; // all rewards are equal
    double mean, scale, s2;
    struct gp_factor factor;
    double *alpha;   // [most_held]
    double *lengths; // [n_inputs] as last described
    // Scratch.
    struct gp_evidence evidence;
    double *gathered_x, *gathered_y; // [most_held][n_inputs], [most_held]
    double *climb;                   // [4 * (n_inputs + 1)]
    int32_t *order;                  // [capacity]
    uint8_t *taken;                  // [capacity]
    struct gp_points candidates;     // [most rows at once]
    double *cross;                   // [most rows at once][factor.most]
    double *joint, *normals;         // [most_joint][most_joint], [most_joint]
};

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
    const int most_learnt = smaller(options->capacity, LEARN_BEST + LEARN_OTHERS);
    const size_t gathered = (size_t)larger(gp->most_held, most_learnt);
    const size_t at_once = (size_t)larger(options->most_joint, PREDICT_ROWS);
    TRY(gp_factor_open(gp->most_held + options->most_joint, options->n_inputs, &gp->arena,
                       &gp->factor));
    TRY(gp_evidence_open(most_learnt, options->n_inputs, &gp->arena, &gp->evidence));
    ARENA_NEW(&gp->arena, gp->x, capacity * n_inputs);
    ARENA_NEW(&gp->arena, gp->y, capacity);
    ARENA_NEW(&gp->arena, gp->params, n_inputs + 1);
    ARENA_NEW(&gp->arena, gp->rows, held);
    ARENA_NEW(&gp->arena, gp->steps, held);
    ARENA_NEW(&gp->arena, gp->pending, joint * n_inputs);
    ARENA_NEW(&gp->arena, gp->alpha, held);
    ARENA_NEW(&gp->arena, gp->lengths, n_inputs);
    ARENA_NEW(&gp->arena, gp->gathered_x, gathered * n_inputs);
    ARENA_NEW(&gp->arena, gp->gathered_y, gathered);
    ARENA_NEW(&gp->arena, gp->climb, 4 * (n_inputs + 1));
    ARENA_NEW(&gp->arena, gp->order, capacity);
    ARENA_NEW(&gp->arena, gp->taken, capacity);
    gp->candidates.n_inputs = options->n_inputs;
    ARENA_NEW(&gp->arena, gp->candidates.u, at_once * n_inputs);
    ARENA_NEW(&gp->arena, gp->candidates.norms, at_once);
    ARENA_NEW(&gp->arena, gp->cross, at_once * (size_t)gp->factor.most);
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
    gp->most_held = smaller(options->capacity, options->most_points);
    const enum status status = allocate(gp, options);
    if (status != OK) {
        gp_close(&gp->base);
        return status;
    }
    gp_evidence_begin(options->n_inputs, gp->params);
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

static double noise_share(const struct gp *gp)
{
    return exp(gp->params[gp->base.options.n_inputs]);
}

// Mean and scale of the data that are fitted. Equal rewards say nothing of a scale: the noise's.
static void standardise(struct gp *gp)
{
    const int n = (int)gp->counts[COUNT_FITTED];
    const double noise_floor = gp->base.options.noise_floor, rounding = 1e-9;
    double sum = 0.0, squares = 0.0, greatest = 0.0;
    for (int i = 0; i < n; i++) {
        sum += gp->y[i];
        greatest = fmax(greatest, fabs(gp->y[i]));
    }
    gp->mean = n > 0 ? sum / n : 0.0;
    for (int i = 0; i < n; i++) {
        squares += (gp->y[i] - gp->mean) * (gp->y[i] - gp->mean);
    }
    const double deviation = n > 0 ? sqrt(squares / n) : 0.0;
    gp->flat = deviation <= rounding * greatest;
    gp->scale = !gp->flat ? deviation : noise_floor > 0.0 ? noise_floor : 1.0;
}

// Data `chosen` [n] side by side, the rewards standardised.
static void gather(struct gp *gp, int n, const int32_t *chosen)
{
    const size_t n_inputs = (size_t)gp->base.options.n_inputs;
    for (size_t i = 0; i < (size_t)n; i++) {
        const size_t at = (size_t)chosen[i];
        memcpy(gp->gathered_x + i * n_inputs, gp->x + at * n_inputs, n_inputs * sizeof *gp->x);
        gp->gathered_y[i] = gp->flat ? 0.0 : (gp->y[at] - gp->mean) / gp->scale;
    }
}

static int choose(struct gp *gp, const struct data_subset *subset, uint32_t stream, int32_t *chosen)
{
    const int n = (int)gp->counts[COUNT_FITTED];
    struct rng rng = rng_make(gp->base.options.seed, RNG_MODEL, (uint64_t)n, stream);
    return data_subset_choose(subset, n, gp->y, &rng, chosen, gp->order, gp->taken);
}

static void learn(struct gp *gp)
{
    const struct data_subset subset = {.n_best = LEARN_BEST, .n_random = LEARN_OTHERS};
    int32_t chosen[LEARN_BEST + LEARN_OTHERS];
    const double floor_share = gp->base.options.noise_floor / gp->scale;
    gp->evidence.n = choose(gp, &subset, STREAM_LEARN, chosen);
    gather(gp, gp->evidence.n, chosen);
    gp->evidence.x = gp->gathered_x;
    gp->evidence.y = gp->gathered_y;
    gp_evidence_climb(&gp->evidence, fmin(1.0, fmax(GP_NOISE_LEAST, floor_share)), gp->params,
                      gp->climb);
    gp->counts[COUNT_LEARNT] = gp->counts[COUNT_FITTED];
}

// All data while they fit. Thinned ones leave an eighth of the room free, so that the factor can
// grow by rows again.
static void choose_rows(struct gp *gp)
{
    const int fits = gp->most_held - gp->most_held / 8;
    struct data_subset subset = {.n_best = fits / 4, .n_newest = fits / 4};
    subset.n_random = gp->counts[COUNT_FITTED] <= gp->most_held
                          ? gp->most_held
                          : fits - subset.n_best - subset.n_newest;
    gp->counts[COUNT_HELD] = choose(gp, &subset, STREAM_THIN, gp->rows);
    gp->counts[COUNT_STEPS] = 0;
    gp->factor.n = 0;
}

static void note_step(struct gp *gp)
{
    gp->steps[gp->counts[COUNT_STEPS]++] = (int32_t)gp->counts[COUNT_HELD];
}

// Takes the factor, which holds no pending rows, to `to` rows.
static void grow(struct gp *gp, int to)
{
    const int from = gp->factor.n;
    gather(gp, to - from, gp->rows + from);
    gp_factor_grow(&gp->factor, to - from, gp->gathered_x, gp->params, noise_share(gp));
}

// The weights of the mean, and the amplitude.
static void solve(struct gp *gp)
{
    const int n = (int)gp->counts[COUNT_HELD];
    gather(gp, n, gp->rows);
    memcpy(gp->alpha, gp->gathered_y, (size_t)n * sizeof *gp->alpha);
    blas_solve_lower(false, 1, n, gp->factor.lower, gp->factor.most, gp->alpha, gp->factor.most);
    blas_solve_lower(true, 1, n, gp->factor.lower, gp->factor.most, gp->alpha, gp->factor.most);
    const double s2 = blas_dot(n, gp->gathered_y, gp->alpha) / n;
    gp->s2 = s2 > 0.0 ? s2 : 1.0; // 0: equal rewards leave the amplitude at the scale
}

// A pending candidate at its mean has weight 0 in every mean: only the factor changes.
static void grow_pending(struct gp *gp)
{
    gp->factor.n = (int)gp->counts[COUNT_HELD];
    gp_factor_grow(&gp->factor, (int)gp->counts[COUNT_PENDING], gp->pending, gp->params,
                   noise_share(gp));
}

static void gp_fit(struct reward_model *model)
{
    struct gp *gp = (struct gp *)model;
    const int64_t before = gp->counts[COUNT_FITTED], now = gp->counts[COUNT_ADDED];
    if (now == before) {
        return;
    }
    gp->counts[COUNT_FITTED] = now;
    standardise(gp);
    const bool grown = !gp->flat && 10 * now >= 13 * gp->counts[COUNT_LEARNT];
    gp->factor.n = (int)gp->counts[COUNT_HELD];
    if (grown) {
        learn(gp);
    }
    if (grown || gp->counts[COUNT_HELD] + now - before > gp->most_held) {
        choose_rows(gp);
    } else {
        for (int64_t i = before; i < now; i++) {
            gp->rows[gp->counts[COUNT_HELD]++] = (int32_t)i;
        }
    }
    note_step(gp);
    grow(gp, (int)gp->counts[COUNT_HELD]);
    solve(gp);
    grow_pending(gp);
}

static void gp_pending(struct reward_model *model, const double *x, int n_pending)
{
    struct gp *gp = (struct gp *)model;
    const size_t n = (size_t)n_pending * (size_t)model->options.n_inputs;
    CHECK(gp->counts[COUNT_HELD] > 0);
    if (n > 0) {
        memcpy(gp->pending, x, n * sizeof *x);
    }
    gp->counts[COUNT_PENDING] = n_pending;
    grow_pending(gp);
}

// Means, and v = L^-1 k(rows, x) into `cross` where deviations are wanted.
static void compare(struct gp *gp, const double *x, int n, double *mean, bool deviations)
{
    const struct gp_factor *f = &gp->factor;
    CHECK(gp->counts[COUNT_HELD] > 0);
    gp_points_fill(&gp->candidates, 0, n, x, gp->params);
    gp_squares(&gp->candidates, 0, n, &f->points, f->n, gp->cross, f->most);
    for (int i = 0; i < n; i++) {
        double *row = gp->cross + (size_t)i * (size_t)f->most;
        gp_kernel(f->n, row);
        mean[i] = gp->mean + gp->scale * blas_dot((int)gp->counts[COUNT_HELD], row, gp->alpha);
    }
    if (deviations) {
        blas_solve_lower(false, n, f->n, f->lower, f->most, gp->cross, f->most);
    }
}

static void gp_predict(struct reward_model *model, const double *x, int n, double *mean, double *sd)
{
    struct gp *gp = (struct gp *)model;
    const size_t n_inputs = (size_t)model->options.n_inputs;
    for (int first = 0; first < n; first += PREDICT_ROWS) {
        const int rows = smaller(n - first, PREDICT_ROWS);
        compare(gp, x + (size_t)first * n_inputs, rows, mean + first, sd != NULL);
        for (int i = 0; sd != NULL && i < rows; i++) {
            const double *v = gp->cross + (size_t)i * (size_t)gp->factor.most;
            const double left = fmax(0.0, 1.0 - blas_dot(gp->factor.n, v, v));
            sd[first + i] = gp->scale * sqrt(gp->s2 * left);
        }
    }
}

// The posterior covariance of the candidates in `cross`, over s2.
static void fill_joint(struct gp *gp, int n, double jitter)
{
    const int ld = gp->base.options.most_joint;
    gp_squares(&gp->candidates, 0, n, &gp->candidates, n, gp->joint, ld);
    for (int i = 0; i < n; i++) {
        gp_kernel(i, gp->joint + (size_t)i * (size_t)ld);
        gp->joint[(size_t)i * (size_t)ld + (size_t)i] = 1.0 + jitter;
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
    compare(gp, x, n, draw, true);
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
        draw[i] += gp->scale * sqrt(gp->s2) * blas_dot(i + 1, row, gp->normals);
    }
}

static void gp_describe(const struct reward_model *model, struct reward_model_facts *out)
{
    const struct gp *gp = (const struct gp *)model;
    for (int i = 0; i < model->options.n_inputs; i++) {
        gp->lengths[i] = exp(gp->params[i]);
    }
    const double amplitude = gp->scale * sqrt(gp->s2);
    *out = (struct reward_model_facts){.points = (int)gp->counts[COUNT_HELD],
                                       .noise = amplitude * noise_share(gp),
                                       .amplitude = amplitude,
                                       .lengths = gp->lengths};
}

static void list_item(struct state_list *list, const char *prefix, const char *name,
                      enum hdf5_type type, size_t count, void *data)
{
    char full[sizeof list->items[0].name];
    CHECK((size_t)snprintf(full, sizeof full, "%s.%s", prefix, name) < sizeof full);
    state_list_add(list, full, type, count, data);
}

static void gp_state(struct reward_model *model, const char *prefix, struct state_list *list)
{
    struct gp *gp = (struct gp *)model;
    const size_t n_inputs = (size_t)model->options.n_inputs;
    const size_t capacity = (size_t)model->options.capacity, held = (size_t)gp->most_held;
    const size_t joint = (size_t)model->options.most_joint;
    list_item(list, prefix, "counts", HDF5_I64, N_COUNTS, gp->counts);
    list_item(list, prefix, "x", HDF5_F64, capacity * n_inputs, gp->x);
    list_item(list, prefix, "y", HDF5_F64, capacity, gp->y);
    list_item(list, prefix, "params", HDF5_F64, n_inputs + 1, gp->params);
    list_item(list, prefix, "rows", HDF5_I32, held, gp->rows);
    list_item(list, prefix, "steps", HDF5_I32, held, gp->steps);
    list_item(list, prefix, "pending", HDF5_F64, joint * n_inputs, gp->pending);
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

static enum status gp_restore(struct reward_model *model)
{
    struct gp *gp = (struct gp *)model;
    if (!counts_fit(gp) || !rows_fit(gp)) {
        FAIL(ERR_INPUT, "the state of the reward model is damaged: its counts contradict each "
                        "other");
    }
    gp->factor.n = 0;
    standardise(gp);
    for (int64_t i = 0; i < gp->counts[COUNT_STEPS]; i++) {
        grow(gp, gp->steps[i]);
    }
    if (gp->counts[COUNT_HELD] > 0) {
        solve(gp);
        grow_pending(gp);
    }
    return OK;
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
    .draw = gp_draw,
    .describe = gp_describe,
    .state = gp_state,
    .restore = gp_restore,
};
