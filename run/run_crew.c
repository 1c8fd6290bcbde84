// Workers begin and change their duty; actors are opened, polled and closed.
#include "run/run_crew.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/machine.h"
#include "run/run_order.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

// A name that all processes of the job share and no other job has.
static enum status make_token(const struct run_session *session, char *token, size_t bytes)
{
    const struct collective *c = session->collective;
    memset(token, 0, bytes);
    if (c->rank == 0) {
        snprintf(token, bytes, "%ld-%ld-%llx", (long)getuid(), (long)getpid(),
                 (unsigned long long)(clock_seconds() * 1e6));
    }
    return collective_broadcast(c, token, bytes, 0);
}

int run_worker_threads(const struct run_session *session)
{
    const int asked = session->config.backend.threads;
    const int share = machine_cores() / (session->host_actors > 0 ? session->host_actors : 1);
    return asked > 0 ? asked : share > 1 ? share : 1;
}

static bool is_inline(const struct run_session *session)
{
    return session->collective->ranks == 1 && session->nursery == NULL;
}

// The first actor of each host makes the host's shared memory before the others open it; its name
// is gone as soon as all have, so that nothing stays behind.
static enum status begin_workers(struct run_session *session)
{
    const struct collective *c = session->collective;
    const int threads = run_worker_threads(session);
    const bool leader = session->nursery != NULL && session->first_actor;
    char token[96];
    TRY(make_token(session, token, sizeof token));
    if (leader) {
        TRY(nursery_begin(session->nursery, token, true, threads));
    }
    TRY(collective_barrier(c));
    if (session->nursery != NULL && !leader) {
        TRY(nursery_begin(session->nursery, token, false, threads));
    }
    // The learner looks at candidates in the workers' memory, where its host has any.
    if (c->rank == 0 && session->host_actors > 0 && !is_inline(session)) {
        TRY(nursery_open_shared(token, &session->shared_fd));
    }
    TRY(collective_barrier(c));
    return leader ? nursery_unlink(session->nursery) : OK;
}

enum status run_assign(struct run_session *session, enum nursery_duty duty)
{
    if (session->workers_begun && session->duty == duty) {
        return OK;
    }
    session->duty = duty;
    if (session->nursery != NULL) {
        TRY(nursery_assign(session->nursery, duty));
    }
    if (session->workers_begun) {
        return OK;
    }
    session->workers_begun = true;
    return begin_workers(session);
}

static enum status open_transport(struct run_crew *crew, const struct transport_sizes *sizes)
{
    const struct run_session *session = crew->session;
    const struct collective *c = session->collective;
    if (c->ranks > 1) {
        crew->n_actors = c->rank == 0 ? 0 : 1;
        return transport_open_mpi(c, sizes, &crew->transport);
    }
    crew->n_actors = session->nursery != NULL ? session->host_actors : 1;
    return transport_open_local(crew->n_actors, sizes, &crew->transport);
}

static enum status open_actors(struct run_crew *crew, bool work, size_t n_weights)
{
    struct run_session *session = crew->session;
    const int rank = session->collective->rank;
    const bool here = work && session->nursery == NULL && crew->n_actors > 0;
    if (here && session->work == NULL) {
        TRY(run_work_ops.open(session, -1, 0, &session->work));
    }
    ARENA_NEW(&session->arena, crew->actors, (size_t)crew->n_actors);
    for (int i = 0; i < crew->n_actors; i++) {
        const struct actor_job job = {
            .transport = &crew->transport,
            .index = rank > 0 ? rank - 1 : i,
            .nursery = session->nursery,
            .worker = i,
            .rollout = work || session->nursery != NULL ? NULL : session->rollout,
            .work = work ? &session->work_job : NULL,
            .work_here = here ? session->work : NULL,
            .shape = &session->shape,
            .n_weights = n_weights,
            .options = &session->actors,
        };
        TRY(actor_open(&job, &crew->actors[i]));
    }
    return OK;
}

enum status run_crew_open(struct run_session *session, bool work, size_t n_weights,
                          struct run_crew *out)
{
    *out = (struct run_crew){.session = session};
    const struct transport_sizes sizes = {
        .trajectory_bytes = work ? sizeof(struct work_answer) : trajectory_bytes(&session->shape),
        .n_weights = n_weights,
        .n_tickets = work ? 1 : session->actors.episodes,
    };
    TRY(open_transport(out, &sizes));
    return open_actors(out, work, n_weights);
}

void run_crew_close(struct run_crew *crew)
{
    for (int i = 0; i < crew->n_actors && crew->actors != NULL; i++) {
        actor_close(crew->actors[i]);
    }
    transport_close(&crew->transport);
    *crew = (struct run_crew){0};
}

enum status run_crew_poll(struct run_crew *crew, bool *moved, bool *stopped)
{
    bool all = true;
    for (int i = 0; i < crew->n_actors; i++) {
        bool one_moved = false;
        bool one_stopped = false;
        TRY(actor_poll(crew->actors[i], &one_moved, &one_stopped));
        *moved = *moved || one_moved;
        all = all && one_stopped;
    }
    *stopped = all;
    return OK;
}

enum status run_crew_act(struct run_crew *crew)
{
    struct backoff backoff = {0};
    bool stopped = false;
    while (!stopped) {
        bool moved = false;
        const enum status code = run_crew_poll(crew, &moved, &stopped);
        if (code != OK) { // said before rank 0 notices that this actor is gone
            log_warning("this actor ends: %s", status_message());
            return code;
        }
        if (moved) {
            backoff_reset(&backoff);
        } else {
            const int descriptor = actor_descriptor(crew->actors[0]);
            backoff_wait_on(&backoff, &descriptor, 1);
        }
    }
    return OK;
}

void run_wait_unless(struct backoff *backoff, bool moved)
{
    if (moved) {
        backoff_reset(backoff);
    } else {
        backoff_wait(backoff);
    }
}
