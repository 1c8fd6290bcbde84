// The collective interface over MPI. Large sums are made by slices:
// each rank gets its slice of every rank's values, adds them as core/sum_tree.h says and hands the
// result round, so all ranks end with the same bytes, and a sum costs 2 (R-1)/R of its size on the
// wire, or a few times the first half of that where a rank's run is several nodes.
// Waiting is MPI_Test with sleeps in between: MPICH's own waits spin and starve the working cores.
#include "core/backoff.h"
#include "core/sum_tree.h"
#include "transport/collective_ops.h"
#include "transport/mpi_error.h"

#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_SUM_BYTES ((size_t)64 << 10) // of all ranks together: latency counts, not bandwidth
#define SUM_BLOCK_BYTES ((size_t)4 << 20)  // values summed in one exchange
#define BROADCAST_BLOCK ((size_t)64 << 20) // bytes in one broadcast; MPI counts are int

struct collective_state {
    MPI_Comm comm;  // a duplicate of the world, all ranks
    void *gathered; // owned: one slice of every node, [nodes][slice], SUM_BLOCK_BYTES at most
    struct sum_node *nodes; // owned, [ranks][SUM_TREE_MOST]: what find_holdings finds
    int *slice_count;       // owned, [ranks]: elements in rank r's slice; the arrays are one block
    int *slice_first;       // [ranks]: where it begins
    int *own_count;         // [ranks]: elements of my slice, for every sender
    int *own_first;         // [ranks]: where in `gathered` it lands
    int *send_count;        // [ranks]: elements that go to rank r
    int *first_node;        // [ranks + 1]
};

enum status mpi_failed(int code, const char *what)
{
    char reason[MPI_MAX_ERROR_STRING] = "unknown error";
    int length = 0;
    if (MPI_Error_string(code, reason, &length) != MPI_SUCCESS) {
        snprintf(reason, sizeof reason, "MPI error %d", code);
    }
    FAIL(ERR_COMM, "MPI could not finish %s: %s; another rank may have ended, see its output", what,
         reason);
}

// Waits for one request, sleeping longer the longer it takes.
static enum status mpi_wait(MPI_Request *request, const char *what)
{
    MPI_Status status;
    struct backoff backoff = {0};
    int done = 0;
    MPI_TRY(MPI_Test(request, &done, &status), what);
    while (!done) {
        backoff_wait(&backoff);
        MPI_TRY(MPI_Test(request, &done, &status), what);
    }
    return OK;
}

struct element {
    MPI_Datatype type;
    size_t bytes;
    void (*add)(size_t n, const void *values, void *sum); // sum [n] += values [n]
};

static void add_f32(size_t n, const void *values, void *sum)
{
    const float *from = values;
    float *to = sum;
    for (size_t i = 0; i < n; i++) {
        to[i] += from[i];
    }
}

static void add_f64(size_t n, const void *values, void *sum)
{
    const double *from = values;
    double *to = sum;
    for (size_t i = 0; i < n; i++) {
        to[i] += from[i];
    }
}

// ---- sums
// What the ranks hold: the nodes of the tree over all items, rank by rank.
struct holdings {
    struct sum_node *nodes; // [first[ranks]], the state's
    int *first;             // [ranks + 1] number of each rank's first node, the state's
    int most;               // nodes of one rank
};

static struct holdings find_holdings(const struct collective *c, int total)
{
    struct holdings h = {.nodes = c->state->nodes, .first = c->state->first_node};
    h.first[0] = 0;
    for (int r = 0; r < c->ranks; r++) {
        const struct sum_node run = sum_tree_share(total, r, c->ranks);
        const int n = sum_tree_cover(total, run.first, run.first + run.n, h.nodes + h.first[r]);
        h.first[r + 1] = h.first[r] + n;
        h.most = n > h.most ? n : h.most;
    }
    return h;
}

struct gathered { // [nodes][n]
    char *values;
    size_t n;
    const struct element *element;
};

static void add_nodes(void *context, int to, int from)
{
    const struct gathered *g = context;
    const size_t stride = g->n * g->element->bytes;
    g->element->add(g->n, g->values + (size_t)from * stride, g->values + (size_t)to * stride);
}

// sum [n] = all nodes' values, state->gathered [nodes][n], which are lost.
static void add_gathered(const struct collective *c, const struct holdings *h, int total, size_t n,
                         const struct element *element, void *sum)
{
    struct gathered g = {c->state->gathered, n, element};
    if (n > 0) {
        sum_tree_fold(total, h->nodes, h->first[c->ranks], add_nodes, &g);
        memcpy(sum, g.values, n * element->bytes);
    }
}

// Sums n elements that fit SMALL_SUM_BYTES: everything to everyone, one exchange instead of two.
static enum status sum_small(const struct collective *c, const struct holdings *h, int total,
                             void *values, size_t n, const struct element *element)
{
    struct collective_state *state = c->state;
    MPI_Request request;
    for (int r = 0; r < c->ranks; r++) {
        state->slice_first[r] = h->first[r] * (int)n;
        state->slice_count[r] = (h->first[r + 1] - h->first[r]) * (int)n;
    }
    MPI_TRY(MPI_Iallgatherv(values, state->slice_count[c->rank], element->type, state->gathered,
                            state->slice_count, state->slice_first, element->type, state->comm,
                            &request),
            "a sum");
    TRY(mpi_wait(&request, "a sum"));
    add_gathered(c, h, total, n, element, values);
    return OK;
}

// Everybody's node number `which`, where it has so many: my slice of each comes to me.
static enum status exchange_slices(const struct collective *c, const struct holdings *h, int which,
                                   const char *node, int own, const struct element *element)
{
    struct collective_state *state = c->state;
    const bool mine = which < h->first[c->rank + 1] - h->first[c->rank];
    for (int r = 0; r < c->ranks; r++) {
        const bool theirs = which < h->first[r + 1] - h->first[r];
        state->send_count[r] = mine ? state->slice_count[r] : 0;
        state->own_count[r] = theirs ? own : 0;
        state->own_first[r] = theirs ? own * (h->first[r] + which) : 0;
    }
    MPI_Request request;
    MPI_TRY(MPI_Ialltoallv(node, state->send_count, state->slice_first, element->type,
                           state->gathered, state->own_count, state->own_first, element->type,
                           state->comm, &request),
            "a sum");
    return mpi_wait(&request, "a sum");
}

// Sums n elements by slices. `values`: of the first node; the next one's are `stride` bytes on.
static enum status sum_block(const struct collective *c, const struct holdings *h, int total,
                             char *values, size_t stride, size_t n, const struct element *element)
{
    struct collective_state *state = c->state;
    const size_t ranks = (size_t)c->ranks;
    for (size_t r = 0; r < ranks; r++) {
        state->slice_first[r] = (int)(n * r / ranks);
        state->slice_count[r] = (int)(n * (r + 1) / ranks) - state->slice_first[r];
    }
    const int own = state->slice_count[c->rank], held = h->first[c->rank + 1] - h->first[c->rank];
    for (int which = 0; which < h->most; which++) {
        const char *node = which < held ? values + (size_t)which * stride : values;
        TRY(exchange_slices(c, h, which, node, own, element));
    }
    add_gathered(c, h, total, (size_t)own, element,
                 values + (size_t)state->slice_first[c->rank] * element->bytes);
    MPI_Request request;
    MPI_TRY(MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, values, state->slice_count,
                            state->slice_first, element->type, state->comm, &request),
            "a sum");
    return mpi_wait(&request, "a sum");
}

static enum status sum_all(const struct collective *c, int total, void *values, size_t count,
                           const struct element *element)
{
    if (c->ranks == 1) {
        return OK;
    }
    const struct holdings h = find_holdings(c, total);
    const size_t nodes = (size_t)h.first[c->ranks];
    if (count * element->bytes <= SMALL_SUM_BYTES / nodes) {
        return sum_small(c, &h, total, values, count, element);
    }
    // A rank gathers its slice of every node.
    const size_t block = SUM_BLOCK_BYTES / element->bytes / nodes * (size_t)c->ranks;
    for (size_t first = 0; first < count; first += block) {
        const size_t n = count - first < block ? count - first : block;
        TRY(sum_block(c, &h, total, (char *)values + first * element->bytes, count * element->bytes,
                      n, element));
    }
    return OK;
}

static enum status mpi_sum_f32(const struct collective *c, int total, float *values, size_t count)
{
    const struct element element = {MPI_FLOAT, sizeof(float), add_f32};
    return sum_all(c, total, values, count, &element);
}

static enum status mpi_sum_f64(const struct collective *c, int total, double *values, size_t count)
{
    const struct element element = {MPI_DOUBLE, sizeof(double), add_f64};
    return sum_all(c, total, values, count, &element);
}

static enum status mpi_broadcast(const struct collective *c, void *bytes, size_t count, int root)
{
    for (size_t first = 0; first < count; first += BROADCAST_BLOCK) {
        const size_t n = count - first < BROADCAST_BLOCK ? count - first : BROADCAST_BLOCK;
        MPI_Request request;
        MPI_TRY(MPI_Ibcast((char *)bytes + first, (int)n, MPI_BYTE, root, c->state->comm, &request),
                "a broadcast");
        TRY(mpi_wait(&request, "a broadcast"));
    }
    return OK;
}

static enum status mpi_barrier(const struct collective *c)
{
    MPI_Request request;
    MPI_TRY(MPI_Ibarrier(c->state->comm, &request), "a barrier");
    return mpi_wait(&request, "a barrier");
}

// Nor does it spin as MPI's own waits do: where ranks outnumber cores the peer needs this one.
static enum status finish_busily(MPI_Request *request)
{
    int done = 0;
    while (!done) {
        MPI_TRY(MPI_Test(request, &done, MPI_STATUS_IGNORE), "a ping");
        if (!done) {
            sched_yield();
        }
    }
    return OK;
}

static enum status mpi_ping(const struct collective *c, int peer, bool first, void *bytes, size_t n)
{
    for (int turn = 0; turn < 2; turn++) {
        MPI_Request request;
        if (first == (turn == 0)) {
            MPI_TRY(MPI_Isend(bytes, (int)n, MPI_BYTE, peer, 0, c->state->comm, &request),
                    "a ping");
        } else {
            MPI_TRY(MPI_Irecv(bytes, (int)n, MPI_BYTE, peer, 0, c->state->comm, &request),
                    "a ping");
        }
        TRY(finish_busily(&request));
    }
    return OK;
}

static void state_free(struct collective_state *state)
{
    free(state->gathered);
    free(state->slice_count);
    free(state->nodes);
    free(state);
}

static void mpi_close(struct collective *c)
{
    // MPI_Finalize spins until the last rank is there, so the waiting is done here.
    if (mpi_barrier(c) == OK) {
        MPI_Comm_free(&c->state->comm);
        MPI_Finalize();
    }
    state_free(c->state);
}

static void mpi_abort(const struct collective *c, int exit_code)
{
    (void)c;
    MPI_Abort(MPI_COMM_WORLD, exit_code);
}

static const struct collective_ops mpi_ops = {
    .sum_f32 = mpi_sum_f32,
    .sum_f64 = mpi_sum_f64,
    .broadcast = mpi_broadcast,
    .barrier = mpi_barrier,
    .ping = mpi_ping,
    .close = mpi_close,
    .abort = mpi_abort,
};

static enum status start_mpi(void)
{
    int provided = MPI_THREAD_SINGLE;
    MPI_TRY(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided), "its start");
    if (provided < MPI_THREAD_FUNNELED) {
        FAIL(ERR_COMM,
             "this MPI library cannot be used by a program with threads "
             "(it offers level %d, MPI_THREAD_FUNNELED is needed)",
             provided);
    }
    return OK;
}

// The rank's place in the world and on its host.
static enum status find_place(struct collective *c)
{
    MPI_TRY(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "its start");
    MPI_TRY(MPI_Comm_rank(MPI_COMM_WORLD, &c->rank), "its start");
    MPI_TRY(MPI_Comm_size(MPI_COMM_WORLD, &c->ranks), "its start");
    MPI_Comm host;
    MPI_TRY(
        MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, c->rank, MPI_INFO_NULL, &host),
        "its start");
    MPI_TRY(MPI_Comm_rank(host, &c->local_rank), "its start");
    MPI_TRY(MPI_Comm_size(host, &c->local_ranks), "its start");
    c->host_first = c->rank; // of local rank 0: local ranks are in the order of ranks
    MPI_TRY(MPI_Bcast(&c->host_first, 1, MPI_INT, 0, host), "its start");
    MPI_TRY(MPI_Comm_free(&host), "its start");
    MPI_TRY(MPI_Comm_dup(MPI_COMM_WORLD, &c->state->comm), "its start");
    MPI_TRY(MPI_Comm_set_errhandler(c->state->comm, MPI_ERRORS_RETURN), "its start");
    return OK;
}

static enum status state_buffers(struct collective_state *state, size_t ranks)
{
    state->slice_count = calloc(6 * ranks + 1, sizeof(int));
    state->nodes = calloc(ranks * SUM_TREE_MOST, sizeof *state->nodes);
    state->gathered = malloc(SUM_BLOCK_BYTES);
    if (state->slice_count == NULL || state->nodes == NULL || state->gathered == NULL) {
        FAIL(ERR_MEMORY, "no memory for the buffers of %zu ranks", ranks);
    }
    state->slice_first = state->slice_count + ranks;
    state->own_count = state->slice_count + 2 * ranks;
    state->own_first = state->slice_count + 3 * ranks;
    state->send_count = state->slice_count + 4 * ranks;
    state->first_node = state->slice_count + 5 * ranks;
    return OK;
}

enum status collective_open_mpi(int expected_ranks, struct collective *out)
{
    struct collective c = {.ranks = 1, .ops = &mpi_ops, .state = calloc(1, sizeof *c.state)};
    if (c.state == NULL) {
        FAIL(ERR_MEMORY, "no memory to start MPI");
    }
    enum status code;
    TRY_GOTO(code, start_mpi(), failed);
    TRY_GOTO(code, find_place(&c), failed);
    if (expected_ranks > 0 && expected_ranks != c.ranks) {
        code = status_fail(ERR_COMM, __FILE__, __LINE__,
                           "the launcher started %d ranks, but MPI sees %d: start with the mpirun "
                           "of the MPI this program was built with (MPICH), or srun --mpi=pmi2",
                           expected_ranks, c.ranks);
        goto failed;
    }
    TRY_GOTO(code, state_buffers(c.state, (size_t)c.ranks), failed);
    *out = c;
    return OK;
failed:
    // MPI is left as it is: finalizing would wait for ranks that may have failed as well.
    state_free(c.state);
    return code;
}
