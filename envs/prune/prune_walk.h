// One task's way through the widths of its network: which group is next, which widths it may take,
// what is decided. No data, no arithmetic on images.
#pragma once
#include "envs/prune/prune_study.h"
#include "search_space/wall.h"

struct prune_walk {
    const struct prune_study *study; // borrowed
    struct wall *wall;               // arena
    int64_t limits[2];               // by cost_kind; INT64_MAX = none
    int step;                        // decided so far; n_steps at the end
    double last_share;               // what the step before kept of its group; 1 at the first
    int *scratch;                    // [groups] arena
};
// ERR_CONFIG: a budget that is no number, or that even the least widths exceed; names the task, the
// least possible and what was asked.
enum status prune_walk_open(const struct prune_study *study, const struct prune_task *task,
                            const struct space_options *space, struct arena *arena,
                            struct prune_walk *out);
void prune_walk_reset(struct prune_walk *walk); // nothing decided
// Choices of the next step: how many, and their widths.
int prune_walk_choices(const struct prune_walk *walk, const int **widths);
void prune_walk_decide(struct prune_walk *walk, int choice); // must be legal
