// Whole episodes packed into lanes, as the network and the update rules read them. An episode is
// never split, the recurrent state is zeroed at each one's first row, and rows that are left over
// are padding.
#pragma once
#include "agent/agent.h"
#include "agent/distribution.h"
#include "learner/rules/vtrace.h"

struct episode_batch_options {
    const struct trajectory_shape *shape;
    const struct agent *agent;
    int episodes; // most in a batch
    int unroll;   // rows of a lane; 0 = the longest episode
};
// Row r = lane * steps + t. Rows behind used[lane] are padding: flags ROW_PADDING, zeros otherwise.
struct episode_batch {
    int lanes, steps;        // B, T
    int n_inputs, n_choices; // C, most choices of a step
    int episodes, capacity;  // packed, most
    struct trajectory_shape shape;
    const struct agent *agent; // borrowed
    int *used;                 // [B] rows in use
    float *inputs;             // [B][T][C] as agent_input makes them
    float *reset;              // [B][T] 1 where the recurrent state begins at zero
    float *position;           // [B][T][n_choices]
    uint8_t *legal;            // [B][T][n_choices]
    int32_t *choices, *action; // [B][T]
    float *raw, *logp;         // [B][T] behaviour's sample and log-probability
    float *reward;             // [B][T]
    uint8_t *flags;            // [B][T] enum trajectory_flag, enum row_flag
    uint8_t *categorical;      // [B][T] 1 where choices have no order
    int32_t *task;             // [B][T]
};
// Lanes are as many as `episodes` always fit into: ceil(episodes / floor(T / longest)). ERR_CONFIG
// for an unroll below the longest episode. Memory from `arena`, nothing is allocated later.
enum status episode_batch_open(const struct episode_batch_options *options, struct arena *arena,
                               struct episode_batch *out);
void episode_batch_clear(struct episode_batch *batch);
// Copies an episode to the first lane with room; row_flags: further bits for all its rows. A
// trajectory that does not fit the shape (rows, action, task) is a bug of whoever made it.
void episode_batch_add(struct episode_batch *batch, const struct trajectory *trajectory,
                       int row_flags);
static inline size_t episode_batch_rows(const struct episode_batch *batch)
{
    return (size_t)batch->lanes * (size_t)batch->steps;
}
void episode_batch_offer(const struct episode_batch *batch, size_t row, struct offer *out);
void episode_batch_chosen(const struct episode_batch *batch, size_t row, struct chosen *out);
// A row with an action: neither padding nor the observation after a cut.
static inline bool episode_batch_acts(const struct episode_batch *batch, size_t row)
{
    return (batch->flags[row] & (ROW_PADDING | FLAG_TRUNCATED)) == 0;
}
