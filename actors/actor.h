// An actor: takes batches of tickets from the transport, has them run by its worker process, up to
// actors.episodes of them at once, sends back what came of each. A worker that crashes, hangs or
// runs out of memory is replaced and its tickets tried again, one by one where there were several;
// after so many tries, the last of them a run of its own, the learner gets a trajectory that is a
// header with the reason. Never waits: the caller polls. An actor runs either episodes or other
// work (work.h), by its job.
#pragma once
#include "actors/actor_options.h"
#include "actors/nursery.h"
#include "transport/transport.h"

#define ACTOR_STOP_SECONDS 15.0

struct actor_job {
    struct transport *transport; // borrowed, as all here
    int index;                   // in the transport
    struct nursery *nursery;     // NULL: episodes run in this process, in turn (no protection)
    int worker;                  // number in the nursery
    struct rollout *rollout; // without nursery: borrowed, this actor's alone, with as many slots
                             // as options->episodes
    const struct work_job *work;          // other work than episodes; NULL = episodes
    void *work_here;                      // without nursery: opened by work->ops, likewise
    const struct trajectory_shape *shape; // of episodes
    size_t n_weights;                     // most
    const struct actor_options *options;
};
struct actor;
enum status actor_open(const struct actor_job *job, struct actor **out);
// One turn. ERR_IO when the nursery is lost; its worker's error when that cannot be started.
// *moved: something happened; *stopped: the learner said stop, and what runs is of no use any more.
// Other work that runs then is interrupted first, and has ACTOR_STOP_SECONDS to come to an end.
enum status actor_poll(struct actor *actor, bool *moved, bool *stopped);
// File descriptor that becomes readable when the worker has something to say; -1 = none.
int actor_descriptor(const struct actor *actor);
void actor_close(struct actor *actor); // NULL is fine
