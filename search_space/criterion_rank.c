// The choice of channels by their scores.
#include "search_space/importance.h"

#include <stdlib.h>
#include <string.h>

struct ranked {
    float score;
    int channel;
};

static int best_first(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->score != y->score) {
        return x->score > y->score ? -1 : 1;
    }
    return (x->channel > y->channel) - (x->channel < y->channel);
}

static int by_number(const void *a, const void *b)
{
    const int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static enum status check_width(const struct channel_group *group, int width)
{
    if (width < 1 || width > group->channels) {
        FAIL(ERR_CONFIG, "group %s: a width of %d is outside 1 to its %d channels", group->name,
             width, group->channels);
    }
    if (width % group->equal_parts != 0) {
        FAIL(ERR_CONFIG,
             "group %s: a width of %d does not divide into the %d equal parts that a grouped "
             "convolution needs; take a multiple of %d",
             group->name, width, group->equal_parts, group->equal_parts);
    }
    return OK;
}

int ranking_count(const struct groups *groups)
{
    int count = 0;
    for (int g = 0; g < groups->n; g++) {
        count += groups->groups[g].channels;
    }
    return count;
}

// ranked [channels] is scratch.
static void rank_group(const struct channel_group *group, const float *scores,
                       struct ranked *ranked, int *order)
{
    const int parts = group->equal_parts;
    const size_t part = (size_t)(group->channels / parts);
    for (int k = 0; k < group->channels; k++) {
        ranked[k] = (struct ranked){scores[k], k};
    }
    for (int p = 0; p < parts; p++) {
        qsort(ranked + (size_t)p * part, part, sizeof *ranked, best_first);
    }
    for (int k = 0; k < group->channels; k++) {
        order[k] = ranked[k].channel;
    }
}

enum status ranking_by_score(const struct groups *groups, float *const *scores, struct arena *arena,
                             struct ranking *out)
{
    const size_t count = (size_t)ranking_count(groups);
    struct ranked *ranked;
    int *order;
    ARENA_NEW(arena, ranked, count);
    ARENA_NEW(arena, order, count);
    for (int g = 0, at = 0; g < groups->n; at += groups->groups[g++].channels) {
        rank_group(&groups->groups[g], scores[g], ranked, order + at);
    }
    out->order = order;
    return OK;
}

enum status criterion_rank(const struct criterion *criterion, const struct criterion_input *input,
                           struct arena *arena, struct ranking *out)
{
    float **scores;
    TRY(importance_score(criterion, input, &importance_defaults, arena, &scores));
    return ranking_by_score(input->groups, scores, arena, out);
}

enum status ranking_keep(const struct groups *groups, const struct ranking *ranking,
                         const int *widths, struct arena *arena, struct keep *out)
{
    int **keep, *kept;
    ARENA_NEW(arena, keep, (size_t)groups->n);
    ARENA_NEW(arena, kept, (size_t)groups->n);
    const int *order = ranking->order;
    for (int g = 0; g < groups->n; order += groups->groups[g++].channels) {
        const struct channel_group *group = &groups->groups[g];
        TRY(check_width(group, widths[g]));
        const size_t part = (size_t)(group->channels / group->equal_parts);
        const size_t quota = (size_t)(widths[g] / group->equal_parts);
        ARENA_NEW(arena, keep[g], (size_t)widths[g]);
        for (int p = 0; p < group->equal_parts; p++) {
            memcpy(keep[g] + (size_t)p * quota, order + (size_t)p * part, quota * sizeof *order);
        }
        qsort(keep[g], (size_t)widths[g], sizeof *keep[g], by_number);
        kept[g] = widths[g];
    }
    *out = (struct keep){.keep = keep, .kept = kept};
    return OK;
}

enum status criterion_keep(const struct criterion *criterion, const struct criterion_input *input,
                           const int *widths, struct arena *arena, struct keep *out)
{
    struct ranking ranking;
    TRY(criterion_rank(criterion, input, arena, &ranking));
    return ranking_keep(input->groups, &ranking, widths, arena, out);
}
