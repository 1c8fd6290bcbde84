// Backward lowering: compounds in reverse order, each from its output's gradient to its inputs'
// gradients.
#include "nn/lower_backward.h"

struct contributions { // gradients of one value, still to be added up
    int buffers[2];
    int n;
};

struct backward {
    struct lowering *l;
    const struct graph *graph;
    struct contributions *of; // [n_nodes]
    bool *needed;             // [n_nodes] does anything trainable lie at or before it?
    int gradients;
    struct program_call *pending; // weight-gradient reductions not yet appended
    int n_pending;
};

static enum status flush_pending(struct backward *b)
{
    for (int i = 0; i < b->n_pending; i++) {
        TRY(program_add_reduce(b->l->program, &b->pending[i]));
    }
    b->n_pending = 0;
    return OK;
}

static enum status new_gradient(struct backward *b, int node, int *out)
{
    return program_buffer(b->l->program, BUFFER_CHUNKED,
                          lower_bytes(b->graph, node, DTYPE_F32, b->l->chunk), out);
}

static enum status add_up(struct backward *b, int node, int first, int second, int *out)
{
    const struct op op = lower_map_op(b->graph, node, OP_ADD);
    TRY(new_gradient(b, node, out));
    return lower_call(b->l->program, &op, first, second, *out);
}

static enum status contribute(struct backward *b, int node, int buffer)
{
    struct contributions *c = &b->of[node];
    if (c->n == 2) {
        int sum;
        TRY(add_up(b, node, c->buffers[0], c->buffers[1], &sum));
        c->buffers[0] = sum;
        c->n = 1;
    }
    c->buffers[c->n++] = buffer;
    return OK;
}

// One buffer with the whole gradient of a compound's output, its act undone.
static enum status whole_gradient(struct backward *b, const struct compound *compound, int *out)
{
    const struct contributions *c = &b->of[compound->output];
    const int second = c->n > 1 ? c->buffers[1] : -1;
    if (compound->act == ACT_NONE) {
        *out = c->buffers[0];
        return second < 0 ? OK : add_up(b, compound->output, c->buffers[0], second, out);
    }
    struct op op = lower_map_op(b->graph, compound->output, OP_ACT_BACKWARD);
    op.act = graph_activation(compound->act);
    TRY(new_gradient(b, compound->output, out));
    struct kernel *kernel;
    TRY(program_kernel(b->l->program, &op, false, &kernel));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = c->buffers[0];
    call.in[1].buffer = second;
    call.in[2].buffer = b->l->value[compound->output];
    call.out[0].buffer = *out;
    return program_add_chunked(b->l->program, &call);
}

static enum status conv_weights(struct backward *b, int node, int dy)
{
    struct lowering *l = b->l;
    struct op op = graph_node_op(b->graph, node, l->chunk);
    op.kind = OP_CONV_BACKWARD_WEIGHTS;
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, false, &kernel));
    int partial;
    TRY(program_buffer(l->program, BUFFER_CHUNKED, kernel->partial_bytes, &partial));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = l->value[b->graph->nodes[node].inputs[0]];
    call.in[1].buffer = dy;
    call.out[0].buffer = partial;
    TRY(program_add_chunked(l->program, &call));
    struct program_call *reduce = &b->pending[b->n_pending++];
    program_call_init(reduce, kernel);
    reduce->in[0].buffer = partial;
    reduce->out[0] = lower_param(b->graph, b->gradients, node, 0);
    reduce->out[1] = lower_param(b->graph, b->gradients, node, 1);
    return OK;
}

static enum status conv_data(struct backward *b, int node, int dy)
{
    struct lowering *l = b->l;
    const int input = b->graph->nodes[node].inputs[0];
    struct op op = graph_node_op(b->graph, node, l->chunk);
    op.kind = OP_CONV_BACKWARD_DATA;
    op.act = graph_activation(ACT_NONE);
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, false, &kernel));
    int packed, dx;
    TRY(lower_pack(l, kernel, node, false, &packed));
    TRY(new_gradient(b, input, &dx));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = dy;
    call.in[1].buffer = packed;
    call.out[0].buffer = dx;
    TRY(program_add_chunked(l->program, &call));
    return contribute(b, input, dx);
}

static enum status backward_conv(struct backward *b, const struct compound *compound)
{
    int dy;
    TRY(whole_gradient(b, compound, &dy));
    TRY(conv_weights(b, compound->node, dy));
    return b->needed[b->graph->nodes[compound->node].inputs[0]] ? conv_data(b, compound->node, dy)
                                                                : OK;
}

// Sums g and g * xhat; returns the buffer of g, which is dy itself when there is nothing to mask or
// add.
static enum status bn_reduce(struct backward *b, const struct compound *compound, int *g,
                             int *partial)
{
    struct lowering *l = b->l;
    const int node = compound->node;
    const struct contributions *c = &b->of[compound->output];
    struct op op = lower_map_op(b->graph, node, OP_BN_BACKWARD_REDUCE);
    op.act = graph_activation(compound->act);
    const size_t vector = (size_t)op.in_c * sizeof(float);
    const bool writes = compound->act != ACT_NONE || c->n > 1;
    *g = c->buffers[0];
    if (writes) {
        TRY(new_gradient(b, node, g));
    }
    TRY(program_buffer(l->program, BUFFER_CHUNKED, 2 * (size_t)op.in_c * sizeof(double), partial));
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, false, &kernel));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = c->buffers[0];
    call.in[1].buffer = c->n > 1 ? c->buffers[1] : -1;
    call.in[2].buffer = compound->act != ACT_NONE ? l->value[compound->output] : -1;
    call.in[3].buffer = l->value[b->graph->nodes[node].inputs[0]];
    call.in[4] = (struct program_slot){l->vectors[node], 2 * vector};
    call.in[5] = (struct program_slot){l->vectors[node], 3 * vector};
    call.out[0].buffer = writes ? *g : -1;
    call.out[1].buffer = *partial;
    return program_add_chunked(l->program, &call);
}

// Sums over all ranks give every rank the whole gradient of gamma and beta; each keeps its share,
// since gradients are added up over ranks afterwards.
static enum status bn_finish(struct backward *b, int node, int sums, int coefficients)
{
    struct lowering *l = b->l;
    struct op op = lower_map_op(b->graph, node, OP_BN_BACKWARD_FINISH);
    op.factor = lower_syncs(l) ? 1.0F / (float)l->reducer->ranks : 1.0F;
    const size_t vector = (size_t)op.in_c * sizeof(float);
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, true, &kernel));
    struct program_call call;
    program_call_init(&call, kernel);
    call.count = lower_bn_count(l, node);
    call.in[0].buffer = sums;
    call.in[1] = lower_param(b->graph, l->params, node, 0);
    call.in[2] = (struct program_slot){l->vectors[node], 2 * vector};
    call.in[3] = (struct program_slot){l->vectors[node], 3 * vector};
    call.out[0] = lower_param(b->graph, b->gradients, node, 0);
    call.out[1] = lower_param(b->graph, b->gradients, node, 1);
    call.out[2].buffer = coefficients;
    return program_add_joint(l->program, &call);
}

static enum status bn_sums(struct backward *b, int node, int partial, int coefficients)
{
    struct lowering *l = b->l;
    struct op op = lower_map_op(b->graph, node, OP_BN_SUM);
    op.chunks = program_chunks(l->program);
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, true, &kernel));
    int sums;
    TRY(program_buffer(l->program, BUFFER_SHARED, 2 * (size_t)op.in_c * sizeof(double), &sums));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = partial;
    call.out[0].buffer = sums;
    TRY(program_add_joint(l->program, &call));
    TRY(lower_sync_sums(l, sums, op.in_c));
    return bn_finish(b, node, sums, coefficients);
}

static enum status backward_batchnorm(struct backward *b, const struct compound *compound)
{
    struct lowering *l = b->l;
    const int node = compound->node;
    const int input = b->graph->nodes[node].inputs[0];
    int g, partial, coefficients;
    TRY(bn_reduce(b, compound, &g, &partial));
    if (compound->residual >= 0 && b->needed[compound->residual]) {
        TRY(contribute(b, compound->residual, g));
    }
    TRY(flush_pending(b));
    struct op op = lower_map_op(b->graph, node, OP_BN_BACKWARD_APPLY);
    TRY(program_buffer(l->program, BUFFER_SHARED, 3 * (size_t)op.in_c * sizeof(float),
                       &coefficients));
    TRY(bn_sums(b, node, partial, coefficients));
    if (!b->needed[input]) {
        return OK;
    }
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, false, &kernel));
    int dx;
    TRY(new_gradient(b, input, &dx));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = g;
    call.in[1].buffer = l->value[input];
    call.in[2].buffer = coefficients;
    call.out[0].buffer = dx;
    TRY(program_add_chunked(l->program, &call));
    return contribute(b, input, dx);
}

static enum status backward_add(struct backward *b, const struct compound *compound)
{
    int dy;
    TRY(whole_gradient(b, compound, &dy));
    const struct node *n = &b->graph->nodes[compound->node];
    for (int i = 0; i < n->n_inputs; i++) {
        if (b->needed[n->inputs[i]]) {
            TRY(contribute(b, n->inputs[i], dy));
        }
    }
    return OK;
}

static enum status backward_concat(struct backward *b, const struct compound *compound)
{
    int dy;
    TRY(whole_gradient(b, compound, &dy));
    const struct node *n = &b->graph->nodes[compound->node];
    int from = 0;
    for (int i = 0; i < 2; i++) {
        const int input = n->inputs[i];
        struct op op = lower_map_op(b->graph, compound->node, OP_COPY_CHANNELS);
        op.out_c = b->graph->nodes[input].c;
        op.from = from;
        op.count = op.out_c;
        from += op.out_c;
        if (b->needed[input]) {
            int dx;
            TRY(new_gradient(b, input, &dx));
            TRY(lower_call(b->l->program, &op, dy, -1, dx));
            TRY(contribute(b, input, dx));
        }
    }
    return OK;
}

// The gradient lies among zeros, which is what a shortcut makes of a vector.
static enum status backward_slice(struct backward *b, const struct compound *compound)
{
    const struct node *n = &b->graph->nodes[compound->node];
    const int input = n->inputs[0];
    if (!b->needed[input]) {
        return OK;
    }
    int dy, dx;
    TRY(whole_gradient(b, compound, &dy));
    struct op op = lower_map_op(b->graph, compound->node, OP_PAD);
    op.out_c = b->graph->nodes[input].c;
    op.to = n->from;
    op.stride[0] = op.stride[1] = 1;
    TRY(new_gradient(b, input, &dx));
    TRY(lower_call(b->l->program, &op, dy, -1, dx));
    return contribute(b, input, dx);
}

// Kinds with one input whose gradient needs dy and at most one saved buffer.
static enum status backward_unary(struct backward *b, const struct compound *compound,
                                  enum op_kind kind)
{
    const int node = compound->node;
    const int input = b->graph->nodes[node].inputs[0];
    if (!b->needed[input]) {
        return OK;
    }
    int dy, dx;
    TRY(whole_gradient(b, compound, &dy));
    struct op op = graph_node_op(b->graph, node, b->l->chunk);
    op.kind = kind;
    op.rate = b->graph->nodes[node].rate;
    struct kernel *kernel;
    TRY(program_kernel(b->l->program, &op, false, &kernel));
    TRY(new_gradient(b, input, &dx));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = dy;
    call.in[1].buffer = b->l->aux[node];
    call.out[0].buffer = dx;
    call.elements =
        (int64_t)b->l->chunk * op.in_h * op.in_w * op.in_c; // DROPOUT: the forward mask again
    call.stream = node;
    TRY(program_add_chunked(b->l->program, &call));
    return contribute(b, input, dx);
}

static enum status backward_lstm(struct backward *b, const struct compound *compound)
{
    struct lowering *l = b->l;
    const int node = compound->node;
    const int input = b->graph->nodes[node].inputs[0];
    int dy, partial, dx = -1;
    TRY(whole_gradient(b, compound, &dy));
    struct op op = graph_node_op(b->graph, node, l->chunk);
    op.kind = OP_LSTM_BACKWARD;
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, false, &kernel));
    TRY(program_buffer(l->program, BUFFER_CHUNKED, kernel->partial_bytes, &partial));
    int packed;
    TRY(lower_pack(l, kernel, node, false, &packed));
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
    if (b->needed[input]) {
        TRY(new_gradient(b, input, &dx));
    }
    call.out[0].buffer = dx;
    call.out[1].buffer = partial;
    TRY(program_add_chunked(l->program, &call));
    struct program_call *reduce = &b->pending[b->n_pending++];
    program_call_init(reduce, kernel);
    reduce->in[0].buffer = partial;
    reduce->out[0] = lower_param(b->graph, b->gradients, node, 0);
    return dx < 0 ? OK : contribute(b, input, dx);
}

static enum status backward_compound(struct backward *b, const struct compound *compound)
{
    switch (b->graph->nodes[compound->node].kind) {
    case NODE_CONV:
    case NODE_LINEAR:
        return backward_conv(b, compound);
    case NODE_BATCHNORM:
        return backward_batchnorm(b, compound);
    case NODE_ADD:
    case NODE_ACT:
        return backward_add(b, compound);
    case NODE_CONCAT:
        return backward_concat(b, compound);
    case NODE_SLICE:
        return backward_slice(b, compound);
    case NODE_MAX_POOL:
        return backward_unary(b, compound, OP_POOL_MAX_BACKWARD);
    case NODE_AVG_POOL:
    case NODE_GLOBAL_POOL:
        return backward_unary(b, compound, OP_POOL_AVG_BACKWARD);
    case NODE_SHORTCUT:
        return backward_unary(b, compound, OP_PAD_BACKWARD);
    case NODE_DROPOUT:
        return backward_unary(b, compound, OP_DROPOUT);
    case NODE_LSTM:
        return backward_lstm(b, compound);
    case NODE_INPUT:
    case NODE_KIND_COUNT:
        break;
    }
    CHECK(!"a node kind that has no gradient");
    return OK;
}

static enum status open_backward(struct backward *b, bool input)
{
    const size_t nodes = (size_t)b->graph->n_nodes;
    ARENA_NEW(b->l->arena, b->of, nodes);
    ARENA_NEW(b->l->arena, b->needed, nodes);
    ARENA_NEW(b->l->arena, b->pending, nodes);
    b->needed[0] = input;
    for (int i = 1; i < b->graph->n_nodes; i++) {
        const struct node *n = &b->graph->nodes[i];
        b->needed[i] = n->params[0] >= 0;
        for (int j = 0; j < n->n_inputs; j++) {
            b->needed[i] = b->needed[i] || b->needed[n->inputs[j]];
        }
    }
    return OK;
}

// The sum of all that the input's readers contributed.
static enum status keep_input_gradient(struct backward *b, int *out)
{
    const struct contributions *c = &b->of[0];
    CHECK(c->n > 0); // some path leads from the input to the output
    *out = c->buffers[0];
    if (c->n > 1) {
        TRY(add_up(b, 0, c->buffers[0], c->buffers[1], out));
    }
    program_keep(b->l->program, *out);
    return OK;
}

enum status lower_backward(struct lowering *lowering, int output_gradient, int gradients,
                           int *input_gradient)
{
    struct backward b = {.l = lowering, .graph = lowering->graph, .gradients = gradients};
    TRY(open_backward(&b, input_gradient != NULL));
    TRY(contribute(&b, lowering->graph->n_nodes - 1, output_gradient));
    for (int i = lowering->n_compounds - 1; i >= 0; i--) {
        const struct compound *compound = &lowering->compounds[i];
        if (b.of[compound->output].n > 0 && b.needed[compound->output]) {
            TRY(backward_compound(&b, compound));
        }
    }
    if (input_gradient != NULL) {
        TRY(keep_input_gradient(&b, input_gradient));
    }
    return flush_pending(&b);
}
