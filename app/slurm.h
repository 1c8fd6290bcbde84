// What Slurm has given this process, by its variables, and whether its srun is here to use it.
#pragma once
#include "core/status.h"

#include <limits.h>

struct slurm {
    bool job;             // inside one
    const char *id;       // of the job; "" if unknown
    const char *list;     // its hosts as Slurm writes them, as in node[3-5]; "" if unknown
    int hosts;            // how many, at least 1
    char srun[PATH_MAX];  // "" = not in PATH, as inside many containers
    const char *launcher; // HYDRA_LAUNCHER, what mpiexec was told to start processes with; "" = not
};
void slurm_look(struct slurm *out);
// Before mpiexec is started: without srun it would wait for ever for hosts that it takes from
// Slurm's variables. On one host it is told to start the processes itself; ERR_UNSUPPORTED with
// more.
enum status slurm_prepare(void);
