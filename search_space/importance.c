// Importance: every layer that makes or reads a group's channels is a member of the group, and a
// channel's importance is the sum, mean or maximum over the members of its normalised norm there.
#include "search_space/importance.h"

#include <math.h>

const char *const importance_normalisers[] = {
    [NORMALISE_MEAN] = "mean", [NORMALISE_MAX] = "max", [NORMALISE_NONE] = "none", NULL};
const char *const importance_reductions[] = {
    [REDUCE_SUM] = "sum", [REDUCE_MEAN] = "mean", [REDUCE_MOST] = "most", NULL};
const struct importance_options importance_defaults = {.normalise = NORMALISE_MEAN,
                                                       .reduce = REDUCE_SUM};

struct tally {
    const struct groups *groups;
    struct importance_options options;
    float **scores; // [n][channels]
    int *members;   // [n]
};

// What a group's values on a tensor are divided by. A tensor can hold a group more than once; the
// mean and the maximum are over all its places.
static double scale_of(const struct tally *tally, const struct segment_list *list, int group,
                       const double *values)
{
    double sum = 0, most = 0;
    int count = 0;
    for (int s = 0, at = 0; s < list->n; at += list->segments[s++].count) {
        for (int k = 0; list->segments[s].group == group && k < list->segments[s].count; k++) {
            sum += values[at + k];
            most = fmax(most, values[at + k]);
            count++;
        }
    }
    const double scale = tally->options.normalise == NORMALISE_MEAN  ? sum / count
                         : tally->options.normalise == NORMALISE_MAX ? most
                                                                     : 1;
    return scale != 0 ? scale : 1; // all zero: they stay so
}

// One member: values [channels of the tensor] of the groups that the tensor holds.
static void add_member(struct tally *tally, const struct segment_list *list, const double *values)
{
    for (int s = 0, at = 0; s < list->n; at += list->segments[s++].count) {
        const int g = list->segments[s].group;
        if (g < 0) {
            continue;
        }
        const double scale = scale_of(tally, list, g, values);
        for (int k = 0; k < list->segments[s].count; k++) {
            float *score = &tally->scores[g][k];
            const float value = (float)(values[at + k] / scale);
            if (tally->options.reduce == REDUCE_MOST) {
                *score = *score > value ? *score : value;
            } else {
                *score += value;
            }
        }
        tally->members[g]++;
    }
}

static bool has_group(const struct segment_list *list)
{
    for (int s = 0; s < list->n; s++) {
        if (list->segments[s].group >= 0) {
            return true;
        }
    }
    return false;
}

static void add_nodes(const struct criterion *criterion, const struct criterion_input *input,
                      struct tally *tally, double *values)
{
    const struct segment_list *outputs = input->groups->outputs;
    for (int i = 0; i < input->graph->n_nodes; i++) {
        const struct node *node = &input->graph->nodes[i];
        if (has_group(&outputs[i]) && criterion->rows(input, i, values)) {
            add_member(tally, &outputs[i], values);
        }
        if (criterion->columns != NULL && node->n_inputs > 0 &&
            has_group(&outputs[node->inputs[0]]) && criterion->columns(input, i, values)) {
            add_member(tally, &outputs[node->inputs[0]], values);
        }
    }
}

static enum status finish(const struct criterion *criterion, const struct tally *tally)
{
    for (int g = 0; g < tally->groups->n; g++) {
        const struct channel_group *group = &tally->groups->groups[g];
        if (tally->members[g] == 0) {
            FAIL(ERR_CONFIG,
                 "criterion %s says nothing of group %s (bn_gamma needs BatchNorm); use l1 or l2",
                 criterion->name, group->name);
        }
        for (int k = 0; k < group->channels; k++) {
            float *score = &tally->scores[g][k];
            *score /= tally->options.reduce == REDUCE_MEAN ? (float)tally->members[g] : 1.0F;
            if (!isfinite(*score)) {
                FAIL(ERR_INPUT,
                     "criterion %s gives channel %d of group %s no finite score: its weights are "
                     "not finite; use a network that trained without diverging",
                     criterion->name, k, group->name);
            }
        }
    }
    return OK;
}

static enum status score(const struct criterion *criterion, const struct criterion_input *input,
                         struct tally *tally, struct arena *scratch)
{
    int widest = 1;
    for (int i = 0; i < input->graph->n_nodes; i++) {
        widest = input->graph->nodes[i].c > widest ? input->graph->nodes[i].c : widest;
    }
    double *values;
    ARENA_NEW(scratch, tally->members, (size_t)tally->groups->n);
    ARENA_NEW(scratch, values, (size_t)widest);
    add_nodes(criterion, input, tally, values);
    return finish(criterion, tally);
}

enum status importance_score(const struct criterion *criterion, const struct criterion_input *input,
                             const struct importance_options *options, struct arena *arena,
                             float ***scores)
{
    const struct groups *groups = input->groups;
    struct tally tally = {.groups = groups, .options = *options};
    float *all;
    ARENA_NEW(arena, tally.scores, (size_t)groups->n);
    ARENA_NEW(arena, all, (size_t)ranking_count(groups));
    for (int g = 0; g < groups->n; all += groups->groups[g++].channels) {
        tally.scores[g] = all;
    }
    struct arena scratch = {0};
    const enum status status = score(criterion, input, &tally, &scratch);
    arena_close(&scratch);
    *scores = tally.scores;
    return status;
}
