#include "run/run_prune.h"

#include <string.h>

enum status run_prune_config(const struct run_config *config, const char *const *files,
                             struct arena *arena, struct prune_config *out)
{
    struct scoring_network *networks;
    struct prune_task *tasks;
    ARENA_NEW(arena, networks, (size_t)config->networks->n);
    ARENA_NEW(arena, tasks, (size_t)config->tasks->n);
    for (int i = 0; i < config->networks->n; i++) {
        const struct network_config *network = run_config_network(config, i);
        networks[i] = (struct scoring_network){
            .name = network->name,
            .file = files[i],
            .data = network->data,
        };
    }
    for (int i = 0; i < config->tasks->n; i++) {
        const struct task_config *task = run_config_task(config, i);
        tasks[i] = (struct prune_task){
            .name = task->name,
            .network = run_config_task_network(config, i),
        };
        memcpy(tasks[i].budget, task->budget, sizeof task->budget);
    }
    *out = (struct prune_config){
        .networks = networks,
        .tasks = tasks,
        .n_networks = config->networks->n,
        .n_tasks = config->tasks->n,
        .space = config->space,
        .scoring = config->scoring,
    };
    return OK;
}
