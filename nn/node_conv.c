// CONV: a convolution. Parameters: weight [out][in/groups][kh][kw], bias [out] if it has one.
#include "nn/node_conv.h"

#include <math.h>

// A convolution whose every channel is one filtered input channel.
static bool filters_channels(const struct graph *graph, const struct node *node)
{
    return node->groups > 1 && node->groups == node->c &&
           node->groups == graph->nodes[node->inputs[0]].c;
}

static enum status shape(const struct graph *graph, struct node *node)
{
    const int in_c = graph->nodes[node->inputs[0]].c;
    if (in_c % node->groups != 0 || node->c % node->groups != 0) {
        FAIL(ERR_INPUT, "node %s: %d groups do not divide its %d input and %d output channels",
             node->name, node->groups, in_c, node->c);
    }
    return node_slide_window(graph, node);
}

static int params(const struct graph *graph, const struct node *node, struct param_shape *shapes)
{
    const int in_c = graph->nodes[node->inputs[0]].c / node->groups;
    shapes[0] = (struct param_shape){
        .suffix = "weight",
        .role = PARAM_WEIGHT,
        .n_dims = 4,
        .dims = {node->c, in_c, node->kernel[0], node->kernel[1]},
        .columns = filters_channels(graph, node) ? COLUMNS_NONE : COLUMNS_INPUT,
    };
    shapes[1] = (struct param_shape){
        .suffix = "bias", .role = PARAM_BIAS, .n_dims = 1, .dims = {node->c, 1, 1, 1}};
    return node->bias ? 2 : 1;
}

// He et al. 2015, eq. 14: the variance of gradients stays when each weight has 2 / (outputs that
// one input value feeds).
static void init(const struct graph *graph, const struct param *param, struct rng *rng,
                 float *values)
{
    const int groups = graph->nodes[param->node].groups;
    const float fan_out =
        (float)param->dims[0] / (float)groups * (float)param->dims[2] * (float)param->dims[3];
    const float deviation = param->role == PARAM_WEIGHT ? sqrtf(2.0F / fan_out) : 0.0F;
    for (size_t i = 0; i < param->count; i++) {
        values[i] = param->role == PARAM_WEIGHT ? deviation * rng_normal(rng) : 0.0F;
    }
}

static int pieces(const struct graph *graph, const struct node *node, struct channel_piece *out)
{
    return filters_channels(graph, node) ? node_pieces_same(graph, node, out)
                                         : node_pieces_new(graph, node, out);
}

static void resize(struct node *node, const struct channel_piece *piece)
{
    node->c = piece->count;
    if (piece->input != PIECE_NEW) {
        node->groups = piece->count;
    }
}

static int cost(const struct graph *graph, int node, enum cost_kind kind, struct cost_term *terms)
{
    const struct node *n = &graph->nodes[node];
    const int64_t places = kind == COST_PARAMS ? 1 : (int64_t)n->h * n->w;
    const int64_t each = (int64_t)n->kernel[0] * n->kernel[1] * places;
    terms[0] = filters_channels(graph, n) ? (struct cost_term){each, ONE_WIDE, node, 1}
                                          : (struct cost_term){each, n->inputs[0], node, n->groups};
    terms[1] = (struct cost_term){1, ONE_WIDE, node, 1};
    return kind == COST_PARAMS && n->bias ? 2 : 1;
}

static const struct node_attribute attributes[] = {
    NODE_INT("channels", c, 1),        NODE_INTS("kernel", kernel, 2, 1),
    NODE_INTS("stride", stride, 2, 1), NODE_INTS("dilation", dilation, 2, 1),
    NODE_INTS("pad", pad, 4, 0),       NODE_INT("groups", groups, 1),
    NODE_BOOL("bias", bias),           {.key = NULL},
};

const struct node_type node_type_conv = {
    .name = "conv",
    .least_inputs = 1,
    .most_inputs = 1,
    .attributes = attributes,
    .shape = shape,
    .params = params,
    .init = init,
    .op = OP_CONV,
    .forward = conv_forward,
    .backward = conv_backward,
    .infer = conv_infer,
    .load = conv_load,
    .pack = conv_pack,
    .carries_act = true,
    .int8_output = INT8_WRITES,
    .int8_reads = true,
    .pieces = pieces,
    .resize = resize,
    .cost = cost,
};
