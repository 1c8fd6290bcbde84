#include "envs/nas/nas_walk.h"

#include "envs/task_budget.h"

#include <inttypes.h>

static enum status find_limit(const struct nas_study *study, const struct nas_task *task,
                              enum cost_kind kind, int64_t *limit)
{
    const double asked = task->budget[kind];
    const int64_t full = study->full.of[kind], least = study->least.of[kind];
    TRY(task_budget_limit(task->name, kind, asked, full, limit));
    if (*limit < least) {
        FAIL(ERR_CONFIG,
             "task \"%s\": %s of %g asks for at most %" PRId64 " %s, but the least possible in "
             "space %s is %" PRId64 " of %" PRId64 " (%.3f); raise the budget, or give the space "
             "smaller networks",
             task->name, cost_names[kind], asked, *limit, cost_units[kind],
             study->space->type->name, least, full, (double)least / (double)full);
    }
    return OK;
}

enum status nas_walk_open(const struct nas_study *study, const struct nas_task *task,
                          struct nas_walk *out)
{
    struct nas_walk walk = {.study = study};
    const struct objective_range range = {.least = study->least, .whole = study->full};
    for (int k = 0; k < COST_KINDS; k++) {
        TRY(find_limit(study, task, (enum cost_kind)k, &walk.own.of[k]));
    }
    TRY(objective_make(&task->objective, &range, task->name, &walk.objective));
    nas_walk_reset(&walk, 0);
    *out = walk;
    return OK;
}

void nas_walk_reset(struct nas_walk *walk, double budget)
{
    walk->step = 0;
    for (int k = 0; k < COST_KINDS; k++) {
        const int64_t own = walk->own.of[k];
        walk->limits.of[k] =
            budget > 0 ? task_budget_scale(own, walk->study->least.of[k], budget) : own;
    }
}

enum status nas_walk_legal(const struct nas_walk *walk, uint8_t *legal)
{
    return nas_wall_legal(walk->study->wall, &walk->limits, walk->choice, walk->step, legal);
}

void nas_walk_decide(struct nas_walk *walk, int choice)
{
    const struct nas_space *space = walk->study->space;
    CHECK(walk->step < space->n_decisions && choice >= 0 &&
          choice < space->decisions[walk->step].n_choices);
    walk->choice[walk->step++] = (int16_t)choice;
    if (walk->step == space->n_decisions) {
        nas_space_canonical(space, walk->choice);
    }
}
