// The learner: opening (afresh or from a checkpoint), one turn, closing.
#include "core/clock.h"
#include "core/file.h"
#include "learner/learner_internal.h"
#include "learner/run_checkpoint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct ticket) == 40 + 2 * TICKET_MOST_GIVEN,
               "tickets are saved as bytes: no padding");

static const double flush_every_s = 2.0;

static enum status check_job(const struct learner_job *job)
{
    const bool by_time = job->search->schedule == SCHEDULE_TIME;
    CHECK(job->n_tasks >= 1 && job->transport->actors >= 1 && job->learner->batch >= 1 &&
          job->at_once >= 1);
    if (by_time && job->learner->mode == MODE_SYNC) {
        FAIL(ERR_CONFIG, "search.schedule = \"time\" depends on how long things take, which "
                         "learner.mode = \"sync\" excludes; choose schedule \"equal\" or mode "
                         "\"async\"");
    }
    if (job->shape->n_result > RUN_MOST_WIDTHS) {
        FAIL(ERR_UNSUPPORTED, "candidates have %d widths, and run.h5 has room for %d",
             job->shape->n_result, RUN_MOST_WIDTHS);
    }
    return OK;
}

static int most_episodes(const struct search_options *search)
{
    return search->episodes > 0 ? search->episodes : 8 * search->evaluations;
}

static enum status open_schedule(struct learner *l)
{
    const struct learner_job *job = &l->job;
    ARENA_NEW(&l->arena, l->cost, (size_t)job->n_tasks);
    for (int task = 0; task < job->n_tasks; task++) {
        l->cost[task] = job->tasks[task].cost;
    }
    const struct schedule_options options = {
        .n_tasks = job->n_tasks,
        .evaluations = job->search->evaluations,
        .episodes = most_episodes(job->search),
        .by_time = job->search->schedule == SCHEDULE_TIME,
        .task_by_task = job->method->task_by_task,
        .cost = l->cost,
    };
    return schedule_open(&options, &l->arena, &l->schedule);
}

static enum status open_method(struct learner *l)
{
    const struct learner_job *job = &l->job;
    const int64_t evaluations = (int64_t)job->n_tasks * job->search->evaluations;
    const struct method_job method_job = {
        .learner = job->learner,
        .search = job->search,
        .shape = job->shape,
        .agent = job->agent,
        .backend = job->backend,
        .n_tasks = job->n_tasks,
        .under_way = l->tickets.capacity,
        .updates = (evaluations + job->learner->batch - 1) / job->learner->batch,
        .seed = job->seed,
        .initial = job->initial,
        .space = job->space,
        .known = job->known,
        .n_known = job->n_known,
    };
    TRY(job->method->open(&method_job, &l->method));
    size_t n = 0;
    const float *weights = job->method->weights(l->method, &n);
    TRY(weight_ring_open(n, l->most_lag + 1, &l->arena, &l->weights));
    weight_ring_put(&l->weights, 0, weights);
    return OK;
}

// Entries for all tickets that may be under way: sync, those of the updates decided ahead; async,
// what all actors hold and a batch that is being collected.
static enum status open_books(struct learner *l)
{
    const struct learner_job *job = &l->job;
    const int batch = job->learner->batch, actors = job->transport->actors;
    const int at_once = job->at_once;
    const int capacity =
        l->sync ? (l->most_lag + 1) * batch : ACTOR_MOST_BATCHES * at_once * actors + 2 * batch;
    TRY(ticket_book_open(capacity, trajectory_bytes(job->shape), &l->arena, &l->tickets));
    TRY(actor_book_open(actors, at_once, &l->arena, &l->actors));
    ARENA_NEW(&l->arena, l->outgoing, (size_t)at_once);
    ARENA_NEW(&l->arena, l->pending, l->sync ? (size_t)capacity : 0);
    ARENA_NEW(&l->arena, l->found, (size_t)batch);
    return OK;
}

static enum status list_state(struct learner *l)
{
    struct state_list *list = &l->state;
    state_list_add_within(list, "learner.counts", HDF5_I64, N_COUNTERS, l->counts, 0,
                          STATE_COUNT_MAX);
    state_list_add_within(list, "learner.rows", HDF5_I64, N_TABLES, l->rows, 0, STATE_COUNT_MAX);
    state_list_add_within(list, "learner.started", HDF5_I32, (size_t)l->job.n_tasks, l->started, 0,
                          1 << 20);
    state_list_add(list, "learner.pending", HDF5_U8,
                   l->sync ? (size_t)l->tickets.capacity * sizeof *l->pending : 0, l->pending);
    schedule_state(&l->schedule, list);
    archive_state(&l->archive, list);
    weight_ring_state(&l->weights, list);
    return l->job.method->state(l->method, list);
}

static int by_episode(const void *a, const void *b)
{
    const int64_t x = ((const struct ticket *)a)->episode, y = ((const struct ticket *)b)->episode;
    return x < y ? -1 : x > y ? 1 : 0;
}

// The tickets whose results are not processed, as they were decided; what is with actors now will
// be handed out again.
static void save_pending(struct learner *l)
{
    int n = 0;
    for (int i = 0; l->sync && i < l->tickets.capacity; i++) {
        if (l->tickets.orders[i].state != ORDER_FREE) {
            l->pending[n++] = l->tickets.orders[i].ticket;
        }
    }
    if (l->sync) {
        qsort(l->pending, (size_t)n, sizeof *l->pending, by_episode);
        memset(l->pending + n, 0, (size_t)(l->tickets.capacity - n) * sizeof *l->pending);
    }
    l->counts[COUNT_PENDING] = n;
}

static enum status restore_pending(struct learner *l)
{
    const int64_t n = l->counts[COUNT_PENDING];
    if (n < 0 || n > (l->sync ? l->tickets.capacity : 0)) {
        FAIL(ERR_INPUT, "%lld tickets under way, expected at most %d", (long long)n,
             l->tickets.capacity);
    }
    TRY(learner_check_pending(l, n));
    for (int64_t i = 0; i < n; i++) {
        const struct ticket *ticket = &l->pending[i];
        struct order *order = ticket_book_add(&l->tickets);
        order->ticket = *ticket;
        order->update = ticket->episode / l->job.learner->batch;
        l->schedule.outstanding[ticket->task]++;
    }
    return OK;
}

static enum status restore(struct learner *l, const char *log_path)
{
    TRY(learner_check_counts(l));
    TRY(l->job.method->load(l->method));
    TRY(archive_restore(&l->archive));
    TRY(learner_check_candidates(l));
    TRY(restore_pending(l));
    if (!schedule_all_done(&l->schedule)) { // of a search that goes further than it was to
        l->counts[COUNT_DISTILLED] = 0;
    }
    TRY(run_log_past(log_path, l->rows, l->job.n_tasks, &l->past));
    log_info("going on after %lld updates, %lld episodes", (long long)l->counts[COUNT_UPDATES],
             (long long)l->counts[COUNT_EPISODES]);
    return OK;
}

static enum status follow_log(struct learner *l)
{
    const struct learner_job *job = &l->job;
    const char **names;
    ARENA_NEW(&l->arena, names, (size_t)job->n_tasks);
    for (int task = 0; task < job->n_tasks; task++) {
        names[task] = job->tasks[task].name;
    }
    return run_log_follow(&l->log, job->run_dir, names, job->n_tasks, l->past.wall_seconds,
                          &l->arena);
}

// Their best scores are part of the progress.
static enum status show_tasks(struct learner *l)
{
    ARENA_NEW(&l->arena, l->shown_tasks, (size_t)l->job.n_tasks);
    for (int task = 0; task < l->job.n_tasks; task++) {
        l->shown_tasks[task] = (struct progress_task){l->job.tasks[task].name, (double)NAN};
    }
    l->progress.tasks = l->shown_tasks;
    l->progress.n_tasks = l->job.n_tasks;
    return OK;
}

static enum status begin(struct learner *l)
{
    const struct learner_job *job = &l->job;
    char log_path[4096];
    bool found = false;
    TRY(file_join(log_path, sizeof log_path, job->run_dir, "run.h5"));
    TRY(run_checkpoint_load(&l->state, job->identity, job->run_dir, &found));
    l->past.task_seconds = l->schedule.seconds;
    if (found) {
        const enum status status = restore(l, log_path);
        if (status != OK) {
            return status_context(status, "resuming in %s", job->run_dir);
        }
    }
    TRY(run_log_open(log_path, &job->texts, job->learner->batch, job->shape->rows,
                     found ? l->rows : NULL, &l->arena, &l->log));
    TRY(follow_log(l));
    learner_decide(l);
    l->saved = found ? l->counts[COUNT_UPDATES] : -1;
    l->opened = l->checkpointed = l->polled = clock_seconds();
    progress_begin(&l->progress, "search", "evaluations",
                   (int64_t)job->n_tasks * job->search->evaluations);
    l->progress.started -= l->past.wall_seconds; // the rate is that of the whole run
    return show_tasks(l);
}

static enum status open_parts(struct learner *l)
{
    const struct learner_job *job = &l->job;
    TRY(check_job(job));
    l->sync = job->learner->mode == MODE_SYNC;
    l->most_lag = l->sync ? job->learner->lag + job->learner->injected_lag : 0;
    TRY(open_schedule(l));
    const struct archive_sizes sizes = {.n_tasks = job->n_tasks,
                                        .capacity = job->search->evaluations,
                                        .n_result = job->shape->n_result,
                                        .n_steps = job->space != NULL ? job->shape->rows - 1 : 0};
    TRY(archive_open(&sizes, &l->arena, &l->archive));
    ARENA_NEW(&l->arena, l->started, (size_t)job->n_tasks);
    TRY(open_books(l));
    TRY(open_method(l));
    if (job->method->policy && job->agent != NULL) {
        TRY(decision_log_open(job->agent, job->shape, job->backend, &l->decisions));
    }
    TRY(list_state(l));
    return begin(l);
}

enum status learner_open(const struct learner_job *job, struct learner **out)
{
    struct learner *l = calloc(1, sizeof *l);
    if (l == NULL) {
        FAIL(ERR_MEMORY, "no memory for the learner");
    }
    l->job = *job;
    const enum status status = open_parts(l);
    if (status != OK) {
        learner_close(l);
        return status;
    }
    *out = l;
    return OK;
}

enum status learner_checkpoint(struct learner *l)
{
    l->job.method->save(l->method);
    save_pending(l);
    TRY(run_log_flush(&l->log, true)); // first: its rows must be there when the checkpoint is
    run_log_rows(&l->log, l->rows);
    TRY(run_checkpoint_save(&l->state, l->job.identity, l->job.run_dir));
    l->checkpointed = clock_seconds();
    l->saved = l->counts[COUNT_UPDATES];
    return OK;
}

static enum status keep_files(struct learner *l, double now)
{
    if (now - l->checkpointed >= l->job.learner->checkpoint_seconds &&
        l->saved != l->counts[COUNT_UPDATES]) {
        return learner_checkpoint(l);
    }
    return now - l->log.flushed >= flush_every_s ? run_log_flush(&l->log, false) : OK;
}

static enum status finish(struct learner *l)
{
    if (l->job.method->finish != NULL && l->counts[COUNT_DISTILLED] == 0) {
        TRY(l->job.method->finish(l->method));
    }
    l->counts[COUNT_DISTILLED] = 1;
    TRY(learner_checkpoint(l));
    l->finished = true;
    l->shown = 0.0;
    l->polled = clock_seconds();
    learner_show(l, l->polled);
    progress_end(&l->progress);
    return OK;
}

enum status learner_poll(struct learner *l, bool *moved, bool *done)
{
    const double now = clock_seconds();
    *moved = false;
    *done = l->finished;
    if (l->finished) {
        return OK;
    }
    l->waited += l->idle ? now - l->polled : 0.0;
    TRY(learner_receive(l, moved));
    TRY(learner_learn(l, moved));
    if (schedule_all_done(&l->schedule)) {
        *done = true;
        return finish(l);
    }
    TRY(learner_hand_out(l, now, moved));
    TRY(keep_files(l, now));
    learner_show(l, now);
    l->idle = !*moved;
    l->polled = now;
    return OK;
}

enum status learner_stop_actors(struct learner *l, bool *all)
{
    const struct ticket stop = {.kind = TICKET_STOP};
    const struct ticket_batch batch = {.tickets = &stop, .n = 1};
    bool moved = false;
    l->stopping = true;
    *all = true;
    TRY(learner_receive(l, &moved)); // dropped: it only frees the ways
    for (int i = 0; i < l->actors.n; i++) {
        struct actor_entry *actor = &l->actors.actors[i];
        if (!actor->stopped && transport_ready(l->job.transport, i)) {
            TRY(transport_send_tickets(l->job.transport, i, &batch));
            actor->stopped = true;
        }
        *all = *all && (actor->stopped || actor->lost);
    }
    return OK;
}

static bool is_listed(const struct learner_candidate *list, int n,
                      const struct learner_candidate *candidate)
{
    for (int i = 0; i < n; i++) {
        if (list[i].n_widths == candidate->n_widths &&
            memcmp(list[i].widths, candidate->widths,
                   (size_t)candidate->n_widths * sizeof *candidate->widths) == 0) {
            return true;
        }
    }
    return false;
}

// Adds those of `other` that are candidates of `task` too.
static int add_best(const struct learner *l, int task, int other, int most, int n,
                    struct learner_candidate *out)
{
    const struct candidate_space *space = l->job.space;
    const struct method_ops *method = l->job.method;
    for (int i = 0; i < l->archive.counts[other]; i++) {
        struct learner_candidate candidate;
        archive_candidate(&l->archive, other, i, &candidate);
        if (other != task && !space->holds(space->context, task, candidate.choices)) {
            continue;
        }
        if (method->worth != NULL) {
            candidate.worth = method->worth(l->method, task, candidate.choices, candidate.reward);
        }
        if (space == NULL || !is_listed(out, n, &candidate)) {
            n = archive_insert(&candidate, n, most, out);
        }
    }
    return n;
}

int learner_best(const struct learner *l, int task, int most, struct learner_candidate *out)
{
    const struct candidate_space *space = l->job.space;
    CHECK(task >= 0 && task < l->job.n_tasks && most >= 1);
    int n = add_best(l, task, task, most, 0, out);
    const bool shares = space != NULL && !l->job.method->own_results;
    for (int other = 0; shares && other < l->job.n_tasks; other++) {
        if (other != task && space->tasks[other].model == space->tasks[task].model) {
            n = add_best(l, task, other, most, n, out);
        }
    }
    return n;
}

int64_t learner_evaluations(const struct learner *l, int task)
{
    CHECK(task >= 0 && task < l->job.n_tasks);
    return l->schedule.evaluations[task];
}

enum learner_end learner_ended(const struct learner *l, int task, int64_t *episodes)
{
    const struct task_schedule *s = &l->schedule;
    CHECK(task >= 0 && task < l->job.n_tasks);
    *episodes = s->episodes[task];
    return s->evaluations[task] >= s->options.evaluations ? LEARNER_ENDED_EVALUATIONS
           : s->finished[task] != 0                       ? LEARNER_ENDED_EXHAUSTED
           : schedule_done(s, task)                       ? LEARNER_ENDED_EPISODES
                                                          : LEARNER_NOT_ENDED;
}

const float *learner_weights(const struct learner *l, size_t *n)
{
    return l->job.method->weights(l->method, n);
}

void learner_close(struct learner *l)
{
    if (l == NULL) {
        return;
    }
    if (l->method != NULL) {
        l->job.method->close(l->method);
    }
    decision_log_close(&l->decisions);
    if (run_log_close(&l->log) != OK) {
        log_warning("%s", status_message()); // rows up to the last checkpoint are safe
    }
    arena_close(&l->arena);
    free(l);
}
