// Criteria l1 and l2: the norm of the weights that produce a channel (Li et al. 2017, "Pruning
// Filters for Efficient ConvNets"), and of those that read it.
#include "search_space/channel_union.h"
#include "search_space/criterion.h"

#include <math.h>

static double power_of(float weight, int power)
{
    const double w = fabs((double)weight);
    return power == 1 ? w : w * w;
}

static void take_roots(double *values, int n, int power)
{
    for (int k = 0; power == 2 && k < n; k++) {
        values[k] = sqrt(values[k]);
    }
}

// Norms of a channel's rows of every weight of the node. An LSTM has four rows per channel and
// weight, one of each gate.
static bool rows(const struct criterion_input *input, int node, int power, double *values)
{
    const struct graph *graph = input->graph;
    const struct node *n = &graph->nodes[node];
    if (!channel_is_produced(graph, node)) {
        return false;
    }
    for (int k = 0; k < n->c; k++) {
        values[k] = 0;
    }
    for (int p = 0; p < NODE_MAX_PARAMS; p++) {
        const struct param *param = n->params[p] >= 0 ? &graph->params[n->params[p]] : NULL;
        if (param == NULL || param->role != PARAM_WEIGHT) {
            continue;
        }
        const size_t row = param->count / ((size_t)param->repeats * (size_t)n->c);
        const float *weights = input->params + param->offset;
        for (int r = 0; r < param->repeats * n->c; r++) {
            for (size_t i = 0; i < row; i++) {
                values[r % n->c] += power_of(weights[(size_t)r * row + i], power);
            }
        }
    }
    take_roots(values, n->c, power);
    return true;
}

// Norms of an input channel's columns of the weight that reads it: `block` numbers of each row. Of
// a grouped convolution only the rows of its part read it.
static bool columns(const struct criterion_input *input, int node, int power, double *values)
{
    const struct graph *graph = input->graph;
    const struct node *n = &graph->nodes[node];
    if (!graph_reads_channels(graph, node)) {
        return false;
    }
    const struct param *param = &graph->params[n->params[0]];
    const float *weight = input->params + param->offset;
    const int parts = n->groups, in_c = graph->nodes[n->inputs[0]].c;
    const size_t n_rows = (size_t)param->repeats * (size_t)n->c;
    const size_t part_rows = n_rows / (size_t)parts, part_in = (size_t)(in_c / parts);
    const size_t block = param->count / n_rows / part_in;
    for (int k = 0; k < in_c; k++) {
        values[k] = 0;
    }
    for (size_t row = 0; row < n_rows; row++) {
        double *part_values = values + row / part_rows * part_in;
        for (size_t i = 0; i < part_in * block; i++) {
            part_values[i / block] += power_of(*weight++, power);
        }
    }
    take_roots(values, in_c, power);
    return true;
}

static bool rows_l1(const struct criterion_input *input, int node, double *values)
{
    return rows(input, node, 1, values);
}

static bool columns_l1(const struct criterion_input *input, int node, double *values)
{
    return columns(input, node, 1, values);
}

static bool rows_l2(const struct criterion_input *input, int node, double *values)
{
    return rows(input, node, 2, values);
}

static bool columns_l2(const struct criterion_input *input, int node, double *values)
{
    return columns(input, node, 2, values);
}

const struct criterion criterion_l1 = {
    .name = "l1", .needs = NEEDS_WEIGHTS, .rows = rows_l1, .columns = columns_l1};
const struct criterion criterion_l2 = {
    .name = "l2", .needs = NEEDS_WEIGHTS, .rows = rows_l2, .columns = columns_l2};
