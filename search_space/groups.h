// Channel groups: channels that must be kept or cut together, found by dependency analysis over
// segments (a channel axis is a list of segments; residual sums unite them piece by piece). Never
// hand-listed.
#pragma once
#include "nn/graph.h"

// A run of channels of one tensor: all channels of group `group` (first = 0, count = its channels:
// groups are cut small enough that no tensor holds a part of one), or channels that are never cut.
struct segment {
    int group; // index into groups.groups; SEGMENT_ZEROS, SEGMENT_FROZEN
    int first, count;
};
#define SEGMENT_ZEROS                                                                              \
    (-1) // zero channels of a padded shortcut that nothing real was added to.
         // Zeros that something real was added to belong to its group
#define SEGMENT_FROZEN (-2)
struct segment_list {
    const struct segment *segments; // arena
    int n;
};
struct channel_group {
    const char *name; // of its first member convolution, "layer1.0.conv1", with ":8-24" when it is
                      // a part of its outputs; arena
    int channels;
    int n_members;
    const int
        *members;    // nodes (CONV, not depthwise, LINEAR or LSTM) that produce its channels; arena
    int equal_parts; // > 1: a grouped convolution reads or writes it: each of the equal parts keeps
                     // the same count
    bool inner;      // not on a residual stream, which several layers add to
};
struct groups {
    struct arena arena;
    struct channel_group *groups;
    int n;
    struct segment_list *outputs; // [n_nodes]: channel axis of each node's output
};

// The network's input and its class outputs are frozen.
enum status groups_find(const struct graph *graph, struct groups *out);
void groups_close(struct groups *groups);
int groups_find_name(const struct groups *groups, const char *name); // -1 if absent
