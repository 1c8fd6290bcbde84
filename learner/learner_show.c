// The live line and the summary.
#include "core/clock.h"
#include "core/text.h"
#include "learner/learner_internal.h"

#include <math.h>

enum { SHOWN_TASKS = 6 };
static const double show_every_s = 0.1;

static double share(double part, double whole)
{
    return whole > 0.0 ? part / whole : 0.0;
}

static double lag_mean(const struct run_past *past)
{
    return past->lag_episodes > 0 ? past->lag_sum / (double)past->lag_episodes : 0.0;
}

static double all_seconds(const struct learner *l, double now)
{
    return l->past.wall_seconds + now - l->opened;
}

// The best score of a task; not a number while there is none.
static double best_score(const struct learner *l, int task)
{
    struct learner_candidate best, candidate;
    int n = 0;
    for (int i = 0; i < l->archive.counts[task]; i++) {
        archive_candidate(&l->archive, task, i, &candidate);
        n = archive_insert(&candidate, n, 1, &best);
    }
    return n == 1 ? best.score : (double)NAN;
}

static void add_best(const struct learner *l, struct text *out)
{
    text_add(out, "best");
    for (int task = 0; task < l->job.n_tasks; task++) {
        const double best = best_score(l, task);
        l->shown_tasks[task].best = best;
        if (task >= SHOWN_TASKS) {
            continue;
        }
        if (isnan(best)) {
            text_add(out, " -");
        } else {
            text_add(out, " %.4g", best);
        }
    }
    text_add(out, l->job.n_tasks > SHOWN_TASKS ? " ...  " : "  ");
}

void learner_show(struct learner *l, double now)
{
    if (now - l->shown < show_every_s) {
        return;
    }
    l->shown = now;
    const struct run_past *past = &l->past;
    const double seconds = all_seconds(l, now), acting = seconds * l->actors.n;
    struct text note = {0};
    add_best(l, &note);
    text_add(&note, "env %.0f%% policy %.0f%% wire %.0f%%  learner %.0f%%  lag %.1f",
             100.0 * share(past->environment_seconds, acting),
             100.0 * share(past->policy_seconds, acting), 100.0 * share(past->wire_seconds, acting),
             100.0 * share(past->learning_seconds, seconds), lag_mean(past));
    progress_update(&l->progress, schedule_evaluations(&l->schedule), "%s",
                    note.failed ? "" : note.bytes);
    text_close(&note);
}

void learner_summarize(const struct learner *l, struct learner_summary *out)
{
    const struct run_past *past = &l->past;
    const double seconds = all_seconds(l, l->finished ? l->polled : clock_seconds());
    *out = (struct learner_summary){
        .episodes = l->counts[COUNT_EPISODES],
        .evaluations = schedule_evaluations(&l->schedule),
        .failed = l->counts[COUNT_FAILED],
        .diverged = past->diverged,
        .updates = l->counts[COUNT_UPDATES],
        .skipped = l->counts[COUNT_SKIPPED],
        .retries = past->retries,
        .busy_share = share(past->learning_seconds, seconds),
        .lag_mean = lag_mean(past),
        .lag_most = past->lag_most,
        .seconds = seconds,
        .learning_seconds = past->learning_seconds,
        .waiting_seconds = past->waiting_seconds,
    };
}
