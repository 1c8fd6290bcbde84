#include "envs/prune/prune_study.h"

#include "envs/prune/prune_features.h"
#include "search_space/wall.h"

static enum status list_steps(struct prune_study *study, const struct space_options *space,
                              struct arena *arena)
{
    const struct groups *groups = &study->network->groups;
    const bool inner = space->groups == GROUPS_INNER;
    ARENA_NEW(arena, study->steps, (size_t)groups->n);
    ARENA_NEW(arena, study->first, (size_t)groups->n);
    for (int g = 0, first = 0; g < groups->n; first += groups->groups[g++].channels) {
        if (groups->groups[g].inner || !inner) {
            study->first[study->n_steps] = first;
            study->steps[study->n_steps++] = g;
        }
    }
    if (study->n_steps == 0) {
        FAIL(ERR_CONFIG, "%s has no channels that could be cut%s",
             study->network->subject.info.architecture,
             inner && groups->n > 0 ? " inside its blocks; set space.groups to \"all\"" : "");
    }
    return OK;
}

// The choices of each step, and costs with everything whole and with every step's group at its
// least width.
static enum status find_costs(struct prune_study *study, const struct space_options *space,
                              struct arena *arena)
{
    const struct graph *graph = &study->network->graph;
    const struct groups *groups = &study->network->groups;
    const struct wall_options options = {space->round_to, space->least_share};
    struct wall *wall;
    int *widths;
    TRY(wall_open(graph, groups, &options, NULL, 0, arena, &wall));
    ARENA_NEW(arena, widths, (size_t)groups->n);
    for (int g = 0; g < groups->n; g++) {
        widths[g] = groups->groups[g].channels;
    }
    for (int k = 0; k < COST_KINDS; k++) {
        TRY(cost_model_open(graph, groups, (enum cost_kind)k, arena, &study->models[k]));
        study->full[k] = cost_model_total(study->models[k], widths);
    }
    ARENA_NEW(arena, study->n_choices, (size_t)study->n_steps);
    ARENA_NEW(arena, study->position, (size_t)study->n_steps);
    ARENA_NEW(arena, study->corners, (size_t)study->n_steps);
    for (int s = 0; s < study->n_steps; s++) {
        const int *choices, n = wall_choices(wall, study->steps[s], &choices);
        float *position;
        ARENA_NEW(arena, position, (size_t)n);
        for (int i = 0; i < n; i++) {
            position[i] = (float)choices[i] / (float)groups->groups[study->steps[s]].channels;
        }
        study->n_choices[s] = n;
        study->position[s] = position;
        TRY(prune_corners_make(study->network, study->steps[s], choices, n, arena,
                               &study->corners[s]));
        widths[study->steps[s]] = choices[0];
        study->most_choices = n > study->most_choices ? n : study->most_choices;
    }
    for (int k = 0; k < COST_KINDS; k++) {
        study->least[k] = cost_model_total(study->models[k], widths);
    }
    return OK;
}

enum status prune_study_open(const struct host_network *network, const struct space_options *space,
                             struct arena *arena, struct prune_study *out)
{
    struct prune_study study = {.network = network};
    TRY(list_steps(&study, space, arena));
    TRY(find_costs(&study, space, arena));
    TRY(prune_features_fix(&study, arena));
    if (network->grams != NULL) {
        TRY(refit_open_grams(&network->graph, &network->groups, network->params, PRUNE_REFIT_LAMBDA,
                             network->grams, &study.refit));
    }
    *out = study;
    return OK;
}

void prune_study_close(struct prune_study *study)
{
    refit_close(study->refit);
    *study = (struct prune_study){0};
}
