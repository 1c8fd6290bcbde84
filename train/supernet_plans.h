// Training plans of sub-networks, kept open as far as there is room: the one unused for longest
// goes. Inside train/ only.
#pragma once
#include "nn/plan.h"
#include "search_space/supernet_exchange.h"

// Why two plans of one choice differ.
struct supernet_role {
    float label_share, decay; // of the loss; of the network's weights
    bool teaches;             // what it says is kept
};
struct supernet_plan {
    int16_t *choice; // [n_decisions]
    struct supernet_role role;
    struct graph graph;
    struct train_plan *plan;
    struct supernet_exchange *exchange;
    int64_t used; // number of its last use
};
struct supernet_plans {
    // Set by the owner. options: of every plan, but for its label share.
    struct backend *backend;
    const struct supernet *supernet;
    struct train_options options;
    int most;
    // [n] of them; owned, as are counters of opened plans and the seconds that took.
    struct supernet_plan *list;
    int n;
    struct program_memory *memory; // of all; owned
    int64_t uses, opened;
    double seconds;
};
// The plan of a canonical choice, until the next call.
enum status supernet_plans_get(struct supernet_plans *plans, const int16_t *choice,
                               const struct supernet_role *role, struct supernet_plan **out);
void supernet_plans_close(struct supernet_plans *plans);
