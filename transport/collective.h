// A fixed set of ranks that compute together: one process alone, or those of an MPI job. Waiting
// sleeps instead of spinning, so ranks may outnumber cores.
#pragma once
#include "core/status.h"

#include <stddef.h>

struct collective_ops;   // collective_ops.h
struct collective_state; // what an implementation keeps
struct collective {
    int rank, ranks;
    int local_rank, local_ranks;      // on this host
    int host_first;                   // the lowest rank on this host
    const struct collective_ops *ops; // NULL when alone, so {.ranks = 1, .local_ranks = 1} is one
    struct collective_state *state;   // owned; NULL when alone
};
// Collective. Starts MPI when the process runs under mpirun or Slurm, else stays alone. Call once,
// before threads. ERR_COMM also when the launcher belongs to another MPI. (UCX reads its variables
// when it is loaded: UCX_HANDLE_ERRORS=none, which keeps stack dumps of lost ranks out of the log,
// must be in the environment before the program starts.)
enum status collective_open(struct collective *out);
// Not collective. Whether MPI can start so many ranks on this host: its shared memory (/dev/shm, or
// what UCX_POSIX_DIR says; not looked at where UCX_TLS chooses other ways) and address space. To be
// asked before any of them starts. ERR_UNSUPPORTED or ERR_MEMORY with what is needed and what is
// there.
enum status collective_check_room(int ranks);
// Collective. Of `total` >= ranks numbered items each rank has a run, its share (sum_tree_share of
// core/sum_tree.h), already added up to the nodes of sum_tree_cover: values [nodes][count]. They
// are added up as that tree says; the sum of all items is then in the first [count] of every rank,
// and the same bytes however many ranks there are. The rest of `values` is as it was, or lost.
// ERR_COMM names the MPI error.
enum status collective_sum_tree_f32(const struct collective *c, int total, float *values,
                                    size_t count);
enum status collective_sum_tree_f64(const struct collective *c, int total, double *values,
                                    size_t count);
// Collective. The same where every rank is one item: values [count].
enum status collective_sum_f32(const struct collective *c, float *values, size_t count);
enum status collective_sum_f64(const struct collective *c, double *values, size_t count);
enum status collective_broadcast(const struct collective *c, void *bytes, size_t count, int root);
enum status collective_barrier(const struct collective *c);
// Of this rank and `peer`, which calls it at the same time with the other value of `first`: bytes
// [n] go from the first one to the other and back. Waits without sleeping, for measuring. n < 2
// GiB.
enum status collective_ping(const struct collective *c, int peer, bool first, void *bytes,
                            size_t n);
// Collective, so only for a rank whose peers also finish: after an error use collective_abort. A
// zeroed or closed struct is fine.
void collective_close(struct collective *c);
// Not collective: ends every rank. A zeroed struct ends this process.
_Noreturn void collective_abort(const struct collective *c, int exit_code);
bool collective_under_launcher(void); // Not collective.
// Not collective. How many ranks the launcher says it has started, 0 when alone or when it does not
// say.
int collective_launcher_ranks(void);
// Not collective. This process's rank as the launcher says it, before collective_open: 0 when
// alone, -1 when it does not say.
int collective_launcher_rank(void);
// Not collective. Its number among the ranks of its host, likewise; its rank when the launcher does
// not say.
int collective_launcher_local_rank(void);
// Not collective. How many ranks this host has; all of them when the launcher does not say.
int collective_launcher_local_ranks(void);
