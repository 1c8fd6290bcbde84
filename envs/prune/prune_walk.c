#include "envs/prune/prune_walk.h"

#include "envs/task_budget.h"

#include <inttypes.h>

static enum status find_limit(const struct prune_study *study, const struct prune_task *task,
                              const struct space_options *space, enum cost_kind kind,
                              int64_t *limit)
{
    const double asked = task->budget[kind];
    TRY(task_budget_limit(task->name, kind, asked, study->full[kind], limit));
    if (*limit < study->least[kind]) {
        FAIL(ERR_CONFIG,
             "task \"%s\": %s of %g asks for at most %" PRId64 " %s, but the least possible is "
             "%" PRId64 " of %" PRId64 " (%.3f) with space.groups \"%s\", round_to %d and "
             "least_share %g; raise the budget, lower those, or cut all groups",
             task->name, cost_names[kind], asked, *limit, cost_units[kind], study->least[kind],
             study->full[kind], (double)study->least[kind] / (double)study->full[kind],
             group_ranges[space->groups], space->round_to, space->least_share);
    }
    return OK;
}

enum status prune_walk_open(const struct prune_study *study, const struct prune_task *task,
                            const struct space_options *space, struct arena *arena,
                            struct prune_walk *out)
{
    struct prune_walk walk = {.study = study};
    const struct graph *graph = &study->network->graph;
    const struct groups *groups = &study->network->groups;
    const struct wall_options options = {space->round_to, space->least_share};
    struct wall_limit limits[COST_KINDS];
    int n = 0;
    for (int k = 0; k < COST_KINDS; k++) {
        TRY(find_limit(study, task, space, (enum cost_kind)k, &walk.own[k]));
        if (walk.own[k] != INT64_MAX) {
            limits[n++] = (struct wall_limit){(enum cost_kind)k, walk.own[k]};
        }
    }
    TRY(wall_open(graph, groups, &options, limits, n, arena, &walk.wall));
    ARENA_NEW(arena, walk.scratch, (size_t)groups->n);
    ARENA_NEW(arena, walk.suggested, PRUNE_MOST_SUGGESTIONS * (size_t)study->n_steps);
    TRY(prune_hint_open(study, arena, &walk.hint));
    prune_walk_reset(&walk, 0);
    *out = walk;
    return OK;
}

void prune_walk_reset(struct prune_walk *walk, double budget)
{
    const struct prune_study *study = walk->study;
    walk->step = 0;
    walk->last_share = 1;
    for (int k = 0; k < COST_KINDS; k++) {
        walk->limits[k] =
            budget > 0 ? task_budget_scale(walk->own[k], study->least[k], budget) : walk->own[k];
    }
    wall_set_limits(walk->wall, walk->limits);
    if (study->n_steps < study->network->groups.n) {
        // find_limit has seen that the budget allows it.
        CHECK(wall_keep_streams(walk->wall, &study->network->groups) == OK);
    }
    prune_hint_reset(&walk->hint, study, walk->wall, walk->limits);
}

int prune_walk_choices(const struct prune_walk *walk, const int **widths)
{
    return wall_choices(walk->wall, walk->study->steps[walk->step], widths);
}

void prune_walk_decide(struct prune_walk *walk, int choice)
{
    const int group = walk->study->steps[walk->step];
    const int *widths, n = prune_walk_choices(walk, &widths);
    CHECK(choice >= 0 && choice < n);
    wall_decide(walk->wall, group, widths[choice]); // checks that it is legal
    walk->last_share =
        (double)widths[choice] / (double)walk->study->network->groups.groups[group].channels;
    walk->step++;
    prune_hint_update(&walk->hint, walk->study, walk->wall, walk->limits, walk->step);
}
