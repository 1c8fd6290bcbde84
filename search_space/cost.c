// Costs of one network as it is.
#include "search_space/cost.h"

#include "nn/node_type.h"

int cost_terms_of_node(const struct graph *graph, int node, enum cost_kind kind,
                       struct cost_term *terms)
{
    const struct node_type *type = node_type_of(graph->nodes[node].kind);
    return type->cost != NULL ? type->cost(graph, node, kind, terms) : 0;
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
    }
    return cost;
}
