// Tasks of a config, and those that the command line names in their place.
#pragma once
#include "run/run_config.h"

// Gives every task its network and its name, then takes those of --task: names of tasks, or new
// ones as NETWORK:ROW=VALUE. ERR_CONFIG: names the task and what is wrong with it. Networks are
// resolved already.
enum status search_tasks_resolve(struct run_config *config, struct arena *arena);
