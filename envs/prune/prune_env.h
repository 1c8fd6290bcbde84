// An open pruning environment, as its own files see it.
#pragma once
#include "envs/network_env.h"
#include "envs/prune/prune_batch.h"
#include "envs/prune/prune_walk.h"
#include "envs/scoring/scoring_evaluate.h"

// A slot: the episode under way in it, or what that has come to.
struct prune_episode {
    struct prune_walk **walks; // [n_networks] NULL: not played here yet; arena, as the walks
    struct prune_walk *walk;   // of the episode: that of its network
    int task;
    bool imagined, pending;
    struct env_outcome outcome;
};
struct prune_env {
    struct env base;
    const struct prune_config *config; // borrowed
    struct scoring_options scoring;    // the config's, its dtype resolved
    uint64_t seed;
    struct backend *backend; // owned
    struct arena arena;
    struct host_data host;
    struct prune_study *studies; // [n_networks] arena
    struct prune_walk *walks;    // [n_tasks] of no episode: what is known beforehand; arena
    struct kept_images *more;    // [host.n_datasets] arena
    struct env_spec spec;
    struct prune_episode *episodes; // [slots] arena
    struct scoring_evaluation evaluation;
    struct prune_request *requests; // [slots] scratch of evaluate; arena
    struct prune_together together; // of the studies
    int slots;
};

struct prune_env *prune_env_self(const struct env *env); // CHECKs that it is one
struct prune_episode *prune_episode_at(const struct prune_env *env, int slot);

enum status prune_evaluate(struct env *base, const int *slots, int n); // env_ops.evaluate
extern const struct network_env_ops prune_network_ops;
