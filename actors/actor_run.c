// Runs of a batch: all of its tickets at once, and, where that came to nothing, each by itself; and
// what becomes of them.
#include "actors/actor_internal.h"
#include "core/clock.h"
#include "core/log.h"

#include <string.h>

// Entries of the next run: all, or, once a run of all was lost, one. None: the batch is over.
static void choose_run(struct actor *actor)
{
    actor->first = 0;
    while (actor->first < actor->n && actor->entries[actor->first].over) {
        actor->first++;
    }
    const int left = actor->n - actor->first;
    actor->running = actor->apart && left > 0 ? 1 : left;
}

// A block in the outbox is the answer.
static void answer(struct actor *actor, struct entry *entry, struct trajectory_header *header,
                   size_t bytes)
{
    header->actor = actor->job.index;
    header->tries = entry->attempt;
    outbox_put(&actor->outbox, bytes);
    entry->over = true;
}

static void answer_failure(struct actor *actor, struct entry *entry, enum status status,
                           enum failure_reason failure)
{
    void *block = outbox_next(&actor->outbox);
    const struct ticket *ticket = &entry->ticket;
    if (actor->job.work != NULL) {
        struct work_answer *failed = block;
        work_fail(ticket, status, failure, failed);
        answer(actor, entry, &failed->header, sizeof *failed);
        return;
    }
    struct trajectory_header *header = block;
    *header = (struct trajectory_header){
        .magic = TRAJECTORY_MAGIC,
        .layout = trajectory_layout(actor->job.shape),
        .episode = ticket->episode,
        .version = ticket->version,
        .task = ticket->task,
        .failure = (int32_t)failure,
        .source = ticket->source,
        .wire_seconds = clock_seconds() - actor->arrived,
    };
    answer(actor, entry, header, sizeof *header);
}

// A run of this entry came to nothing, for the reason in this thread's message: another one, or,
// where it was alone, perhaps the end.
static void fail_entry(struct actor *actor, struct entry *entry, enum status status,
                       enum failure_reason failure)
{
    const bool work = actor->job.work != NULL;
    const bool hopeless = work && !work_may_try_again(status);
    const int tries = actor->job.options->tries;
    if (!hopeless && status != ERR_INTERRUPTED) {
        log_warning("%s %lld of task %d, try %d of %d: %s", work ? "order" : "episode",
                    (long long)entry->ticket.episode, (int)entry->ticket.task, entry->attempt,
                    entry->attempt > tries ? entry->attempt : tries, status_message());
    }
    if (hopeless || (actor->running == 1 && entry->attempt >= tries)) {
        answer_failure(actor, entry, status, failure);
    } else {
        entry->attempt++;
    }
}

// The run came to nothing. Of several nobody knows whose fault it was: each is tried by itself, so
// that none fails for what another one does.
static void fail_run(struct actor *actor, enum status status, enum failure_reason failure)
{
    struct entry *entries = &actor->entries[actor->first];
    if (actor->running == 1) {
        fail_entry(actor, entries, status, failure);
        return;
    }
    log_warning("%d episodes at once, %lld of task %d first: %s; each is tried by itself",
                actor->running, (long long)entries->ticket.episode, (int)entries->ticket.task,
                status_message());
    actor->apart = true;
    for (int i = 0; i < actor->running; i++) {
        entries[i].attempt++;
    }
}

// The run is over, whatever came of it.
static void end_run(struct actor *actor)
{
    actor->running = 0;
    for (int i = 0; i < actor->n; i++) {
        if (!actor->entries[i].over) {
            return;
        }
    }
    actor->n = 0;
}

// Without a nursery there is no other try, but several at once are told apart.
static void run_alone(struct actor *actor, struct entry *entry)
{
    struct trajectory_header *header = outbox_next(&actor->outbox);
    if (rollout_run(actor->job.rollout, &entry->ticket, 1, header) != OK) {
        log_warning("episode %lld of task %d: %s", (long long)entry->ticket.episode,
                    (int)entry->ticket.task, status_message());
    }
    answer(actor, entry, header, actor->block_bytes);
}

void actor_run_here(struct actor *actor)
{
    const struct actor_job *job = &actor->job;
    if (job->work != NULL) {
        struct work_answer *block = outbox_next(&actor->outbox);
        (void)work_run(job->work, job->work_here, &actor->entries->ticket, NULL, block);
        answer(actor, actor->entries, &block->header, sizeof *block);
        actor->n = 0;
        return;
    }
    enum status code = ERR_UNSUPPORTED;
    if (actor->n > 1) {
        for (int i = 0; i < actor->n; i++) {
            actor->tickets[i] = actor->entries[i].ticket;
        }
        code = rollout_run(job->rollout, actor->tickets, actor->n, actor->own_blocks);
    }
    for (int i = 0; i < actor->n; i++) {
        if (code == OK) {
            struct trajectory_header *header = outbox_next(&actor->outbox);
            memcpy(header, actor->own_blocks + (size_t)i * actor->block_bytes, actor->block_bytes);
            answer(actor, &actor->entries[i], header, actor->block_bytes);
        } else {
            run_alone(actor, &actor->entries[i]);
        }
    }
    actor->n = 0;
}

// The worker says that the blocks are complete. A copy is looked at, which it cannot change.
static void take_blocks(struct actor *actor, const struct worker_report *report)
{
    const char *blocks = slot_blocks(nursery_slot(actor->job.nursery, actor->job.worker));
    const size_t bytes = actor->block_bytes;
    const double waited = clock_seconds() - actor->last_run - report->seconds;
    const int n = actor->running;
    for (int i = 0; i < n; i++) {
        struct entry *entry = &actor->entries[actor->first + i];
        struct trajectory_header *header = outbox_next(&actor->outbox);
        memcpy(header, blocks + (size_t)i * bytes, bytes);
        if (actor->job.work == NULL && trajectory_check(actor->job.shape, header, bytes) != OK) {
            fail_entry(actor, entry, ERR_COMM, FAILURE_ERROR);
            actor->apart = true;
            continue;
        }
        header->wire_seconds = (entry->first_run - actor->arrived + waited) / n; // they share it
        answer(actor, entry, header, bytes);
    }
}

void actor_take_report(struct actor *actor, const struct worker_report *report)
{
    if (actor->stopping > 0.0) {
        actor->running = 0; // nobody waits for it any more
        return;
    }
    if (report->event == WORKER_HAS_ANSWERED && report->status == OK) {
        take_blocks(actor, report);
    } else {
        status_restore(&report->note);
        fail_run(actor, report->status, report->failure);
    }
    end_run(actor);
}

enum status actor_run_in_worker(struct actor *actor)
{
    const struct actor_job *job = &actor->job;
    const struct slot_view *view = nursery_slot(job->nursery, job->worker);
    struct ticket *tickets = slot_tickets(view);
    choose_run(actor);
    actor->last_run = clock_seconds();
    view->slot->n_tickets = (uint64_t)actor->running;
    for (int i = 0; i < actor->running; i++) {
        struct entry *entry = &actor->entries[actor->first + i];
        struct trajectory_header *header =
            (void *)((char *)slot_blocks(view) + (size_t)i * actor->block_bytes);
        tickets[i] = entry->ticket;
        header->magic = 0; // what lies there is not this episode's
        if (entry->attempt == 1) {
            entry->first_run = actor->last_run;
        }
    }
    return nursery_run(job->nursery, job->worker, actor->running,
                       actor->entries[actor->first].attempt);
}
