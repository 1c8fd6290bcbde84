// Forward lowering with BatchNorm still separate: for training and for recomputing statistics.
#include "nn/lower.h"
#include "nn/node_type.h"

enum status lower_new_value(struct lowering *l, int node)
{
    return program_buffer(l->program, BUFFER_CHUNKED,
                          lower_bytes(l->graph, node, DTYPE_F32, l->chunk), &l->value[node]);
}

enum status lower_plain(struct lowering *l, const struct compound *compound)
{
    const int node = compound->node;
    const struct op op = graph_node_op(l->graph, node, l->chunk);
    TRY(lower_new_value(l, node));
    return lower_call(l->program, &op, l->value[l->graph->nodes[node].inputs[0]], -1,
                      l->value[node]);
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

bool lower_syncs(const struct lowering *l)
{
    return l->reducer != NULL && l->reducer->sync_batchnorm && l->reducer->ranks > 1;
}

double lower_bn_count(const struct lowering *l, int node)
{
    const struct node *n = &l->graph->nodes[node];
    const double images =
        l->images > 0 ? (double)l->images : (double)program_chunks(l->program) * l->chunk;
    return images * n->h * n->w;
}

static enum status sum_over_ranks(void *context, void *address, size_t count)
{
    const struct lowering *l = context;
    return l->reducer->sum_f64(l->reducer->context, l->total_chunks, address, count);
}

// Adds the second part to the first, then the third, and so on.
static enum status sum_own_parts(struct lowering *l, int sums, int channels)
{
    const size_t bytes = 2 * (size_t)channels * sizeof(double);
    const struct op op = {.kind = OP_BN_SUM,
                          .n = 1,
                          .in_h = 1,
                          .in_w = 1,
                          .in_c = channels,
                          .out_h = 1,
                          .out_w = 1,
                          .out_c = channels,
                          .groups = 1};
    for (int part = 1; part < program_parts(l->program); part++) {
        struct kernel *kernel;
        TRY(program_kernel(l->program, &op, true, &kernel));
        struct program_call call;
        program_call_init(&call, kernel);
        call.in[0].buffer = call.out[0].buffer = sums;
        call.in[1] = (struct program_slot){sums, (size_t)part * bytes};
        TRY(program_add_joint(l->program, &call));
    }
    return OK;
}

enum status lower_sync_sums(struct lowering *l, int sums, int channels)
{
    const size_t count = 2 * (size_t)channels, bytes = count * sizeof(double);
    const struct program_hook hook = {.function = sum_over_ranks,
                                      .context = l,
                                      .slot = {sums, 0},
                                      .bytes = (size_t)program_parts(l->program) * bytes,
                                      .back = bytes,
                                      .count = count};
    return lower_syncs(l) ? program_add_hook(l->program, &hook) : sum_own_parts(l, sums, channels);
}

size_t lower_range_bytes(const struct lowering *l)
{
    return 2 * (size_t)l->chunk * sizeof(float);
}

enum status lower_new_range(struct lowering *l, int node)
{
    TRY(program_buffer(l->program, BUFFER_CHUNKED, lower_range_bytes(l), &l->range[node]));
    program_result(l->program, l->range[node]);
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
    TRY(lower_new_range(l, node));
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
    TRY(lower_open_input(l->program, l->graph, &l->input_options, l->chunk, DTYPE_F32, &l->input));
    l->value[0] = l->input.value;
    TRY(add_range(l, 0));
    for (int i = 0; i < l->n_compounds; i++) {
        const struct compound *compound = &l->compounds[i];
        TRY(node_type_of(l->graph->nodes[compound->node].kind)->forward(l, compound));
        TRY(add_range(l, compound->output));
    }
    return OK;
}

void lower_forward_load(const struct lowering *l)
{
    lower_load_input(l->program, l->graph, &l->input_options, 1.0F, &l->input);
    program_upload(l->program);
    if (l->zeros >= 0) {
        l->backend->ops->zero(l->backend, program_address(l->program, l->zeros), l->zeros_bytes);
    }
}
