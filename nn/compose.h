// Groups the nodes of a graph that one kernel can do together while BatchNorm is still separate
// (training, statistics).
//   BATCHNORM [-> ADD(residual)] [-> ACT]      ADD [-> ACT]      CONV or LINEAR [-> ACT]
#pragma once
#include "nn/graph.h"

struct compound {
    int node;              // the node that computes
    int residual;          // BATCHNORM: node whose value is added before act; -1 none
    struct activation act; // ACT_NONE: none
    int output;            // the node whose value comes out
};

// compounds: from `arena`, ordered so that each comes after what it reads. Every node but the input
// is part of one.
enum status compose_graph(const struct graph *graph, struct arena *arena, struct compound **out,
                          int *n);
