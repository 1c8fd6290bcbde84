// How accurate a candidate is: cut, refitted when so configured, recalibrated, scored.
#pragma once
#include "envs/prune/prune_study.h"
#include "envs/scoring/scoring_reward.h"
#include "envs/scoring/scoring_score.h"

// Which channels stay is the study's ranking. out: as from slim_network.
enum status prune_cut(const struct prune_study *study, const int *widths, struct graph *graph,
                      float **params);

// images: that are right out of the config's. *seconds grows by the time inside the plans. A
// function of (config, seed, network, widths) alone: no worker, thread or earlier candidate has a
// part in it.
enum status prune_score_widths(const struct scorer *scorer, const struct prune_study *study,
                               const int *widths, struct cached_score *out, double *seconds);
// The same for several numbers of images, not the config's. out [counts->n].
enum status prune_score_counts(const struct scorer *scorer, const struct prune_study *study,
                               const int *widths, const struct score_counts *counts,
                               struct cached_score *out, double *seconds);
// Whether candidates of this network are refitted.
bool prune_refits(const struct scoring_options *scoring, const struct graph *graph,
                  const struct groups *groups);
