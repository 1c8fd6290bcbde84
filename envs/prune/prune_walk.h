// A way through the widths of a network, within a task's limits: which group is next, which widths
// it may take, what is decided. No data, no arithmetic on images.
#pragma once
#include "envs/prune/prune_study.h"
#include "search_space/wall.h"

enum { PRUNE_MOST_SUGGESTIONS = 7 };

struct prune_walk {
    const struct prune_study *study; // borrowed
    struct wall *wall;               // arena
    int64_t own[COST_KINDS];         // the task's limits, by cost_kind; INT64_MAX = none. Others
                                     // of the same network may be put here before a reset
    int64_t limits[COST_KINDS];      // those of this walk
    int step;                        // decided so far; n_steps at the end
    double last_share;               // what the step before kept of its group; 1 at the first
    int *scratch;                    // [groups] arena
    struct prune_hint hint;          // of what is decided
    int16_t *suggested;              // [n_suggested][n_steps] choices, see prune_suggest.h; arena
    int n_suggested;                 // 0: not asked for yet
};
// A task's own walk in an open environment, which no episode goes, and what that was opened with.
struct prune_walk *prune_env_walk(const struct env *env, int task);
const struct prune_config *prune_env_config(const struct env *env);

// ERR_CONFIG: a budget that is no number, or that even the least widths exceed; names the task, the
// least possible and what was asked.
enum status prune_walk_open(const struct prune_study *study, const struct prune_task *task,
                            const struct space_options *space, struct arena *arena,
                            struct prune_walk *out);
// Nothing decided. budget: as env_start has it; a limit below what is possible at all becomes that.
void prune_walk_reset(struct prune_walk *walk, double budget);
// Choices of the next step: how many, and their widths.
int prune_walk_choices(const struct prune_walk *walk, const int **widths);
void prune_walk_decide(struct prune_walk *walk, int choice); // must be legal
