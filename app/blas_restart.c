// Starts the program anew when OpenBLAS misjudged the processor.
#include "app/blas_restart.h"

#include "compute/blas.h"

#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

// Holds the core that OpenBLAS had chosen; being set, it also keeps us from starting over twice.
#define GUARD_VARIABLE "DIKDIK_OPENBLAS_WAS"
#define CORE_VARIABLE "OPENBLAS_CORETYPE"

// How wide the vectors of a core's kernels are: 512 bits 2, 256 bits 1, less 0.
static int core_class(const char *core)
{
    static const struct {
        const char *name;
        int class;
    } classes[] = {
        {"SkylakeX", 2},  {"Cooperlake", 2}, {"SapphireRapids", 2}, {"Haswell", 1},
        {"Broadwell", 1}, {"Zen", 1},        {"Excavator", 1},
    };
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (strcasecmp(classes[i].name, core) == 0) {
            return classes[i].class;
        }
    }
    return 0;
}

bool blas_restart_needed(void)
{
    const char *best = blas_best_core();
    const char *chosen = blas_core_name();
    return best != NULL && chosen != NULL && core_class(chosen) < core_class(best);
}

void blas_restart(char **argv)
{
    if (getenv(GUARD_VARIABLE) != NULL || getenv(CORE_VARIABLE) != NULL) {
        return;
    }
    if (!blas_restart_needed()) {
        return;
    }
    // One thread: the engine shares work out over threads of its own. UCX, MPICH's transport, would
    // dump the stack of every rank that is stopped into the log; it reads its variables as early.
    if (setenv(GUARD_VARIABLE, blas_core_name(), 1) != 0 ||
        setenv(CORE_VARIABLE, blas_best_core(), 1) != 0 ||
        setenv("OPENBLAS_NUM_THREADS", "1", 0) != 0 ||
        setenv("UCX_HANDLE_ERRORS", "none", 0) != 0) {
        return;
    }
    execv("/proc/self/exe", argv);
    // It could not be started (no /proc, say): go on, only slower.
    unsetenv(GUARD_VARIABLE);
    unsetenv(CORE_VARIABLE);
}

const char *blas_restart_was(void)
{
    return getenv(GUARD_VARIABLE);
}
