// Tickets one way, trajectories the other. Nothing here waits: every call says at once whether
// something moved, so nobody is held up by a peer that is slow or gone. Between the learner and an
// actor at most one batch of tickets waits to be taken and a trajectory or two to be received. Two
// implementations: local (learner and actors in one process) and mpi (rank 0 learns, actor i is
// rank i + 1).
#pragma once
#include "transport/collective.h"
#include "transport/ticket.h"
#include "transport/trajectory.h"

struct transport_ops;
struct transport {
    int actors;
    const struct transport_ops *ops;
    void *state; // owned
};

// What both sides agree on.
struct transport_sizes {
    size_t trajectory_bytes;
    size_t n_weights; // most floats of weights that go with a batch of tickets
    int n_tickets;    // most of a batch, at least 1
};
// One message to an actor: tickets that it may play together, and what to play them with.
struct ticket_batch {
    const struct ticket *tickets; // [n]
    int n;
    const float *weights; // [n_weights] NULL: those that it has, n_weights 0
    size_t n_weights;
};
enum status transport_open_local(int actors, const struct transport_sizes *sizes,
                                 struct transport *out);
// Collective over all ranks (at least 2).
enum status transport_open_mpi(const struct collective *c, const struct transport_sizes *sizes,
                               struct transport *out);
// mpi: not collective. What was sent before arrives when the other side still takes messages or
// closes too, within seconds; what is under way to ranks that are gone is dropped.
void transport_close(struct transport *t); // a zeroed one is fine

// ---- learner's side
// Whether actor takes a message now: the one before has left.
bool transport_ready(struct transport *t, int actor);
// Whether nothing will come from that actor any more: it has said goodbye, or cannot be reached.
bool transport_lost(struct transport *t, int actor);
// Sends a copy of the batch, n at least 1. CHECKs that the actor is ready. ERR_COMM when the
// message cannot be sent.
enum status transport_send_tickets(struct transport *t, int actor,
                                   const struct ticket_batch *batch);
// The next trajectory, if one is there: *block (borrowed until transport_release) and who sent it,
// or *block = NULL.
enum status transport_receive(struct transport *t, int *actor, const void **block, size_t *bytes);
void transport_release(struct transport *t);

// ---- actor's side
// The next batch, if one is there (else n = 0). Borrowed until the next call for this actor.
enum status transport_take_tickets(struct transport *t, int actor, struct ticket_batch *out);
// Whether a trajectory can be sent now; then sends a copy.
bool transport_can_send(struct transport *t, int actor);
enum status transport_send_trajectory(struct transport *t, int actor, const void *block,
                                      size_t bytes);
