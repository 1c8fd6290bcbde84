// The widths that the guessed errors of the groups (error_curve.h) speak for under a walk's limits:
// those with the least sum of errors, as far as groups' errors add up. A knapsack, by Lagrange's
// way (Everett 1963, "Generalized Lagrange Multiplier Method for Solving Problems of Optimum
// Allocation of Resources"): at a price on cost each group chooses alone; bisection finds the least
// price at which the limits hold.
#pragma once
#include "envs/prune/host_data.h"
#include "search_space/cost.h"
#include "search_space/wall.h"

// The corners of a group's errors over its widths, seen from below, so that gains fall.
struct prune_corner {
    int width;
    double error; // sum over the layers that read the group
    double gain;  // error that each channel since the corner before saves; at the first: infinite
};
struct prune_corners {
    const struct prune_corner *corners; // [n] widths ascending, from the least to all; arena
    int n;
};
// choices [n_choices] of the group, as wall_choices gives them.
enum status prune_corners_make(const struct host_network *network, int group, const int *choices,
                               int n_choices, struct arena *arena, struct prune_corners *out);
// first: where the group begins in the curves of host_prior. width: at least 1.
double prune_error_at(const struct host_network *network, int first, int group, int width);

struct prune_study;
struct prune_hint {
    double weights[COST_KINDS]; // what a unit of each cost counts; 0: it is not priced
    int level;                  // of the price
    int *widths;                // [groups.n] decided, or suggested; arena
    int *from, *trial, *best;   // [groups.n] scratch; arena
};
enum status prune_hint_open(const struct prune_study *study, struct arena *arena,
                            struct prune_hint *out);
// limits [COST_KINDS] by cost_kind are the wall's, of which the steps before `step` are decided:
// from nothing, or from what the hint was one decision ago.
void prune_hint_reset(struct prune_hint *hint, const struct prune_study *study,
                      const struct wall *wall, const int64_t *limits);
void prune_hint_update(struct prune_hint *hint, const struct prune_study *study,
                       const struct wall *wall, const int64_t *limits, int step);
// Raises widths [groups.n] of all steps one choice at a time while the limits allow, each time
// where that saves the most error for its cost.
void prune_hint_fill(const struct prune_hint *hint, const struct prune_study *study,
                     const struct wall *wall, const int64_t *limits, int *widths);
