// Criterion bn_gamma: |gamma| of the BatchNorm right behind a member (Liu et al. 2017, "Learning
// Efficient Convolutional Networks through Network Slimming").
#include "search_space/criterion_values.h"

#include <math.h>

static bool fill_gamma(const struct criterion_input *input, int node, double *values)
{
    const struct graph *graph = input->graph;
    bool any = false;
    for (int k = 0; k < graph->nodes[node].c; k++) {
        values[k] = 0;
    }
    for (int i = node + 1; i < graph->n_nodes; i++) {
        const struct node *n = &graph->nodes[i];
        if (n->kind != NODE_BATCHNORM || n->inputs[0] != node) {
            continue;
        }
        const float *gamma = input->params + graph->params[n->params[0]].offset;
        for (int k = 0; k < n->c; k++) {
            values[k] += fabs((double)gamma[k]);
        }
        any = true;
    }
    return any;
}

static enum status score_bn_gamma(const struct criterion_input *input, float *const *scores)
{
    int filled;
    TRY(criterion_add_members(input, fill_gamma, scores, &filled));
    if (filled == 0 && input->groups->n > 0) {
        FAIL(ERR_CONFIG, "criterion bn_gamma needs a BatchNorm right behind a convolution, and "
                         "this network has none; use l1 or l2");
    }
    return OK;
}

const struct criterion criterion_bn_gamma = {
    .name = "bn_gamma", .needs = NEEDS_WEIGHTS, .score = score_bn_gamma};
