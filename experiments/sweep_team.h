// The places that runs of a sweep have on this machine: each with its cores and its GPU.
#pragma once
#include "experiments/sweep_options.h"

#include <sched.h>

struct sweep_place {
    bool pinned; // to `cores`
    cpu_set_t cores;
    const char *gpu; // for CUDA_VISIBLE_DEVICES; NULL = as it is
};
struct sweep_team {
    int n, cores_each;
    struct sweep_place *places; // [n] arena
};
struct arena;
// n_runs: more places than runs are not needed. gpus: that the runs' backend would use; 0 = it
// computes on cores.
enum status sweep_team_make(const struct sweep_options *options, int n_runs, int gpus,
                            struct arena *arena, struct sweep_team *out);
