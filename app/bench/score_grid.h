// Candidates of one task scored in every way of a grid, and in full: how well the cheap scores rank
// them, and how long each takes.
#pragma once
#include "core/log.h"
#include "envs/prune/prune_score.h"
#include "envs/prune/prune_walk.h"

enum { SCORE_GRID_MOST = 16 }; // numbers of images, and of images for recalibration; even

struct score_grid_axes {
    int n_images, n_calibration, n_dtypes, n_rewards;
    int images[SCORE_GRID_MOST]; // ascending, no two alike
    struct score_calibration {
        int images;
        bool chosen; // from full_calibration or more, as scoring.calibration_pool says; else drawn
    } calibration[SCORE_GRID_MOST];
    enum scoring_dtype dtypes[2]; // INT8, FLOAT32
    enum scoring_reward rewards[3];
    int full_calibration; // of the full score, which takes all images in float32
};
struct score_cell {
    int images;
    struct score_calibration calibration;
    enum scoring_dtype dtype;
    enum scoring_reward reward;
    int samples; // of so many images each, one after the other; correlations are means over them
    double spearman, kendall; // with the full reward of the same kind, distillation: with the loss
    double spearman_accuracy; // with the full accuracy
    double candidates_per_second; // of one core: cut, refit, recalibration, scoring
};
struct score_grid {
    const struct score_grid_axes *axes; // borrowed
    int n;                              // candidates
    struct score_cell *cells;           // [n_cells] arena
    int n_cells;
    double full_candidates_per_second;
    double full_accuracy_least, full_accuracy_most;
    int diverged; // candidates whose full score did: they count as the worst
};
struct score_grid_job {
    struct backend *backend;
    const struct scoring_options *scoring; // refit and validation_share of it count
    const struct prune_study *study;
    int n;
    const int *widths; // [n][groups]
    const struct score_grid_axes *axes;
    const uint8_t *const *calibration; // [axes->n_calibration] images of each
    struct progress *progress;         // grows by 1 with each candidate
};
enum status score_grid_run(const struct score_grid_job *job, struct arena *arena,
                           struct score_grid *out);
// Cells in the order of candidates per second, descending: the first whose correlation (Spearman)
// is at least so much; NULL: there is none.
const struct score_cell *score_grid_cheapest(const struct score_grid *grid, double correlation);
// The cell of a config, NULL when the grid has none.
const struct score_cell *score_grid_own(const struct score_grid *grid,
                                        const struct scoring_options *scoring,
                                        const struct prune_study *study, bool int8);
