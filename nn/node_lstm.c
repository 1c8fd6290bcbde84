// LSTM (Hochreiter & Schmidhuber 1997) over h as time. Parameters: weight_ih [4H][in], weight_hh
// [4H][H], bias [4H], gates i, f, g, o.
#include "nn/infer_internal.h"
#include "nn/lower_backward.h"
#include "nn/node_type.h"

#include <math.h>

static enum status shape(const struct graph *graph, struct node *node)
{
    const struct node *input = &graph->nodes[node->inputs[0]];
    if (input->w != 1) {
        FAIL(ERR_INPUT, "node %s: an LSTM reads a sequence (width 1), but %s is %dx%dx%d",
             node->name, input->name, input->h, input->w, input->c);
    }
    if (node->c > NODE_MOST_EXTENT / 4) { // 4 * hidden rows of weights must fit too
        FAIL(ERR_INPUT, "node %s: a hidden state of %d is too large (most: %d)", node->name,
             node->c, NODE_MOST_EXTENT / 4);
    }
    return OK;
}

static int params(const struct graph *graph, const struct node *node, struct param_shape *shapes)
{
    const int c = node->c, in = graph->nodes[node->inputs[0]].c;
    shapes[0] =
        (struct param_shape){"weight_ih", PARAM_WEIGHT, 2, {4 * c, in, 1, 1}, COLUMNS_INPUT, 4};
    shapes[1] =
        (struct param_shape){"weight_hh", PARAM_WEIGHT, 2, {4 * c, c, 1, 1}, COLUMNS_OWN, 4};
    shapes[2] = (struct param_shape){"bias", PARAM_BIAS, 1, {4 * c, 1, 1, 1}, COLUMNS_NONE, 4};
    return 3;
}

// As PyTorch does: U(-1/sqrt(hidden), 1/sqrt(hidden)).
static void init(const struct graph *graph, const struct param *param, struct rng *rng,
                 float *values)
{
    const float bound = 1.0F / sqrtf((float)graph->nodes[param->node].c);
    for (size_t i = 0; i < param->count; i++) {
        values[i] = bound * (2.0F * rng_uniform(rng) - 1.0F);
    }
}

// The state before the first step and after the last one, of a chunk.
static size_t state_bytes(const struct lowering *l, int node)
{
    return (size_t)l->chunk * (size_t)l->graph->nodes[node].c * sizeof(float);
}

static enum status open_zeros(struct lowering *l, int node)
{
    if (l->zeros < 0) {
        TRY(program_buffer(l->program, BUFFER_SHARED, 0, &l->zeros));
    }
    const size_t bytes = state_bytes(l, node);
    l->zeros_bytes = bytes > l->zeros_bytes ? bytes : l->zeros_bytes;
    program_resize(l->program, l->zeros, l->zeros_bytes);
    l->h0[node] = l->c0[node] = l->zeros;
    return OK;
}

static enum status open_carried(struct lowering *l, int node)
{
    if (l->reset < 0) {
        const size_t steps = (size_t)l->graph->nodes[node].h;
        TRY(program_buffer(l->program, BUFFER_EXTERNAL, (size_t)l->chunk * steps * sizeof(float),
                           &l->reset));
    }
    int *const ends[] = {&l->h_end[node], &l->c_end[node]};
    int *const begins[] = {&l->h0[node], &l->c0[node]};
    for (int i = 0; i < 2; i++) {
        TRY(program_buffer(l->program, BUFFER_EXTERNAL, state_bytes(l, node), begins[i]));
        TRY(program_buffer(l->program, BUFFER_CHUNKED, state_bytes(l, node), ends[i]));
        program_result(l->program, *ends[i]);
    }
    return OK;
}

static enum status forward(struct lowering *l, const struct compound *compound)
{
    const int node = compound->node;
    struct op op = graph_node_op(l->graph, node, l->chunk);
    op.training = l->training;
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, false, &kernel));
    const size_t hidden = (size_t)l->graph->nodes[node].c;
    int packed;
    TRY(lower_pack(l, kernel, node, false, &packed));
    TRY(l->carries_state ? open_carried(l, node) : open_zeros(l, node));
    TRY(lower_new_value(l, node));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = l->value[l->graph->nodes[node].inputs[0]];
    call.in[1].buffer = packed;
    call.in[2].buffer = l->h0[node];
    call.in[3].buffer = l->c0[node];
    call.in[4].buffer = l->reset;
    call.out[0].buffer = l->value[node];
    call.out[2].buffer = l->h_end[node];
    call.out[3].buffer = l->c_end[node];
    if (l->training) {
        const size_t steps = (size_t)l->graph->nodes[node].h;
        TRY(program_buffer(l->program, BUFFER_CHUNKED,
                           (size_t)l->chunk * steps * 6 * hidden * sizeof(float), &l->aux[node]));
        call.out[1].buffer = l->aux[node];
    }
    return program_add_chunked(l->program, &call);
}

static enum status backward(struct backward *b, const struct compound *compound)
{
    struct lowering *l = b->l;
    const int node = compound->node;
    const int input = b->graph->nodes[node].inputs[0];
    int dy, sum, packed, dx = -1;
    TRY(backward_whole_gradient(b, compound, &dy));
    struct op op = graph_node_op(b->graph, node, l->chunk);
    op.kind = OP_LSTM_BACKWARD;
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, false, &kernel));
    struct program_call *unpack;
    TRY(backward_new_sum(b, kernel, &sum, &unpack));
    unpack->out[0] = lower_param(b->graph, b->gradients, node, 0);
    TRY(lower_pack(l, kernel, node, false, &packed));
    if (b->needed[input]) {
        TRY(backward_new_gradient(b, input, &dx));
    }
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = dy;
    call.in[1].buffer = l->value[input];
    call.in[2].buffer = packed;
    call.in[3].buffer = l->h0[node];
    call.in[4].buffer = l->c0[node];
    call.in[5].buffer = l->reset;
    call.in[6].buffer = l->value[node];
    call.in[7].buffer = l->aux[node];
    call.out[0].buffer = dx;
    call.out[1].buffer = sum;
    TRY(program_add_chunked(l->program, &call));
    return dx < 0 ? OK : backward_contribute(b, input, dx);
}

static enum status infer(struct infer_plan *plan, int node)
{
    const struct node *n = &plan->folded.nodes[node];
    struct infer_layer *layer = &plan->layers[node];
    const struct op op = graph_node_op(&plan->folded, node, plan->chunk);
    TRY(program_kernel(plan->program, &op, false, &layer->kernel));
    // Shared: packed weights, then a zero state for every image of a chunk.
    const size_t packed_bytes = (layer->kernel->packed_bytes + 63) / 64 * 64;
    const size_t zeros = (size_t)plan->chunk * (size_t)n->c * sizeof(float);
    TRY(program_buffer(plan->program, BUFFER_SHARED, packed_bytes + zeros, &layer->weights));
    struct program_call call;
    program_call_init(&call, layer->kernel);
    call.in[1].buffer = layer->weights;
    call.in[2] = (struct program_slot){layer->weights, packed_bytes};
    call.in[3] = call.in[2];
    TRY(infer_new_value(plan, node));
    call.in[0].buffer = plan->values[n->inputs[0]];
    call.out[0].buffer = plan->values[node];
    return program_add_chunked(plan->program, &call);
}

static enum status pack(struct infer_plan *plan, int node, const float *ranges)
{
    (void)ranges;
    const struct node *n = &plan->folded.nodes[node];
    const struct infer_layer *layer = &plan->layers[node];
    char *packed = program_address(plan->program, layer->weights);
    // w_ih, w_hh and b lie one after the other.
    TRY(layer->kernel->ops->pack(layer->kernel, infer_param_address(plan, node, 0), NULL, NULL,
                                 packed, 0));
    const size_t zeros = (size_t)plan->chunk * (size_t)n->c * sizeof(float);
    plan->backend->ops->zero(
        plan->backend, packed + program_buffer_bytes(plan->program, layer->weights) - zeros, zeros);
    return OK;
}

static void resize(struct node *node, const struct channel_piece *piece)
{
    node->c = piece->count;
}

// Four gates, each time step.
static int cost(const struct graph *graph, int node, enum cost_kind kind, struct cost_term *terms)
{
    const struct node *n = &graph->nodes[node], *input = &graph->nodes[n->inputs[0]];
    const int64_t gates = kind == COST_PARAMS ? 4 : 4 * (int64_t)input->h;
    terms[0] = (struct cost_term){gates, n->inputs[0], node, 1};
    terms[1] = (struct cost_term){gates, node, node, 1};
    terms[2] = (struct cost_term){4, ONE_WIDE, node, 1};
    return kind == COST_PARAMS ? 3 : 2;
}

static const struct node_attribute attributes[] = {
    NODE_INT("channels", c, 1),
    {.key = NULL},
};

const struct node_type node_type_lstm = {
    .name = "lstm",
    .least_inputs = 1,
    .most_inputs = 1,
    .attributes = attributes,
    .shape = shape,
    .params = params,
    .init = init,
    .op = OP_LSTM,
    .forward = forward,
    .backward = backward,
    .infer = infer,
    .pack = pack,
    .int8_output = INT8_FLOAT,
    .pieces = node_pieces_new,
    .resize = resize,
    .cost = cost,
};
