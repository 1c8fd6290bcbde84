// Versions of weights.
#include "learner/weight_ring.h"

#include <float.h>
#include <string.h>

enum status weight_ring_open(size_t n_floats, int n_versions, struct arena *arena,
                             struct weight_ring *out)
{
    struct weight_ring ring = {.n_floats = n_floats, .n_versions = n_versions};
    ARENA_NEW(arena, ring.floats, n_floats * (size_t)n_versions);
    ARENA_NEW(arena, ring.versions, (size_t)n_versions);
    for (int i = 0; i < n_versions; i++) {
        ring.versions[i] = -1;
    }
    *out = ring;
    return OK;
}

void weight_ring_put(struct weight_ring *ring, int64_t version, const float *weights)
{
    const size_t at = (size_t)(version % ring->n_versions);
    ring->versions[at] = version;
    if (ring->n_floats > 0) {
        memcpy(ring->floats + at * ring->n_floats, weights, ring->n_floats * sizeof *weights);
    }
}

bool weight_ring_has(const struct weight_ring *ring, int64_t version)
{
    return version >= 0 && ring->versions[version % ring->n_versions] == version;
}

const float *weight_ring_get(const struct weight_ring *ring, int64_t version)
{
    const size_t at = (size_t)(version % ring->n_versions);
    CHECK(ring->versions[at] == version);
    return ring->floats + at * ring->n_floats;
}

void weight_ring_state(struct weight_ring *ring, struct state_list *list)
{
    const size_t n = (size_t)ring->n_versions;
    state_list_add_within(list, "learner.versions", HDF5_I64, n, ring->versions, -1,
                          STATE_COUNT_MAX);
    state_list_add_within(list, "learner.weights", HDF5_F32, n * ring->n_floats, ring->floats,
                          -FLT_MAX, FLT_MAX);
}
