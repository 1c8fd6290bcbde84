// What a network costs, as exact integers: multiply-adds of convolutions, linear layers and LSTM
// matrix products, trainable parameters, and bytes of all that is saved, in float32. Over group
// widths both are sums of terms coefficient * W(in) * W(out), where W(x) sums the widths of a
// tensor's segments.
#pragma once
#include "nn/node_type.h"
#include "search_space/groups.h"

struct network_cost {
    int64_t macs;   // per image
    int64_t params; // trainable, as PyTorch counts them
    int64_t bytes;  // of the weights as saved, float32, running statistics too
};
// "macs", as options call a cost, and "multiply-adds", by cost_kind.
extern const char *const cost_names[COST_KINDS], *const cost_units[COST_KINDS];
struct network_cost cost_of_graph(const struct graph *graph);
int64_t cost_of_node(const struct graph *graph, int node, enum cost_kind kind);

// The terms that a node costs, [NODE_MOST_TERMS]; returns how many.
int cost_terms_of_node(const struct graph *graph, int node, enum cost_kind kind,
                       struct cost_term *terms);

struct cost_model;
enum status cost_model_open(const struct graph *graph, const struct groups *groups,
                            enum cost_kind kind, struct arena *arena, struct cost_model **out);
// widths [groups.n]
int64_t cost_model_total(const struct cost_model *model, const int *widths);
// The total if width[group] were `width` and the others as given; O(terms of that group) after
// cost_model_total's work is cached in `total`.
int64_t cost_model_with(const struct cost_model *model, const int *widths, int64_t total, int group,
                        int width);
