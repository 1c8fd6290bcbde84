#include "app/bench/score_grid.h"

#include "core/clock.h"
#include "core/rank_correlation.h"

#include <math.h>
#include <string.h>

// Scores of one (dtype, calibration) over all numbers of images: [n][images].
struct strip {
    struct cached_score *scores;
    double *seconds; // [images] sums over the candidates
};

struct measuring {
    const struct score_grid_job *job;
    struct strip *strips; // [dtypes][calibration]
    struct cached_score *full;
    double full_seconds;
};

static int groups_of(const struct score_grid_job *job)
{
    return job->study->network->groups.n;
}

static enum status score_strip(const struct measuring *m, int candidate, enum scoring_dtype dtype,
                               int calibration, const struct score_counts *counts,
                               struct cached_score *out)
{
    const struct score_grid_job *job = m->job;
    struct scoring_options scoring = *job->scoring;
    scoring.dtype = dtype;
    scoring.calibration_images = calibration;
    const struct prune_scorer scorer = {job->backend, &scoring};
    const int *widths = job->widths + (size_t)candidate * (size_t)groups_of(job);
    double arithmetic = 0;
    return prune_score_counts(&scorer, job->study, widths, counts, out, &arithmetic);
}

static enum status score_full(struct measuring *m, int candidate)
{
    const int images = m->job->study->data->n_validation;
    struct score score;
    double end = 0;
    const struct score_counts counts = {
        .n = 1, .images = &images, .scores = &score, .seconds = &end};
    const double start = clock_processor_seconds();
    TRY(score_strip(m, candidate, SCORING_FLOAT32, m->job->axes->full_calibration, &counts,
                    &m->full[candidate]));
    m->full_seconds += clock_processor_seconds() - start;
    return OK;
}

// Every way in turn for each candidate, so that a machine that slows down slows all of them.
static enum status score_cheaply(struct measuring *m, int candidate)
{
    const struct score_grid_axes *axes = m->job->axes;
    struct score score[SCORE_GRID_MOST];
    double ends[SCORE_GRID_MOST];
    const struct score_counts counts = {
        .n = axes->n_images, .images = axes->images, .scores = score, .seconds = ends};
    for (int d = 0; d < axes->n_dtypes; d++) {
        for (int c = 0; c < axes->n_calibration; c++) {
            struct strip *strip = &m->strips[d * axes->n_calibration + c];
            const double start = clock_processor_seconds();
            for (int i = 0; i < axes->n_images; i++) {
                ends[i] = start; // stays where a candidate diverged
            }
            TRY(score_strip(m, candidate, axes->dtypes[d], axes->calibration[c], &counts,
                            strip->scores + (size_t)candidate * (size_t)axes->n_images));
            for (int i = 0; i < axes->n_images; i++) {
                strip->seconds[i] += ends[i] - start;
            }
        }
    }
    return OK;
}

static double reward_of(const struct measuring *m, enum scoring_reward reward, int images,
                        const struct cached_score *score)
{
    struct scoring_options scoring = *m->job->scoring;
    scoring.reward = reward;
    scoring.images = images;
    return prune_score_reward(&scoring, m->job->study->data, score);
}

static enum status correlate(const struct measuring *m, struct arena *arena,
                             struct score_cell *cell, const struct strip *strip, int at)
{
    const struct score_grid_job *job = m->job;
    const size_t n = (size_t)job->n;
    double *cheap, *full, *accuracy, *scratch;
    ARENA_NEW(arena, cheap, 5 * n);
    full = cheap + n;
    accuracy = full + n;
    scratch = accuracy + n;
    for (size_t i = 0; i < n; i++) {
        cheap[i] = reward_of(m, cell->reward, cell->images,
                             &strip->scores[i * (size_t)job->axes->n_images + (size_t)at]);
        full[i] = reward_of(m, cell->reward, 0, &m->full[i]);
        accuracy[i] = reward_of(m, REWARD_ACCURACY, 0, &m->full[i]);
    }
    cell->spearman = rank_spearman(cheap, full, n, scratch);
    cell->kendall = rank_kendall(cheap, full, n);
    cell->spearman_accuracy = rank_spearman(cheap, accuracy, n, scratch);
    return OK;
}

static enum status fill_cells(const struct measuring *m, struct arena *arena,
                              struct score_grid *out)
{
    const struct score_grid_axes *axes = m->job->axes;
    for (int d = 0; d < axes->n_dtypes; d++) {
        for (int c = 0; c < axes->n_calibration; c++) {
            const struct strip *strip = &m->strips[d * axes->n_calibration + c];
            for (int i = 0; i < axes->n_images; i++) {
                for (int r = 0; r < axes->n_rewards; r++) {
                    struct score_cell *cell = &out->cells[out->n_cells++];
                    *cell = (struct score_cell){
                        .images = axes->images[i],
                        .calibration = axes->calibration[c],
                        .dtype = axes->dtypes[d],
                        .reward = axes->rewards[r],
                        .candidates_per_second = m->job->n / strip->seconds[i],
                    };
                    TRY(correlate(m, arena, cell, strip, i));
                }
            }
        }
    }
    return OK;
}

static void describe_full(const struct measuring *m, struct score_grid *out)
{
    out->full_accuracy_least = 1;
    out->full_candidates_per_second = m->job->n / m->full_seconds;
    for (int i = 0; i < m->job->n; i++) {
        const double accuracy = reward_of(m, REWARD_ACCURACY, 0, &m->full[i]);
        out->full_accuracy_least = fmin(out->full_accuracy_least, accuracy);
        out->full_accuracy_most = fmax(out->full_accuracy_most, accuracy);
        out->diverged += m->full[i].diverged;
    }
}

enum status score_grid_run(const struct score_grid_job *job, struct arena *arena,
                           struct score_grid *out)
{
    const struct score_grid_axes *axes = job->axes;
    const size_t n = (size_t)job->n, images = (size_t)axes->n_images;
    const int strips = axes->n_dtypes * axes->n_calibration;
    struct measuring m = {.job = job};
    *out = (struct score_grid){.axes = axes, .n = job->n};
    ARENA_NEW(arena, m.strips, (size_t)strips);
    ARENA_NEW(arena, m.full, n);
    ARENA_NEW(arena, out->cells, (size_t)strips * images * (size_t)axes->n_rewards);
    for (int s = 0; s < strips; s++) {
        ARENA_NEW(arena, m.strips[s].scores, n * images);
        ARENA_NEW(arena, m.strips[s].seconds, images);
    }
    for (int i = 0; i < job->n; i++) {
        TRY(score_full(&m, i));
        TRY(score_cheaply(&m, i));
        progress_update(job->progress, job->progress->done + 1, "%.2f full ones per second",
                        (i + 1) / m.full_seconds);
    }
    describe_full(&m, out);
    return fill_cells(&m, arena, out);
}

const struct score_cell *score_grid_cheapest(const struct score_grid *grid, double correlation)
{
    const struct score_cell *best = NULL;
    for (int i = 0; i < grid->n_cells; i++) {
        const struct score_cell *cell = &grid->cells[i];
        if (cell->spearman >= correlation &&
            (best == NULL || cell->candidates_per_second > best->candidates_per_second)) {
            best = cell;
        }
    }
    return best;
}

const struct score_cell *score_grid_own(const struct score_grid *grid,
                                        const struct scoring_options *scoring,
                                        const struct prune_study *study, bool int8)
{
    const enum scoring_dtype dtype = int8 ? SCORING_INT8 : SCORING_FLOAT32;
    const int images = prune_score_images(scoring, study->data);
    for (int i = 0; i < grid->n_cells; i++) {
        const struct score_cell *cell = &grid->cells[i];
        if (cell->images == images && cell->calibration == scoring->calibration_images &&
            cell->dtype == dtype && cell->reward == scoring->reward) {
            return cell;
        }
    }
    return NULL;
}
