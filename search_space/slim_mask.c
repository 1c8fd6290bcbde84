// Masking: the full-size network in which nobody reads a cut channel: every weight over it is zero.
// Whatever value it then has, be it a sigmoid's half, reaches no other channel.
#include "nn/node_type.h"
#include "search_space/slim.h"

#include <stdlib.h>
#include <string.h>

// Marks which channels of a node's output are cut; cut [c of the node].
static void mark_cut(const struct groups *groups, const struct keep *keep, int node, bool *cut)
{
    const struct segment_list *list = &groups->outputs[node];
    for (int s = 0, base = 0; s < list->n; base += list->segments[s++].count) {
        const int g = list->segments[s].group;
        for (int k = 0, next = 0; k < list->segments[s].count; k++) {
            const bool kept = g < 0 || (next < keep->kept[g] && keep->keep[g][next] == k);
            next += g >= 0 && kept;
            cut[base + k] = !kept;
        }
    }
}

// weights: `repeats` matrices [c of the node][columns][block], of a grouped convolution with the
// columns of one part only.
static void silence_columns(const struct graph *graph, const struct param *param, const bool *cut,
                            float *weights)
{
    const struct node *node = &graph->nodes[param->node];
    const int all = param->columns == COLUMNS_OWN ? node->c : graph->nodes[node->inputs[0]].c;
    const int parts = param->columns == COLUMNS_OWN ? 1 : node->groups;
    const int columns = all / parts, part_rows = node->c / parts;
    const size_t rows = (size_t)param->repeats * (size_t)node->c;
    const size_t block = param->count / rows / (size_t)columns;
    for (size_t row = 0; row < rows; row++) {
        const int first = (int)(row % (size_t)node->c) / part_rows * columns;
        for (int c = 0; c < columns; c++, weights += block) {
            if (cut[first + c]) {
                memset(weights, 0, block * sizeof *weights);
            }
        }
    }
}

void slim_mask(const struct graph *graph, const struct groups *groups, const struct keep *keep,
               float *params)
{
    for (int p = 0; p < graph->n_params; p++) {
        const struct param *param = &graph->params[p];
        if (param->columns == COLUMNS_NONE) {
            continue;
        }
        const int over =
            param->columns == COLUMNS_OWN ? param->node : graph->nodes[param->node].inputs[0];
        bool *cut = calloc((size_t)graph->nodes[over].c, sizeof *cut);
        CHECK(cut != NULL);
        mark_cut(groups, keep, over, cut);
        silence_columns(graph, param, cut, params + param->offset);
        free(cut);
    }
}
