// Backward lowering: compounds in reverse order, each from its output's gradient to its inputs'
// gradients.
#include "nn/lower_backward.h"

#include "nn/node_type.h"

enum status backward_new_gradient(struct backward *b, int node, int *out)
{
    return program_buffer(b->l->program, BUFFER_CHUNKED,
                          lower_bytes(b->graph, node, DTYPE_F32, b->l->chunk), out);
}

static enum status add_up(struct backward *b, int node, int first, int second, int *out)
{
    const struct op op = lower_map_op(b->graph, node, OP_ADD);
    TRY(backward_new_gradient(b, node, out));
    return lower_call(b->l->program, &op, first, second, *out);
}

enum status backward_contribute(struct backward *b, int node, int buffer)
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

enum status backward_new_sum(struct backward *b, struct kernel *kernel, int *sum,
                             struct program_call **unpack)
{
    TRY(program_buffer(b->l->program, BUFFER_SUM_F32, kernel->partial_bytes, sum));
    *unpack = &b->unpacks[b->n_unpacks++];
    program_call_init(*unpack, kernel);
    (*unpack)->in[0].buffer = *sum;
    (*unpack)->part_bytes = b->graph->n_trainable * sizeof(float);
    return OK;
}

enum status backward_whole_gradient(struct backward *b, const struct compound *compound, int *out)
{
    const struct contributions *c = &b->of[compound->output];
    const int second = c->n > 1 ? c->buffers[1] : -1;
    if (compound->act.kind == ACT_NONE) {
        *out = c->buffers[0];
        return second < 0 ? OK : add_up(b, compound->output, c->buffers[0], second, out);
    }
    struct op op = lower_map_op(b->graph, compound->output, OP_ACT_BACKWARD);
    op.act = compound->act;
    TRY(backward_new_gradient(b, compound->output, out));
    struct kernel *kernel;
    TRY(program_kernel(b->l->program, &op, false, &kernel));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = c->buffers[0];
    call.in[1].buffer = second;
    call.in[2].buffer = b->l->value[compound->output];
    if (activation_type(compound->act.kind)->source == ACT_FROM_INPUT) {
        // Such an activation is a compound of its own, so what it read is still there.
        call.in[2].buffer = b->l->value[b->graph->nodes[compound->output].inputs[0]];
    }
    call.out[0].buffer = *out;
    return program_add_chunked(b->l->program, &call);
}

enum status backward_unary(struct backward *b, const struct compound *compound, enum op_kind kind)
{
    const int node = compound->node;
    const int input = b->graph->nodes[node].inputs[0];
    if (!b->needed[input]) {
        return OK;
    }
    int dy, dx;
    TRY(backward_whole_gradient(b, compound, &dy));
    struct op op = graph_node_op(b->graph, node, b->l->chunk);
    op.kind = kind;
    struct kernel *kernel;
    TRY(program_kernel(b->l->program, &op, false, &kernel));
    TRY(backward_new_gradient(b, input, &dx));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = dy;
    call.in[1].buffer = b->l->aux[node];
    call.out[0].buffer = dx;
    call.elements = (int64_t)b->l->chunk * op.in_h * op.in_w * op.in_c; // of DROPOUT's mask
    call.stream = node;
    TRY(program_add_chunked(b->l->program, &call));
    return backward_contribute(b, input, dx);
}

static enum status open_backward(struct backward *b, bool input)
{
    const size_t nodes = (size_t)b->graph->n_nodes;
    ARENA_NEW(b->l->arena, b->of, nodes);
    ARENA_NEW(b->l->arena, b->needed, nodes);
    ARENA_NEW(b->l->arena, b->unpacks, nodes);
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
    TRY(backward_contribute(&b, graph_output_node(lowering->graph), output_gradient));
    for (int i = lowering->n_compounds - 1; i >= 0; i--) {
        const struct compound *compound = &lowering->compounds[i];
        if (b.of[compound->output].n > 0 && b.needed[compound->output]) {
            const enum node_kind kind = b.graph->nodes[compound->node].kind;
            TRY(node_type_of(kind)->backward(&b, compound));
        }
    }
    if (input_gradient != NULL) {
        TRY(keep_input_gradient(&b, input_gradient));
    }
    for (int i = 0; i < b.n_unpacks; i++) {
        TRY(program_add_unpack(lowering->program, &b.unpacks[i]));
    }
    return OK;
}
