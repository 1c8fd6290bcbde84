// From a folded graph to the steps of an inference plan, float32 or int8.
#include "nn/infer_internal.h"
#include "nn/node_type.h"

enum status infer_new_value(struct infer_plan *plan, int node)
{
    return program_buffer(plan->program, BUFFER_CHUNKED,
                          lower_bytes(&plan->folded, node, plan->types[node], plan->chunk),
                          &plan->values[node]);
}

enum status infer_read_quantized(struct infer_plan *plan, int node, struct infer_layer *layer,
                                 int *out)
{
    if (plan->types[node] != DTYPE_F32) {
        *out = plan->values[node];
        return OK;
    }
    if (plan->quantized[node] < 0) {
        const enum dtype type = int8_type(plan->nonnegative[node]);
        TRY(program_buffer(plan->program, BUFFER_CHUNKED,
                           lower_bytes(&plan->folded, node, type, plan->chunk),
                           &plan->quantized[node]));
        struct op op = lower_map_op(&plan->folded, node, OP_QUANTIZE);
        op.out_type = type;
        struct kernel *kernel;
        TRY(program_kernel(plan->program, &op, false, &kernel));
        layer->quantizes = true;
        const size_t reader = (size_t)(layer - plan->layers);
        struct program_call call;
        program_call_init(&call, kernel);
        call.in[0].buffer = plan->values[node];
        call.in[1] = (struct program_slot){plan->factors,
                                           ((size_t)plan->folded.n_nodes + reader) * sizeof(float)};
        call.out[0].buffer = plan->quantized[node];
        TRY(program_add_chunked(plan->program, &call));
    }
    *out = plan->quantized[node];
    return OK;
}

struct program_slot infer_factor(const struct infer_plan *plan, int node)
{
    return (struct program_slot){plan->factors, (size_t)node * sizeof(float)};
}

enum status infer_plain(struct infer_plan *plan, int node)
{
    const struct node *n = &plan->folded.nodes[node];
    CHECK(n->n_inputs <= 2);
    struct op op = graph_node_op(&plan->folded, node, plan->chunk);
    const int factor = op_factor_slot(op.kind);
    op.in_type = plan->types[n->inputs[0]];
    op.out_type = plan->types[node];
    struct kernel *kernel;
    TRY(program_kernel(plan->program, &op, false, &kernel));
    TRY(infer_new_value(plan, node));
    struct program_call call;
    program_call_init(&call, kernel);
    for (int i = 0; i < n->n_inputs; i++) {
        call.in[i].buffer = plan->values[n->inputs[i]];
    }
    if (factor >= 0) {
        call.in[factor] = infer_factor(plan, node);
    }
    call.out[0].buffer = plan->values[node];
    return program_add_chunked(plan->program, &call);
}

enum status infer_lower(struct infer_plan *plan)
{
    const size_t nodes = (size_t)plan->folded.n_nodes;
    ARENA_NEW(&plan->arena, plan->types, nodes);
    ARENA_NEW(&plan->arena, plan->nonnegative, nodes);
    ARENA_NEW(&plan->arena, plan->scales, nodes);
    ARENA_NEW(&plan->arena, plan->values, nodes);
    ARENA_NEW(&plan->arena, plan->quantized, nodes);
    ARENA_NEW(&plan->arena, plan->layers, nodes);
    for (size_t i = 0; i < nodes; i++) {
        plan->types[i] = DTYPE_F32;
        plan->scales[i] = 1.0F;
        plan->values[i] = plan->quantized[i] = plan->layers[i].weights = -1;
    }
    TRY(program_buffer(plan->program, BUFFER_LOADED, plan->folded.n_floats * sizeof(float),
                       &plan->params));
    plan->factors = -1;
    if (plan->options.int8) {
        TRY(program_buffer(plan->program, BUFFER_LOADED, 2 * nodes * sizeof(float),
                           &plan->factors));
        int8_signs(&plan->folded, plan->nonnegative);
        int8_assign(&plan->folded, plan->nonnegative, plan->types);
    }
    TRY(lower_open_input(plan->program, &plan->folded, &plan->options.input, plan->chunk,
                         plan->types[0], &plan->input));
    plan->values[0] = plan->input.value;
    if (plan->options.keep_all && plan->input.value != plan->input.images.buffer) {
        program_keep(plan->program, plan->input.value);
    }
    for (int node = 1; node < plan->folded.n_nodes; node++) {
        TRY(node_type_of(plan->folded.nodes[node].kind)->infer(plan, node));
        if (plan->options.keep_all) {
            program_keep(plan->program, plan->values[node]);
        }
    }
    for (int i = 0; i < plan->folded.n_outputs; i++) {
        program_keep(plan->program, plan->values[plan->folded.outputs[i].node]);
    }
    TRY(program_finish(plan->program));
    plan->folded_params = program_staging(plan->program, plan->params);
    return OK;
}
