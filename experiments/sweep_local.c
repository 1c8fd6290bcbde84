// Rungs of a sweep (one, where it is no halving), each of which is a set of runs to be done.
#include "experiments/sweep_local.h"

#include "core/clock.h"
#include "core/file.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "experiments/sweep_process.h"
#include "experiments/sweep_table.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define LOOK_SECONDS 0.02
#define TABLE_SECONDS 30.0
enum { MOST_WORDS = 32 };

enum doing { NOT_ASKED, TO_DO, RUNNING, DONE, FAILED };
struct place_state {
    struct sweep_process process;
    int run;
};
struct work {
    const struct sweep_local *local;
    const struct sweep_plan *plan;
    struct arena arena;
    int rung, evaluations;
    enum doing *doing;          // [runs]
    struct place_state *places; // [team]
    int n_running, n_ended, n_asked;
    bool told; // runs know of the interrupt
    double table_next;
    struct progress progress;
};

static enum status log_path(const struct work *w, int run, char out[4096])
{
    char name[512];
    snprintf(name, sizeof name, "logs/%s.log", w->plan->runs[run].label);
    return file_join(out, 4096, w->plan->folder, name);
}

static enum status write_config(const struct work *w, int run, char path[4096])
{
    char name[512];
    struct text text = {0};
    snprintf(name, sizeof name, "configs/%s.json", w->plan->runs[run].label);
    TRY(file_join(path, 4096, w->plan->folder, name));
    enum status code = sweep_plan_config(&w->plan->runs[run], w->evaluations, &text);
    if (code == OK) {
        code = file_write(path, text.bytes, text.length);
    }
    text_close(&text);
    return code;
}

// Before the last rung nothing is fine-tuned.
static const char *command_of(const struct work *w)
{
    const struct sweep_options *options = w->plan->options;
    const bool last = options->kind != SWEEP_HALVING || w->rung == options->rungs->n - 1;
    return sweep_command_names[last ? options->command : SWEEP_SEARCH];
}

static enum status start(struct work *w, int at, int run)
{
    struct arena arena = {0};
    char config[4096], log[4096];
    char *words[MOST_WORDS];
    const struct sweep_run *r = &w->plan->runs[run];
    int n = 0;
    enum status code = write_config(w, run, config);
    words[n++] = arena_copy_text(&arena, w->local->program);
    words[n++] = arena_copy_text(&arena, command_of(w));
    words[n++] = arena_copy_text(&arena, config);
    words[n++] = arena_format(&arena, "--run-dir=%s", r->folder);
    if (w->local->actors > 0) {
        words[n++] = arena_format(&arena, "--actors=%d", w->local->actors);
    }
    for (int i = 0; i < r->n_words; i++) {
        words[n++] = arena_copy_text(&arena, r->words[i]);
    }
    words[n++] = arena_copy_text(&arena, "--json");
    for (int i = 0; i < n && code == OK; i++) {
        code = words[i] != NULL ? OK : ERR_MEMORY;
    }
    words[n] = NULL;
    if (code == OK) {
        code = log_path(w, run, log);
    }
    if (code == OK) {
        code = sweep_process_start(words, log, &w->local->team->places[at], &w->places[at].process);
    }
    arena_close(&arena);
    TRY(code);
    w->places[at].run = run;
    w->doing[run] = RUNNING;
    w->n_running++;
    return OK;
}

// ---- ends

static enum status note_failure(struct work *w, int run, const char *reason)
{
    w->doing[run] = FAILED;
    w->n_ended++;
    log_warning("run %s failed: %s", w->plan->runs[run].label, reason);
    return sweep_record_failed(w->plan, &w->plan->runs[run], w->evaluations, reason);
}

static enum status note_end(struct work *w, const struct place_state *place, int ended)
{
    const int run = place->run;
    char reason[1024], log[4096];
    if (WIFEXITED(ended) && WEXITSTATUS(ended) == 0) {
        const enum status code = sweep_record_done(w->plan, &w->plan->runs[run], w->evaluations);
        if (code == OK) {
            w->doing[run] = DONE;
            w->n_ended++;
            return OK;
        }
        snprintf(reason, sizeof reason, "%s", status_message());
        return note_failure(w, run, reason);
    }
    const int interrupted = status_exit_code(ERR_INTERRUPTED);
    const bool stopped = WIFSIGNALED(ended) || WEXITSTATUS(ended) == interrupted;
    if (stopped && interrupt_pending()) {
        w->doing[run] = TO_DO;
        return OK;
    }
    TRY(log_path(w, run, log));
    sweep_process_reason(&place->process, log, ended, reason, sizeof reason);
    return note_failure(w, run, reason);
}

static enum status look_at_places(struct work *w)
{
    for (int at = 0; at < w->local->team->n; at++) {
        struct place_state *place = &w->places[at];
        int ended;
        if (place->process.pid == 0 || waitpid(place->process.pid, &ended, WNOHANG) == 0) {
            continue;
        }
        w->n_running--;
        const struct place_state gone = *place;
        place->process.pid = 0;
        TRY(note_end(w, &gone, ended));
    }
    return OK;
}

static void tell_runs(struct work *w, int number)
{
    for (int at = 0; at < w->local->team->n; at++) {
        if (w->places[at].process.pid > 0) {
            kill(w->places[at].process.pid, number);
        }
    }
}

// ---- beginnings

// A run whose policy is another's waits for that one.
static enum status find_next(struct work *w, int *out)
{
    *out = -1;
    for (int run = 0; run < w->plan->n_runs && *out < 0; run++) {
        const int after = w->plan->runs[run].after;
        const enum doing first = after >= 0 ? w->doing[after] : DONE;
        if (w->doing[run] != TO_DO || first == RUNNING || first == TO_DO) {
            continue;
        }
        if (first == FAILED) {
            TRY(note_failure(w, run, "the run whose policy it takes has failed"));
        } else {
            *out = run;
        }
    }
    return OK;
}

static enum status fill_places(struct work *w)
{
    for (int at = 0; at < w->local->team->n; at++) {
        int run = -1;
        if (w->places[at].process.pid != 0) {
            continue;
        }
        TRY(find_next(w, &run));
        if (run < 0) {
            return OK;
        }
        TRY(start(w, at, run));
    }
    return OK;
}

static enum status write_tables(struct work *w)
{
    struct arena arena = {0};
    struct sweep_results results;
    enum status code = sweep_results_read(w->plan, &arena, &results);
    if (code == OK) {
        code = sweep_table_write(&results);
    }
    arena_close(&arena);
    w->table_next = clock_seconds() + TABLE_SECONDS;
    return code;
}

static enum status step(struct work *w)
{
    const int before = w->n_ended;
    if (interrupt_pending() && !w->told) {
        // USR1 may come as often as it likes; a second INT or TERM would end them without a
        // checkpoint, and a terminal has sent them its own.
        tell_runs(w, SIGUSR1);
        w->told = true;
    }
    TRY(look_at_places(w));
    if (!interrupt_pending()) {
        TRY(fill_places(w));
    }
    if (w->n_ended > before && clock_seconds() > w->table_next && w->local->mine == NULL) {
        TRY(write_tables(w));
    }
    progress_update(&w->progress, w->n_ended, "%d at once", w->n_running);
    return OK;
}

static bool is_over(const struct work *w)
{
    bool waiting = false;
    for (int run = 0; run < w->plan->n_runs; run++) {
        waiting = waiting || w->doing[run] == TO_DO;
    }
    return w->n_running == 0 && (interrupt_pending() || !waiting);
}

// Runs that are left behind by an error of ours are stopped as by an interrupt.
static void leave_runs(struct work *w)
{
    tell_runs(w, SIGUSR1);
    for (int at = 0; at < w->local->team->n; at++) {
        int ended;
        if (w->places[at].process.pid > 0) {
            (void)waitpid(w->places[at].process.pid, &ended, 0);
        }
    }
}

// ---- rungs

static void choose_runs(struct work *w, const struct sweep_results *results, const bool *alive)
{
    int n_done = 0;
    w->n_asked = w->n_ended = 0;
    for (int run = 0; run < w->plan->n_runs; run++) {
        const bool mine = w->local->mine == NULL || w->local->mine[run];
        const struct sweep_record *record = &results->records[w->rung * w->plan->n_runs + run];
        bool failed_before = false;
        for (int rung = 0; rung < w->rung; rung++) {
            failed_before = failed_before ||
                            results->records[rung * w->plan->n_runs + run].state == SWEEP_FAILED;
        }
        const bool asked = mine && alive[w->plan->runs[run].setting] && !failed_before;
        w->doing[run] = record->state == SWEEP_DONE ? DONE : asked ? TO_DO : NOT_ASKED;
        w->n_asked += w->doing[run] == TO_DO ? 1 : 0;
        n_done += asked && record->state == SWEEP_DONE ? 1 : 0;
    }
    if (n_done > 0) {
        log_info("sweep: %d of %d runs are done already", n_done, n_done + w->n_asked);
    }
}

static enum status do_runs(struct work *w)
{
    char stage[32] = "sweep";
    enum status code = OK;
    if (w->n_asked == 0) {
        return OK;
    }
    if (w->evaluations > 0) {
        snprintf(stage, sizeof stage, "sweep, rung %d", w->evaluations);
    }
    progress_begin(&w->progress, stage, "runs", w->n_asked);
    while (code == OK && !is_over(w)) {
        code = step(w);
        if (code == OK && !is_over(w)) {
            clock_sleep(LOOK_SECONDS);
        }
    }
    progress_end(&w->progress);
    if (code != OK) {
        leave_runs(w);
    }
    return code == OK ? interrupt_check() : code;
}

static enum status read_results(struct work *w, struct sweep_results *out)
{
    arena_reset(&w->arena);
    return sweep_results_read(w->plan, &w->arena, out);
}

static enum status do_rungs(struct work *w, bool *alive)
{
    struct sweep_results results;
    const int n_rungs = w->plan->options->kind == SWEEP_HALVING ? w->plan->options->rungs->n : 1;
    for (w->rung = 0; w->rung < n_rungs; w->rung++) {
        bool complete = false;
        w->evaluations = sweep_rung_evaluations(w->plan, w->rung);
        TRY(read_results(w, &results));
        choose_runs(w, &results, alive);
        TRY(do_runs(w));
        TRY(read_results(w, &results));
        TRY(sweep_rung_judge(&results, w->rung, alive, &complete));
    }
    return OK;
}

static enum status make_folders(const struct sweep_plan *plan)
{
    static const char *const names[] = {"configs", "runs", "results", "logs"};
    char path[4096];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        TRY(file_join(path, sizeof path, plan->folder, names[i]));
        TRY(file_make_folders(path));
    }
    return OK;
}

enum status sweep_local_run(const struct sweep_local *local)
{
    struct arena arena = {0};
    bool *alive = arena_alloc(&arena, (size_t)local->plan->n_settings, sizeof *alive);
    struct work work = {
        .local = local,
        .plan = local->plan,
        .doing = arena_alloc(&arena, (size_t)local->plan->n_runs, sizeof *work.doing),
        .places = arena_alloc(&arena, (size_t)local->team->n, sizeof *work.places),
    };
    enum status code = alive != NULL && work.doing != NULL && work.places != NULL ? OK : ERR_MEMORY;
    if (code == OK) {
        memset(alive, true, (size_t)local->plan->n_settings * sizeof *alive);
        code = make_folders(local->plan);
    }
    if (code == OK) {
        code = do_rungs(&work, alive);
    }
    arena_close(&work.arena);
    arena_close(&arena);
    return code;
}
