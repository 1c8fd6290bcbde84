// Masking: the full-size network with every cut channel made zero where it is produced and by every
// BatchNorm and depthwise convolution it passes, so that whoever reads it reads zeros.
#include "search_space/slim.h"

#include <string.h>

// Zeroes what belongs to one output channel of one parameter. An LSTM has four rows per channel,
// one of each gate; with all four zero its cell and its output stay zero.
static void silence_param(const struct graph *graph, const struct param *param, int channel,
                          float *params)
{
    const struct node *node = &graph->nodes[param->node];
    const size_t row = param->count / ((size_t)param->repeats * (size_t)node->c);
    for (int i = 0; i < param->repeats; i++) {
        const size_t at = ((size_t)i * (size_t)node->c + (size_t)channel) * row;
        memset(params + param->offset + at, 0, row * sizeof *params);
    }
}

static void silence_channel(const struct graph *graph, int node, int channel, float *params)
{
    const struct node *n = &graph->nodes[node];
    for (int i = 0; i < NODE_MAX_PARAMS; i++) {
        // The variance only scales what is zero already.
        if (n->params[i] >= 0 && graph->params[n->params[i]].role != PARAM_VAR) {
            silence_param(graph, &graph->params[n->params[i]], channel, params);
        }
    }
}

void slim_mask(const struct graph *graph, const struct groups *groups, const struct keep *keep,
               float *params)
{
    for (int i = 0; i < graph->n_nodes; i++) {
        const bool passes_on = graph->nodes[i].params[0] < 0;
        int base = 0; // position of the segment's first channel
        for (int s = 0; !passes_on && s < groups->outputs[i].n; s++) {
            const struct segment *segment = &groups->outputs[i].segments[s];
            const int g = segment->group;
            for (int k = 0, next = 0; g >= 0 && k < segment->count; k++) {
                if (next < keep->kept[g] && keep->keep[g][next] == k) {
                    next++;
                } else {
                    silence_channel(graph, i, base + k, params);
                }
            }
            base += segment->count;
        }
    }
}
