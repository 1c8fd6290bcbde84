// Criterion bn_gamma: |gamma| of every BatchNorm that a group's channels pass (Liu et al. 2017,
// "Learning Efficient Convolutional Networks through Network Slimming"): right behind a
// convolution, or, as in DenseNet, behind a concatenation.
#include "search_space/criterion_values.h"

#include <math.h>

static bool fill_gamma(const struct criterion_input *input, int node, double *values)
{
    const struct node *n = &input->graph->nodes[node];
    if (n->kind != NODE_BATCHNORM) {
        return false;
    }
    const float *gamma = input->params + input->graph->params[n->params[0]].offset;
    for (int c = 0; c < n->c; c++) {
        values[c] = fabs((double)gamma[c]);
    }
    return true;
}

static enum status score_bn_gamma(const struct criterion_input *input, float *const *scores)
{
    int filled;
    TRY(criterion_add_nodes(input, fill_gamma, scores, &filled));
    if (filled == 0 && input->groups->n > 0) {
        FAIL(ERR_CONFIG,
             "criterion bn_gamma needs BatchNorm, and this network has none; use l1 or l2");
    }
    return OK;
}

const struct criterion criterion_bn_gamma = {
    .name = "bn_gamma", .needs = NEEDS_WEIGHTS, .score = score_bn_gamma};
