// MAX_POOL: the greatest value under a window; padding never wins.
#include "nn/infer_internal.h"
#include "nn/lower_backward.h"
#include "nn/node_type.h"

static enum status forward(struct lowering *l, const struct compound *compound)
{
    const int node = compound->node;
    struct op op = graph_node_op(l->graph, node, l->chunk);
    op.training = l->training;
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, false, &kernel));
    TRY(lower_new_value(l, node));
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

static enum status backward(struct backward *b, const struct compound *compound)
{
    return backward_unary(b, compound, OP_POOL_MAX_BACKWARD);
}

static const struct node_attribute attributes[] = {
    NODE_INTS("kernel", kernel, 2, 1),     NODE_INTS("stride", stride, 2, 1),
    NODE_INTS("dilation", dilation, 2, 1), NODE_INTS("pad", pad, 4, 0),
    NODE_BOOL("ceil", ceil_mode),          {.key = NULL},
};

const struct node_type node_type_max_pool = {
    .name = "max_pool",
    .least_inputs = 1,
    .most_inputs = 1,
    .attributes = attributes,
    .shape = node_slide_window,
    .op = OP_POOL_MAX,
    .forward = forward,
    .backward = backward,
    .infer = infer_plain,
    .int8_output = INT8_COPIES,
    .int8_reads = true,
    .sign = SIGN_OF_INPUTS,
    .pieces = node_pieces_same,
    .moments = node_moments_same,
};
