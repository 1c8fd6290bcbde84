// Doing the runs of a sweep on this machine, as many at once as there are places.
#pragma once
#include "experiments/sweep_plan.h"
#include "experiments/sweep_team.h"

struct sweep_local {
    const struct sweep_plan *plan;
    const struct sweep_team *team;
    const char *program; // path of dikdik
    const bool *mine;    // [runs] those that this process does; NULL = all
    int actors;          // > 0: told to the runs, where nothing else limits them
};
// Makes the folders, writes configs, does what is not done yet (what has failed before is tried
// again) and leaves a record of every run that ends. A run that fails stops no other. An interrupt
// is handed on to the runs; ERR_INTERRUPTED when they have saved their work and ended. Tables are
// written now and then.
enum status sweep_local_run(const struct sweep_local *local);
