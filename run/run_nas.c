#include "run/run_nas.h"

#include "run/run_space.h"

#include <string.h>

enum status run_nas_config(const struct run_config *config, const char *const *files,
                           struct arena *arena, struct nas_config *out)
{
    struct nas_network *networks;
    struct nas_task *tasks;
    ARENA_NEW(arena, networks, (size_t)config->networks->n);
    ARENA_NEW(arena, tasks, (size_t)config->tasks->n);
    for (int i = 0; i < config->networks->n; i++) {
        const struct network_config *network = run_config_network(config, i);
        networks[i] = (struct nas_network){
            .scored = {.name = network->name, .file = files[i], .data = network->data},
            .type = run_space_type(network),
            .options = run_space_options(network),
        };
    }
    for (int i = 0; i < config->tasks->n; i++) {
        const struct task_config *task = run_config_task(config, i);
        tasks[i] = (struct nas_task){
            .name = task->name,
            .network = run_config_task_network(config, i),
            .objective = task->objective,
        };
        memcpy(tasks[i].budget, task->budget, sizeof task->budget);
    }
    *out = (struct nas_config){
        .networks = networks,
        .tasks = tasks,
        .n_networks = config->networks->n,
        .n_tasks = config->tasks->n,
        .scoring = config->scoring,
    };
    return OK;
}
