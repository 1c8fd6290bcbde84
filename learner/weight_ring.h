// The last few versions of the policy's weights: those that tickets under way are to be run with.
#pragma once
#include "core/arena.h"
#include "learner/state_list.h"

struct weight_ring {
    size_t n_floats; // of one version, 0 = no policy
    int n_versions;
    float *floats;     // [n_versions][n_floats], arena; version v at v modulo n_versions
    int64_t *versions; // [n_versions], arena; -1 = not filled
};
enum status weight_ring_open(size_t n_floats, int n_versions, struct arena *arena,
                             struct weight_ring *out);
void weight_ring_put(struct weight_ring *ring, int64_t version, const float *weights);
const float *weight_ring_get(const struct weight_ring *ring, int64_t version); // CHECKs it is there
bool weight_ring_has(const struct weight_ring *ring, int64_t version);
void weight_ring_state(struct weight_ring *ring, struct state_list *list);
