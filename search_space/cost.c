// Costs of one network as it is.
#include "search_space/cost.h"

#include "search_space/channel_union.h"
#include "search_space/cost_terms.h"

static int conv_terms(const struct graph *graph, int node, int64_t places, struct cost_term *term)
{
    const struct node *n = &graph->nodes[node];
    const int64_t taps = (int64_t)n->kernel_h * n->kernel_w;
    if (channel_is_depthwise(graph, node)) {
        *term = (struct cost_term){taps * places, ONE_WIDE, node, 1};
    } else {
        *term = (struct cost_term){taps * places, n->inputs[0], node, n->groups};
    }
    return 1;
}

int cost_terms_of_node(const struct graph *graph, int node, enum cost_kind kind,
                       struct cost_term *terms)
{
    const struct node *n = &graph->nodes[node];
    const struct node *from = &graph->nodes[n->n_inputs > 0 ? n->inputs[0] : node];
    const bool params = kind == COST_PARAMS;
    int count = 0;
    switch (n->kind) {
    case NODE_CONV:
        count = conv_terms(graph, node, params ? 1 : (int64_t)n->h * n->w, terms);
        break;
    case NODE_LINEAR: // h * w weights per channel of its input map
        terms[count++] = (struct cost_term){(int64_t)from->h * from->w, n->inputs[0], node, 1};
        break;
    case NODE_LSTM: { // four gates, each time step
        const int64_t gates = params ? 4 : 4 * (int64_t)from->h;
        terms[count++] = (struct cost_term){gates * from->w, n->inputs[0], node, 1};
        terms[count++] = (struct cost_term){gates, node, node, 1};
        if (params) {
            terms[count++] = (struct cost_term){4, ONE_WIDE, node, 1};
        }
        return count;
    }
    case NODE_BATCHNORM:
        if (params) {
            terms[count++] = (struct cost_term){2, ONE_WIDE, node, 1};
        }
        return count;
    default:
        return 0;
    }
    if (params && n->bias) {
        terms[count++] = (struct cost_term){1, ONE_WIDE, node, 1};
    }
    return count;
}

int64_t cost_of_node(const struct graph *graph, int node, enum cost_kind kind)
{
    struct cost_term terms[COST_MAX_TERMS];
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
