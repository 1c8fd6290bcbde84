// A space as the search sees it: its steps, and what its networks cost.
#pragma once
#include "envs/nas/nas.h"
#include "search_space/nas_wall.h"

struct nas_study {
    const struct nas_space *space; // borrowed
    struct nas_wall *wall;         // owned
    struct nas_cost full, least;   // of the largest network and of the least
    int *n_choices;                // [n_decisions] arena, as the next ones
    const float **position;        // [n_decisions][n_choices]
    bool *categorical;             // [n_decisions]
    int16_t *cheapest;             // [n_decisions] their choices that cost least
    int16_t **by_cost; // [n_decisions][n_choices] choices of each decision, the cheapest first, all
                       // others being the greatest
    bool any_categorical;
    int most_choices; // of a step
};
enum status nas_study_open(const struct nas_space *space, struct arena *arena,
                           struct nas_study *out);
void nas_study_close(struct nas_study *study); // a zeroed one is fine

// What the network of any choice costs.
void nas_study_cost(const struct nas_study *study, const int16_t *choice, struct nas_cost *out);
bool nas_cost_within(const struct nas_cost *cost, const struct nas_cost *limits);
