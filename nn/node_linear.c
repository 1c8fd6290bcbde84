// LINEAR: every output reads the whole map. Parameters: weight [out][c * h * w] in PyTorch's
// flatten order, bias [out] if it has one. To the backends it is a convolution whose kernel is as
// large as the map.
#include "nn/node_conv.h"

#include <math.h>

static enum status shape(const struct graph *graph, struct node *node)
{
    (void)graph;
    node->h = node->w = 1;
    return OK;
}

static int params(const struct graph *graph, const struct node *node, struct param_shape *shapes)
{
    const struct node *input = &graph->nodes[node->inputs[0]];
    shapes[0] = (struct param_shape){.suffix = "weight",
                                     .role = PARAM_WEIGHT,
                                     .n_dims = 2,
                                     .dims = {node->c, input->c * input->h * input->w, 1, 1},
                                     .columns = COLUMNS_INPUT};
    shapes[1] = (struct param_shape){
        .suffix = "bias", .role = PARAM_BIAS, .n_dims = 1, .dims = {node->c, 1, 1, 1}};
    return node->bias ? 2 : 1;
}

// As PyTorch does: U(-1/sqrt(in), 1/sqrt(in)), the bias too.
static void init(const struct graph *graph, const struct param *param, struct rng *rng,
                 float *values)
{
    const struct node *node = &graph->nodes[param->node];
    const float bound = 1.0F / sqrtf((float)graph->params[node->params[0]].dims[1]);
    for (size_t i = 0; i < param->count; i++) {
        values[i] = bound * (2.0F * rng_uniform(rng) - 1.0F);
    }
}

static void fill(const struct graph *graph, int node, struct op *op)
{
    (void)graph;
    (void)node;
    op->kernel[0] = op->in_h;
    op->kernel[1] = op->in_w;
}

static void resize(struct node *node, const struct channel_piece *piece)
{
    node->c = piece->count;
}

static int cost(const struct graph *graph, int node, enum cost_kind kind, struct cost_term *terms)
{
    const struct node *n = &graph->nodes[node], *input = &graph->nodes[n->inputs[0]];
    terms[0] = (struct cost_term){(int64_t)input->h * input->w, n->inputs[0], node, 1};
    terms[1] = (struct cost_term){1, ONE_WIDE, node, 1};
    return kind == COST_PARAMS && n->bias ? 2 : 1;
}

static const struct node_attribute attributes[] = {
    NODE_INT("channels", c, 1),
    NODE_BOOL("bias", bias),
    {.key = NULL},
};

const struct node_type node_type_linear = {
    .name = "linear",
    .least_inputs = 1,
    .most_inputs = 1,
    .attributes = attributes,
    .shape = shape,
    .params = params,
    .init = init,
    .op = OP_CONV,
    .fill = fill,
    .forward = conv_forward,
    .backward = conv_backward,
    .infer = conv_infer,
    .load = conv_load,
    .pack = conv_pack,
    .carries_act = true,
    .pieces = node_pieces_new,
    .resize = resize,
    .cost = cost,
};
