// How data enter the process. Hyper-parameters are learnt again when the data have grown by three
// tenths; in between the factor grows by rows. Standardising the rewards only rescales them, so it
// leaves the factor alone.
#include "compute/blas.h"
#include "learner/model/data_subset.h"
#include "learner/model/gp_internal.h"

#include <math.h>
#include <string.h>

enum { STREAM_LEARN, STREAM_THIN }; // steps of RNG_MODEL

int gp_task_of(const struct gp *gp, const double *x)
{
    const int input = gp_task_input(&gp->form);
    return input >= 0 ? (int)x[input] : 0;
}

// Equal rewards say nothing of a scale: the noise's.
void gp_standardise(struct gp *gp)
{
    const int n = (int)gp->counts[COUNT_FITTED];
    const double noise_floor = gp->base.options.noise_floor;
    for (int i = 0; i < n && gp->tasks != NULL; i++) {
        gp->tasks[i] = gp_task_of(gp, gp->x + (size_t)i * (size_t)gp->base.options.n_inputs);
    }
    gp->flat =
        gp_targets_fit(&gp->targets, n, gp->y, gp->tasks, noise_floor > 0.0 ? noise_floor : 1.0);
}

// Data `chosen` [n] side by side, the rewards standardised.
static void gather(struct gp *gp, int n, const int32_t *chosen)
{
    const size_t n_inputs = (size_t)gp->base.options.n_inputs;
    for (size_t i = 0; i < (size_t)n; i++) {
        const size_t at = (size_t)chosen[i];
        memcpy(gp->gathered_x + i * n_inputs, gp->x + at * n_inputs, n_inputs * sizeof *gp->x);
        gp->gathered_y[i] = gp->targets.values[at];
    }
}

static int choose(struct gp *gp, const struct data_subset *subset, uint32_t stream, int32_t *chosen)
{
    const int n = (int)gp->counts[COUNT_FITTED];
    struct rng rng = rng_make(gp->base.options.seed, RNG_MODEL, (uint64_t)n, stream);
    const bool alike = !gp->targets.ranked && gp->targets.n_tasks == 1;
    const double *y = alike ? gp->y : gp->targets.values;
    return data_subset_choose(subset, n, y, &rng, chosen, gp->order, gp->taken);
}

static void learn(struct gp *gp)
{
    const struct data_subset subset = {.n_best = GP_LEARN_BEST, .n_random = GP_LEARN_OTHERS};
    int32_t chosen[GP_LEARN_BEST + GP_LEARN_OTHERS];
    double least_scale = gp->targets.scale[0];
    for (int task = 1; task < gp->targets.n_tasks; task++) {
        least_scale = fmin(least_scale, gp->targets.scale[task]);
    }
    const double floor_share = gp->base.options.noise_floor / least_scale;
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
enum status gp_grow(struct gp *gp, int to)
{
    const int from = gp->factor.n;
    gather(gp, to - from, gp->rows + from);
    return gp_factor_grow(&gp->factor, to - from, gp->gathered_x, gp->params);
}

// The weights of the mean, and the amplitude.
void gp_solve(struct gp *gp)
{
    const int n = (int)gp->counts[COUNT_HELD];
    gather(gp, n, gp->rows);
    memcpy(gp->alpha, gp->gathered_y, (size_t)n * sizeof *gp->alpha);
    blas_solve_lower(false, 1, n, gp->factor.lower, gp->factor.most, gp->alpha, gp->factor.most);
    blas_solve_lower(true, 1, n, gp->factor.lower, gp->factor.most, gp->alpha, gp->factor.most);
    gp_parts_begin(&gp->parts, &gp->factor.points, n, gp->alpha);
    const double s2 = blas_dot(n, gp->gathered_y, gp->alpha) / n;
    gp->s2 = s2 > 0.0 ? s2 : 1.0; // 0: equal rewards leave the amplitude at the scale
}

// A pending candidate at its mean has weight 0 in every mean: only the factor changes.
enum status gp_grow_pending(struct gp *gp)
{
    gp->factor.n = (int)gp->counts[COUNT_HELD];
    return gp_factor_grow(&gp->factor, (int)gp->counts[COUNT_PENDING], gp->pending, gp->params);
}

void gp_fit(struct reward_model *model)
{
    struct gp *gp = (struct gp *)model;
    const int64_t before = gp->counts[COUNT_FITTED], now = gp->counts[COUNT_ADDED];
    if (now == before) {
        return;
    }
    gp->counts[COUNT_FITTED] = now;
    gp_standardise(gp);
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
    const enum status status = gp_grow(gp, (int)gp->counts[COUNT_HELD]);
    CHECK(status == OK);
    gp_solve(gp);
    const enum status pending = gp_grow_pending(gp);
    CHECK(pending == OK);
}

void gp_pending(struct reward_model *model, const double *x, int n_pending)
{
    struct gp *gp = (struct gp *)model;
    const size_t n = (size_t)n_pending * (size_t)model->options.n_inputs;
    CHECK(gp->counts[COUNT_HELD] > 0);
    if (n > 0) {
        memcpy(gp->pending, x, n * sizeof *x);
    }
    gp->counts[COUNT_PENDING] = n_pending;
    const enum status status = gp_grow_pending(gp);
    CHECK(status == OK);
}
