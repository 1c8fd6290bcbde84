// Slurm's variables.
#include "app/slurm.h"

#include "app/program_find.h"
#include "core/log.h"

#include <stdlib.h>
#include <string.h>

// The first of two variables that says something, else "".
static const char *variable(const char *name, const char *other)
{
    const char *value = getenv(name);
    if (value == NULL || value[0] == '\0') {
        value = getenv(other);
    }
    return value != NULL ? value : "";
}

void slurm_look(struct slurm *out)
{
    memset(out, 0, sizeof *out);
    out->id = variable("SLURM_JOB_ID", "SLURM_JOBID");
    out->list = variable("SLURM_JOB_NODELIST", "SLURM_NODELIST");
    out->job = out->id[0] != '\0' || out->list[0] != '\0';
    const long hosts = strtol(variable("SLURM_JOB_NUM_NODES", "SLURM_NNODES"), NULL, 10);
    out->hosts = hosts > 1 && hosts < INT_MAX ? (int)hosts : 1;
    out->launcher = variable("HYDRA_LAUNCHER", "HYDRA_BOOTSTRAP");
    if (!program_find("srun", out->srun, sizeof out->srun)) {
        out->srun[0] = '\0';
    }
}

enum status slurm_prepare(void)
{
    struct slurm slurm;
    slurm_look(&slurm);
    if (!slurm.job || slurm.srun[0] != '\0' || slurm.launcher[0] != '\0') {
        return OK;
    }
    if (slurm.hosts > 1) {
        FAIL(ERR_UNSUPPORTED,
             "Slurm gave this job %d hosts (%s), but there is no srun in PATH to start processes "
             "on them: make it reachable, start with \"srun --mpi=pmi2\" from outside, or use this "
             "host alone with --transport local",
             slurm.hosts, slurm.list);
    }
    if (setenv("HYDRA_LAUNCHER", "fork", 1) != 0) {
        FAIL(ERR_MEMORY, "no memory for a variable");
    }
    log_info("a Slurm job without srun in PATH: all processes start on this host (HYDRA_LAUNCHER="
             "fork)");
    return OK;
}
