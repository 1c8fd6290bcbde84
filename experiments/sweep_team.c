// Sharing out cores and GPUs.
#include "experiments/sweep_team.h"

#include "core/arena.h"
#include "core/machine.h"

#include <stdlib.h>
#include <string.h>

// The i-th of the devices that this process may use itself.
static const char *gpu_name(int i, struct arena *arena)
{
    const char *at = getenv("CUDA_VISIBLE_DEVICES");
    if (at == NULL || at[0] == '\0') {
        return arena_format(arena, "%d", i);
    }
    for (int skip = i; skip > 0 && *at != '\0'; skip--) {
        at += strcspn(at, ",");
        at += *at == ',';
    }
    return arena_format(arena, "%.*s", (int)strcspn(at, ","), at);
}

// Takes the next n cores of `all` out of it; false where it has not so many.
static bool take_cores(cpu_set_t *all, int n, cpu_set_t *out)
{
    CPU_ZERO(out);
    for (int core = 0; core < CPU_SETSIZE && n > 0; core++) {
        if (CPU_ISSET(core, all)) {
            CPU_CLR(core, all);
            CPU_SET(core, out);
            n--;
        }
    }
    return n == 0;
}

static int count_places(const struct sweep_options *options, int cores, int gpus)
{
    if (options->parallel > 0) {
        return options->parallel;
    }
    if (gpus > 0) {
        return gpus;
    }
    return options->cores > 0 && options->cores < cores ? cores / options->cores
           : options->cores > 0                         ? 1
                                                        : cores;
}

enum status sweep_team_make(const struct sweep_options *options, int n_runs, int gpus,
                            struct arena *arena, struct sweep_team *out)
{
    const int cores = machine_cores();
    int n = count_places(options, cores, gpus);
    n = n < n_runs ? n : n_runs;
    n = n > 0 ? n : 1;
    *out = (struct sweep_team){.n = n};
    out->cores_each = options->cores > 0 ? options->cores : cores / n > 0 ? cores / n : 1;
    ARENA_NEW(arena, out->places, (size_t)n);
    cpu_set_t all;
    const bool known = sched_getaffinity(0, sizeof all, &all) == 0;
    for (int i = 0; i < n; i++) {
        struct sweep_place *place = &out->places[i];
        place->pinned = known && take_cores(&all, out->cores_each, &place->cores);
        if (gpus > 1) {
            place->gpu = gpu_name(i % gpus, arena);
            TRY(place->gpu != NULL ? OK : ERR_MEMORY);
        }
    }
    return OK;
}
