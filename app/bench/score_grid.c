#include "app/bench/score_grid.h"

#include "core/clock.h"
#include "core/rank_correlation.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_SAMPLES = 12, MOST_MARKS = SCORE_GRID_MOST * MOST_SAMPLES };

// Scores of one (dtype, calibration) after so many images, sums from the first one on:
// [n][n_marks].
struct strip {
    struct cached_score *scores;
    double *seconds; // [n_marks] sums over the candidates
};

struct measuring {
    const struct score_grid_job *job;
    // Where samples begin and end: the multiples of each number of images that the greatest of them
    // has room for, ascending.
    int marks[MOST_MARKS], n_marks;
    struct strip *strips; // [dtypes][calibration]
    struct cached_score *full;
    double full_seconds;
    double (*clock)(void); // of one core, or of a device
};

// How many samples of so many images one pass over the most of them gives.
static int samples_of(const struct score_grid_axes *axes, int images)
{
    const int fit = axes->images[axes->n_images - 1] / images;
    return fit < MOST_SAMPLES ? fit : MOST_SAMPLES;
}

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void find_marks(struct measuring *m)
{
    const struct score_grid_axes *axes = m->job->axes;
    int all[MOST_MARKS], n = 0;
    for (int i = 0; i < axes->n_images; i++) {
        for (int s = 1; s <= samples_of(axes, axes->images[i]); s++) {
            all[n++] = s * axes->images[i];
        }
    }
    qsort(all, (size_t)n, sizeof *all, compare);
    for (int i = 0; i < n; i++) {
        if (m->n_marks == 0 || m->marks[m->n_marks - 1] != all[i]) {
            m->marks[m->n_marks++] = all[i];
        }
    }
}

static int mark_of(const struct measuring *m, int images)
{
    const int *mark = bsearch(&images, m->marks, (size_t)m->n_marks, sizeof *m->marks, compare);
    return (int)(mark - m->marks);
}

static int groups_of(const struct score_grid_job *job)
{
    return job->study->network->groups.n;
}

// images NULL: the first so many of the drawn ones.
static enum status score_strip(const struct measuring *m, int candidate, enum scoring_dtype dtype,
                               int n, const uint8_t *images, const struct score_counts *counts,
                               struct cached_score *out)
{
    const struct score_grid_job *job = m->job;
    struct scoring_options scoring = *job->scoring;
    scoring.dtype = dtype;
    scoring.calibration_images = n;
    const struct scorer scorer = {job->backend, &scoring, images, n};
    const int *widths = job->widths + (size_t)candidate * (size_t)groups_of(job);
    double arithmetic = 0;
    return prune_score_counts(&scorer, job->study, widths, counts, out, &arithmetic);
}

static enum status score_full(struct measuring *m, int candidate)
{
    const int images = m->job->study->network->subject.images->n_validation;
    struct score score;
    double end = 0;
    const struct score_counts counts = {
        .n = 1, .images = &images, .scores = &score, .seconds = &end, .clock = m->clock};
    const double start = m->clock();
    TRY(score_strip(m, candidate, SCORING_FLOAT32, m->job->axes->full_calibration, NULL, &counts,
                    &m->full[candidate]));
    m->full_seconds += m->clock() - start;
    return OK;
}

// Every way in turn for each candidate, so that a machine that slows down slows all of them.
static enum status score_cheaply(struct measuring *m, int candidate)
{
    const struct score_grid_axes *axes = m->job->axes;
    struct score score[MOST_MARKS];
    double ends[MOST_MARKS];
    const struct score_counts counts = {
        .n = m->n_marks, .images = m->marks, .scores = score, .seconds = ends, .clock = m->clock};
    for (int d = 0; d < axes->n_dtypes; d++) {
        for (int c = 0; c < axes->n_calibration; c++) {
            struct strip *strip = &m->strips[d * axes->n_calibration + c];
            const double start = m->clock();
            for (int i = 0; i < m->n_marks; i++) {
                ends[i] = start; // stays where a candidate diverged
            }
            TRY(score_strip(m, candidate, axes->dtypes[d], axes->calibration[c].images,
                            m->job->calibration[c], &counts,
                            strip->scores + (size_t)candidate * (size_t)m->n_marks));
            for (int i = 0; i < m->n_marks; i++) {
                strip->seconds[i] += ends[i] - start;
            }
        }
    }
    return OK;
}

static int n_validation(const struct measuring *m)
{
    return m->job->study->network->subject.images->n_validation;
}

static double reward_of(const struct measuring *m, enum scoring_reward reward, int images,
                        const struct cached_score *score)
{
    return scoring_reward_of(reward, &m->job->study->network->subject, score, images);
}

// Of the images of one sample alone, which are `images` up to its end.
static struct cached_score sample_score(const struct measuring *m, const struct strip *strip,
                                        int candidate, int images, int end)
{
    const struct cached_score *all = strip->scores + (size_t)candidate * (size_t)m->n_marks;
    struct cached_score score = all[mark_of(m, end)];
    if (end > images) {
        const struct cached_score *before = &all[mark_of(m, end - images)];
        score.right -= before->right;
        score.loss -= before->loss;
        score.distance -= before->distance;
    }
    return score;
}

struct correlations {
    double *cheap, *full, *accuracy; // [n] arena, as is the next
    double *scratch;                 // [2n]
};

static void add_sample(const struct measuring *m, const struct strip *strip, int end,
                       const struct correlations *c, struct score_cell *cell)
{
    const size_t n = (size_t)m->job->n;
    for (int i = 0; i < m->job->n; i++) {
        const struct cached_score score = sample_score(m, strip, i, cell->images, end);
        c->cheap[i] = reward_of(m, cell->reward, cell->images, &score);
    }
    cell->spearman += rank_spearman(c->cheap, c->full, n, c->scratch) / cell->samples;
    cell->kendall += rank_kendall(c->cheap, c->full, n) / cell->samples;
    cell->spearman_accuracy += rank_spearman(c->cheap, c->accuracy, n, c->scratch) / cell->samples;
}

static enum status correlate(const struct measuring *m, struct arena *arena,
                             struct score_cell *cell, const struct strip *strip)
{
    const size_t n = (size_t)m->job->n;
    const enum scoring_reward like =
        cell->reward == REWARD_DISTILLATION ? REWARD_LOSS : cell->reward;
    struct correlations c;
    ARENA_NEW(arena, c.cheap, 5 * n);
    c.full = c.cheap + n;
    c.accuracy = c.full + n;
    c.scratch = c.accuracy + n;
    for (size_t i = 0; i < n; i++) {
        c.full[i] = reward_of(m, like, n_validation(m), &m->full[i]);
        c.accuracy[i] = reward_of(m, REWARD_ACCURACY, n_validation(m), &m->full[i]);
    }
    for (int s = 1; s <= cell->samples; s++) {
        add_sample(m, strip, s * cell->images, &c, cell);
    }
    return OK;
}

static enum status fill_cells(const struct measuring *m, struct arena *arena,
                              struct score_grid *out)
{
    const struct score_grid_axes *axes = m->job->axes;
    const int per_strip = axes->n_images * axes->n_rewards;
    for (int s = 0; s < axes->n_dtypes * axes->n_calibration; s++) {
        const struct strip *strip = &m->strips[s];
        for (int i = 0; i < per_strip; i++) {
            const int images = axes->images[i / axes->n_rewards];
            struct score_cell *cell = &out->cells[out->n_cells++];
            *cell = (struct score_cell){
                .images = images,
                .calibration = axes->calibration[s % axes->n_calibration],
                .dtype = axes->dtypes[s / axes->n_calibration],
                .reward = axes->rewards[i % axes->n_rewards],
                .samples = samples_of(axes, images),
                .candidates_per_second = m->job->n / strip->seconds[mark_of(m, images)],
            };
            TRY(correlate(m, arena, cell, strip));
        }
    }
    return OK;
}

static void describe_full(const struct measuring *m, struct score_grid *out)
{
    out->full_accuracy_least = 1;
    out->full_candidates_per_second = m->job->n / m->full_seconds;
    for (int i = 0; i < m->job->n; i++) {
        const double accuracy = reward_of(m, REWARD_ACCURACY, n_validation(m), &m->full[i]);
        out->full_accuracy_least = fmin(out->full_accuracy_least, accuracy);
        out->full_accuracy_most = fmax(out->full_accuracy_most, accuracy);
        out->diverged += m->full[i].diverged;
    }
}

enum status score_grid_run(const struct score_grid_job *job, struct arena *arena,
                           struct score_grid *out)
{
    const struct score_grid_axes *axes = job->axes;
    const size_t n = (size_t)job->n;
    const int strips = axes->n_dtypes * axes->n_calibration;
    struct measuring m = {
        .job = job, .clock = job->backend->ops->device ? clock_seconds : clock_processor_seconds};
    *out = (struct score_grid){.axes = axes, .n = job->n};
    find_marks(&m);
    ARENA_NEW(arena, m.strips, (size_t)strips);
    ARENA_NEW(arena, m.full, n);
    ARENA_NEW(arena, out->cells, (size_t)strips * (size_t)axes->n_images * (size_t)axes->n_rewards);
    for (int s = 0; s < strips; s++) {
        ARENA_NEW(arena, m.strips[s].scores, n * (size_t)m.n_marks);
        ARENA_NEW(arena, m.strips[s].seconds, (size_t)m.n_marks);
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
    const int images = scoring_images(scoring, study->network->subject.images);
    const bool chosen = scoring->calibration_pool > scoring->calibration_images;
    for (int i = 0; i < grid->n_cells; i++) {
        const struct score_cell *cell = &grid->cells[i];
        if (cell->images == images && cell->calibration.images == scoring->calibration_images &&
            cell->calibration.chosen == chosen && cell->dtype == dtype &&
            cell->reward == scoring->reward) {
            return cell;
        }
    }
    return NULL;
}
