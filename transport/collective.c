// The collective interface: finds out whether a launcher started this process. If one did, calls go
// to MPI; a process alone has every sum already.
#include "transport/collective_ops.h"

#include <stdlib.h>
#include <string.h>

// Numbers from the environment, -1 when unset or not a number.
static int environment_number(const char *name)
{
    const char *text = getenv(name);
    if (text == NULL || text[0] == '\0') {
        return -1;
    }
    char *end = NULL;
    const long value = strtol(text, &end, 10);
    return *end == '\0' && value >= 0 && value <= 1000000 ? (int)value : -1;
}

// Ranks in this job step as the launcher says, 0 when none did: MPICH's Hydra and Slurm's PMI2 set
// PMI_RANK and PMI_SIZE, PMIx sets PMIX_RANK, Open MPI's mpirun OMPI_COMM_WORLD_SIZE. A plain srun
// sets SLURM_STEP_NUM_TASKS; a batch script sees SLURM_PROCID too, but is no job step of its own.
static int launcher_ranks(bool *started)
{
    const bool slurm =
        environment_number("SLURM_PROCID") >= 0 && environment_number("SLURM_STEP_ID") >= 0;
    *started = environment_number("PMI_RANK") >= 0 || environment_number("PMIX_RANK") >= 0 ||
               environment_number("OMPI_COMM_WORLD_RANK") >= 0;
    int ranks = environment_number("PMI_SIZE");
    if (ranks <= 0) {
        ranks = environment_number("OMPI_COMM_WORLD_SIZE");
    }
    if (ranks <= 0 && slurm) {
        ranks = environment_number("SLURM_STEP_NUM_TASKS");
        *started = *started || ranks > 1;
    }
    return ranks > 0 ? ranks : 0;
}

bool collective_under_launcher(void)
{
    bool started;
    (void)launcher_ranks(&started);
    return started;
}

int collective_launcher_rank(void)
{
    if (!collective_under_launcher()) {
        return 0;
    }
    const char *const names[] = {"PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID"};
    int rank = -1;
    for (size_t i = 0; rank < 0 && i < sizeof names / sizeof *names; i++) {
        rank = environment_number(names[i]);
    }
    return rank;
}

enum status collective_open(struct collective *out)
{
    bool started;
    const int ranks = launcher_ranks(&started);
    if (started) {
        return collective_open_mpi(ranks, out);
    }
    *out = (struct collective){.rank = 0, .ranks = 1, .local_rank = 0, .local_ranks = 1};
    return OK;
}

// Alone, a rank has all items, as one node.
enum status collective_sum_tree_f32(const struct collective *c, int total, float *values,
                                    size_t count)
{
    CHECK(total >= c->ranks);
    return c->ops == NULL || count == 0 ? OK : c->ops->sum_f32(c, total, values, count);
}

enum status collective_sum_tree_f64(const struct collective *c, int total, double *values,
                                    size_t count)
{
    CHECK(total >= c->ranks);
    return c->ops == NULL || count == 0 ? OK : c->ops->sum_f64(c, total, values, count);
}

enum status collective_sum_f32(const struct collective *c, float *values, size_t count)
{
    return collective_sum_tree_f32(c, c->ranks, values, count);
}

enum status collective_sum_f64(const struct collective *c, double *values, size_t count)
{
    return collective_sum_tree_f64(c, c->ranks, values, count);
}

enum status collective_broadcast(const struct collective *c, void *bytes, size_t count, int root)
{
    CHECK(root >= 0 && root < c->ranks);
    return c->ops == NULL || count == 0 ? OK : c->ops->broadcast(c, bytes, count, root);
}

enum status collective_barrier(const struct collective *c)
{
    return c->ops == NULL ? OK : c->ops->barrier(c);
}

void collective_close(struct collective *c)
{
    if (c->ops != NULL) {
        c->ops->close(c);
    }
    memset(c, 0, sizeof *c);
}

_Noreturn void collective_abort(const struct collective *c, int exit_code)
{
    if (c->ops != NULL) {
        c->ops->abort(c, exit_code);
    }
    exit(exit_code);
}
