// The uniform baseline: one share for all groups, as great as the limits allow, then what is left
// of the budget given out group by group.
#include "core/quantile.h"
#include "search_space/wall_state.h"

// The share at which `choice` becomes the nearest one to share * channels. The same rational number
// always gives the same double, so shares of different groups compare exactly.
static double share_of(const struct wall_group *group, int choice)
{
    return choice == 0 ? 0.0
                       : (double)(group->choices[choice - 1] + group->choices[choice]) /
                             (2.0 * group->channels);
}

static int nearest_choice(const struct wall_group *group, double share)
{
    int choice = 0;
    while (choice + 1 < group->n_choices && share_of(group, choice + 1) <= share) {
        choice++;
    }
    return choice;
}

static bool share_holds(const struct wall *wall, double share, int *widths)
{
    for (int g = 0; g < wall->n; g++) {
        widths[g] = wall->decided[g]
                        ? wall->widths[g]
                        : wall->groups[g].choices[nearest_choice(&wall->groups[g], share)];
    }
    for (int k = 0; k < COST_KINDS; k++) {
        if (cost_model_total(wall->models[k], widths) > wall->limits[k]) {
            return false;
        }
    }
    return true;
}

// Raises the group with the smallest share whose next choice fits (the first of equals); false when
// none fits.
static bool raise_one(const struct wall *wall, int *widths, int64_t *totals)
{
    int best = -1, best_width = 0;
    for (int g = 0; g < wall->n; g++) {
        const struct wall_group *group = &wall->groups[g];
        if (wall->decided[g] || widths[g] == group->channels ||
            (best >= 0 && (int64_t)widths[g] * wall->groups[best].channels >=
                              (int64_t)widths[best] * group->channels)) {
            continue;
        }
        int next = 0;
        while (group->choices[next] <= widths[g]) {
            next++;
        }
        if (wall_holds(wall, widths, totals, g, group->choices[next])) {
            best = g;
            best_width = group->choices[next];
        }
    }
    if (best < 0) {
        return false;
    }
    for (int k = 0; k < COST_KINDS; k++) {
        totals[k] = cost_model_with(wall->models[k], widths, totals[k], best, best_width);
    }
    widths[best] = best_width;
    return true;
}

enum status wall_uniform(struct wall *wall, int *widths)
{
    size_t n = 0;
    for (int g = 0; g < wall->n; g++) {
        for (int i = 0; i < wall->groups[g].n_choices; i++) {
            wall->shares[n++] = share_of(&wall->groups[g], i);
        }
    }
    quantile_sort(wall->shares, n);
    // The smallest share, 0, gives the least widths, which wall_open found to hold.
    size_t low = 0, high = n;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (share_holds(wall, wall->shares[middle], widths)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    CHECK(share_holds(wall, n > 0 ? wall->shares[low] : 0.0, widths));
    int64_t totals[COST_KINDS];
    for (int k = 0; k < COST_KINDS; k++) {
        totals[k] = cost_model_total(wall->models[k], widths);
    }
    while (raise_one(wall, widths, totals)) {
    }
    return OK;
}
