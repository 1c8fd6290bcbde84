// One interface for everything an agent can act in. An environment writes what the agent sees in
// place, into the row of a trajectory that the caller hands over; step never resets. Several
// episodes may be under way in it at once, each in a slot of its own; none has a part in what
// another one shows or gives. One folder each; the list of all is env_list.h.
#pragma once
#include "compute/backend.h"
#include "core/option.h"
#include "core/rng.h"

#include <stdbool.h>
#include <stdint.h>

struct network_env_ops;   // network_env.h
struct candidate_env_ops; // candidate_env.h
struct env;               // each environment's own struct begins with `struct env base`

enum env_end {
    ENV_RUNNING,
    ENV_TERMINATED,
    ENV_TRUNCATED,
    ENV_PENDING // terminated, but its last reward and its outcome are there after evaluate only
};

struct env_spec {
    int n_obs;
    int n_choices;  // most choices of a step
    int most_steps; // of an episode
    int n_result;   // most integers of env_outcome.result
    int n_tasks;
};
// One row of a trajectory; the caller owns every pointer.
struct env_row {
    float *obs; // [n_obs] out, about [0, 1] or unit size
    float
        *position;  // [n_choices] out: where each choice lies on the action axis, [0, 1], ascending
    uint8_t *legal; // [n_choices] out: 1 = may be chosen; at least one is
    int32_t *choices;     // [1] out: how many choices there are now
    uint8_t *categorical; // [1] 0 at first; an environment sets it to 1 where neighbouring choices
                          // are no more alike than others
};
// What the finished episode amounts to.
struct env_outcome {
    double score;                // candidate's accuracy, or the episode's return
    int64_t macs, params, bytes; // what it costs; 0 where they mean nothing
    double off_task; // what its reward is above that of the task's own objective, where it was
                     // played for another one (objective.h); else 0
    int n_result;
    const int32_t *result;     // widths; borrowed until the slot's next reset
    bool cached;               // the score was known already
    bool diverged;             // gave no usable number; score is 0
    float reward;              // ENV_PENDING: of the last step
    double arithmetic_seconds; // inside the network's own plans
};
// Whether the environment computes scores in 8-bit integers where its config leaves that open.
enum env_int8 {
    ENV_INT8_OWN, // where its own backend is fast at it
    ENV_INT8_ON,
    ENV_INT8_OFF
};
// How an environment is opened.
struct env_job {
    const void *config; // the environment's own options struct; borrowed while it is open
    uint64_t seed;
    int slots;           // episodes that may be under way at once; 0 = 1
    const char *backend; // name of the environment's backend; NULL = "cpu"
    int threads;         // for it
    int device, turn;    // for it, as in backend_options, as are the next two
    enum backend_precision precision;
    bool profile;
    int sharers; // workers of this host that share a device; 0 = 1
    bool check;  // for it: ref only, private memory (backend.h)
    enum env_int8 int8;
    int shared_fd; // memory shared by all workers of this host, a file to be mapped, locked with
                   // flock while somebody fills it; -1 = alone, private memory
};

// What an episode begins with.
struct env_start {
    int task;
    int64_t episode; // random numbers are keyed by (seed, episode)
    double budget;   // times the task's own limits, where it has any; 0 = just those
    bool imagined;   // nothing is scored: the outcome says what was tried and what it costs
};

struct env_ops {
    const char *name, *about;
    const struct option *options; // rows "environment.*" of the small ones; NULL: none
    size_t options_bytes;         // of the options struct
    enum status (*open)(const struct env_job *job, struct env **out);
    void (*spec)(const struct env *env, struct env_spec *out);
    // slot: which of the episodes, 0 .. job.slots - 1. What was under way there is forgotten.
    enum status (*reset)(struct env *env, int slot, const struct env_start *start,
                         const struct env_row *row);
    // Takes a legal choice. Fills `row` with what the agent sees next (not when TERMINATED or
    // PENDING), the reward and how it goes on. A candidate that diverges is a reward of 0, not an
    // error; an error means that the environment itself is broken.
    enum status (*step)(struct env *env, int slot, int choice, const struct env_row *row,
                        float *reward, enum env_end *end);
    // Scores what the episodes of these slots [n], all of which ended pending, have come to, at
    // once. NULL: no episode ends pending.
    enum status (*evaluate)(struct env *env, const int *slots, int n);
    void (*outcome)(const struct env *env, int slot, struct env_outcome *out);
    void (*close)(struct env *env);             // NULL is fine
    const struct candidate_env_ops *candidates; // NULL: nothing is known of them beforehand
    const struct network_env_ops *network;      // NULL: its episodes design no networks
};
struct env {
    const struct env_ops *ops;
};
