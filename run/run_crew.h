// The actors of all ranks during one stage, and what connects them with rank 0. Inside run/ only.
#pragma once
#include "actors/actor.h"
#include "core/backoff.h"
#include "run/run_session.h"

// Collective. Gives the workers of all ranks this duty, starting them where there are none yet.
enum status run_assign(struct run_session *session, enum nursery_duty duty);
// Threads that a worker of this host computes episodes with.
int run_worker_threads(const struct run_session *session);

struct run_crew {
    struct run_session *session; // borrowed
    struct transport transport;
    struct actor **actors; // [n_actors] of this process; the session's arena
    int n_actors;
};
// Collective. For episodes (n_weights: most that go with a ticket) or, with work, other work. A
// crew that could not be opened is closed as well.
enum status run_crew_open(struct run_session *session, bool work, size_t n_weights,
                          struct run_crew *out);
// One turn of this process's actors. *stopped: all have been told to stop.
enum status run_crew_poll(struct run_crew *crew, bool *moved, bool *stopped);
// Of ranks other than 0: until they are told to stop.
enum status run_crew_act(struct run_crew *crew);
void run_crew_close(struct run_crew *crew); // a zeroed one is fine

// Sleeps, longer the longer nothing has moved.
void run_wait_unless(struct backoff *backoff, bool moved);
// Actors that do not hear a stop in this time are not waited for.
#define RUN_STOP_SECONDS 20.0
