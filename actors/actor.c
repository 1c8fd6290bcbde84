// An actor: one ticket at a time, from the transport to the worker and back as a trajectory.
#include "actors/actor.h"

#include "actors/worker_link.h"
#include "core/clock.h"
#include "core/log.h"

#include <stdlib.h>
#include <string.h>

struct actor {
    struct actor_job job;
    void *own_block; // owned: without nursery, where episodes are written
    struct ticket ticket;
    bool has_ticket, running;
    int attempt;
    double arrived, first_run, last_run; // clock_seconds
};

enum status actor_open(const struct actor_job *job, struct actor **out)
{
    CHECK((job->nursery == NULL) != (job->rollout == NULL));
    const size_t bytes = trajectory_bytes(job->shape);
    if (bytes > WORKER_MOST_BLOCK_BYTES || job->n_weights > WORKER_MOST_WEIGHTS) {
        FAIL(ERR_UNSUPPORTED,
             "an actor has room for %zu bytes of trajectory and %d weights, not "
             "for %zu and %zu",
             WORKER_MOST_BLOCK_BYTES, (int)WORKER_MOST_WEIGHTS, bytes, job->n_weights);
    }
    struct actor *actor = calloc(1, sizeof *actor);
    void *block = job->nursery == NULL ? calloc(1, bytes) : NULL;
    if (actor == NULL || (job->nursery == NULL && block == NULL)) {
        free(actor);
        free(block);
        FAIL(ERR_MEMORY, "no memory for an actor");
    }
    actor->job = *job;
    actor->own_block = block;
    *out = actor;
    return OK;
}

void actor_close(struct actor *actor)
{
    if (actor != NULL) {
        free(actor->own_block);
        free(actor);
    }
}

int actor_descriptor(const struct actor *actor)
{
    const struct actor_job *job = &actor->job;
    return job->nursery != NULL ? nursery_descriptor(job->nursery, job->worker) : -1;
}

static void take_weights(struct actor *actor, const float *weights, size_t n)
{
    if (actor->job.nursery == NULL) {
        rollout_load(actor->job.rollout, weights, n);
        return;
    }
    struct worker_slot *slot = nursery_slot(actor->job.nursery, actor->job.worker);
    memcpy(worker_slot_weights(slot), weights, n * sizeof *weights);
    slot->n_weights = n;
    slot->weights_number++;
}

// The next ticket, when the answer to the last one has left.
static enum status take_ticket(struct actor *actor, bool *moved, bool *stopped)
{
    struct transport *transport = actor->job.transport;
    const struct ticket *ticket = NULL;
    const float *weights = NULL;
    size_t n = 0;
    if (!transport_can_send(transport, actor->job.index)) {
        return OK;
    }
    TRY(transport_take_ticket(transport, actor->job.index, &ticket, &weights, &n));
    if (ticket == NULL) {
        return OK;
    }
    *moved = true;
    if (ticket->kind == TICKET_STOP) {
        *stopped = true;
        return OK;
    }
    if (n > actor->job.n_weights || ticket->kind != TICKET_EPISODE) {
        FAIL(ERR_COMM, "a ticket of kind %d came with %zu weights, at most %zu are agreed",
             (int)ticket->kind, n, actor->job.n_weights);
    }
    actor->ticket = *ticket;
    actor->has_ticket = true;
    actor->running = false;
    actor->attempt = 1;
    actor->arrived = clock_seconds();
    if (weights != NULL) {
        take_weights(actor, weights, n);
    }
    return OK;
}

// Sends the finished block, or the header of a failed one.
static enum status send_block(struct actor *actor, void *block, size_t bytes)
{
    struct trajectory_header *header = block;
    header->actor = actor->job.index;
    header->tries = actor->attempt;
    actor->has_ticket = actor->running = false;
    return transport_send_trajectory(actor->job.transport, actor->job.index, block, bytes);
}

static enum status send_failure(struct actor *actor, enum failure_reason failure)
{
    struct trajectory_header header = {
        .magic = TRAJECTORY_MAGIC,
        .layout = trajectory_layout(actor->job.shape),
        .episode = actor->ticket.episode,
        .version = actor->ticket.version,
        .task = actor->ticket.task,
        .failure = (int32_t)failure,
        .source = actor->ticket.source,
        .wire_seconds = clock_seconds() - actor->arrived,
    };
    return send_block(actor, &header, sizeof header);
}

// This try came to nothing, for the reason in this thread's message: another one, or the end.
static enum status fail_try(struct actor *actor, enum failure_reason failure)
{
    const bool last = actor->attempt >= actor->job.options->tries;
    log_warning("episode %lld of task %d, try %d of %d: %s", (long long)actor->ticket.episode,
                (int)actor->ticket.task, actor->attempt, actor->job.options->tries,
                status_message());
    actor->running = false;
    if (last) {
        return send_failure(actor, failure);
    }
    actor->attempt++;
    return OK;
}

static enum status run_here(struct actor *actor)
{
    void *block = actor->own_block;
    if (rollout_run(actor->job.rollout, &actor->ticket, block) != OK) {
        log_warning("episode %lld of task %d: %s", (long long)actor->ticket.episode,
                    (int)actor->ticket.task, status_message());
    }
    return send_block(actor, block, trajectory_bytes(actor->job.shape));
}

// The worker says that the block is complete.
static enum status take_block(struct actor *actor, const struct worker_report *report)
{
    struct worker_slot *slot = nursery_slot(actor->job.nursery, actor->job.worker);
    void *block = worker_slot_block(slot);
    struct trajectory_header *header = block;
    const size_t bytes = trajectory_bytes(actor->job.shape);
    if (trajectory_check(actor->job.shape, block, bytes) != OK) {
        return fail_try(actor, FAILURE_ERROR);
    }
    const double since_run = clock_seconds() - actor->last_run;
    header->wire_seconds = (actor->first_run - actor->arrived) + (since_run - report->seconds);
    return send_block(actor, block, bytes);
}

static enum status take_report(struct actor *actor, const struct worker_report *report)
{
    if (report->event == WORKER_HAS_ANSWERED && report->status == OK) {
        return take_block(actor, report);
    }
    status_restore(&report->note);
    return fail_try(actor, report->failure);
}

static enum status run_in_worker(struct actor *actor)
{
    struct worker_slot *slot = nursery_slot(actor->job.nursery, actor->job.worker);
    struct trajectory_header *header = worker_slot_block(slot);
    slot->ticket = actor->ticket;
    header->magic = 0; // what lies there is not this episode's
    actor->running = true;
    actor->last_run = clock_seconds();
    if (actor->attempt == 1) {
        actor->first_run = actor->last_run;
    }
    return nursery_run(actor->job.nursery, actor->job.worker, actor->attempt);
}

static enum status poll_worker(struct actor *actor, bool *moved)
{
    struct worker_report report;
    TRY(nursery_poll(actor->job.nursery, actor->job.worker, &report));
    if (report.event != WORKER_SAYS_NOTHING) {
        CHECK(actor->running);
        *moved = true;
        TRY(take_report(actor, &report));
    }
    return OK;
}

enum status actor_poll(struct actor *actor, bool *moved, bool *stopped)
{
    const bool protected = actor->job.nursery != NULL;
    *moved = *stopped = false;
    if (protected) {
        TRY(poll_worker(actor, moved));
    }
    if (!actor->has_ticket) {
        TRY(take_ticket(actor, moved, stopped));
    }
    if (actor->has_ticket && !actor->running) {
        if (!protected) {
            return run_here(actor);
        }
        if (nursery_idle(actor->job.nursery, actor->job.worker)) {
            *moved = true;
            return run_in_worker(actor);
        }
    }
    return OK;
}
