// The tickets that were decided and whose results are not processed yet, with the trajectories that
// came back and wait for the rest of their batch. Bounded: as many entries as there may ever be.
#pragma once
#include "core/arena.h"
#include "transport/ticket.h"
#include "transport/trajectory.h"

enum order_state {
    ORDER_FREE,    // the entry is not in use
    ORDER_WAITING, // for an actor
    ORDER_OUT,     // with an actor, or several: the first answer counts
    ORDER_BACK,    // its trajectory is here
};
struct order {
    struct ticket ticket;
    enum order_state state;
    int64_t update;  // that its result belongs to (sync; 0 in async)
    int64_t arrival; // number of its trajectory in order of arrival
    int given;       // times handed out
    bool overdue;    // ORDER_OUT: shall go to another actor as well
    double since;    // ORDER_OUT: when it was handed out last
    void *block;     // [trajectory_bytes], arena
};
struct ticket_book {
    struct order *orders; // [capacity], arena
    int capacity;
    int n_waiting, n_out, n_back, n_overdue;
    int64_t arrivals;
};
enum status ticket_book_open(int capacity, size_t block_bytes, struct arena *arena,
                             struct ticket_book *out);
// A new waiting entry with an empty ticket; NULL when all are in use.
struct order *ticket_book_add(struct ticket_book *book);
struct order *ticket_book_find(struct ticket_book *book, int64_t episode); // NULL if absent
// Changes of state. out: also when it goes to one more actor.
void ticket_book_out(struct ticket_book *book, struct order *order, double now);
void ticket_book_back(struct ticket_book *book, struct order *order);
void ticket_book_again(struct ticket_book *book, struct order *order); // to be handed out again
void ticket_book_free(struct ticket_book *book, struct order *order);
// Marks what was handed out longer ago than the lease as overdue. The lease doubles with each time
// a ticket is handed out, so that episodes longer than the lease do not flood all actors.
void ticket_book_expire(struct ticket_book *book, double lease_seconds, double now);

// Trajectories here that belong to `update` (-1: to any), into found [most]: in order of episodes,
// or (-1) of arrival. *complete: no ticket of that update is without its trajectory.
int ticket_book_collect(struct ticket_book *book, int64_t update, struct order **found, int most,
                        bool *complete);
