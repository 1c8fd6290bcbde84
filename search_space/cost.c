// Costs of one network as it is.
#include "search_space/cost.h"

#include "nn/node_type.h"

const char *const cost_names[COST_KINDS] = {
    [COST_MACS] = "macs", [COST_PARAMS] = "params", [COST_BYTES] = "bytes"};
const char *const cost_units[COST_KINDS] = {
    [COST_MACS] = "multiply-adds", [COST_PARAMS] = "parameters", [COST_BYTES] = "bytes"};

int cost_terms_of_node(const struct graph *graph, int node, enum cost_kind kind,
                       struct cost_term *terms)
{
    const struct node_type *type = node_type_of(graph->nodes[node].kind);
    if (type->cost == NULL) {
        return 0;
    }
    if (kind != COST_BYTES) {
        return type->cost(graph, node, kind, terms);
    }
    // A BatchNorm has as many running statistics as parameters, other kinds have none.
    const bool saves_more = graph->nodes[node].kind == NODE_BATCHNORM;
    const int n = type->cost(graph, node, COST_PARAMS, terms);
    for (int i = 0; i < n; i++) {
        terms[i].coefficient *= (int64_t)sizeof(float) * (saves_more ? 2 : 1);
    }
    return n;
}

int64_t cost_of_node(const struct graph *graph, int node, enum cost_kind kind)
{
    struct cost_term terms[NODE_MOST_TERMS];
    const int n = cost_terms_of_node(graph, node, kind, terms);
    int64_t total = 0;
    for (int i = 0; i < n; i++) {
        const int64_t in = terms[i].in == ONE_WIDE ? 1 : graph->nodes[terms[i].in].c;
        const int64_t out = terms[i].out == ONE_WIDE ? 1 : graph->nodes[terms[i].out].c;
        total += terms[i].coefficient * in * out / terms[i].divisor;
    }
    return total;
}

struct network_cost cost_of_graph(const struct graph *graph)
{
    struct network_cost cost = {0};
    for (int i = 0; i < graph->n_nodes; i++) {
        cost.macs += cost_of_node(graph, i, COST_MACS);
        cost.params += cost_of_node(graph, i, COST_PARAMS);
        cost.bytes += cost_of_node(graph, i, COST_BYTES);
    }
    return cost;
}
