// Grouping nodes into compounds.
#include "nn/compose.h"

#include "nn/node_type.h"

struct composer {
    const struct graph *graph;
    int *readers;        // [n_nodes] how many nodes read it
    bool *absorbed;      // [n_nodes] part of a compound that has another output
    struct compound *of; // [n_nodes] compound whose output is that node
};

static int other_input(const struct node *node, int input)
{
    return node->inputs[0] == input ? node->inputs[1] : node->inputs[0];
}

// Can `node`'s value vanish inside a compound?
static bool is_private(const struct composer *c, int node)
{
    return c->readers[node] == 1 && !c->absorbed[node];
}

// An ADD takes in a BATCHNORM operand of its own: the later one, since both operands are then
// computed.
static void compose_add(struct composer *c, int add)
{
    const struct node *node = &c->graph->nodes[add];
    const int later = node->inputs[0] > node->inputs[1] ? node->inputs[0] : node->inputs[1];
    const int candidates[2] = {later, other_input(node, later)};
    for (int i = 0; i < 2; i++) {
        const int operand = candidates[i];
        if (c->graph->nodes[operand].kind == NODE_BATCHNORM && is_private(c, operand) &&
            c->of[operand].residual < 0 && c->of[operand].act.kind == ACT_NONE) {
            c->absorbed[operand] = true;
            c->of[add] = (struct compound){
                .node = operand, .residual = other_input(node, operand), .output = add};
            return;
        }
    }
}

static void compose_act(struct composer *c, int act)
{
    const struct node *node = &c->graph->nodes[act];
    const int input = node->inputs[0];
    // The gradient of some activations needs what they read, which would be gone.
    if (node_type_of(c->graph->nodes[input].kind)->carries_act && is_private(c, input) &&
        c->of[input].act.kind == ACT_NONE &&
        activation_type(node->act.kind)->source == ACT_FROM_OUTPUT) {
        c->absorbed[input] = true;
        c->of[act] = c->of[input];
        c->of[act].act = node->act;
        c->of[act].output = act;
    }
}

enum status compose_graph(const struct graph *graph, struct arena *arena, struct compound **out,
                          int *n)
{
    struct composer c = {.graph = graph};
    const size_t nodes = (size_t)graph->n_nodes;
    ARENA_NEW(arena, c.readers, nodes);
    ARENA_NEW(arena, c.absorbed, nodes);
    ARENA_NEW(arena, c.of, nodes);
    ARENA_NEW(arena, *out, nodes);
    for (int i = 0; i < graph->n_nodes; i++) {
        for (int j = 0; j < graph->nodes[i].n_inputs; j++) {
            c.readers[graph->nodes[i].inputs[j]]++;
        }
    }
    for (int i = 0; i < graph->n_outputs; i++) {
        c.readers[graph->outputs[i].node]++; // it is read from outside
    }
    for (int i = 1; i < graph->n_nodes; i++) {
        const struct node *node = &graph->nodes[i];
        c.of[i] = (struct compound){.node = i, .residual = -1, .output = i};
        if (node->kind == NODE_ADD && node->n_inputs == 2) {
            compose_add(&c, i);
        } else if (node->kind == NODE_ACT) {
            c.of[i].act = node->act;
            compose_act(&c, i);
        }
    }
    *n = 0;
    for (int i = 1; i < graph->n_nodes; i++) {
        if (!c.absorbed[i]) {
            (*out)[(*n)++] = c.of[i];
        }
    }
    return OK;
}
