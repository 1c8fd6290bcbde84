// What the pruning environments of one host need and none of them changes: networks, images,
// rankings, base accuracies. It exists once per host (host_memory.h), with the cache of scores.
#pragma once
#include "envs/prune/host_prior.h"
#include "envs/prune/prune.h"
#include "envs/scoring/host_memory.h"
#include "envs/scoring/host_subject.h"
#include "envs/scoring/score_cache.h"
#include "search_space/criterion.h"

struct host_network {
    struct host_subject subject;
    const char *whole;    // as in struct network, "" of a whole one
    struct graph graph;   // this process' own
    struct groups groups; // likewise
    const float *params;  // [graph.n_floats]
    struct ranking ranking;
    struct host_prior prior;
    const double *grams; // for refit_open_grams; NULL without refit
};
struct host_data {
    struct host_memory memory;
    struct host_dataset *datasets; // [n_datasets] arena
    struct host_network *networks; // [n_networks of the config] arena
    int n_datasets, n_networks;
    struct score_slot *cache; // [SCORE_CACHE_SLOTS]
};
// fd as host_memory_open. The backend is used when this process is the one to fill. Errors name the
// network.
enum status host_data_open(const struct prune_config *config, uint64_t seed,
                           struct backend *backend, int fd, struct arena *arena,
                           struct host_data *out);
void host_data_close(struct host_data *data); // a zeroed one is fine
