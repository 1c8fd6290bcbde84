// An open architecture environment, as its own files see it.
#pragma once
#include "envs/candidate_env.h"
#include "envs/nas/nas_host.h"
#include "envs/nas/nas_walk.h"
#include "envs/network_env.h"
#include "envs/scoring/scoring_evaluate.h"
#include "envs/scoring/scoring_score.h"

// A slot: the episode under way in it, or what that has come to.
struct nas_episode {
    struct nas_walk walk;
    int task;
    bool begun, imagined, pending;
    struct env_outcome outcome;
    int32_t result[NAS_MOST_DECISIONS]; // the canonical choice
    struct nas_cost cost;
};
struct nas_env {
    struct env base;
    const struct nas_config *config; // borrowed
    struct scoring_options scoring;  // the config's, its dtype resolved
    uint64_t seed;
    struct backend *backend; // owned
    struct arena arena;
    struct nas_host host;
    struct nas_study *studies; // [n_networks] arena, as all arrays here
    struct nas_walk *walks;    // [n_tasks] of no episode: what is known beforehand
    int *model, *family;       // [n_tasks] as in struct candidate_env_space
    struct kept_images *more;  // [host.n_datasets]
    struct env_spec spec;
    struct nas_episode *episodes; // [slots]
    struct scoring_evaluation evaluation;
    int slots;
};

struct nas_env *nas_env_self(const struct env *env); // CHECKs that it is one
struct nas_episode *nas_episode_at(const struct nas_env *env, int slot);
const struct nas_walk *nas_env_walk(const struct env *env, int task); // of no episode
const struct nas_host_network *nas_env_network(const struct nas_env *env, int task);

enum status nas_evaluate(struct env *base, const int *slots, int n); // env_ops.evaluate
// Numbers tasks by what they share, see struct candidate_env_space.
void nas_env_find_models(struct nas_env *env);
extern const struct candidate_env_ops nas_candidate_ops;
extern const struct network_env_ops nas_network_ops;
