// Episodes from tickets: environment and policy, written into trajectory blocks.
#pragma once
#include "actors/actor_options.h"
#include "actors/work.h"
#include "agent/agent.h"
#include "compute/backend.h"
#include "envs/env.h"
#include "transport/ticket.h"
#include "transport/trajectory.h"

struct rollout_job {
    const struct env_ops *ops;
    struct env_job env;
    const struct agent_options *agent; // borrowed
    const struct actor_options *actor; // borrowed, for a nursery; NULL = the defaults
    const struct work_job *work;       // borrowed, for a nursery: its other work; NULL = none
};
struct rollout;
struct faults;
// Opens the environment and a player of its own (one thread).
enum status rollout_open(const struct rollout_job *job, struct rollout **out);
void rollout_shape(const struct rollout *rollout, struct trajectory_shape *out);
struct env *rollout_env(struct rollout *rollout); // borrowed
void rollout_agent(const struct rollout *rollout, struct agent *out);
// Takes over the policy's weights. n must be what the agent has.
void rollout_load(struct rollout *rollout, const float *weights, size_t n);
// Likewise the weights that imagined tickets are played with. They are kept apart: where the
// learner imagines in the rollout of an actor, that one's episodes keep theirs.
enum status rollout_load_imagining(struct rollout *rollout, const float *weights, size_t n);
// Plays tickets [n], 1 to env.slots of the job, side by side: one batch of the policy per step, one
// evaluation at the end. Imagined ones are played one at a time. blocks [n][trajectory_bytes]: all
// filled and sealed, header.failure included. An error of the environment is the failure of all of
// them in the headers (FAILURE_MEMORY for ERR_MEMORY, else FAILURE_ERROR) and the returned status:
// whose fault it was shows when each is played alone. The same ticket gives the same bytes, the
// header's seconds and `cached` aside, whichever others there are. Steps that a list of given
// actions does not reach take the last choice.
enum status rollout_run(struct rollout *rollout, const struct ticket *tickets, int n, void *blocks);
// faults [n] of the tickets of the next run; borrowed; NULL = none.
void rollout_inject(struct rollout *rollout, struct faults *faults);
void rollout_close(struct rollout *rollout); // NULL is fine
