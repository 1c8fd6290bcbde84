// One threshold for the channels of all groups: the least important go first until every limit
// holds, then what is left of the budget is given back, the most important first.
#include "search_space/wall_state.h"

#include <stdlib.h>

static int descending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

// A group's scores, the highest first. With equal parts the channels of one rank, one of each part,
// go together: ranked [channels / parts] are their means. ranked has room for all channels.
static void rank_scores(const struct wall_group *group, const float *scores, float *ranked)
{
    const int parts = group->equal_parts, part = group->channels / parts;
    for (int k = 0; k < group->channels; k++) {
        ranked[k] = scores[k];
    }
    for (int p = 0; p < parts; p++) {
        qsort(ranked + (size_t)p * (size_t)part, (size_t)part, sizeof *ranked, descending);
    }
    for (int r = 0; parts > 1 && r < part; r++) {
        double sum = 0;
        for (int p = 0; p < parts; p++) {
            sum += (double)ranked[p * part + r];
        }
        ranked[r] = (float)(sum / parts);
    }
}

// The least important first. Of equals, the one that leaves its group the widest, so that scores
// that say nothing cut every group alike.
static int least_first(const void *a, const void *b)
{
    const struct wall_step *x = a, *y = b;
    if (x->importance != y->importance) {
        return x->importance < y->importance ? -1 : 1;
    }
    if (x->share != y->share) {
        return x->share > y->share ? -1 : 1;
    }
    return (x->group > y->group) - (x->group < y->group);
}

// Every group's steps from one choice to the next smaller one; returns how many.
static int list_steps(struct wall *wall, float *const *scores)
{
    int n = 0;
    for (int g = 0; g < wall->n; g++) {
        const struct wall_group *group = &wall->groups[g];
        if (wall->decided[g]) {
            continue;
        }
        rank_scores(group, scores[g], wall->ranked);
        for (int c = 1; c < group->n_choices; c++) {
            const int from = group->choices[c], to = group->choices[c - 1];
            double sum = 0;
            for (int r = to / group->equal_parts; r < from / group->equal_parts; r++) {
                sum += (double)wall->ranked[r];
            }
            wall->steps[n++] = (struct wall_step){
                .group = g,
                .choice = c,
                .importance = sum * group->equal_parts / (from - to),
                .share = (double)from / group->channels,
            };
        }
    }
    qsort(wall->steps, (size_t)n, sizeof *wall->steps, least_first);
    return n;
}

static bool limits_hold(const struct wall *wall, const int64_t *totals)
{
    for (int k = 0; k < COST_KINDS; k++) {
        if (totals[k] > wall->limits[k]) {
            return false;
        }
    }
    return true;
}

static void set_width(const struct wall *wall, int *widths, int64_t *totals, int group, int width)
{
    for (int k = 0; k < COST_KINDS; k++) {
        totals[k] = cost_model_with(wall->models[k], widths, totals[k], group, width);
    }
    widths[group] = width;
}

void wall_channel_costs(const struct wall *wall, double *costs)
{
    for (int g = 0; g < wall->n; g++) {
        costs[g] = 0;
    }
    int n_limits = 0;
    for (int g = 0; g < wall->n; g++) {
        wall->full[g] = wall->groups[g].channels;
    }
    for (int k = 0; k < COST_KINDS; k++) {
        if (wall->limits[k] == INT64_MAX) {
            continue;
        }
        n_limits++;
        const int64_t total = cost_model_total(wall->models[k], wall->full);
        for (int g = 0; g < wall->n; g++) {
            const int c = wall->full[g];
            const int64_t without = cost_model_with(wall->models[k], wall->full, total, g, 0);
            costs[g] += (double)(total - without) / ((double)total * c);
        }
    }
    for (int g = 0; n_limits == 0 && g < wall->n; g++) {
        costs[g] = 1;
    }
}

enum status wall_global(struct wall *wall, float *const *scores, int *widths)
{
    const int n = list_steps(wall, scores);
    for (int g = 0; g < wall->n; g++) {
        widths[g] = wall->decided[g] ? wall->widths[g] : wall->groups[g].channels;
    }
    int64_t totals[COST_KINDS];
    for (int k = 0; k < COST_KINDS; k++) {
        totals[k] = cost_model_total(wall->models[k], widths);
    }
    int cut = 0;
    for (; cut < n && !limits_hold(wall, totals); cut++) {
        const struct wall_step *step = &wall->steps[cut];
        set_width(wall, widths, totals, step->group,
                  wall->groups[step->group].choices[step->choice - 1]);
    }
    CHECK(limits_hold(wall, totals)); // all at their least: wall_open and wall_decide saw to it
    // Raising one group makes no other cheaper to raise, so one pass finds all that still fit.
    while (cut-- > 0) {
        const struct wall_step *step = &wall->steps[cut];
        const int *choices = wall->groups[step->group].choices;
        const int width = choices[step->choice];
        if (widths[step->group] == choices[step->choice - 1] &&
            wall_holds(wall, widths, totals, step->group, width)) {
            set_width(wall, widths, totals, step->group, width);
        }
    }
    return OK;
}
