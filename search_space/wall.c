// The wall itself. Undecided groups count at their least choice, which they can really take, and
// cost never falls as a width grows; so a width is legal exactly when the total with it stays under
// every limit, and then the rest can always be finished.
#include "search_space/wall_state.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

bool wall_holds(const struct wall *wall, const int *widths, const int64_t *totals, int group,
                int width)
{
    for (int k = 0; k < COST_KINDS; k++) {
        if (wall->limits[k] != INT64_MAX &&
            cost_model_with(wall->models[k], widths, totals[k], group, width) > wall->limits[k]) {
            return false;
        }
    }
    return true;
}

// Multiples of round_to that divide into the group's equal parts, from the least share up, and the
// full width.
static enum status list_choices(const struct channel_group *group,
                                const struct wall_options *options, struct arena *arena,
                                struct wall_group *out)
{
    const int c = group->channels;
    out->channels = c;
    out->equal_parts = group->equal_parts;
    ARENA_NEW(arena, out->choices, (size_t)c);
    // 0.2 * 15 is a little more than 3 in floating point; it means 3.
    const double share = ceil(options->least_share * c / options->round_to - 1e-9);
    const double least = fmax(share, 1) * options->round_to;
    for (int64_t width = options->round_to; width < c; width += options->round_to) {
        if ((double)width >= least && width % group->equal_parts == 0) {
            out->choices[out->n_choices++] = (int)width;
        }
    }
    out->choices[out->n_choices++] = c;
    return OK;
}

static enum status check_options(const struct wall_options *options,
                                 const struct wall_limit *limits, int n_limits)
{
    if (options->round_to < 1) {
        FAIL(ERR_CONFIG, "round_to is %d; widths are multiples of it, so it must be at least 1",
             options->round_to);
    }
    if (!(options->least_share >= 0 && options->least_share <= 1)) {
        FAIL(ERR_CONFIG, "least_share is %g; it is a share of each group, between 0 and 1",
             options->least_share);
    }
    for (int i = 0; i < n_limits; i++) {
        if (limits[i].limit < 1) {
            FAIL(ERR_CONFIG,
                 "a limit of %" PRId64 " %s leaves no network at all; it must be above 0",
                 limits[i].limit, cost_units[limits[i].kind]);
        }
    }
    return OK;
}

static enum status check_reachable(const struct wall *wall, const struct wall_options *options)
{
    for (int k = 0; k < COST_KINDS; k++) {
        if (wall->totals[k] > wall->limits[k]) {
            FAIL(ERR_CONFIG,
                 "a limit of %" PRId64 " %s cannot be met: with every group at its least width "
                 "(round_to %d, least_share %g) the network still has %" PRId64 ", %" PRId64
                 " too many; raise the limit or lower least_share or round_to",
                 wall->limits[k], cost_units[k], options->round_to, options->least_share,
                 wall->totals[k], wall->totals[k] - wall->limits[k]);
        }
    }
    return OK;
}

enum status wall_open(const struct graph *graph, const struct groups *groups,
                      const struct wall_options *options, const struct wall_limit *limits,
                      int n_limits, struct arena *arena, struct wall **out)
{
    TRY(check_options(options, limits, n_limits));
    struct wall *wall;
    ARENA_NEW(arena, wall, 1);
    wall->n = groups->n;
    ARENA_NEW(arena, wall->groups, (size_t)wall->n);
    ARENA_NEW(arena, wall->full, (size_t)wall->n);
    ARENA_NEW(arena, wall->widths, (size_t)wall->n);
    ARENA_NEW(arena, wall->decided, (size_t)wall->n);
    size_t choices = 0;
    int widest = 1;
    for (int g = 0; g < wall->n; g++) {
        const int c = groups->groups[g].channels;
        TRY(list_choices(&groups->groups[g], options, arena, &wall->groups[g]));
        choices += (size_t)wall->groups[g].n_choices;
        widest = c > widest ? c : widest;
    }
    ARENA_NEW(arena, wall->shares, choices);
    ARENA_NEW(arena, wall->steps, choices);
    ARENA_NEW(arena, wall->ranked, (size_t)widest);
    for (int k = 0; k < COST_KINDS; k++) {
        TRY(cost_model_open(graph, groups, (enum cost_kind)k, arena, &wall->models[k]));
        wall->limits[k] = INT64_MAX;
    }
    for (int i = 0; i < n_limits; i++) {
        int64_t *limit = &wall->limits[limits[i].kind];
        *limit = limits[i].limit < *limit ? limits[i].limit : *limit;
    }
    wall_reset(wall);
    TRY(check_reachable(wall, options));
    *out = wall;
    return OK;
}

int wall_groups(const struct wall *wall)
{
    return wall->n;
}

int wall_choices(const struct wall *wall, int group, const int **widths)
{
    CHECK(group >= 0 && group < wall->n);
    *widths = wall->groups[group].choices;
    return wall->groups[group].n_choices;
}

void wall_reset(struct wall *wall)
{
    for (int g = 0; g < wall->n; g++) {
        wall->widths[g] = wall->groups[g].choices[0];
        wall->decided[g] = false;
    }
    for (int k = 0; k < COST_KINDS; k++) {
        wall->totals[k] = cost_model_total(wall->models[k], wall->widths);
    }
}

void wall_set_limits(struct wall *wall, const int64_t *limits)
{
    wall_reset(wall);
    for (int k = 0; k < COST_KINDS; k++) {
        CHECK(wall->totals[k] <= limits[k]);
        wall->limits[k] = limits[k];
    }
}

void wall_legal(const struct wall *wall, int group, uint8_t *legal)
{
    CHECK(group >= 0 && group < wall->n && !wall->decided[group]);
    const struct wall_group *g = &wall->groups[group];
    // Cost grows with width, so the legal choices come first: find where they end.
    int low = 0, high = g->n_choices; // choice `low` is legal, choice `high` is not
    while (high - low > 1) {
        const int middle = low + (high - low) / 2;
        if (wall_holds(wall, wall->widths, wall->totals, group, g->choices[middle])) {
            low = middle;
        } else {
            high = middle;
        }
    }
    memset(legal, 1, (size_t)low + 1);
    memset(legal + low + 1, 0, (size_t)(g->n_choices - low - 1));
}

void wall_decide(struct wall *wall, int group, int width)
{
    CHECK(group >= 0 && group < wall->n && !wall->decided[group]);
    const struct wall_group *g = &wall->groups[group];
    bool is_choice = false;
    for (int i = 0; i < g->n_choices; i++) {
        is_choice = is_choice || g->choices[i] == width;
    }
    CHECK(is_choice && wall_holds(wall, wall->widths, wall->totals, group, width));
    for (int k = 0; k < COST_KINDS; k++) {
        wall->totals[k] =
            cost_model_with(wall->models[k], wall->widths, wall->totals[k], group, width);
    }
    wall->widths[group] = width;
    wall->decided[group] = true;
}

enum status wall_keep_streams(struct wall *wall, const struct groups *groups)
{
    for (int g = 0; g < wall->n; g++) {
        const int full = wall->groups[g].channels;
        if (groups->groups[g].inner) {
            continue;
        }
        if (!wall_holds(wall, wall->widths, wall->totals, g, full)) {
            FAIL(ERR_CONFIG,
                 "the budget cannot be met while the residual streams stay whole (group \"%s\" has "
                 "%d channels); raise the budget or let all groups be cut",
                 groups->groups[g].name, full);
        }
        wall_decide(wall, g, full);
    }
    return OK;
}

int64_t wall_budget(double asked, int64_t whole)
{
    return asked <= 1 ? (int64_t)floor(asked * (double)whole) : (int64_t)asked;
}

const int *wall_widths(const struct wall *wall)
{
    return wall->widths;
}

int64_t wall_cost(const struct wall *wall, enum cost_kind kind)
{
    return wall->totals[kind];
}
