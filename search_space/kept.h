// Which channels of every tensor stay, given what each group keeps.
#pragma once
#include "search_space/slim.h"

struct kept_list {
    int *channels; // ascending positions on the tensor's channel axis; arena
    int n;
};
// out: one list per node, its output's. ERR_MEMORY only. CHECKs that `keep` fits the groups:
// ascending, in range, at least one channel.
enum status kept_lists(const struct graph *graph, const struct groups *groups,
                       const struct keep *keep, struct arena *arena, struct kept_list **out);
