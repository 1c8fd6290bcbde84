// The collective interface: finds out whether a launcher started this process. If one did, calls go
// to MPI; a process alone has every sum already.
#include "core/room.h"
#include "transport/collective_ops.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#define MIB ((double)(1 << 20))
// Measured with MPICH 4.0 over UCX 1.13: what a rank takes of /dev/shm; what it maps besides its
// own and its neighbours' shared memory.
#define SHARED_BYTES (4.25 * MIB)
#define SPACE_BYTES (24 * MIB)

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

int collective_launcher_ranks(void)
{
    bool started;
    const int ranks = launcher_ranks(&started);
    return started ? ranks : 0;
}

static int first_number(const char *const *names)
{
    int number = -1;
    for (int i = 0; number < 0 && names[i] != NULL; i++) {
        number = environment_number(names[i]);
    }
    return number;
}

int collective_launcher_rank(void)
{
    static const char *const names[] = {"PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK",
                                        "SLURM_PROCID", NULL};
    return collective_under_launcher() ? first_number(names) : 0;
}

int collective_launcher_local_rank(void)
{
    static const char *const names[] = {"MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK",
                                        "SLURM_LOCALID", NULL};
    const int number = collective_under_launcher() ? first_number(names) : 0;
    return number >= 0 ? number : collective_launcher_rank();
}

int collective_launcher_local_ranks(void)
{
    static const char *const names[] = {"MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE",
                                        "SLURM_NTASKS_PER_NODE", NULL};
    const int number = collective_under_launcher() ? first_number(names) : 1;
    return number > 0 ? number : collective_launcher_ranks();
}

static enum status check_shared_memory(int ranks, bool before)
{
    const char *folder = getenv("UCX_POSIX_DIR");
    folder = folder != NULL && folder[0] != '\0' ? folder : "/dev/shm";
    struct statvfs info;
    if (getenv("UCX_TLS") != NULL || statvfs(folder, &info) != 0) {
        return OK;
    }
    const unsigned long long blocks = before ? info.f_bavail : info.f_blocks;
    const double there = (double)blocks * (double)info.f_frsize;
    const double needed = (double)ranks * SHARED_BYTES;
    if (there < needed) {
        FAIL(ERR_UNSUPPORTED,
             "MPI needs %.0f MiB of shared memory to start %d processes on this host, but %s has "
             "%.3g MiB%s: make it larger (docker run --shm-size, or mount -o remount,size=), or "
             "use fewer processes",
             needed / MIB, ranks, folder, there / MIB, before ? " free" : "");
    }
    return OK;
}

// before: none of them runs yet, so what is free now is for them.
static enum status check_room(int ranks, bool before)
{
    TRY(check_shared_memory(ranks, before));
    return room_check((size_t)(SPACE_BYTES + 2 * SHARED_BYTES * ranks), "MPI");
}

enum status collective_check_room(int ranks)
{
    CHECK(ranks >= 1);
    return check_room(ranks, true);
}

enum status collective_open(struct collective *out)
{
    bool started;
    const int ranks = launcher_ranks(&started);
    if (started) {
        const int here = environment_number("MPI_LOCALNRANKS"); // MPICH's
        TRY(check_room(here > 1 ? here : 1, false));
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

enum status collective_ping(const struct collective *c, int peer, bool first, void *bytes, size_t n)
{
    CHECK(c->ops != NULL && peer >= 0 && peer < c->ranks && peer != c->rank && n <= INT_MAX);
    return c->ops->ping(c, peer, first, bytes, n);
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
