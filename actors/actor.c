// An actor: a batch of tickets at a time, from the transport to the worker and back as
// trajectories. The next batch is fetched meanwhile, so that the worker need not wait for it, and
// so that an order to stop is heard at once. What a batch has come to waits for the transport in an
// outbox, so that the next one can begin.
#include "actors/actor_internal.h"
#include "core/clock.h"

#include <stdlib.h>
#include <string.h>

static enum status check_job(const struct actor *actor)
{
    const struct actor_job *job = &actor->job;
    CHECK((job->nursery == NULL) == (job->rollout != NULL || job->work_here != NULL));
    if (actor->block_bytes > WORKER_MOST_BLOCK_BYTES / (size_t)actor->most ||
        job->n_weights > WORKER_MOST_WEIGHTS) {
        FAIL(ERR_UNSUPPORTED,
             "an actor has room for %zu bytes of trajectories and %d weights, not for %d "
             "(actors.episodes) times %zu bytes and %zu weights",
             WORKER_MOST_BLOCK_BYTES, (int)WORKER_MOST_WEIGHTS, actor->most, actor->block_bytes,
             job->n_weights);
    }
    return OK;
}

static enum status open_parts(struct actor *actor)
{
    const struct actor_job *job = &actor->job;
    const size_t most = (size_t)actor->most;
    TRY(check_job(actor));
    if (job->nursery != NULL) {
        const struct slot_sizes sizes = {actor->most, actor->block_bytes, job->n_weights};
        TRY(slot_grow(nursery_slot(job->nursery, job->worker), &sizes));
    } else {
        actor->tickets = calloc(most, sizeof *actor->tickets);
        actor->own_blocks = calloc(most, actor->block_bytes);
    }
    actor->held = calloc(most, sizeof *actor->held);
    actor->entries = calloc(most, sizeof *actor->entries);
    actor->held_weights =
        calloc(job->n_weights > 0 ? job->n_weights : 1, sizeof *actor->held_weights);
    if (actor->held == NULL || actor->entries == NULL || actor->held_weights == NULL ||
        (job->nursery == NULL && (actor->tickets == NULL || actor->own_blocks == NULL))) {
        FAIL(ERR_MEMORY, "no memory for an actor");
    }
    return outbox_open(2 * actor->most, actor->block_bytes, &actor->outbox);
}

enum status actor_open(const struct actor_job *job, struct actor **out)
{
    struct actor *actor = calloc(1, sizeof *actor);
    if (actor == NULL) {
        FAIL(ERR_MEMORY, "no memory for an actor");
    }
    const bool work = job->work != NULL;
    actor->job = *job;
    actor->most = work ? 1 : actor_options_episodes(job->options->episodes, 0);
    actor->block_bytes = work ? sizeof(struct work_answer) : trajectory_bytes(job->shape);
    const enum status code = open_parts(actor);
    if (code != OK) {
        actor_close(actor);
        return code;
    }
    *out = actor;
    return OK;
}

void actor_close(struct actor *actor)
{
    if (actor != NULL) {
        outbox_close(&actor->outbox);
        free(actor->tickets);
        free(actor->own_blocks);
        free(actor->held);
        free(actor->held_weights);
        free(actor->entries);
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
    const struct slot_view *view = nursery_slot(actor->job.nursery, actor->job.worker);
    memcpy(slot_weights(view), weights, n * sizeof *weights);
    view->slot->n_weights = n;
    view->slot->weights_number++;
}

static void hold_lent(struct actor *actor)
{
    const struct ticket_batch *lent = &actor->lent;
    memcpy(actor->held, lent->tickets, (size_t)lent->n * sizeof *actor->held);
    actor->n_held = lent->n;
    actor->n_held_weights = lent->n_weights;
    if (lent->n_weights > 0) {
        memcpy(actor->held_weights, lent->weights, lent->n_weights * sizeof(float));
    }
    actor->lent.n = 0;
}

static enum status check_lent(const struct actor *actor)
{
    const struct ticket_batch *lent = &actor->lent;
    const int32_t kind = actor->job.work != NULL ? TICKET_WORK : TICKET_EPISODE;
    if (lent->n > actor->most || lent->n_weights > actor->job.n_weights) {
        FAIL(ERR_COMM, "%d tickets came with %zu weights, at most %d with %zu are agreed", lent->n,
             lent->n_weights, actor->most, actor->job.n_weights);
    }
    for (int i = 0; i < lent->n; i++) {
        if (lent->tickets[i].kind != kind) {
            FAIL(ERR_COMM, "a ticket of kind %d came, kind %d was expected",
                 (int)lent->tickets[i].kind, (int)kind);
        }
    }
    return OK;
}

// Takes what the transport has, as far as there is room.
static enum status fetch_tickets(struct actor *actor, bool *moved, bool *stopped)
{
    struct ticket_batch *lent = &actor->lent;
    while (lent->n == 0) {
        TRY(transport_take_tickets(actor->job.transport, actor->job.index, lent));
        if (lent->n == 0) {
            return OK;
        }
        *moved = true;
        if (lent->tickets->kind == TICKET_STOP) {
            *stopped = true;
            lent->n = 0;
            return OK;
        }
        TRY(check_lent(actor));
        if (actor->n_held == 0) {
            hold_lent(actor);
        }
    }
    return OK;
}

// Begins with the next batch, once there is room for its answers.
static void begin_batch(struct actor *actor)
{
    if (actor->n_held == 0 || outbox_room(&actor->outbox) < actor->n_held) {
        return;
    }
    actor->n = actor->n_held;
    actor->apart = false;
    actor->arrived = clock_seconds();
    for (int i = 0; i < actor->n; i++) {
        actor->entries[i] = (struct entry){.ticket = actor->held[i], .attempt = 1};
    }
    if (actor->n_held_weights > 0) {
        take_weights(actor, actor->held_weights, actor->n_held_weights);
    }
    actor->n_held = 0;
    if (actor->lent.n > 0) {
        hold_lent(actor);
    }
}

static enum status poll_worker(struct actor *actor, bool *moved)
{
    struct worker_report report;
    TRY(nursery_poll(actor->job.nursery, actor->job.worker, &report));
    if (report.event != WORKER_SAYS_NOTHING) {
        CHECK(actor->running > 0);
        *moved = true;
        actor_take_report(actor, &report);
    }
    return OK;
}

// The learner has said stop: whether all that is worth waiting for is over.
static enum status stop(struct actor *actor, bool *stopped)
{
    const bool works = actor->job.work != NULL && actor->running > 0;
    if (actor->stopping == 0.0) {
        actor->stopping = clock_seconds();
        if (works) {
            TRY(nursery_interrupt(actor->job.nursery, actor->job.worker));
        }
    }
    *stopped = !works || clock_seconds() - actor->stopping > ACTOR_STOP_SECONDS;
    return OK;
}

static enum status begin_run(struct actor *actor, bool *moved)
{
    if (actor->n == 0) {
        begin_batch(actor);
    }
    if (actor->n == 0 || actor->running > 0) {
        return OK;
    }
    if (actor->job.nursery == NULL) {
        *moved = true;
        actor_run_here(actor);
    } else if (nursery_idle(actor->job.nursery, actor->job.worker)) {
        *moved = true;
        return actor_run_in_worker(actor);
    }
    return OK;
}

enum status actor_poll(struct actor *actor, bool *moved, bool *stopped)
{
    bool told = actor->stopping > 0.0;
    *moved = *stopped = false;
    if (actor->job.nursery != NULL) {
        TRY(poll_worker(actor, moved));
    }
    if (!told) {
        TRY(fetch_tickets(actor, moved, &told));
    }
    if (told) {
        return stop(actor, stopped);
    }
    TRY(begin_run(actor, moved));
    return outbox_send(&actor->outbox, actor->job.transport, actor->job.index, moved);
}
