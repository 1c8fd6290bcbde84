// Random episodes for tests of what learns from them.
#pragma once
#include "agent/agent.h"
#include "agent/distribution.h"
#include "core/rng.h"
#include "transport/trajectory.h"

struct episode_case {
    struct trajectory_shape shape;
    uint8_t *block; // [trajectory_bytes]
    struct trajectory trajectory;
};
void episode_open(struct episode_case *episode, const struct trajectory_shape *shape);
void episode_close(struct episode_case *episode);

struct episode_wish {
    int task, rows; // rows: those with an action
    bool truncated; // one more row, the observation it was cut off at
    double reward_scale;
};
// Random observations, offers with some choices illegal, legal actions, behaviour log-probabilities
// near those of a uniform choice, normal rewards.
void episode_fill(struct episode_case *episode, const struct episode_wish *wish, struct rng *rng);
// Behaviour log-probabilities as the distribution gives them for these outputs in every row.
void episode_set_logp(struct episode_case *episode, const struct agent *agent, const float *output);

// A small agent: dense layers {8}, `core` and distribution as given.
struct agent_case {
    struct int_list dense;
    struct agent_options options;
    struct agent agent;
};
void agent_case_make(struct agent_case *out, enum agent_core core,
                     enum distribution_kind distribution, const struct trajectory_shape *shape,
                     int n_tasks);
