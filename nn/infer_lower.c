// From a folded graph to the steps of an inference plan, float32 or int8.
#include "nn/infer_internal.h"

static enum status new_value(struct infer_plan *plan, int node)
{
    return program_buffer(plan->program, BUFFER_CHUNKED,
                          lower_bytes(&plan->folded, node, plan->types[node], plan->chunk),
                          &plan->values[node]);
}

// The buffer in which an int8 convolution finds `node`'s integers.
static enum status read_quantized(struct infer_plan *plan, int node, struct infer_layer *layer,
                                  int *out)
{
    if (plan->types[node] != DTYPE_F32) {
        *out = plan->values[node];
        return OK;
    }
    if (plan->quantized[node] < 0) {
        const enum dtype type = int8_read_type(&plan->folded, node);
        TRY(program_buffer(plan->program, BUFFER_CHUNKED,
                           lower_bytes(&plan->folded, node, type, plan->chunk),
                           &plan->quantized[node]));
        struct op op = lower_map_op(&plan->folded, node, OP_QUANTIZE);
        op.out_type = type;
        TRY(program_kernel(plan->program, &op, false, &layer->quantize));
        struct program_call call;
        program_call_init(&call, layer->quantize);
        call.in[0].buffer = plan->values[node];
        call.out[0].buffer = plan->quantized[node];
        TRY(program_add_chunked(plan->program, &call));
    }
    *out = plan->quantized[node];
    return OK;
}

static enum status lower_conv(struct infer_plan *plan, int node)
{
    const struct node *n = &plan->folded.nodes[node];
    struct infer_layer *layer = &plan->layers[node];
    struct op op = graph_node_op(&plan->folded, node, plan->chunk);
    op.act = graph_activation(n->act);
    op.sum = n->kind == NODE_CONV && n->sum >= 0;
    int input = plan->values[n->inputs[0]];
    if (plan->options.int8 && n->kind == NODE_CONV) {
        TRY(read_quantized(plan, n->inputs[0], layer, &input));
        op.in_type = plan->types[n->inputs[0]] != DTYPE_F32
                         ? plan->types[n->inputs[0]]
                         : int8_read_type(&plan->folded, n->inputs[0]);
        op.out_type = plan->types[node];
    }
    TRY(program_kernel(plan->program, &op, false, &layer->kernel));
    TRY(program_buffer(plan->program, BUFFER_SHARED, layer->kernel->packed_bytes, &layer->weights));
    if (op.sum) {
        plan->values[node] = plan->values[n->sum]; // in place
    } else {
        TRY(new_value(plan, node));
    }
    struct program_call call;
    program_call_init(&call, layer->kernel);
    call.in[0].buffer = input;
    call.in[1].buffer = layer->weights;
    call.out[0].buffer = plan->values[node];
    return program_add_chunked(plan->program, &call);
}

static enum status lower_batchnorm(struct infer_plan *plan, int node)
{
    const struct node *n = &plan->folded.nodes[node];
    struct infer_layer *layer = &plan->layers[node];
    const size_t vector = (size_t)n->c * sizeof(float);
    struct op op = lower_map_op(&plan->folded, node, OP_SCALE_SHIFT);
    op.act = graph_activation(n->act);
    op.out_type = plan->types[node];
    TRY(program_kernel(plan->program, &op, false, &layer->kernel));
    TRY(program_buffer(plan->program, BUFFER_SHARED, 2 * vector, &layer->weights));
    TRY(new_value(plan, node));
    struct program_call call;
    program_call_init(&call, layer->kernel);
    call.in[0].buffer = plan->values[n->inputs[0]];
    call.in[1].buffer = layer->weights;
    call.in[2] = (struct program_slot){layer->weights, vector};
    call.out[0].buffer = plan->values[node];
    return program_add_chunked(plan->program, &call);
}

// Kinds whose op needs nothing but buffers.
static enum status lower_plain(struct infer_plan *plan, int node)
{
    const struct node *n = &plan->folded.nodes[node];
    struct infer_layer *layer = &plan->layers[node];
    const bool sum = n->kind == NODE_ADD || n->kind == NODE_ACT;
    struct op op = sum ? lower_map_op(&plan->folded, node, OP_ADD)
                       : graph_node_op(&plan->folded, node, plan->chunk);
    op.act = graph_activation(n->act);
    op.in_type = plan->types[n->inputs[0]];
    op.out_type = plan->types[node];
    op.factor = 1.0F;
    TRY(program_kernel(plan->program, &op, false, &layer->kernel));
    TRY(new_value(plan, node));
    struct program_call call;
    program_call_init(&call, layer->kernel);
    call.in[0].buffer = plan->values[n->inputs[0]];
    call.in[1].buffer = n->n_inputs > 1 ? plan->values[n->inputs[1]] : -1;
    call.out[0].buffer = plan->values[node];
    return program_add_chunked(plan->program, &call);
}

static enum status lower_lstm(struct infer_plan *plan, int node)
{
    const struct node *n = &plan->folded.nodes[node];
    struct infer_layer *layer = &plan->layers[node];
    const struct op op = graph_node_op(&plan->folded, node, plan->chunk);
    TRY(program_kernel(plan->program, &op, false, &layer->kernel));
    // Shared: packed weights, then a zero state for every image of a chunk.
    const size_t packed_bytes = (layer->kernel->packed_bytes + 63) / 64 * 64;
    const size_t state_bytes = (size_t)plan->chunk * (size_t)n->c * sizeof(float);
    TRY(program_buffer(plan->program, BUFFER_SHARED, packed_bytes + state_bytes, &layer->weights));
    struct program_call call;
    program_call_init(&call, layer->kernel);
    call.in[1].buffer = layer->weights;
    call.in[2] = (struct program_slot){layer->weights, packed_bytes};
    call.in[3] = call.in[2];
    TRY(new_value(plan, node));
    call.in[0].buffer = plan->values[n->inputs[0]];
    call.out[0].buffer = plan->values[node];
    return program_add_chunked(plan->program, &call);
}

static enum status lower_node(struct infer_plan *plan, int node)
{
    switch (plan->folded.nodes[node].kind) {
    case NODE_CONV:
    case NODE_LINEAR:
        return lower_conv(plan, node);
    case NODE_BATCHNORM:
        return lower_batchnorm(plan, node);
    case NODE_CONCAT:
        TRY(new_value(plan, node));
        return lower_concat(plan->program, &plan->folded, node, plan->values, plan->values[node]);
    case NODE_LSTM:
        return lower_lstm(plan, node);
    case NODE_DROPOUT:
        plan->values[node] = plan->values[plan->folded.nodes[node].inputs[0]];
        return OK;
    default:
        return lower_plain(plan, node);
    }
}

enum status infer_lower(struct infer_plan *plan)
{
    const size_t nodes = (size_t)plan->folded.n_nodes;
    ARENA_NEW(&plan->arena, plan->types, nodes);
    ARENA_NEW(&plan->arena, plan->scales, nodes);
    ARENA_NEW(&plan->arena, plan->values, nodes);
    ARENA_NEW(&plan->arena, plan->quantized, nodes);
    ARENA_NEW(&plan->arena, plan->layers, nodes);
    for (size_t i = 0; i < nodes; i++) {
        plan->types[i] = DTYPE_F32;
        plan->scales[i] = 1.0F;
        plan->values[i] = plan->quantized[i] = plan->layers[i].weights = -1;
    }
    if (plan->options.int8) {
        int8_assign(&plan->folded, plan->types);
    }
    TRY(lower_open_input(plan->program, &plan->folded, &plan->options.input, plan->chunk,
                         plan->types[0], 1.0F, &plan->input));
    plan->values[0] = plan->input.value;
    for (int node = 1; node < plan->folded.n_nodes; node++) {
        TRY(lower_node(plan, node));
    }
    plan->logits = plan->values[nodes - 1];
    program_keep(plan->program, plan->logits);
    return program_finish(plan->program);
}
