// ACT: an activation, value by value.
#include "nn/infer_internal.h"
#include "nn/lower_backward.h"
#include "nn/node_type.h"

#include <math.h>

static enum status backward(struct backward *b, const struct compound *compound)
{
    const int input = b->graph->nodes[compound->node].inputs[0];
    if (!b->needed[input]) {
        return OK;
    }
    int dx;
    TRY(backward_whole_gradient(b, compound, &dx));
    return backward_contribute(b, input, dx);
}

// The rectified normal distribution: E relu(x) = m P(m/s) + s p(m/s), E relu(x)^2 = (m^2 + s^2)
// P(m/s) + m s p(m/s).
static void rectify(double *mean, double *variance)
{
    const double m = *mean, s = sqrt(*variance) + 1e-12, z = m / s;
    const double above = 0.5 * erfc(-z * sqrt(0.5));
    const double density = exp(-0.5 * z * z) / 2.5066282746310002; // sqrt(2 pi)
    const double square = (m * m + s * s) * above + m * s * density;
    *mean = m * above + s * density;
    *variance = fmax(square - *mean * *mean, 0);
}

// The same of any activation, by sums over a fine grid of the normal distribution.
static void integrate(struct activation act, double *mean, double *variance)
{
    enum { POINTS = 65 };
    const double s = sqrt(*variance);
    double weights = 0, sum = 0, squares = 0;
    for (int i = 0; i < POINTS; i++) {
        const double z = 8.0 * i / (POINTS - 1) - 4.0, weight = exp(-0.5 * z * z);
        const double value = activation_value(act, *mean + s * z);
        weights += weight;
        sum += weight * value;
        squares += weight * value * value;
    }
    *mean = sum / weights;
    *variance = fmax(squares / weights - *mean * *mean, 0);
}

static void moments(const struct graph *graph, const float *params, int node,
                    const struct moments *all, struct moments *out)
{
    const struct node *n = &graph->nodes[node];
    node_moments_same(graph, params, node, all, out);
    for (int c = 0; c < n->c; c++) {
        if (n->act.kind == ACT_RELU || n->act.kind == ACT_CLIP) { // few values reach the clip
            rectify(&out->mean[c], &out->variance[c]);
        } else {
            integrate(n->act, &out->mean[c], &out->variance[c]);
        }
    }
}

static const struct node_attribute attributes[] = {
    {.key = "act", .kind = ATTRIBUTE_ACT, .offset = offsetof(struct node, act)},
    {.key = NULL},
};

const struct node_type node_type_act = {
    .name = "act",
    .least_inputs = 1,
    .most_inputs = 1,
    .attributes = attributes,
    .shape = node_shape_as_input,
    .op = OP_ADD,
    .forward = lower_plain,
    .backward = backward,
    .infer = infer_plain,
    .load = infer_load_output_factor,
    .int8_output = INT8_FLOAT,
    .pieces = node_pieces_same,
    .moments = moments,
};
