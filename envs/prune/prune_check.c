// Whether tasks can be met at all, before anything is opened for them.
#include "envs/prune/prune_walk.h"

static enum status check_tasks(const struct prune_config *config, int network,
                               const struct node_network *checked, struct arena *arena)
{
    struct prune_study study;
    TRY(prune_study_open(checked, NULL, &config->space, arena, &study));
    enum status code = OK;
    for (int i = 0; code == OK && i < config->n_tasks; i++) {
        struct prune_walk walk;
        if (config->tasks[i].network == network) {
            code = prune_walk_open(&study, &config->tasks[i], &config->space, arena, &walk);
        }
    }
    prune_study_close(&study);
    return code;
}

enum status prune_check_tasks(const void *config, int network, const struct network_info *info,
                              const struct graph *graph)
{
    struct node_network checked = {.info = *info, .graph = *graph};
    struct arena arena = {0};
    TRY(groups_find(graph, &checked.groups));
    const enum status code = check_tasks(config, network, &checked, &arena);
    groups_close(&checked.groups);
    arena_close(&arena);
    return code;
}
