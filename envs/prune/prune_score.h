// How accurate a candidate is: cut, refitted when so configured, recalibrated, scored.
#pragma once
#include "envs/prune/prune_reward.h"
#include "envs/prune/prune_study.h"
#include "nn/score.h"

struct score_request {
    const struct graph *graph;
    const float *params; // [n_floats]
    const float *ranges; // int8; NULL: float32
    const struct network_info *info;
    const struct host_dataset *data;
    int images;             // the first so many of the search-validation set
    const float *reference; // [n_reference][classes] of these images' first; later ones add nothing
    int n_reference;        // to the score's distance. NULL: none do
    float *logits;          // [n_logits][classes] out, of the first; NULL: not wanted
    int n_logits;
};
// Runs in float32 or int8 as it is, nothing recalibrated.
enum status prune_score_params(struct backend *backend, const struct score_request *request,
                               struct score *out);

// Which channels stay is the study's ranking. out: as from slim_network.
enum status prune_cut(const struct prune_study *study, const int *widths, struct graph *graph,
                      float **params);

struct prune_scorer {
    struct backend *backend;
    const struct scoring_options *scoring; // dtype is not AUTO
    const uint8_t *calibration;            // [n_calibration][h][w][c] in place of the network's own
    int n_calibration;                     // NULL: those, scoring.calibration_images at most
};
// The images that candidates of this network are recalibrated on, and how many.
const uint8_t *prune_scorer_calibration(const struct prune_scorer *scorer,
                                        const struct host_network *network, int *n);
// One score after each of several numbers of images, from one pass.
struct score_counts {
    int n;
    const int *images;    // [n] ascending
    struct score *scores; // [n] out
    double *seconds;      // [n] out: what the clock said when it was there; NULL: not wanted
    double (*clock)(void);
};
// images: that are right out of the config's. *seconds grows by the time inside the plans. A
// function of (config, seed, network, widths) alone: no worker, thread or earlier candidate has a
// part in it.
enum status prune_score_widths(const struct prune_scorer *scorer, const struct prune_study *study,
                               const int *widths, struct cached_score *out, double *seconds);
// The same for several numbers of images, not the config's. out [counts->n].
enum status prune_score_counts(const struct prune_scorer *scorer, const struct prune_study *study,
                               const int *widths, const struct score_counts *counts,
                               struct cached_score *out, double *seconds);
// Whether candidates of this network are refitted.
bool prune_refits(const struct scoring_options *scoring, const struct graph *graph,
                  const struct groups *groups);
