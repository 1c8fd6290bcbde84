// Criterion bn_gamma: |gamma| of every BatchNorm that a group's channels pass (Liu et al. 2017,
// "Learning Efficient Convolutional Networks through Network Slimming"): right behind a
// convolution, or, as in DenseNet, behind a concatenation.
#include "search_space/criterion.h"

#include <math.h>

static bool rows_gamma(const struct criterion_input *input, int node, double *values)
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

const struct criterion criterion_bn_gamma = {
    .name = "bn_gamma", .needs = NEEDS_WEIGHTS, .rows = rows_gamma};
