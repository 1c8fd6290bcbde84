// Processes that run the risky part. A nursery is a child of this process, forked before MPI and
// before any thread is started; it forks workers and, when one dies, the next. Nothing it does can
// crash; what workers do may. None of them outlives this process, whatever ends it.
#pragma once
#include "actors/rollout.h"

struct nursery;
// Forks now: what `job` points to is what the workers will see, except env.slots, which is
// actors.episodes, and env.threads, env.int8 and env.shared_fd, which come with nursery_begin. n:
// workers that it will hold, one per local actor.
enum status nursery_open(const struct rollout_job *job, int n, struct nursery **out);
// What workers are for. Episodes: they open the environment, and all limits of actor_options hold.
// Work: no limit of memory, which is meant for candidates; an order may take first_episode_seconds
// longer than its ticket says, since any may be the first to read some data.
enum nursery_duty { NURSERY_EPISODES, NURSERY_WORK };
// Before nursery_begin: what the first workers will be for (else episodes). Afterwards: the workers
// end and others with this duty start; to be polled until they are there.
enum status nursery_assign(struct nursery *nursery, enum nursery_duty duty);
// Before nursery_begin: what env_job.int8 its workers open the environment with, else the job's.
void nursery_agree(struct nursery *nursery, enum env_int8 int8);
// Starts the workers. Where those of all ranks of a host find each other: `token` names this job
// (the same on all ranks of a host), leader: this process makes the shared memory, the others wait
// for it; NULL: no shared memory. Collective over the host's processes in so far as all must have
// come here before nursery_unlink.
enum status nursery_begin(struct nursery *nursery, const char *token, bool leader, int threads);
// The memory of this host's workers, for another process of the host: between the leader's
// nursery_begin and its nursery_unlink. *fd: closed by the caller.
enum status nursery_open_shared(const char *token, int *fd);
enum status nursery_unlink(struct nursery *nursery); // leader, after all have begun
// What workers for episodes see of the environment, once the first one has opened it: *known is
// false until then. To be polled; an environment that cannot be opened is an error.
enum status nursery_shape(struct nursery *nursery, struct trajectory_shape *shape,
                          struct agent_shape *agent, bool *known);
void nursery_close(struct nursery *nursery); // ends all workers; NULL is fine
