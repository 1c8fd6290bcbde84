// A learner's side without learning, and actors with workers, for tests: hands out tickets and
// holds every answer to what a rollout in this process gives.
#pragma once
#include "actors/actor.h"
#include "fake_env.h"

enum { HARNESS_MOST_ACTORS = 512, HARNESS_MOST_AT_ONCE = 16 };
struct harness {
    // To be set before harness_open.
    struct fake_options fake;
    struct actor_options options;
    int n_actors;
    const struct env_ops *ops; // NULL: env_fake
    const void *config;        // of ops
    bool alone;                // no nursery
    int ahead;                 // batches of tickets that an actor may have
    int episodes_per_version;  // of the weights

    struct collective world; // harness_join
    int n_here;              // actors of this process
    struct nursery *nursery;
    struct rollout *oracle;
    struct rollout *rollouts[HARNESS_MOST_ACTORS]; // alone
    struct transport transport;
    struct actor *actors[HARNESS_MOST_ACTORS];
    struct trajectory_shape shape;
    size_t n_weights;
    float *weights;
    void *block; // the oracle's
};
struct harness_count {
    int answers, tries, failures[FAILURE_COUNT];
};

void harness_defaults(struct harness *h);
void harness_open(struct harness *h);
// Runs so many episodes, some by the policy with weights that change on the way, some at random.
// Every one must be answered once; one that did not fail must be, seconds aside, what the oracle
// gives.
void harness_run(struct harness *h, int episodes, struct harness_count *out);
void harness_close(struct harness *h);

// The same over MPI: instead of harness_open, on all ranks; rank 0 then calls harness_run and
// harness_stop, the others harness_act.
void harness_join(struct harness *h);
void harness_stop(struct harness *h);
void harness_act(struct harness *h);
