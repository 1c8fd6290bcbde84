// An actor: one ticket at a time, from the transport to the worker and back as a trajectory. The
// next one is fetched meanwhile, so that the worker need not wait for it, and so that an order to
// stop is heard at once.
#include "actors/actor.h"

#include "actors/worker_link.h"
#include "core/clock.h"
#include "core/log.h"

#include <stdlib.h>
#include <string.h>

// A ticket as the transport lends it.
struct lent_ticket {
    const struct ticket *ticket; // NULL = none
    const float *weights;        // NULL = none
    size_t n;
};

struct actor {
    struct actor_job job;
    void *own_block;         // owned: without nursery, where episodes are written
    struct lent_ticket lent; // came while one was held: nothing more is taken until that is used
    struct ticket held;      // the next one
    float *held_weights;     // owned [job.n_weights]
    size_t n_held_weights;   // 0 = none came with it
    bool holds;
    struct ticket ticket;
    bool has_ticket, running;
    int attempt;
    double arrived, first_run, last_run; // clock_seconds
    double stopping;                     // since when; 0 = not
};

// Bytes of the largest answer.
static size_t most_bytes(const struct actor_job *job)
{
    return job->work != NULL ? sizeof(struct work_answer) : trajectory_bytes(job->shape);
}

enum status actor_open(const struct actor_job *job, struct actor **out)
{
    CHECK((job->nursery == NULL) == (job->rollout != NULL || job->work_here != NULL));
    const size_t bytes = most_bytes(job);
    if (bytes > WORKER_MOST_BLOCK_BYTES || job->n_weights > WORKER_MOST_WEIGHTS) {
        FAIL(ERR_UNSUPPORTED,
             "an actor has room for %zu bytes of trajectory and %d weights, not "
             "for %zu and %zu",
             WORKER_MOST_BLOCK_BYTES, (int)WORKER_MOST_WEIGHTS, bytes, job->n_weights);
    }
    if (job->nursery != NULL) {
        TRY(slot_grow(nursery_slot(job->nursery, job->worker), bytes, job->n_weights));
    }
    struct actor *actor = calloc(1, sizeof *actor);
    void *block = job->nursery == NULL ? calloc(1, bytes) : NULL;
    float *weights = calloc(job->n_weights > 0 ? job->n_weights : 1, sizeof *weights);
    if (actor == NULL || weights == NULL || (job->nursery == NULL && block == NULL)) {
        free(actor);
        free(block);
        free(weights);
        FAIL(ERR_MEMORY, "no memory for an actor");
    }
    actor->job = *job;
    actor->own_block = block;
    actor->held_weights = weights;
    *out = actor;
    return OK;
}

void actor_close(struct actor *actor)
{
    if (actor != NULL) {
        free(actor->own_block);
        free(actor->held_weights);
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
    actor->held = *actor->lent.ticket;
    actor->n_held_weights = actor->lent.n;
    if (actor->lent.n > 0) {
        memcpy(actor->held_weights, actor->lent.weights, actor->lent.n * sizeof(float));
    }
    actor->holds = true;
    actor->lent.ticket = NULL;
}

// Takes what the transport has, as far as there is room.
static enum status fetch_tickets(struct actor *actor, bool *moved, bool *stopped)
{
    struct lent_ticket *lent = &actor->lent;
    while (lent->ticket == NULL) {
        TRY(transport_take_ticket(actor->job.transport, actor->job.index, &lent->ticket,
                                  &lent->weights, &lent->n));
        if (lent->ticket == NULL) {
            return OK;
        }
        *moved = true;
        if (lent->ticket->kind == TICKET_STOP) {
            *stopped = true;
            lent->ticket = NULL;
            return OK;
        }
        lent->n = lent->weights != NULL ? lent->n : 0;
        const int32_t kind = actor->job.work != NULL ? TICKET_WORK : TICKET_EPISODE;
        if (lent->n > actor->job.n_weights || lent->ticket->kind != kind) {
            FAIL(ERR_COMM, "a ticket of kind %d came with %zu weights, at most %zu are agreed",
                 (int)lent->ticket->kind, lent->n, actor->job.n_weights);
        }
        if (!actor->holds) {
            hold_lent(actor);
        }
    }
    return OK;
}

// Begins with the next ticket, once the answer to the last one has left.
static void begin_ticket(struct actor *actor)
{
    if (!actor->holds || !transport_can_send(actor->job.transport, actor->job.index)) {
        return;
    }
    actor->ticket = actor->held;
    actor->arrived = clock_seconds();
    actor->has_ticket = true;
    actor->running = false;
    actor->attempt = 1;
    if (actor->n_held_weights > 0) {
        take_weights(actor, actor->held_weights, actor->n_held_weights);
    }
    actor->holds = false;
    if (actor->lent.ticket != NULL) {
        hold_lent(actor);
    }
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

static enum status send_failure(struct actor *actor, enum status status,
                                enum failure_reason failure)
{
    if (actor->job.work != NULL) {
        struct work_answer answer;
        work_fail(&actor->ticket, status, failure, &answer);
        return send_block(actor, &answer, sizeof answer);
    }
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

static const char *ticket_word(const struct actor *actor)
{
    return actor->job.work != NULL ? "order" : "episode";
}

// This try came to nothing, for the reason in this thread's message: another one, or the end.
static enum status fail_try(struct actor *actor, enum status status, enum failure_reason failure)
{
    const bool hopeless = actor->job.work != NULL && !work_may_try_again(status);
    const bool last = hopeless || actor->attempt >= actor->job.options->tries;
    actor->running = false;
    if (!hopeless && status != ERR_INTERRUPTED) {
        log_warning("%s %lld of task %d, try %d of %d: %s", ticket_word(actor),
                    (long long)actor->ticket.episode, (int)actor->ticket.task, actor->attempt,
                    actor->job.options->tries, status_message());
    }
    if (last) {
        return send_failure(actor, status, failure);
    }
    actor->attempt++;
    return OK;
}

static enum status run_here(struct actor *actor)
{
    void *block = actor->own_block;
    if (actor->job.work != NULL) {
        (void)work_run(actor->job.work, actor->job.work_here, &actor->ticket, NULL, block);
        return send_block(actor, block, sizeof(struct work_answer));
    }
    if (rollout_run(actor->job.rollout, &actor->ticket, block) != OK) {
        log_warning("episode %lld of task %d: %s", (long long)actor->ticket.episode,
                    (int)actor->ticket.task, status_message());
    }
    return send_block(actor, block, trajectory_bytes(actor->job.shape));
}

// The worker says that the block is complete.
static enum status take_block(struct actor *actor, const struct worker_report *report)
{
    void *block = slot_block(nursery_slot(actor->job.nursery, actor->job.worker));
    struct trajectory_header *header = block;
    const size_t bytes = most_bytes(&actor->job);
    if (actor->job.work == NULL && trajectory_check(actor->job.shape, block, bytes) != OK) {
        return fail_try(actor, ERR_COMM, FAILURE_ERROR);
    }
    const double since_run = clock_seconds() - actor->last_run;
    header->wire_seconds = (actor->first_run - actor->arrived) + (since_run - report->seconds);
    return send_block(actor, block, bytes);
}

static enum status take_report(struct actor *actor, const struct worker_report *report)
{
    if (actor->stopping > 0.0) {
        actor->running = false; // nobody waits for it any more
        return OK;
    }
    if (report->event == WORKER_HAS_ANSWERED && report->status == OK) {
        return take_block(actor, report);
    }
    status_restore(&report->note);
    return fail_try(actor, report->status, report->failure);
}

static enum status run_in_worker(struct actor *actor)
{
    const struct slot_view *view = nursery_slot(actor->job.nursery, actor->job.worker);
    struct trajectory_header *header = slot_block(view);
    view->slot->ticket = actor->ticket;
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

// The learner has said stop: whether all that is worth waiting for is over.
static enum status stop(struct actor *actor, bool *stopped)
{
    const bool works = actor->job.work != NULL && actor->running;
    if (actor->stopping == 0.0) {
        actor->stopping = clock_seconds();
        if (works) {
            TRY(nursery_interrupt(actor->job.nursery, actor->job.worker));
        }
    }
    *stopped = !works || clock_seconds() - actor->stopping > ACTOR_STOP_SECONDS;
    return OK;
}

enum status actor_poll(struct actor *actor, bool *moved, bool *stopped)
{
    const bool protected = actor->job.nursery != NULL;
    bool told = actor->stopping > 0.0;
    *moved = *stopped = false;
    if (protected) {
        TRY(poll_worker(actor, moved));
    }
    if (!told) {
        TRY(fetch_tickets(actor, moved, &told));
    }
    if (told) {
        return stop(actor, stopped);
    }
    if (!actor->has_ticket) {
        begin_ticket(actor);
    }
    if (actor->has_ticket && !actor->running) {
        if (!protected) {
            *moved = true;
            return run_here(actor);
        }
        if (nursery_idle(actor->job.nursery, actor->job.worker)) {
            *moved = true;
            return run_in_worker(actor);
        }
    }
    return OK;
}
