// After the search: the best candidates of each task scored again, on all search-validation images
// in float32, then the winner saved as what was found.
#include "core/file.h"
#include "run/run_board.h"

#include <string.h>

struct rescored {
    bool known; // false: not yet, or it could not be scored
    double accuracy, reward;
};
struct rescoring {
    struct run_session *session;
    struct run_board board;
    struct rescored *rescored; // [jobs] of candidates; arena
    int *first;                // [tasks] its first job: its candidates, then the winner; arena
};

static bool is_rescored(struct run_session *session, int task)
{
    const char *name = run_task_name(session, task);
    const char *path = run_path(session, &session->arena, "found", name, ".safetensors");
    const char *result = run_path(session, &session->arena, "results", name, ".json");
    return path != NULL && result != NULL && file_exists(path) && file_exists(result);
}

static enum status fill_choice(const struct run_candidate *candidate, struct ticket *ticket)
{
    if (candidate->n_widths > TICKET_MOST_GIVEN) {
        FAIL(ERR_UNSUPPORTED, "a candidate has %d widths, and an order has room for %d",
             candidate->n_widths, TICKET_MOST_GIVEN);
    }
    ticket->n_given = candidate->n_widths;
    for (int i = 0; i < candidate->n_widths; i++) {
        if (candidate->widths[i] > INT16_MAX) {
            FAIL(ERR_UNSUPPORTED, "a candidate has a width of %d, and an order has room for %d",
                 candidate->widths[i], INT16_MAX);
        }
        ticket->given[i] = (int16_t)candidate->widths[i];
    }
    return OK;
}

static const struct run_candidates *candidates_of(const struct rescoring *r, int task)
{
    return &r->session->candidates[task];
}

// ---- answers

// The one that is worth most as the search counts it: by its loss, if that was rewarded. -1: none.
static int best_rescored(const struct rescored *rescored, int n)
{
    int best = -1;
    for (int i = 0; i < n; i++) {
        if (rescored[i].known && (best < 0 || rescored[i].reward > rescored[best].reward)) {
            best = i;
        }
    }
    return best;
}

static enum status take_candidate(struct rescoring *r, struct run_job *job,
                                  const struct work_answer *answer)
{
    const int task = job->ticket.task;
    const int index = (int)(job - r->board.jobs), first = r->first[task];
    const int n = candidates_of(r, task)->n;
    int left = 0;
    if (answer->status == OK) {
        struct run_outcome outcome;
        run_board_outcome(answer, &outcome);
        r->rescored[index] = (struct rescored){
            .known = true, .accuracy = outcome.accuracy, .reward = outcome.reward};
    } else if (!work_may_try_again((enum status)answer->status)) {
        return run_board_failed(job, answer);
    } else {
        log_warning("task %s: candidate %d of %d is left out, it could not be scored: %s",
                    job->name, index - first + 1, n, answer->note.message);
    }
    job->state = RUN_JOB_DONE;
    job->units = 0;
    for (int i = first; i < first + n; i++) {
        left += r->board.jobs[i].state != RUN_JOB_DONE;
    }
    const int winner = best_rescored(r->rescored + first, n);
    progress_update(&r->board.progress, r->board.progress.done + 1, "%s %.2f%%", job->name,
                    winner < 0 ? 0 : 100 * r->rescored[first + winner].accuracy);
    if (left > 0) {
        return OK;
    }
    if (winner < 0) {
        FAIL(ERR_INPUT, "task %s: none of its best candidates could be scored again; %s", job->name,
             answer->note.message);
    }
    struct run_job *keep = &r->board.jobs[first + n];
    const struct ticket *chosen = &r->board.jobs[first + winner].ticket;
    keep->ticket.n_given = chosen->n_given;
    memcpy(keep->ticket.given, chosen->given, sizeof keep->ticket.given);
    keep->ticket.version = winner; // for take_winner
    keep->state = RUN_JOB_READY;
    return OK;
}

static enum status take_winner(struct rescoring *r, struct run_job *job,
                               const struct work_answer *answer)
{
    struct run_session *session = r->session;
    const int task = job->ticket.task, number = (int)job->ticket.version;
    const struct run_candidate *winner = &candidates_of(r, task)->candidates[number];
    const char *path = run_path(session, &session->arena, "results", job->name, ".json");
    struct run_outcome outcome;
    if (answer->status != OK) {
        return run_board_failed(job, answer);
    }
    if (path == NULL) {
        return ERR_MEMORY;
    }
    run_board_outcome(answer, &outcome);
    const struct run_result result = {
        .full_macs = outcome.facts.full[COST_MACS],
        .full_params = outcome.facts.full[COST_PARAMS],
        .full_bytes = outcome.facts.full[COST_BYTES],
        .macs = outcome.macs,
        .params = outcome.params,
        .bytes = outcome.bytes,
        .validation_images = outcome.facts.unseen ? IMAGES_UNSEEN : IMAGES_UNKNOWN,
        .accuracy_base = outcome.facts.base_accuracy,
        .score = winner->score,
        .accuracy_found = r->rescored[r->first[task] + number].accuracy,
        .evaluations = candidates_of(r, task)->evaluations,
        .episode = winner->episode,
        .n_widths = winner->n_widths,
        .widths = winner->widths,
    };
    job->state = RUN_JOB_DONE;
    job->units = 0;
    return run_result_write(&result, path);
}

static enum status answered(struct run_board *board, struct run_job *job,
                            const struct work_answer *answer)
{
    struct rescoring *r = board->context;
    return job->ticket.source == RUN_ORDER_RESCORE ? take_candidate(r, job, answer)
                                                   : take_winner(r, job, answer);
}

// ---- the stage

// What a candidate costs: its multiply-adds, once per image.
static enum status list_task(struct rescoring *r, int task)
{
    const struct run_candidates *all = candidates_of(r, task);
    const char *name = run_task_name(r->session, task);
    if (all->n == 0) {
        FAIL(ERR_INPUT,
             "task %s: no candidate could be scored, every episode failed; run.h5 has the reasons",
             name);
    }
    r->first[task] = r->board.n;
    for (int i = 0; i <= all->n; i++) {
        const bool winner = i == all->n;
        struct run_job *job = &r->board.jobs[r->board.n];
        r->board.n++;
        *job = (struct run_job){
            .ticket = {.task = task, .source = winner ? RUN_ORDER_KEEP : RUN_ORDER_RESCORE},
            .name = name,
            .state = winner ? RUN_JOB_WAITS : RUN_JOB_READY,
            .units = (double)all->candidates[winner ? 0 : i].macs,
        };
        if (!winner) {
            TRY(fill_choice(&all->candidates[i], &job->ticket));
            r->board.total++;
        }
    }
    return OK;
}

static enum status list_jobs(struct rescoring *r)
{
    struct run_session *session = r->session;
    const int n_tasks = session->config.tasks->n;
    size_t most = 0;
    for (int task = 0; task < n_tasks; task++) {
        most += (size_t)candidates_of(r, task)->n + 1;
    }
    ARENA_NEW(&session->arena, r->board.jobs, most);
    ARENA_NEW(&session->arena, r->rescored, most);
    ARENA_NEW(&session->arena, r->first, (size_t)n_tasks);
    for (int task = 0; task < n_tasks; task++) {
        if (!is_rescored(session, task)) {
            TRY(list_task(r, task));
        }
    }
    return OK;
}

enum status run_stage_rescore(struct run_session *session)
{
    struct rescoring r = {
        .session = session,
        .board = {.session = session,
                  .stage = "rescore",
                  .unit = "candidates",
                  .even = true,
                  .time = &session->times.rescore,
                  .answered = answered},
    };
    r.board.context = &r;
    if (session->collective->rank == 0) {
        TRY(list_jobs(&r));
    }
    return run_board_work(&r.board);
}
