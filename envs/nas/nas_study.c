#include "envs/nas/nas_study.h"

#include <string.h>

// Only want of memory can fail, as the space has built its greatest network.
void nas_study_cost(const struct nas_study *study, const int16_t *choice, struct nas_cost *out)
{
    CHECK(nas_wall_cost(study->wall, choice, out) == OK);
}

bool nas_cost_within(const struct nas_cost *cost, const struct nas_cost *limits)
{
    for (int k = 0; k < COST_KINDS; k++) {
        if (cost->of[k] > limits->of[k]) {
            return false;
        }
    }
    return true;
}

static bool is_cheaper(const struct nas_cost *a, const struct nas_cost *b)
{
    for (int k = 0; k < COST_KINDS; k++) {
        if (a->of[k] != b->of[k]) {
            return a->of[k] < b->of[k];
        }
    }
    return false;
}

// Sorts the choices of a decision by cost, equal ones as they are.
static enum status order_choices(struct nas_study *study, int d, struct arena *arena)
{
    const int n = study->n_choices[d];
    struct nas_cost costs[NAS_MOST_CHOICES];
    int16_t choice[NAS_MOST_DECISIONS], *order;
    ARENA_NEW(arena, order, (size_t)n);
    for (int i = 0; i < n; i++) {
        for (int e = 0; e < study->space->n_decisions; e++) {
            choice[e] = (int16_t)(study->n_choices[e] - 1);
        }
        choice[d] = (int16_t)i;
        TRY(nas_wall_cost(study->wall, choice, &costs[i]));
        int at = i;
        for (; at > 0 && is_cheaper(&costs[i], &costs[order[at - 1]]); at--) {
            order[at] = order[at - 1];
        }
        order[at] = (int16_t)i;
    }
    study->by_cost[d] = order;
    return OK;
}

static enum status fill(struct nas_study *study, struct arena *arena)
{
    const struct nas_space *space = study->space;
    const size_t n = (size_t)space->n_decisions;
    int16_t choice[NAS_MOST_DECISIONS];
    ARENA_NEW(arena, study->n_choices, n);
    ARENA_NEW(arena, study->position, n);
    ARENA_NEW(arena, study->categorical, n);
    ARENA_NEW(arena, study->by_cost, n);
    ARENA_NEW(arena, study->cheapest, n);
    for (size_t d = 0; d < n; d++) {
        const struct nas_decision *decision = &space->decisions[d];
        study->n_choices[d] = decision->n_choices;
        study->position[d] = decision->position;
        study->categorical[d] = decision->categorical;
        study->cheapest[d] = (int16_t)decision->least;
        study->any_categorical = study->any_categorical || decision->categorical;
        study->most_choices =
            decision->n_choices > study->most_choices ? decision->n_choices : study->most_choices;
    }
    for (size_t d = 0; d < n; d++) {
        TRY(order_choices(study, (int)d, arena));
    }
    nas_space_greatest(space, choice);
    TRY(nas_wall_cost(study->wall, choice, &study->full));
    nas_space_least(space, choice);
    return nas_wall_cost(study->wall, choice, &study->least);
}

enum status nas_study_open(const struct nas_space *space, struct arena *arena,
                           struct nas_study *out)
{
    struct nas_study study = {.space = space};
    TRY(nas_wall_open(space, &study.wall));
    const enum status code = fill(&study, arena);
    if (code != OK) {
        nas_study_close(&study);
        return code;
    }
    *out = study;
    return OK;
}

void nas_study_close(struct nas_study *study)
{
    nas_wall_close(study->wall);
    *study = (struct nas_study){0};
}
