// The episodes a learner keeps: those that wait for the next update, a ring of old ones to replay,
// and the best distinct candidates of each task to imitate. All are copies of trajectory blocks
// without what depends on who ran them and how long it took, so that a saved state does not.
#pragma once
#include "core/arena.h"
#include "learner/state_list.h"
#include "transport/trajectory.h"

struct episode_memory_options {
    int pending; // most that wait
    int replay;  // of the ring, 0 = none
    int best;    // kept per task, 0 = none
    int n_tasks;
};
struct episode_memory {
    struct episode_memory_options options;
    struct trajectory_shape shape;
    size_t bytes;     // of one block
    uint8_t *pending; // [options.pending][bytes]
    uint8_t *ring;    // [options.replay][bytes], the n-th ever put in at n modulo replay
    uint8_t *best;    // [n_tasks][options.best][bytes], best first (ties: the earlier)
    int n_pending;
    int64_t *n_replayed; // [1] ever put into the ring
    int32_t *n_best;     // [n_tasks]
};
enum status episode_memory_open(const struct trajectory_shape *shape,
                                const struct episode_memory_options *options, struct arena *arena,
                                struct episode_memory *out);
// Appends to what waits, and to the task's best when it belongs there: finite, and its candidate
// (result, or the actions where there is none) not in the list with a score as good.
void episode_memory_take(struct episode_memory *memory, const struct trajectory *trajectory);
// The second half of that alone: for an episode that nothing but imitation can learn from.
void episode_memory_keep(struct episode_memory *memory, const struct trajectory *trajectory);
// What waits moves into the ring.
void episode_memory_turn(struct episode_memory *memory);

void episode_memory_pending(const struct episode_memory *memory, int i, struct trajectory *out);
int episode_memory_replayable(const struct episode_memory *memory); // episodes in the ring
// One of them at random.
struct rng;
void episode_memory_replay(const struct episode_memory *memory, struct rng *rng,
                           struct trajectory *out);
// Writes up to `most` of all tasks' best, drawn without repeats, as numbers for
// episode_memory_best; order [n_tasks * best] is scratch. Returns how many.
int episode_memory_draw_best(const struct episode_memory *memory, struct rng *rng, int most,
                             int32_t *order);
void episode_memory_best(const struct episode_memory *memory, int number, struct trajectory *out);

// Between two updates, when nothing waits: that is no part of it.
void episode_memory_state(struct episode_memory *memory, struct state_list *list);
// What was read fits together; ERR_INPUT otherwise.
enum status episode_memory_check(const struct episode_memory *memory);
