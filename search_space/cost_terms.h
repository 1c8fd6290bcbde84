// The one place that says what a node costs: a few terms
//   coefficient * W(in) * W(out) / divisor
// where W is the width of the output of a node; ONE_WIDE stands for a factor of 1.
#pragma once
#include "search_space/cost.h"

enum { ONE_WIDE = -1, COST_MAX_TERMS = 3 };
struct cost_term {
    int64_t coefficient;
    int in, out; // nodes, or ONE_WIDE
    int divisor; // exact: of a grouped convolution, its groups
};
// Fills terms [COST_MAX_TERMS]; returns how many.
int cost_terms_of_node(const struct graph *graph, int node, enum cost_kind kind,
                       struct cost_term *terms);
