// Criteria l1 and l2: the norm of the weights that produce a channel (Li et al. 2017, "Pruning
// Filters for Efficient ConvNets").
#include "search_space/channel_union.h"
#include "search_space/criterion_values.h"

#include <math.h>

// Sum of |w|^power over a channel's rows of every weight of the node. An LSTM has four rows per
// channel and weight, one of each gate.
static void sum_powers(const struct criterion_input *input, int node, int power, double *sums)
{
    const struct graph *graph = input->graph;
    const struct node *n = &graph->nodes[node];
    const int repeats = n->kind == NODE_LSTM ? 4 : 1;
    for (int k = 0; k < n->c; k++) {
        sums[k] = 0;
    }
    for (int p = 0; p < NODE_MAX_PARAMS; p++) {
        const struct param *param = n->params[p] >= 0 ? &graph->params[n->params[p]] : NULL;
        if (param == NULL || param->role != PARAM_WEIGHT) {
            continue;
        }
        const size_t row = param->count / ((size_t)repeats * (size_t)n->c);
        const float *weights = input->params + param->offset;
        for (int r = 0; r < repeats * n->c; r++) {
            for (size_t i = 0; i < row; i++) {
                const double w = fabs((double)weights[(size_t)r * row + i]);
                sums[r % n->c] += power == 1 ? w : w * w;
            }
        }
    }
}

static bool fill_l1(const struct criterion_input *input, int node, double *values)
{
    if (!channel_is_produced(input->graph, node)) {
        return false;
    }
    sum_powers(input, node, 1, values);
    return true;
}

static bool fill_l2(const struct criterion_input *input, int node, double *values)
{
    if (!channel_is_produced(input->graph, node)) {
        return false;
    }
    sum_powers(input, node, 2, values);
    for (int k = 0; k < input->graph->nodes[node].c; k++) {
        values[k] = sqrt(values[k]);
    }
    return true;
}

static enum status score_l1(const struct criterion_input *input, float *const *scores)
{
    return criterion_add_nodes(input, fill_l1, scores, NULL);
}

static enum status score_l2(const struct criterion_input *input, float *const *scores)
{
    return criterion_add_nodes(input, fill_l2, scores, NULL);
}

const struct criterion criterion_l1 = {.name = "l1", .needs = NEEDS_WEIGHTS, .score = score_l1};
const struct criterion criterion_l2 = {.name = "l2", .needs = NEEDS_WEIGHTS, .score = score_l2};
