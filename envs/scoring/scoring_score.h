// How accurate a network is on the images of its data set; of a candidate, recalibrated first.
#pragma once
#include "envs/network_env.h"
#include "envs/scoring/host_subject.h"
#include "envs/scoring/score_cache.h"
#include "nn/score.h"

struct score_request {
    const struct graph *graph;
    const float *params; // [n_floats]
    const float *ranges; // int8; NULL: float32
    const struct network_info *info;
    const struct host_dataset *data;
    int images;             // the first so many of the search-validation set
    const float *reference; // [images][classes] for the score's distance; NULL: it stays 0
    float *logits;          // [images][classes] out; NULL: not wanted
};
// Runs in float32 or int8 as it is, nothing recalibrated.
enum status scoring_score_params(struct backend *backend, const struct score_request *request,
                                 struct score *out);
// The same on the whole search-validation set, in float32. out->reward: what scoring.reward says.
enum status scoring_score_network(struct backend *backend, enum scoring_reward reward,
                                  const struct host_subject *subject, const struct network *network,
                                  struct network_score *out);

struct scorer {
    struct backend *backend;
    const struct scoring_options *scoring; // dtype is not AUTO
    const uint8_t *calibration;            // [n_calibration][h][w][c] in place of the subject's own
    int n_calibration;                     // NULL: those, scoring.calibration_images at most
};
// The backend that a job asks for, which the caller closes, and in *resolved what its config says
// of scoring, with the dtype that candidates compute in on this backend where the config leaves it
// open.
enum status scoring_open_backend(const struct env_job *job, const struct scoring_options *scoring,
                                 struct backend **backend, struct scoring_options *resolved);
// The images that candidates of this subject are recalibrated on, and how many.
const uint8_t *scorer_calibration(const struct scorer *scorer, const struct host_subject *subject,
                                  int *n);
// One score after each of several numbers of images, from one pass.
struct score_counts {
    int n;
    const int *images;    // [n] ascending
    struct score *scores; // [n] scratch
    double *seconds;      // [n] out: what the clock said when it was there; NULL: not wanted
    double (*clock)(void);
};
// A candidate on its way to a score.
struct scored_candidate {
    const struct graph *graph;
    float *params; // [n_floats]; its running statistics are rewritten
};
// Recalibrated, then scored, in the scorer's dtype. out [counts->n]. *seconds grows by the time
// inside the plans.
enum status scoring_score_candidate(const struct scorer *scorer, const struct host_subject *subject,
                                    const struct scored_candidate *candidate,
                                    const struct score_counts *counts, struct cached_score *out,
                                    double *seconds);

// Writes a network's running statistics, taken on `images` training images of its subject: the
// host's, or, when those are too few, images read anew and kept for the next call.
struct kept_images {
    uint8_t *images; // NULL: none yet; arena
    int wanted, n;   // asked for; there are
};
struct recalibration {
    struct backend *backend;
    const struct host_subject *subject;
    struct more_images which;
    int images;
    struct kept_images *kept; // of the subject's data set
    struct arena *arena;      // of them
};
enum status scoring_recalibrate(const struct recalibration *how, struct network *network);
