// The table of criteria, and the choice of channels by their scores.
#include "search_space/criterion.h"

#include "search_space/channel_union.h"
#include "search_space/criterion_values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct criterion *const criteria[] = {&criterion_l1, &criterion_l2, &criterion_bn_gamma,
                                            &criterion_random, NULL};

const struct criterion *criterion_find(const char *name)
{
    for (int i = 0; criteria[i] != NULL; i++) {
        if (strcmp(criteria[i]->name, name) == 0) {
            return criteria[i];
        }
    }
    return NULL;
}

void criterion_add_values(const struct groups *groups, int node, const double *values,
                          float *const *scores)
{
    const struct segment_list list = groups->outputs[node];
    int base = 0; // position of the segment's first channel
    for (int s = 0; s < list.n; s++) {
        const int g = list.segments[s].group;
        // A tensor can hold a group more than once; the mean is over all its places.
        double sum = 0;
        for (int t = 0, at = 0; g >= 0 && t < list.n; at += list.segments[t++].count) {
            for (int k = 0; list.segments[t].group == g && k < list.segments[t].count; k++) {
                sum += values[at + k];
            }
        }
        for (int k = 0; sum != 0 && k < list.segments[s].count; k++) {
            scores[g][k] += (float)(values[base + k] * groups->groups[g].channels / sum);
        }
        base += list.segments[s].count;
    }
}

static enum status add_nodes(const struct criterion_input *input, struct arena *scratch,
                             bool (*fill)(const struct criterion_input *input, int node,
                                          double *values),
                             float *const *scores, int *n_filled)
{
    const struct graph *graph = input->graph;
    int widest = 1;
    for (int i = 0; i < graph->n_nodes; i++) {
        widest = graph->nodes[i].c > widest ? graph->nodes[i].c : widest;
    }
    double *values;
    ARENA_NEW(scratch, values, (size_t)widest);
    for (int i = 0; i < graph->n_nodes; i++) {
        bool is_member = false;
        for (int s = 0; s < input->groups->outputs[i].n; s++) {
            is_member = is_member || input->groups->outputs[i].segments[s].group >= 0;
        }
        if (is_member && fill(input, i, values)) {
            criterion_add_values(input->groups, i, values, scores);
            *n_filled += 1;
        }
    }
    return OK;
}

enum status criterion_add_nodes(const struct criterion_input *input,
                                bool (*fill)(const struct criterion_input *input, int node,
                                             double *values),
                                float *const *scores, int *n_filled)
{
    struct arena scratch = {0};
    int filled = 0;
    const enum status status = add_nodes(input, &scratch, fill, scores, &filled);
    arena_close(&scratch);
    if (n_filled != NULL) {
        *n_filled = filled;
    }
    return status;
}

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

// The best `width` channels, ascending: the same count from each equal part. ranked [channels].
static void select_best(const struct channel_group *group, const float *scores, int width,
                        struct ranked *ranked, int *keep)
{
    const int part = group->channels / group->equal_parts, quota = width / group->equal_parts;
    int n = 0;
    for (int p = 0; p < group->equal_parts; p++) {
        for (int i = 0; i < part; i++) {
            ranked[i] = (struct ranked){scores[p * part + i], p * part + i};
        }
        qsort(ranked, (size_t)part, sizeof *ranked, best_first);
        for (int i = 0; i < quota; i++) {
            keep[n++] = ranked[i].channel;
        }
    }
    qsort(keep, (size_t)n, sizeof *keep, by_number);
}

static enum status check_scores(const struct criterion *criterion,
                                const struct channel_group *group, const float *scores)
{
    for (int k = 0; k < group->channels; k++) {
        if (!isfinite(scores[k])) {
            FAIL(ERR_INPUT,
                 "criterion %s gives channel %d of group %s no finite score: its weights are not "
                 "finite; use a network that trained without diverging",
                 criterion->name, k, group->name);
        }
    }
    return OK;
}

enum status criterion_keep(const struct criterion *criterion, const struct criterion_input *input,
                           const int *widths, struct arena *arena, struct keep *out)
{
    const struct groups *groups = input->groups;
    const size_t n = (size_t)groups->n;
    float **scores;
    int **keep, *kept, widest = 1;
    ARENA_NEW(arena, scores, n);
    ARENA_NEW(arena, keep, n);
    ARENA_NEW(arena, kept, n);
    for (int g = 0; g < groups->n; g++) {
        TRY(check_width(&groups->groups[g], widths[g]));
        ARENA_NEW(arena, scores[g], (size_t)groups->groups[g].channels);
        ARENA_NEW(arena, keep[g], (size_t)widths[g]);
        kept[g] = widths[g];
        widest = groups->groups[g].channels > widest ? groups->groups[g].channels : widest;
    }
    struct ranked *ranked;
    ARENA_NEW(arena, ranked, (size_t)widest);
    TRY(criterion->score(input, scores));
    for (int g = 0; g < groups->n; g++) {
        TRY(check_scores(criterion, &groups->groups[g], scores[g]));
        select_best(&groups->groups[g], scores[g], widths[g], ranked, keep[g]);
    }
    *out = (struct keep){.keep = keep, .kept = kept};
    return OK;
}
