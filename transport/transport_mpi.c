// The transport over MPI. Every call starts or tests requests and comes back; nothing waits for a
// peer. Sends are synchronous ones (MPI_Issend): they are over when the other side has taken the
// message, so a message that nobody takes stays in its own buffer here and holds up nobody else. A
// message of no bytes says goodbye.
#include "core/backoff.h"
#include "core/clock.h"
#include "core/log.h"
#include "transport/mpi_error.h"
#include "transport/transport_ops.h"

#include <limits.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#define CLOSE_SECONDS 5.0 // for messages to arrive when we close: ranks that live take milliseconds

enum { TAG_TICKET = 1, TAG_TRAJECTORY = 2 };

struct ticket_message { // tickets follow, then weights
    uint64_t n_tickets, n_weights;
};

// The other end of the messages: the learner has one for every actor, an actor one, the learner.
struct peer {
    int rank;
    char *outgoing; // owned: the message being sent
    char *incoming; // owned: the message being received
    char *taken;    // owned, actor's side: the tickets being worked on
    size_t arrived; // bytes of incoming
    bool gone;      // said goodbye, or
    bool lost;      // MPI cannot reach it
};

struct mpi_state {
    MPI_Comm comm;
    struct transport_sizes sizes;
    size_t most_in, most_out; // bytes of a message
    int tag_in, tag_out, n;
    int actor;                     // own number, -1 = learner
    struct peer *peers;            // owned [n]
    MPI_Request *sends, *receives; // owned [n]
    MPI_Status *statuses;          // owned [n], scratch
    int *indices;                  // owned [n], scratch
    int *queue;        // owned [n]: peers with a message that waits, a ring in order of arrival
    int first, queued; // in queue
    int borrowed;      // actor whose trajectory the learner looks at, -1 = none
};

static void lose(struct mpi_state *state, int p, int code)
{
    struct peer *peer = &state->peers[p];
    if (!peer->lost) {
        (void)mpi_failed(code, "a message");
        log_warning("rank %d is lost: %s", peer->rank, status_message());
    }
    peer->gone = peer->lost = true;
}

static void start_receive(struct mpi_state *state, int p)
{
    struct peer *peer = &state->peers[p];
    const int code = MPI_Irecv(peer->incoming, (int)state->most_in, MPI_BYTE, peer->rank,
                               state->tag_in, state->comm, &state->receives[p]);
    if (code != MPI_SUCCESS) {
        lose(state, p, code);
    }
}

static enum status start_send(struct mpi_state *state, int p, size_t bytes)
{
    struct peer *peer = &state->peers[p];
    MPI_TRY(MPI_Issend(peer->outgoing, (int)bytes, MPI_BYTE, peer->rank, state->tag_out,
                       state->comm, &state->sends[p]),
            "the start of a send");
    return OK;
}

// A receive of peer p is over.
static void arrive(struct mpi_state *state, int p, MPI_Status *status)
{
    struct peer *peer = &state->peers[p];
    int bytes = 0;
    MPI_Get_count(status, MPI_BYTE, &bytes);
    if (bytes <= 0) {
        peer->gone = true;
        return;
    }
    peer->arrived = (size_t)bytes;
    state->queue[(state->first + state->queued++) % state->n] = p;
}

// Tests all requests of one kind and calls done for each that is over. Those that failed mark their
// peer as lost.
static enum status test_requests(struct mpi_state *state, MPI_Request *requests,
                                 void (*done)(struct mpi_state *state, int p, MPI_Status *status))
{
    int n_done = 0;
    const int code = MPI_Testsome(state->n, requests, &n_done, state->indices, state->statuses);
    if (code != MPI_SUCCESS && code != MPI_ERR_IN_STATUS) {
        return mpi_failed(code, "a test for messages");
    }
    for (int i = 0; n_done != MPI_UNDEFINED && i < n_done; i++) {
        const int p = state->indices[i];
        if (code == MPI_ERR_IN_STATUS && state->statuses[i].MPI_ERROR != MPI_SUCCESS) {
            lose(state, p, state->statuses[i].MPI_ERROR);
        } else if (done != NULL) {
            done(state, p, &state->statuses[i]);
        }
    }
    return OK;
}

// Whether peer p's last message has left.
static bool has_left(struct mpi_state *state, int p)
{
    if (state->sends[p] != MPI_REQUEST_NULL) {
        int done = 0;
        MPI_Status status;
        const int code = MPI_Test(&state->sends[p], &done, &status);
        if (code != MPI_SUCCESS) {
            lose(state, p, code);
        }
    }
    return state->sends[p] == MPI_REQUEST_NULL && !state->peers[p].gone;
}

// ---- learner's side

static bool mpi_ready(struct transport *t, int actor)
{
    return has_left(t->state, actor);
}

// What came before its goodbye is still to be looked at.
static bool mpi_lost(struct transport *t, int actor)
{
    const struct mpi_state *state = t->state;
    for (int i = 0; i < state->queued; i++) {
        if (state->queue[(state->first + i) % state->n] == actor) {
            return false;
        }
    }
    return state->peers[actor].gone && state->borrowed != actor;
}

static size_t message_bytes(uint64_t n_tickets, uint64_t n_weights)
{
    return sizeof(struct ticket_message) + n_tickets * sizeof(struct ticket) +
           n_weights * sizeof(float);
}

static enum status mpi_send_tickets(struct transport *t, int actor,
                                    const struct ticket_batch *batch)
{
    struct mpi_state *state = t->state;
    CHECK(state->sends[actor] == MPI_REQUEST_NULL && batch->n <= state->sizes.n_tickets &&
          batch->n_weights <= state->sizes.n_weights);
    const struct ticket_message message = {(uint64_t)batch->n, batch->n_weights};
    const size_t tickets = (size_t)batch->n * sizeof *batch->tickets;
    char *to = state->peers[actor].outgoing;
    memcpy(to, &message, sizeof message);
    memcpy(to + sizeof message, batch->tickets, tickets);
    if (batch->n_weights > 0) {
        memcpy(to + sizeof message + tickets, batch->weights,
               batch->n_weights * sizeof *batch->weights);
    }
    return start_send(state, actor, message_bytes(message.n_tickets, message.n_weights));
}

static enum status all_lost(const struct mpi_state *state)
{
    for (int p = 0; p < state->n; p++) {
        if (!state->peers[p].lost) {
            return OK;
        }
    }
    FAIL(ERR_COMM, "all actors are lost");
}

static enum status mpi_receive(struct transport *t, int *actor, const void **block, size_t *bytes)
{
    struct mpi_state *state = t->state;
    CHECK(state->borrowed < 0);
    *block = NULL;
    TRY(test_requests(state, state->receives, arrive));
    if (state->queued == 0) {
        return all_lost(state);
    }
    const int p = state->queue[state->first];
    state->first = (state->first + 1) % state->n;
    state->queued--;
    state->borrowed = p;
    *actor = p;
    *block = state->peers[p].incoming;
    *bytes = state->peers[p].arrived;
    return OK;
}

static void mpi_release(struct transport *t)
{
    struct mpi_state *state = t->state;
    const int p = state->borrowed;
    CHECK(p >= 0);
    state->borrowed = -1;
    start_receive(state, p);
}

// ---- actor's side

static enum status check_tickets(const struct mpi_state *state,
                                 const struct ticket_message *message, size_t bytes)
{
    if (bytes < sizeof *message || message->n_tickets < 1 ||
        message->n_tickets > (uint64_t)state->sizes.n_tickets ||
        message->n_weights > state->sizes.n_weights ||
        bytes != message_bytes(message->n_tickets, message->n_weights)) {
        FAIL(ERR_COMM, "the learner sent %zu bytes that are no tickets with weights", bytes);
    }
    return OK;
}

// The receive is started here and not before: until then the next batch waits on the learner's
// side, which so sees that this actor has enough.
static enum status mpi_take_tickets(struct transport *t, int actor, struct ticket_batch *out)
{
    struct mpi_state *state = t->state;
    struct peer *learner = &state->peers[0];
    CHECK(actor == state->actor);
    *out = (struct ticket_batch){0};
    if (state->receives[0] == MPI_REQUEST_NULL && !learner->gone) {
        start_receive(state, 0);
    }
    TRY(test_requests(state, state->receives, arrive));
    if (learner->gone) {
        FAIL(ERR_COMM, "the learner is gone");
    }
    if (state->queued == 0) {
        return OK;
    }
    state->queued = 0;
    char *message = learner->incoming;
    learner->incoming = learner->taken;
    learner->taken = message;
    const struct ticket_message *head = (const void *)message;
    TRY(check_tickets(state, head, learner->arrived));
    const struct ticket *tickets = (const void *)(message + sizeof *head);
    *out = (struct ticket_batch){
        .tickets = tickets,
        .n = (int)head->n_tickets,
        .weights = head->n_weights > 0 ? (const void *)(tickets + head->n_tickets) : NULL,
        .n_weights = head->n_weights};
    return OK;
}

static bool mpi_can_send(struct transport *t, int actor)
{
    struct mpi_state *state = t->state;
    CHECK(actor == state->actor);
    return has_left(state, 0);
}

static enum status mpi_send_trajectory(struct transport *t, int actor, const void *block,
                                       size_t bytes)
{
    struct mpi_state *state = t->state;
    CHECK(actor == state->actor && state->sends[0] == MPI_REQUEST_NULL && bytes > 0 &&
          bytes <= state->most_out);
    memcpy(state->peers[0].outgoing, block, bytes);
    return start_send(state, 0, bytes);
}

// ---- opening and closing

// Messages that come while closing are read and dropped, so that their senders can close as well.
static void drop_arrivals(struct mpi_state *state)
{
    if (test_requests(state, state->receives, arrive) != OK) {
        return;
    }
    for (; state->queued > 0; state->queued--) {
        start_receive(state, state->queue[state->first]);
        state->first = (state->first + 1) % state->n;
    }
}

// Whether all that has to happen before closing has. The learner hears everybody's goodbye; an
// actor's own one, sent once the message before has left, is taken.
static bool is_quiet(struct mpi_state *state, bool *said_goodbye)
{
    bool quiet = true;
    for (int p = 0; p < state->n; p++) {
        const bool left = has_left(state, p) || state->peers[p].gone;
        if (state->actor < 0) {
            quiet = quiet && state->peers[p].gone;
        } else if (left && !*said_goodbye && !state->peers[p].gone) {
            *said_goodbye = true;
            quiet = start_send(state, p, 0) != OK;
        } else {
            quiet = quiet && left;
        }
    }
    return quiet;
}

// Ends a request that may never be over. True when MPI is done with its buffer.
static bool give_up(MPI_Request *request)
{
    if (*request == MPI_REQUEST_NULL) {
        return true;
    }
    int done = 0;
    MPI_Status status;
    MPI_Cancel(request);
    if (MPI_Test(request, &done, &status) == MPI_SUCCESS && done) {
        return true;
    }
    MPI_Request_free(request);
    return false;
}

static void state_free(struct mpi_state *state)
{
    free(state->peers);
    free(state->sends);
    free(state->receives);
    free(state->statuses);
    free(state->indices);
    free(state->queue);
    free(state);
}

static void mpi_transport_close(struct transport *t)
{
    struct mpi_state *state = t->state;
    const double start = clock_seconds();
    struct backoff backoff = {0};
    bool said_goodbye = false;
    while (!is_quiet(state, &said_goodbye) && clock_seconds() - start < CLOSE_SECONDS) {
        if (state->actor < 0) {
            drop_arrivals(state);
        }
        backoff_wait(&backoff);
    }
    bool over = true;
    for (int p = 0; p < state->n; p++) {
        struct peer *peer = &state->peers[p];
        const bool sent = give_up(&state->sends[p]), received = give_up(&state->receives[p]);
        if (sent) {
            free(peer->outgoing); // else it stays: MPI may still read it
        }
        if (received) {
            free(peer->incoming);
        }
        free(peer->taken);
        over = over && sent && received;
    }
    if (over) {
        MPI_Comm_free(&state->comm);
    }
    state_free(state);
}

static const struct transport_ops mpi_transport_ops = {
    .ready = mpi_ready,
    .lost = mpi_lost,
    .send_tickets = mpi_send_tickets,
    .receive = mpi_receive,
    .release = mpi_release,
    .take_tickets = mpi_take_tickets,
    .can_send = mpi_can_send,
    .send_trajectory = mpi_send_trajectory,
    .close = mpi_transport_close,
};

static enum status open_buffers(struct mpi_state *state)
{
    const size_t n = (size_t)state->n;
    state->peers = calloc(n, sizeof *state->peers);
    state->sends = calloc(n, sizeof *state->sends);
    state->receives = calloc(n, sizeof *state->receives);
    state->statuses = calloc(n, sizeof *state->statuses);
    state->indices = calloc(n, sizeof *state->indices);
    state->queue = calloc(n, sizeof *state->queue);
    bool enough = state->peers != NULL && state->sends != NULL && state->receives != NULL &&
                  state->statuses != NULL && state->indices != NULL && state->queue != NULL;
    for (int p = 0; enough && p < state->n; p++) {
        struct peer *peer = &state->peers[p];
        peer->rank = state->actor < 0 ? p + 1 : 0;
        state->sends[p] = state->receives[p] = MPI_REQUEST_NULL;
        peer->outgoing = calloc(1, state->most_out);
        peer->incoming = calloc(1, state->most_in);
        peer->taken = state->actor < 0 ? NULL : calloc(1, state->most_in);
        enough = peer->outgoing != NULL && peer->incoming != NULL &&
                 (state->actor < 0 || peer->taken != NULL);
    }
    if (!enough) {
        FAIL(ERR_MEMORY, "no memory for messages of %zu and %zu bytes with %d ranks",
             state->most_out, state->most_in, state->n);
    }
    return OK;
}

static void close_buffers(struct mpi_state *state)
{
    for (int p = 0; state->peers != NULL && p < state->n; p++) {
        free(state->peers[p].outgoing);
        free(state->peers[p].incoming);
        free(state->peers[p].taken);
    }
    state_free(state);
}

// All ranks must mean the same messages.
static enum status check_sizes(const struct collective *c, const struct transport_sizes *sizes)
{
    struct transport_sizes agreed = *sizes;
    TRY(collective_broadcast(c, &agreed, sizeof agreed, 0));
    if (agreed.trajectory_bytes != sizes->trajectory_bytes ||
        agreed.n_weights != sizes->n_weights || agreed.n_tickets != sizes->n_tickets) {
        FAIL(ERR_COMM,
             "rank %d has trajectories of %zu bytes, %zu weights and %d tickets a message, rank 0 "
             "%zu, %zu and %d: all must run the same program with the same config",
             c->rank, sizes->trajectory_bytes, sizes->n_weights, sizes->n_tickets,
             agreed.trajectory_bytes, agreed.n_weights, agreed.n_tickets);
    }
    return OK;
}

static enum status open_state(const struct collective *c, const struct transport_sizes *sizes,
                              struct mpi_state *state)
{
    const size_t ticket_bytes = message_bytes((uint64_t)sizes->n_tickets, sizes->n_weights);
    const bool learner = c->rank == 0;
    *state = (struct mpi_state){
        .sizes = *sizes,
        .most_in = learner ? sizes->trajectory_bytes : ticket_bytes,
        .most_out = learner ? ticket_bytes : sizes->trajectory_bytes,
        .tag_in = learner ? TAG_TRAJECTORY : TAG_TICKET,
        .tag_out = learner ? TAG_TICKET : TAG_TRAJECTORY,
        .n = learner ? c->ranks - 1 : 1,
        .actor = c->rank - 1,
        .borrowed = -1,
    };
    TRY(open_buffers(state));
    TRY(check_sizes(c, sizes));
    TRY(collective_barrier(c)); // sleeps; what follows would spin
    MPI_TRY(MPI_Comm_dup(MPI_COMM_WORLD, &state->comm), "the start of the transport");
    MPI_TRY(MPI_Comm_set_errhandler(state->comm, MPI_ERRORS_RETURN), "the start of the transport");
    return OK;
}

enum status transport_open_mpi(const struct collective *c, const struct transport_sizes *sizes,
                               struct transport *out)
{
    CHECK(c->ranks >= 2 && sizes->trajectory_bytes > 0 && sizes->n_tickets >= 1);
    if (sizes->trajectory_bytes > INT_MAX || sizes->n_weights > INT_MAX / sizeof(float) / 2 ||
        message_bytes((uint64_t)sizes->n_tickets, sizes->n_weights) > INT_MAX) {
        FAIL(ERR_UNSUPPORTED, "messages of 2 GiB: %zu bytes of trajectory, %zu weights, %d tickets",
             sizes->trajectory_bytes, sizes->n_weights, sizes->n_tickets);
    }
    struct mpi_state *state = calloc(1, sizeof *state);
    if (state == NULL) {
        FAIL(ERR_MEMORY, "no memory for the transport");
    }
    const enum status code = open_state(c, sizes, state);
    if (code != OK) {
        close_buffers(state);
        return code;
    }
    for (int p = 0; c->rank == 0 && p < state->n; p++) {
        start_receive(state, p);
    }
    *out = (struct transport){.actors = c->ranks - 1, .ops = &mpi_transport_ops, .state = state};
    return OK;
}
