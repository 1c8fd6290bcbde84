// What wall.c and wall_uniform.c share.
#pragma once
#include "search_space/wall.h"

struct wall_group {
    int channels;
    int equal_parts; // of its channels, each of the same width
    int *choices;    // ascending; arena
    int n_choices;
};
// From choice `choice` of a group to the next smaller one.
struct wall_step {
    int group, choice;
    double importance; // of the channels that go, on average
    double share;      // of the group's channels at `choice`
};
struct wall {
    int n;
    struct wall_group *groups;             // [n]
    struct cost_model *models[COST_KINDS]; // by cost_kind
    int64_t limits[COST_KINDS];            // by cost_kind; INT64_MAX = none
    int *full;                             // [n]: scratch of wall_channel_costs
    int *widths;                           // [n]: decided, or the least
    bool *decided;                         // [n]
    int64_t totals[COST_KINDS];            // at `widths`
    double *shares;          // scratch of wall_uniform, as many as all groups have choices
    struct wall_step *steps; // scratch of wall_global, as many
    float *ranked;           // scratch of wall_global, as many as the widest group's channels
};

// Do all limits hold when `group` takes `width` and the others are `widths`, which cost `totals`?
bool wall_holds(const struct wall *wall, const int *widths, const int64_t *totals, int group,
                int width);
