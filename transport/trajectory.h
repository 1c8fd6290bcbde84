// A trajectory: what one episode brought back, as one contiguous block. Row t holds what the policy
// saw before step t, what it did, and what came of it. An episode that was cut off by a time limit
// has one more row, the observation it ended on, flagged TRUNCATED: no action there and no loss,
// its value bootstraps the row before.
#pragma once
#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

// What both sides agree on. All trajectories of a run have the same shape.
struct trajectory_shape {
    int rows;      // most rows: steps + 1
    int n_obs;     // floats of an observation
    int n_choices; // most choices of a step
    int n_result;  // most integers that describe what was tried (widths), may be 0
};

enum trajectory_flag { FLAG_FIRST = 1, FLAG_TERMINATED = 2, FLAG_TRUNCATED = 4 };

// Why an episode has no result. Values are part of the run format.
enum failure_reason {
    FAILURE_NONE = 0,
    FAILURE_ERROR = 1,    // the environment reported an error (message in the log)
    FAILURE_CRASH = 2,    // the worker was killed by a signal
    FAILURE_HANG = 3,     // it took longer than it may
    FAILURE_MEMORY = 4,   // it ran out of memory, or was killed for it
    FAILURE_DIVERGED = 5, // ran, but gave no usable number: its rows are there, and are learnt
                          // from, rewarded with 0
    FAILURE_COUNT
};
const char *failure_name(enum failure_reason reason);

struct trajectory_header {
    uint32_t magic, layout; // TRAJECTORY_MAGIC; hash of the shape
    int64_t episode, version;
    int32_t task, actor;
    int32_t rows;    // in use; 0 when it failed (not when it diverged)
    int32_t failure; // enum failure_reason
    int32_t tries;   // runs of this ticket, 1 when the first went well
    int32_t source;  // enum ticket_source
    int32_t n_result;
    int32_t cached;  // 1: the score was known already
    double score;    // of the candidate: accuracy 0..1; for other environments the episode's return
    double off_task; // of the reward: what it is above that of the task's own objective
    int64_t macs, params, bytes;
    double environment_seconds, policy_seconds;
    double arithmetic_seconds; // of environment_seconds: inside the network's own plans
    double wire_seconds;       // from ticket and actor being there to the worker, and back
    uint64_t checksum;         // of the block behind the header, by the worker
};
#define TRAJECTORY_MAGIC 0x6b64696bU
enum { TRAJECTORY_VERSION = 2 }; // of what a block holds, and where

// A view of a block; rows are row-major [rows][...].
struct trajectory {
    struct trajectory_header *header;
    float *obs; // [rows][n_obs]
    float
        *position; // [rows][n_choices] where each choice lies on the action axis, [0, 1], ascending
    uint8_t *legal;       // [rows][n_choices]
    int32_t *choices;     // [rows] how many choices this step has
    int32_t *action;      // [rows] the choice taken
    float *raw;           // [rows] the sample behind it, before squashing (squashed, noisy), else 0
    float *logp;          // [rows] behaviour log-probability, nats
    float *reward;        // [rows] that followed
    uint8_t *flags;       // [rows] enum trajectory_flag
    uint8_t *categorical; // [rows] 1: neighbouring choices are no more alike than others
    int32_t *result;      // [n_result]
};
size_t trajectory_bytes(const struct trajectory_shape *shape);
uint32_t trajectory_layout(const struct trajectory_shape *shape); // hash, for header.layout: of the
                                                                  // shape and this version
int trajectory_steps(const struct trajectory *trajectory);        // rows with an action
double trajectory_reward(const struct trajectory *trajectory);    // sum over them
double trajectory_worth(const struct trajectory *trajectory);     // the reward that the task's own
                                                                  // objective gives
void trajectory_view(const struct trajectory_shape *shape, void *block, struct trajectory *out);
// Whether a received block is one of this shape and unharmed; ERR_COMM says what is wrong. A failed
// episode (rows 0) may come as its header alone.
enum status trajectory_check(const struct trajectory_shape *shape, const void *block, size_t bytes);
// Whether what lies in a block [trajectory_bytes] of unknown origin can be used as an episode:
// counts, choices, actions and flags. `code`: of the failure.
enum status trajectory_check_content(const struct trajectory_shape *shape, const void *block,
                                     enum status code);
// Fills magic, layout and checksum. What the header says may still change afterwards.
void trajectory_seal(const struct trajectory_shape *shape, void *block);
