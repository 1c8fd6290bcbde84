// What a checkpoint, or a trajectory, says must be possible before it is used: anybody may have
// written it.
#include "learner/candidates.h"
#include "learner/learner_internal.h"

#include <math.h>

enum status learner_check_counts(const struct learner *l)
{
    const int64_t updates = l->counts[COUNT_UPDATES], decided = l->counts[COUNT_DECIDED];
    if (l->sync && (decided < updates || decided > updates + l->most_lag + 1)) {
        FAIL(ERR_INPUT,
             "'learner.counts' says that %lld updates are done and %lld decided, expected at most "
             "%d more; use an older checkpoint",
             (long long)updates, (long long)decided, l->most_lag + 1);
    }
    for (int64_t v = updates > l->most_lag ? updates - l->most_lag : 0; v <= updates; v++) {
        if (!weight_ring_has(&l->weights, v)) {
            FAIL(
                ERR_INPUT,
                "'learner.versions' lacks version %lld of the weights, with %lld updates done; use "
                "an older checkpoint",
                (long long)v, (long long)updates);
        }
    }
    return OK;
}

static enum status check_given(const struct learner *l, const struct ticket *ticket)
{
    const int steps = l->job.space != NULL ? l->job.space->tasks[ticket->task].steps : 0;
    if (ticket->source == ACTIONS_GIVEN && ticket->n_given == steps && steps > 0) {
        return candidate_check(l->job.space, ticket->task, ticket->given);
    }
    for (int i = 0; i < ticket->n_given; i++) {
        if (ticket->given[i] < 0) {
            FAIL(ERR_INPUT, "episode %lld is given choice %d at step %d",
                 (long long)ticket->episode, ticket->given[i], i);
        }
    }
    return OK;
}

static enum status check_ticket(const struct learner *l, const struct ticket *ticket)
{
    const int64_t update = ticket->episode / l->job.learner->batch;
    const int64_t version = update > l->most_lag ? update - l->most_lag : 0;
    const bool fits = ticket->kind == TICKET_EPISODE && ticket->task >= 0 &&
                      ticket->task < l->job.n_tasks && ticket->version == version &&
                      ticket->source >= ACTIONS_POLICY && ticket->source <= ACTIONS_NOISY &&
                      ticket->n_given >= 0 && ticket->n_given <= TICKET_MOST_GIVEN &&
                      isfinite(ticket->noise) && ticket->budget >= 0.0F;
    if (!fits) {
        FAIL(ERR_INPUT,
             "'learner.pending': a ticket of kind %d for task %d of %d, episode %lld, version %lld "
             "(expected %lld), source %d, %d choices; use an older checkpoint",
             (int)ticket->kind, (int)ticket->task, l->job.n_tasks, (long long)ticket->episode,
             (long long)ticket->version, (long long)version, (int)ticket->source,
             (int)ticket->n_given);
    }
    return check_given(l, ticket);
}

// The tickets of each update that was decided and not done: without a gap from its first episode.
enum status learner_check_pending(const struct learner *l, int64_t n)
{
    const int64_t batch = l->job.learner->batch, decided = l->counts[COUNT_DECIDED];
    int64_t update = l->counts[COUNT_UPDATES], expected = update * batch;
    for (int64_t i = 0; i < n; i++) {
        const struct ticket *ticket = &l->pending[i];
        if (ticket->episode != expected && i > 0 && ticket->episode == (update + 1) * batch) {
            expected = ticket->episode;
        }
        update = expected / batch;
        if (ticket->episode != expected || update >= decided) {
            FAIL(ERR_INPUT,
                 "'learner.pending' holds a ticket for episode %lld, expected episode %lld; use an "
                 "older checkpoint",
                 (long long)ticket->episode, (long long)expected);
        }
        TRY(check_ticket(l, ticket));
        expected++;
    }
    const bool all = n > 0 ? update == decided - 1 : decided == l->counts[COUNT_UPDATES];
    if (l->sync && !all) {
        FAIL(ERR_INPUT,
             "'learner.pending' holds no ticket for update %lld, which was decided; use an older "
             "checkpoint",
             (long long)(n > 0 ? update + 1 : update));
    }
    return OK;
}

enum status learner_check_candidates(const struct learner *l)
{
    for (int task = 0; l->job.space != NULL && task < l->job.n_tasks; task++) {
        for (int i = 0; i < l->archive.counts[task]; i++) {
            struct learner_candidate candidate;
            archive_candidate(&l->archive, task, i, &candidate);
            TRY(candidate_check(l->job.space, task, candidate.choices));
        }
    }
    return OK;
}

enum status learner_check_episode(const struct learner *l, const struct trajectory *t)
{
    if (l->job.space == NULL || t->header->rows == 0) {
        return OK;
    }
    int16_t choices[TICKET_MOST_GIVEN];
    const int steps = trajectory_steps(t), expected = l->job.space->tasks[t->header->task].steps;
    if (steps != expected) {
        FAIL(ERR_COMM, "episode %lld of task %d has %d steps, expected %d",
             (long long)t->header->episode, (int)t->header->task, steps, expected);
    }
    for (int i = 0; i < steps; i++) {
        choices[i] = (int16_t)(t->action[i] <= INT16_MAX ? t->action[i] : -1);
    }
    return candidate_check(l->job.space, t->header->task, choices);
}
