// What wall.c and wall_uniform.c share.
#pragma once
#include "search_space/wall.h"

struct wall_group {
    int channels;
    int *choices; // ascending; arena
    int n_choices;
};
struct wall {
    int n;
    struct wall_group *groups;    // [n]
    struct cost_model *models[2]; // by cost_kind
    int64_t limits[2];            // by cost_kind; INT64_MAX = none
    int *widths;                  // [n]: decided, or the least
    bool *decided;                // [n]
    int64_t totals[2];            // at `widths`
    double *shares;               // scratch of wall_uniform, as many as all groups have choices
};

// Do all limits hold when `group` takes `width` and the others are `widths`, which cost `totals`?
bool wall_holds(const struct wall *wall, const int *widths, const int64_t *totals, int group,
                int width);
