// Forward lowering with BatchNorm still separate: for training and for recomputing statistics.
#include "nn/lower.h"

static enum status new_value(struct lowering *l, int node)
{
    return program_buffer(l->program, BUFFER_CHUNKED,
                          lower_bytes(l->graph, node, DTYPE_F32, l->chunk), &l->value[node]);
}

enum status lower_pack(struct lowering *l, struct kernel *kernel, int node, bool bias, int *packed)
{
    TRY(program_buffer(l->program, BUFFER_SHARED, kernel->packed_bytes, packed));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0] = lower_param(l->graph, l->params, node, 0);
    call.in[1] = bias ? lower_param(l->graph, l->params, node, 1) : PROGRAM_NONE;
    call.out[0].buffer = *packed;
    return program_add_pack(l->program, &call);
}

static enum status lower_conv(struct lowering *l, const struct compound *compound)
{
    const int node = compound->node;
    struct op op = graph_node_op(l->graph, node, l->chunk);
    op.act = graph_activation(compound->act);
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, false, &kernel));
    int packed;
    TRY(lower_pack(l, kernel, node, true, &packed));
    TRY(new_value(l, compound->output));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = l->value[l->graph->nodes[node].inputs[0]];
    call.in[1].buffer = packed;
    call.out[0].buffer = l->value[compound->output];
    return program_add_chunked(l->program, &call);
}

bool lower_syncs(const struct lowering *l)
{
    return l->reducer != NULL && l->reducer->sync_batchnorm && l->reducer->ranks > 1;
}

double lower_bn_count(const struct lowering *l, int node)
{
    const struct node *n = &l->graph->nodes[node];
    const double images = (double)program_chunks(l->program) * l->chunk;
    return images * n->h * n->w * (lower_syncs(l) ? l->reducer->ranks : 1);
}

static enum status add_bn_sums(struct lowering *l, int node, int input)
{
    const struct node *n = &l->graph->nodes[node];
    const size_t sums_bytes = 2 * (size_t)n->c * sizeof(double);
    int partial;
    TRY(program_buffer(l->program, BUFFER_CHUNKED, sums_bytes, &partial));
    struct op op = lower_map_op(l->graph, node, OP_BN_STATISTICS);
    TRY(lower_call(l->program, &op, input, -1, partial));
    TRY(program_buffer(l->program, BUFFER_SHARED, sums_bytes, &l->sums[node]));
    op.kind = OP_BN_SUM;
    op.chunks = program_chunks(l->program);
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, true, &kernel));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = partial;
    call.out[0].buffer = l->sums[node];
    return program_add_joint(l->program, &call);
}

static enum status sum_over_ranks(void *context, void *address, size_t count)
{
    const struct plan_reducer *reducer = context;
    return reducer->sum_f64(reducer->context, address, count);
}

enum status lower_sync_sums(struct lowering *l, int sums, int channels)
{
    if (!lower_syncs(l)) {
        return OK;
    }
    const struct program_hook hook = {.function = sum_over_ranks,
                                      .context = (void *)(uintptr_t)l->reducer,
                                      .slot = {sums, 0},
                                      .count = 2 * (size_t)channels};
    return program_add_hook(l->program, &hook);
}

static enum status add_bn_finish(struct lowering *l, int node)
{
    const struct node *n = &l->graph->nodes[node];
    const size_t vector = (size_t)n->c * sizeof(float);
    TRY(program_buffer(l->program, BUFFER_SHARED, 4 * vector, &l->vectors[node]));
    struct op op = lower_map_op(l->graph, node, OP_BN_FINISH);
    op.epsilon = BATCHNORM_EPSILON;
    op.momentum = l->bn_momentum;
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, true, &kernel));
    struct program_call call;
    program_call_init(&call, kernel);
    call.count = lower_bn_count(l, node);
    call.in[0].buffer = l->sums[node];
    call.in[1] = lower_param(l->graph, l->params, node, 0);
    call.in[2] = lower_param(l->graph, l->params, node, 1);
    for (int i = 0; i < 4; i++) {
        call.out[i] = (struct program_slot){l->vectors[node], (size_t)i * vector};
    }
    if (l->training) {
        call.out[4] = lower_param(l->graph, l->params, node, 2);
        call.out[5] = lower_param(l->graph, l->params, node, 3);
    }
    return program_add_joint(l->program, &call);
}

static enum status new_range(struct lowering *l, int node)
{
    TRY(program_buffer(l->program, BUFFER_CHUNKED, 2 * sizeof(float), &l->range[node]));
    program_keep(l->program, l->range[node]);
    return OK;
}

static enum status lower_batchnorm(struct lowering *l, const struct compound *compound)
{
    const int node = compound->node;
    const int input = l->value[l->graph->nodes[node].inputs[0]];
    TRY(add_bn_sums(l, node, input));
    TRY(lower_sync_sums(l, l->sums[node], l->graph->nodes[node].c));
    TRY(add_bn_finish(l, node));
    TRY(new_value(l, compound->output));
    struct op op = lower_map_op(l->graph, node, OP_SCALE_SHIFT);
    op.act = graph_activation(compound->act);
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, false, &kernel));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = input;
    call.in[1].buffer = l->vectors[node];
    call.in[2] = (struct program_slot){l->vectors[node], (size_t)op.in_c * sizeof(float)};
    call.in[3].buffer = compound->residual >= 0 ? l->value[compound->residual] : -1;
    call.out[0].buffer = l->value[compound->output];
    if (l->ranges) {
        TRY(new_range(l, compound->output));
        call.out[1].buffer = l->range[compound->output];
    }
    return program_add_chunked(l->program, &call);
}

static enum status lower_max_pool(struct lowering *l, int node)
{
    struct op op = graph_node_op(l->graph, node, l->chunk);
    op.training = l->training;
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, false, &kernel));
    TRY(new_value(l, node));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = l->value[l->graph->nodes[node].inputs[0]];
    call.out[0].buffer = l->value[node];
    if (l->training) {
        const size_t bytes = lower_bytes(l->graph, node, DTYPE_U8, l->chunk);
        TRY(program_buffer(l->program, BUFFER_CHUNKED, bytes, &l->aux[node]));
        call.out[1].buffer = l->aux[node];
    }
    return program_add_chunked(l->program, &call);
}

static enum status lower_dropout(struct lowering *l, int node)
{
    const int input = l->value[l->graph->nodes[node].inputs[0]];
    if (!l->training) {
        l->value[node] = input;
        return OK;
    }
    TRY(new_value(l, node));
    struct op op = lower_map_op(l->graph, node, OP_DROPOUT);
    op.rate = l->graph->nodes[node].rate;
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, false, &kernel));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = input;
    call.out[0].buffer = l->value[node];
    call.elements = (int64_t)l->chunk * op.in_h * op.in_w * op.in_c;
    call.stream = node;
    return program_add_chunked(l->program, &call);
}

// An LSTM's state before the first step and after the last one, of a chunk.
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
        program_keep(l->program, *ends[i]);
    }
    return OK;
}

static enum status lower_lstm(struct lowering *l, int node)
{
    struct op op = graph_node_op(l->graph, node, l->chunk);
    op.training = l->training;
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, false, &kernel));
    const size_t hidden = (size_t)l->graph->nodes[node].c;
    int packed;
    TRY(lower_pack(l, kernel, node, false, &packed));
    TRY(l->carries_state ? open_carried(l, node) : open_zeros(l, node));
    TRY(new_value(l, node));
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

static enum status lower_compound(struct lowering *l, const struct compound *compound)
{
    const int node = compound->node;
    const struct node *n = &l->graph->nodes[node];
    const int a = l->value[n->inputs[0]];
    struct op op;
    switch (n->kind) {
    case NODE_CONV:
    case NODE_LINEAR:
        return lower_conv(l, compound);
    case NODE_BATCHNORM:
        return lower_batchnorm(l, compound);
    case NODE_ADD:
    case NODE_ACT:
        op = lower_map_op(l->graph, node, OP_ADD);
        op.act = graph_activation(compound->act);
        TRY(new_value(l, compound->output));
        return lower_call(l->program, &op, a, n->n_inputs > 1 ? l->value[n->inputs[1]] : -1,
                          l->value[compound->output]);
    case NODE_CONCAT:
        TRY(new_value(l, node));
        return lower_concat(l->program, l->graph, node, l->value, l->value[node]);
    case NODE_MAX_POOL:
        return lower_max_pool(l, node);
    case NODE_AVG_POOL:
    case NODE_GLOBAL_POOL:
    case NODE_SHORTCUT:
    case NODE_SLICE:
        op = graph_node_op(l->graph, node, l->chunk);
        TRY(new_value(l, node));
        return lower_call(l->program, &op, a, -1, l->value[node]);
    case NODE_DROPOUT:
        return lower_dropout(l, node);
    case NODE_LSTM:
        return lower_lstm(l, node);
    case NODE_INPUT:
    case NODE_KIND_COUNT:
        break;
    }
    CHECK(!"a node kind that cannot be lowered");
    return OK;
}

// Is the value read by one BatchNorm alone? An inference plan folds a convolution into that, so
// nobody asks for the range between them.
static bool vanishes(const struct graph *graph, int node)
{
    int readers = 0;
    bool folds = graph->nodes[node].kind == NODE_CONV || graph->nodes[node].kind == NODE_LINEAR;
    for (int i = node + 1; i < graph->n_nodes; i++) {
        const struct node *n = &graph->nodes[i];
        for (int k = 0; k < n->n_inputs; k++) {
            readers += n->inputs[k] == node;
            folds = folds && (n->inputs[k] != node || n->kind == NODE_BATCHNORM);
        }
    }
    return folds && readers == 1;
}

// What a BatchNorm puts out has its range already.
static enum status add_range(struct lowering *l, int node)
{
    if (!l->ranges || l->range[node] >= 0 || vanishes(l->graph, node)) {
        return OK;
    }
    TRY(new_range(l, node));
    const struct op op = lower_map_op(l->graph, node, OP_RANGE);
    return lower_call(l->program, &op, l->value[node], -1, l->range[node]);
}

static enum status open_arrays(struct lowering *l)
{
    int **arrays[] = {&l->value, &l->aux, &l->vectors, &l->sums, &l->range,
                      &l->h0,    &l->c0,  &l->h_end,   &l->c_end};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        ARENA_NEW(l->arena, *arrays[i], (size_t)l->graph->n_nodes);
        for (int node = 0; node < l->graph->n_nodes; node++) {
            (*arrays[i])[node] = -1;
        }
    }
    l->zeros = l->reset = -1;
    return compose_graph(l->graph, l->arena, &l->compounds, &l->n_compounds);
}

enum status lower_forward(struct lowering *l)
{
    TRY(open_arrays(l));
    TRY(program_buffer(l->program, BUFFER_SHARED, l->graph->n_floats * sizeof(float), &l->params));
    TRY(lower_open_input(l->program, l->graph, &l->input_options, l->chunk, DTYPE_F32, 1.0F,
                         &l->input));
    l->value[0] = l->input.value;
    TRY(add_range(l, 0));
    for (int i = 0; i < l->n_compounds; i++) {
        TRY(lower_compound(l, &l->compounds[i]));
        TRY(add_range(l, l->compounds[i].output));
    }
    return OK;
}

void lower_forward_load(const struct lowering *l)
{
    lower_load_input(l->program, l->backend, l->graph, &l->input_options, 1.0F, &l->input);
    if (l->zeros >= 0) {
        l->backend->ops->zero(l->backend, program_address(l->program, l->zeros), l->zeros_bytes);
    }
}
