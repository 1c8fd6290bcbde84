// The steps of CONV and LINEAR in each kind of program.
#include "nn/infer_internal.h"
#include "nn/lower_backward.h"
#include "nn/node_conv.h"

enum status conv_forward(struct lowering *l, const struct compound *compound)
{
    const int node = compound->node;
    struct op op = graph_node_op(l->graph, node, l->chunk);
    op.act = compound->act;
    op.by_row = l->by_row && op_is_pointwise(&op);
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, false, &kernel));
    int packed;
    TRY(lower_pack(l, kernel, node, true, &packed));
    TRY(lower_new_value(l, compound->output));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = l->value[l->graph->nodes[node].inputs[0]];
    call.in[1].buffer = packed;
    call.out[0].buffer = l->value[compound->output];
    return program_add_chunked(l->program, &call);
}

static enum status weight_gradient(struct backward *b, int node, int dy)
{
    struct lowering *l = b->l;
    struct op op = graph_node_op(b->graph, node, l->chunk);
    op.kind = OP_CONV_BACKWARD_WEIGHTS;
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, false, &kernel));
    int sum;
    struct program_call *unpack;
    TRY(backward_new_sum(b, kernel, &sum, &unpack));
    unpack->out[0] = lower_param(b->graph, b->gradients, node, 0);
    unpack->out[1] = lower_param(b->graph, b->gradients, node, 1);
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = l->value[b->graph->nodes[node].inputs[0]];
    call.in[1].buffer = dy;
    call.out[0].buffer = sum;
    return program_add_chunked(l->program, &call);
}

static enum status data_gradient(struct backward *b, int node, int dy)
{
    struct lowering *l = b->l;
    const int input = b->graph->nodes[node].inputs[0];
    struct op op = graph_node_op(b->graph, node, l->chunk);
    op.kind = OP_CONV_BACKWARD_DATA;
    op.act = (struct activation){.kind = ACT_NONE};
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, false, &kernel));
    int packed, dx;
    TRY(lower_pack(l, kernel, node, false, &packed));
    TRY(backward_new_gradient(b, input, &dx));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = dy;
    call.in[1].buffer = packed;
    call.out[0].buffer = dx;
    TRY(program_add_chunked(l->program, &call));
    return backward_contribute(b, input, dx);
}

enum status conv_backward(struct backward *b, const struct compound *compound)
{
    int dy;
    TRY(backward_whole_gradient(b, compound, &dy));
    TRY(weight_gradient(b, compound->node, dy));
    const int input = b->graph->nodes[compound->node].inputs[0];
    return b->needed[input] ? data_gradient(b, compound->node, dy) : OK;
}

enum status conv_infer(struct infer_plan *plan, int node)
{
    const struct node *n = &plan->folded.nodes[node];
    struct infer_layer *layer = &plan->layers[node];
    const bool integers = plan->options.int8 && node_type_of(n->kind)->int8_reads;
    struct op op = graph_node_op(&plan->folded, node, plan->chunk);
    int input = plan->values[n->inputs[0]];
    if (integers) {
        TRY(infer_read_quantized(plan, n->inputs[0], layer, &input));
        op.in_type = plan->types[n->inputs[0]] != DTYPE_F32
                         ? plan->types[n->inputs[0]]
                         : int8_type(plan->nonnegative[n->inputs[0]]);
        op.out_type = plan->types[node];
    }
    TRY(program_kernel(plan->program, &op, false, &layer->kernel));
    TRY(program_buffer(plan->program, BUFFER_SHARED, layer->kernel->packed_bytes, &layer->weights));
    if (op.sum) {
        plan->values[node] = plan->values[n->sum]; // in place
    } else {
        TRY(infer_new_value(plan, node));
    }
    struct program_call call;
    program_call_init(&call, layer->kernel);
    call.in[0].buffer = input;
    call.in[1].buffer = layer->weights;
    call.out[0].buffer = plan->values[node];
    return program_add_chunked(plan->program, &call);
}

// What an int8 convolution's integers stand for.
static struct op_quantization quantization_of(const struct infer_plan *plan, int node,
                                              const float *ranges)
{
    const struct node *n = &plan->folded.nodes[node];
    const int input = n->inputs[0];
    const enum dtype type = plan->layers[node].kernel->op.in_type;
    struct op_quantization quantization = {plan->scales[input], plan->scales[node],
                                           n->sum >= 0 ? plan->scales[n->sum] : 1.0F};
    if (type != DTYPE_F32 && plan->types[input] == DTYPE_F32) { // read through a QUANTIZE
        quantization.in_scale = int8_scale(type, ranges[plan->sources[input].output]);
    }
    return quantization;
}

enum status conv_load(struct infer_plan *plan, int node, const float *ranges)
{
    if (plan->layers[node].quantizes) {
        float *factors = program_staging(plan->program, plan->factors);
        factors[plan->folded.n_nodes + node] = 1.0F / quantization_of(plan, node, ranges).in_scale;
    }
    return OK;
}

enum status conv_pack(struct infer_plan *plan, int node, const float *ranges)
{
    const struct infer_layer *layer = &plan->layers[node];
    const struct op_quantization quantization = quantization_of(plan, node, ranges);
    return layer->kernel->ops->pack(layer->kernel, infer_param_address(plan, node, 0),
                                    infer_param_address(plan, node, 1),
                                    layer->kernel->op.in_type == DTYPE_F32 ? NULL : &quantization,
                                    program_address(plan->program, layer->weights), 0);
}
