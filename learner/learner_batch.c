// One batch: its trajectories into the archive, the schedule and the method, then the update and
// the rows of run.h5.
#include "core/clock.h"
#include "learner/learner_internal.h"

#include <math.h>

enum { MOST_WARNINGS = 10, HOPELESS_EPISODES = 64 };

// Sums over a batch.
struct batch_sums {
    struct update_row row;
    int64_t lag_sum;
    int taken, fresh;
    int32_t lag_least, lag_most;
};

static void fill_row(const struct learner *l, const struct trajectory *t, struct episode_row *row)
{
    const struct trajectory_header *h = t->header;
    row->episode = h->episode;
    row->version = h->version;
    row->lag = l->counts[COUNT_UPDATES] - h->version;
    row->task = h->task;
    row->source = h->source;
    row->failure = h->failure;
    row->macs = h->macs;
    row->params = h->params;
    row->bytes = h->bytes;
    row->accuracy = h->score;
    for (int i = 0; i < h->rows; i++) {
        if (!(t->flags[i] & FLAG_TRUNCATED)) {
            row->steps++;
            row->reward += (double)t->reward[i];
            row->logp += (double)t->logp[i];
        }
    }
    row->n_widths = h->n_result;
    for (int i = 0; i < h->n_result; i++) {
        row->widths[i] = t->result[i];
    }
}

static void fill_cost(struct learner *l, const struct trajectory_header *h, double now,
                      struct episode_cost_row *cost)
{
    cost->episode = h->episode;
    cost->actor = h->actor;
    cost->tries = h->tries;
    cost->cached = h->cached;
    cost->environment_seconds = h->environment_seconds;
    cost->policy_seconds = h->policy_seconds;
    cost->arithmetic_seconds = h->arithmetic_seconds;
    cost->wire_seconds = h->wire_seconds;
    cost->wall_seconds = l->past.wall_seconds + now - l->opened;
    l->past.environment_seconds += h->environment_seconds;
    l->past.policy_seconds += h->policy_seconds;
    l->past.wire_seconds += h->wire_seconds;
    l->past.retries += h->tries > 1 ? h->tries - 1 : 0;
}

static enum status note_failure(struct learner *l, const struct trajectory_header *h)
{
    l->counts[COUNT_FAILED]++;
    const char *task = l->job.tasks[h->task].name;
    const char *reason = failure_name((enum failure_reason)h->failure);
    if (l->warnings++ < MOST_WARNINGS) {
        log_warning("episode %lld of task %s failed after %d tries: %s%s", (long long)h->episode,
                    task, (int)h->tries, reason,
                    l->warnings == MOST_WARNINGS ? " (further ones only in run.h5)" : "");
    }
    if (l->counts[COUNT_FAILED] >= HOPELESS_EPISODES && l->counts[COUNT_LEARNT] == 0) {
        FAIL(ERR_INPUT,
             "the first %lld episodes all failed, the last one (task %s) for this reason: %s; see "
             "the warnings above",
             (long long)l->counts[COUNT_FAILED], task, reason);
    }
    return OK;
}

// A candidate whose numbers are not finite is no failure: it is learnt from as worth the least
// there is.
static void note_divergence(struct learner *l, const struct trajectory_header *h)
{
    if (h->failure == FAILURE_DIVERGED && l->past.diverged++ == 0) {
        log_warning("episode %lld of task %s: its candidate diverged, it counts as the worst "
                    "(further ones only in run.h5)",
                    (long long)h->episode, l->job.tasks[h->task].name);
    }
}

static void add_lag(struct learner *l, int64_t lag, struct batch_sums *sums)
{
    const int32_t shown = (int32_t)(lag < INT32_MAX ? lag : INT32_MAX);
    sums->lag_least = sums->taken == 0 || shown < sums->lag_least ? shown : sums->lag_least;
    sums->lag_most = shown > sums->lag_most ? shown : sums->lag_most;
    sums->lag_sum += lag;
    l->past.lag_sum += (double)lag;
    l->past.lag_episodes++;
    l->past.lag_most = lag > l->past.lag_most ? lag : l->past.lag_most;
}

static void note_decisions(struct learner *l, const struct trajectory *trajectory)
{
    const int task = trajectory->header->task;
    size_t n = 0;
    if (l->job.method->policy && decision_log_wants(l->schedule.episodes[task])) {
        const float *weights = l->job.method->weights(l->method, &n);
        run_log_decided(&l->log,
                        decision_log_look(&l->decisions, trajectory, weights,
                                          l->counts[COUNT_UPDATES], run_log_decisions(&l->log)));
    }
}

static enum status take(struct learner *l, struct order *order, double now, struct batch_sums *sums)
{
    struct trajectory trajectory;
    struct episode_row *row;
    struct episode_cost_row *cost;
    trajectory_view(l->job.shape, order->block, &trajectory);
    struct trajectory_header *h = trajectory.header;
    run_log_next(&l->log, &row, &cost);
    fill_row(l, &trajectory, row);
    row->budget = (double)order->ticket.budget;
    fill_cost(l, h, now, cost);
    l->counts[COUNT_EPISODES]++;
    enum episode_result result = RESULT_FAILED;
    bool lost = true;
    note_divergence(l, h);
    if (h->failure != FAILURE_NONE && h->failure != FAILURE_DIVERGED) {
        TRY(note_failure(l, h));
    } else {
        note_decisions(l, &trajectory);
        // What was played with another budget is a measurement, no candidate.
        const enum archive_answer answer =
            order->ticket.budget != 0.0F ? ARCHIVE_FRESH : archive_put(&l->archive, &trajectory);
        row->fresh = answer == ARCHIVE_FRESH ? 1 : 0;
        result = row->fresh ? RESULT_COUNTED : RESULT_KNOWN;
        if (answer != ARCHIVE_FULL) {
            add_lag(l, row->lag, sums);
            TRY(l->job.method->take(l->method, &trajectory, row->fresh != 0));
            sums->taken++;
            sums->row.frames += row->steps;
            sums->fresh += row->fresh;
            l->counts[COUNT_LEARNT]++;
            lost = false;
        }
    }
    if (lost && l->job.method->lost != NULL) {
        l->job.method->lost(l->method, &order->ticket);
    }
    schedule_result(&l->schedule, order->ticket.task, result, h->environment_seconds);
    return OK;
}

static enum status update(struct learner *l, struct batch_sums *sums)
{
    struct update_row *row = &sums->row;
    row->update = l->counts[COUNT_UPDATES];
    row->episodes = l->counts[COUNT_LEARNT];
    TRY(l->job.method->update(l->method, row));
    row->fresh = sums->fresh;
    row->lag_least = sums->lag_least;
    row->lag_most = sums->lag_most;
    row->lag_mean = sums->taken > 0 ? (double)sums->lag_sum / sums->taken : 0.0;
    l->counts[COUNT_SKIPPED] += row->skipped != 0 ? 1 : 0;
    l->counts[COUNT_UPDATES]++;
    size_t n = 0;
    const float *weights = l->job.method->weights(l->method, &n);
    CHECK(n == l->weights.n_floats);
    weight_ring_put(&l->weights, l->counts[COUNT_UPDATES], weights);
    for (int task = 0; l->job.method->finished != NULL && task < l->job.n_tasks; task++) {
        l->schedule.finished[task] |= l->job.method->finished(l->method, task) ? 1 : 0;
    }
    return OK;
}

// The next batch into l->found; 0 while it is not complete.
static int next_batch(struct learner *l)
{
    const int batch = l->job.learner->batch;
    const struct ticket_book *book = &l->tickets;
    bool complete = false;
    int n = 0;
    if (l->sync) {
        n = ticket_book_collect(&l->tickets, l->counts[COUNT_UPDATES], l->found, batch, &complete);
        return complete ? n : 0;
    }
    const bool last = book->n_out + book->n_waiting == 0 && schedule_remaining(&l->schedule) == 0;
    if (book->n_back >= batch || last) {
        n = ticket_book_collect(&l->tickets, -1, l->found, batch, &complete);
    }
    return n;
}

enum status learner_learn(struct learner *l, bool *moved)
{
    const int n = l->tickets.n_back > 0 ? next_batch(l) : 0;
    if (n == 0) {
        return OK;
    }
    *moved = true;
    const double began = clock_seconds();
    struct update_cost_row cost = {.update = l->counts[COUNT_UPDATES],
                                   .queue = l->tickets.n_back - n,
                                   .waited_seconds = l->waited};
    struct batch_sums sums = {0};
    for (int i = 0; i < n; i++) {
        TRY(take(l, l->found[i], began, &sums));
        ticket_book_free(&l->tickets, l->found[i]);
    }
    TRY(update(l, &sums));
    learner_decide(l);
    const double ended = clock_seconds();
    cost.seconds = ended - began;
    cost.wall_seconds = l->past.wall_seconds + ended - l->opened;
    if (l->job.method->model_seconds != NULL) {
        const double model_seconds = l->job.method->model_seconds(l->method);
        cost.model_seconds = model_seconds - l->model_seconds;
        l->model_seconds = model_seconds;
    }
    l->update_seconds += (cost.seconds - l->update_seconds) / 8.0;
    l->past.learning_seconds += cost.seconds;
    l->past.waiting_seconds += l->waited;
    l->waited = 0.0;
    return run_log_append(&l->log, &sums.row, &cost);
}
