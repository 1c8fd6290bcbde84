// Channel by channel bookkeeping behind groups.c: every channel that a node brings into being gets
// a number, every tensor is a list of such numbers, and channels that a sum adds together are
// united.
#pragma once
#include "nn/graph.h"

// The numbers of one producer's channels: [first, first + count) of node `node`. A PAD
// produces the zeros it pads with, as two runs.
struct channel_run {
    int node;
    int first, count;
    bool zeros;
};

struct channel_union {
    struct channel_run *runs; // in node order; arena
    int n_runs;
    int n_channels;      // over all runs
    int *parent;         // [n_channels]; arena
    const int **outputs; // [n_nodes][c of the node]: channel numbers of its output; arena
};

// Does this node make new channels (rather than hand on those of its input)?
bool channel_is_produced(const struct graph *graph, int node);

// ERR_MEMORY only.
enum status channel_union_build(const struct graph *graph, struct arena *arena,
                                struct channel_union *out);
// The representative of a channel: equal for united channels.
int channel_find(const struct channel_union *channels, int channel);
