// DROPOUT (Srivastava et al. 2014): in training, values are zero at random and the others grow to
// keep the mean; elsewhere nothing.
#include "nn/infer_internal.h"
#include "nn/lower_backward.h"
#include "nn/node_type.h"

static enum status forward(struct lowering *l, const struct compound *compound)
{
    const int node = compound->node;
    const int input = l->value[l->graph->nodes[node].inputs[0]];
    if (!l->training) {
        l->value[node] = input;
        return OK;
    }
    TRY(lower_new_value(l, node));
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

static enum status backward(struct backward *b, const struct compound *compound)
{
    return backward_unary(b, compound, OP_DROPOUT); // the forward mask again
}

static enum status infer(struct infer_plan *plan, int node)
{
    plan->values[node] = plan->values[plan->folded.nodes[node].inputs[0]];
    return OK;
}

static const struct node_attribute attributes[] = {
    NODE_FLOAT("rate", rate, 0, 0.9999),
    {.key = NULL},
};

const struct node_type node_type_dropout = {
    .name = "dropout",
    .least_inputs = 1,
    .most_inputs = 1,
    .attributes = attributes,
    .shape = node_shape_as_input,
    .op = OP_DROPOUT,
    .forward = forward,
    .backward = backward,
    .infer = infer,
    .int8_output = INT8_FLOAT,
    .sign = SIGN_OF_INPUTS,
    .pieces = node_pieces_same,
    .moments = node_moments_same,
};
