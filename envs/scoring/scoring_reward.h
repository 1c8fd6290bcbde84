// What the agent is rewarded with for a candidate's score.
#pragma once
#include "envs/scoring/host_subject.h"
#include "envs/scoring/score_cache.h"

// Search-validation images that each candidate is scored on.
int scoring_images(const struct scoring_options *scoring, const struct host_dataset *data);
// What `score`, of so many search-validation images, is worth, as scoring.reward says: the
// accuracy; the mean loss on a scale on which 1 is no loss and 0 that of guessing; or the mean of
// that and of how much of the variance of the whole network's logits the candidate's explain (1 is
// all of it), the two parts of a loss of distillation on logits (Ba & Caruana 2014, "Do Deep Nets
// Really Need to be Deep?", eq. 1): it differs less between samples of images. What has diverged
// is worth the least: -1, by accuracy 0.
double scoring_reward_of(enum scoring_reward reward, const struct host_subject *subject,
                         const struct cached_score *score, int images);
// Standard deviation of that reward if the scoring images were drawn anew, as rewards are compared:
// all candidates are scored on the same images.
double scoring_reward_noise(const struct scoring_options *scoring, const struct host_dataset *data);

// Mean squared distance of logits [n][classes] from their mean over the images, as score.distance
// has it; 0 without any. Memory from `arena`.
enum status scoring_spread(const float *logits, int n, int classes, struct arena *arena,
                           double *out);
