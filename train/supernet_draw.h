// Which sub-networks an update trains. Inside train/ only.
#pragma once
#include "train/train_supernet.h"

struct supernet_draw {
    int n;
    bool has_largest; // the first is the largest network
    bool teaches;     // and the others learn from what it says
    int16_t choices[SUPERNET_MOST_NETWORKS][NAS_MOST_DECISIONS]; // canonical
};
// Of update number `step`; done: share of the run that is done before it, 0..1. A pure function of
// its arguments.
void supernet_draw(const struct supernet_recipe *recipe, const struct nas_space *space,
                   int64_t step, double done, struct supernet_draw *out);
