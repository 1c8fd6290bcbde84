// An open rollout and its episodes under way, as rollout.c (environment) and rollout_choose.c
// (actions) see them. Inside actors/ only.
#pragma once
#include "actors/faults.h"
#include "actors/rollout.h"
#include "agent/distribution.h"
#include "core/arena.h"

// An episode under way, in the slot of the same number.
struct episode {
    const struct ticket *ticket;
    struct trajectory view;
    float last_action, last_reward;
    enum env_end end;
    struct chosen chosen; // for the next step
};
struct rollout {
    struct env *env; // owned
    struct env_spec spec;
    struct backend *backend; // owned
    struct agent agent;
    struct agent_player *player;    // owned
    struct agent_player *imagining; // owned; of imagined tickets, NULL before they have weights
    struct trajectory_shape shape;
    uint64_t seed;
    bool loaded;           // the player has weights
    struct faults *faults; // [slots] borrowed; NULL = none
    int slots;
    struct arena arena;
    struct episode *episodes; // [slots] arena, as all here
    struct agent_step *steps; // [slots] scratch: rows for the player
    int *listed;              // [slots] scratch: numbers of episodes
};

struct env_row rollout_row(const struct rollout *rollout, const struct trajectory *view, int t);
// Whose weights a ticket is played with; NULL: they never came.
struct agent_player *rollout_player(const struct rollout *rollout, const struct ticket *ticket);
// Fills `chosen` for step t of the first n episodes, those that are over aside.
enum status rollout_choose(struct rollout *rollout, int n, int t);
