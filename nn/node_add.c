// ADD: the sum of two or more maps of one shape.
#include "nn/infer_internal.h"
#include "nn/lower_backward.h"
#include "nn/node_type.h"

static enum status shape(const struct graph *graph, struct node *node)
{
    return node_check_inputs(graph, node, true);
}

// Adds up all inputs but the last into *sum, two at a time; with two inputs that is the first one.
static enum status add_first(struct program *program, const struct graph *graph, int node,
                             size_t bytes, const int *values, int *sum)
{
    const struct node *n = &graph->nodes[node];
    const struct op op = lower_map_op(graph, node, OP_ADD);
    *sum = values[n->inputs[0]];
    for (int i = 1; i + 1 < n->n_inputs; i++) {
        int next;
        TRY(program_buffer(program, BUFFER_CHUNKED, bytes, &next));
        TRY(lower_call(program, &op, *sum, values[n->inputs[i]], next));
        *sum = next;
    }
    return OK;
}

static enum status forward(struct lowering *l, const struct compound *compound)
{
    const int node = compound->node;
    const struct node *n = &l->graph->nodes[node];
    int sum;
    TRY(add_first(l->program, l->graph, node, lower_bytes(l->graph, node, DTYPE_F32, l->chunk),
                  l->value, &sum));
    struct op op = lower_map_op(l->graph, node, OP_ADD);
    op.act = compound->act;
    TRY(lower_new_value(l, compound->output));
    return lower_call(l->program, &op, sum, l->value[n->inputs[n->n_inputs - 1]],
                      l->value[compound->output]);
}

static enum status backward(struct backward *b, const struct compound *compound)
{
    const struct node *n = &b->graph->nodes[compound->node];
    int dy;
    TRY(backward_whole_gradient(b, compound, &dy));
    for (int i = 0; i < n->n_inputs; i++) {
        if (b->needed[n->inputs[i]]) {
            TRY(backward_contribute(b, n->inputs[i], dy));
        }
    }
    return OK;
}

static enum status infer(struct infer_plan *plan, int node)
{
    const struct node *n = &plan->folded.nodes[node];
    int sum;
    TRY(add_first(plan->program, &plan->folded, node,
                  lower_bytes(&plan->folded, node, DTYPE_F32, plan->chunk), plan->values, &sum));
    struct op op = lower_map_op(&plan->folded, node, OP_ADD);
    op.act = n->act;
    op.out_type = plan->types[node];
    struct kernel *kernel;
    TRY(program_kernel(plan->program, &op, false, &kernel));
    TRY(infer_new_value(plan, node));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = sum;
    call.in[1].buffer = plan->values[n->inputs[n->n_inputs - 1]];
    call.in[2] = infer_factor(plan, node);
    call.out[0].buffer = plan->values[node];
    return program_add_chunked(plan->program, &call);
}

static void moments(const struct graph *graph, const float *params, int node,
                    const struct moments *all, struct moments *out)
{
    const struct node *n = &graph->nodes[node];
    node_moments_same(graph, params, node, all, out);
    for (int i = 1; i < n->n_inputs; i++) {
        for (int c = 0; c < n->c; c++) {
            out->mean[c] += all[n->inputs[i]].mean[c];
            out->variance[c] += all[n->inputs[i]].variance[c];
        }
    }
}

const struct node_type node_type_add = {
    .name = "add",
    .least_inputs = 2,
    .most_inputs = NODE_MOST_EXTENT,
    .shape = shape,
    .op = OP_ADD,
    .forward = forward,
    .backward = backward,
    .infer = infer,
    .load = infer_load_output_factor,
    .carries_act = true,
    .int8_output = INT8_WRITES_IF_ACT,
    .pieces = node_pieces_same,
    .joins = true,
    .adds = true,
    .moments = moments,
};
