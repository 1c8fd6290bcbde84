// The table of criteria, and what they share.
#include "search_space/criterion.h"

#include "search_space/criterion_values.h"

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
