// What the architecture environments of one host need and none of them changes: images, supernets,
// what their largest networks come to. Images, the supernets' values and measurements exist once
// per host (host_memory.h), with the cache of scores.
#pragma once
#include "envs/nas/nas.h"
#include "envs/scoring/host_memory.h"
#include "envs/scoring/host_subject.h"
#include "envs/scoring/score_cache.h"
#include "search_space/supernet.h"

struct nas_host_network {
    struct host_subject subject; // whole: the largest network
    struct supernet supernet;    // its values are the host's
};
struct nas_host {
    struct host_memory memory;
    struct host_dataset *datasets;     // [n_datasets] arena
    struct nas_host_network *networks; // [n_networks of the config] arena
    int n_datasets, n_networks;
    struct score_slot *cache; // [SCORE_CACHE_SLOTS]
};
// fd as host_memory_open. The backend is used when this process is the one to fill. Errors name the
// network.
enum status nas_host_open(const struct nas_config *config, uint64_t seed, struct backend *backend,
                          int fd, struct arena *arena, struct nas_host *out);
void nas_host_close(struct nas_host *host); // a zeroed one is fine
