// dikdik sweep: many runs from one config, on this machine or as a job array of Slurm.
#include "app/command.h"
#include "app/sweep_config_read.h"
#include "app/sweep_print.h"
#include "app/sweep_slurm.h"
#include "core/config.h"
#include "core/file.h"
#include "core/folder_lock.h"
#include "core/log.h"
#include "core/machine.h"
#include "experiments/sweep_local.h"
#include "experiments/sweep_table.h"
#include "run/load.h"
#include "run/run_config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// Another job of the array is at the table for a moment, however many there are.
static const struct folder_patience member_patience = {.leaving = 120, .beat = 25};

struct sweeping {
    struct arena arena;
    struct sweep_line line;
    char program[PATH_MAX];
    int gpus;
};

static enum status find_program(struct sweeping *s)
{
    const ssize_t length = readlink("/proc/self/exe", s->program, sizeof s->program - 1);
    if (length <= 0) {
        FAIL(ERR_IO, "the path of this program: %s", strerror(errno));
    }
    s->program[length] = '\0';
    return OK;
}

// GPUs that the first run would use: all have the same machine.
static enum status count_gpus(struct sweeping *s)
{
    struct run_config config;
    struct json *document;
    const char *text = s->line.plan.runs[0].config;
    TRY(json_parse(text, strlen(text), "the config", &document));
    enum status code = config_read(document, "the config", run_config_table, &config, &s->arena);
    json_close(document);
    struct backend_use use;
    if (code == OK && load_settle_backend(&config.backend, 0, &use) == OK) {
        s->gpus = use.facts.n_devices > 0 && config.backend.device >= 0 ? 1 : use.facts.n_devices;
    } // else the runs say why it cannot be used
    return code;
}

static enum status make_team(struct sweeping *s, int n_runs, struct sweep_team *out)
{
    TRY(count_gpus(s));
    return sweep_team_make(&s->line.options, n_runs, s->gpus, &s->arena, out);
}

// ---- results

static enum status gather(struct sweeping *s, struct sweep_results *out)
{
    TRY(sweep_results_read(&s->line.plan, &s->arena, out));
    return sweep_table_write(out);
}

static enum status tell_failures(const struct sweep_results *results)
{
    const int n = results->n_states[SWEEP_FAILED];
    for (int i = 0; i < results->plan->n_runs && n > 0; i++) {
        if (results->states[i] == SWEEP_FAILED) {
            FAIL(ERR_COMM,
                 "%d of %d runs failed, the first %s: %s; the same command tries them again, and "
                 "%s/logs has what they said",
                 n, results->plan->n_runs, results->plan->runs[i].label,
                 sweep_results_newest(results, i)->reason, results->plan->folder);
        }
    }
    return OK;
}

// ---- the ways to go

static enum status run_here(struct sweeping *s)
{
    struct sweep_team team;
    struct sweep_results results;
    struct status_note note;
    TRY(make_team(s, s->line.plan.n_runs, &team));
    const struct sweep_local local = {.plan = &s->line.plan, .team = &team, .program = s->program};
    log_info("sweep: %d runs in %s, %d at once, each on %d core%s", s->line.plan.n_runs,
             s->line.plan.folder, team.n, team.cores_each, team.cores_each == 1 ? "" : "s");
    const enum status code = sweep_local_run(&local);
    status_save(&note);
    if (code != OK && code != ERR_INTERRUPTED) {
        return code;
    }
    TRY(gather(s, &results));
    if (code != OK) {
        status_restore(&note);
        return code;
    }
    TRY(sweep_print_results(&results));
    return tell_failures(&results);
}

static enum status run_locked(struct sweeping *s)
{
    struct folder_lock lock;
    TRY(file_make_folders(s->line.plan.folder));
    TRY(folder_lock_take(s->line.plan.folder, "dikdik sweep", &folder_lock_patience, &lock));
    enum status code = sweep_config_check_begun(&s->line.plan);
    if (code == OK) {
        code = run_here(s);
    }
    folder_lock_release(&lock);
    return code;
}

// Whoever comes last finds all records, as nobody writes the table while another reads them.
static enum status gather_locked(struct sweeping *s, const bool *mine)
{
    struct folder_lock lock;
    struct sweep_results results;
    TRY(folder_lock_take(s->line.plan.folder, "dikdik sweep", &member_patience, &lock));
    const enum status code = gather(s, &results);
    folder_lock_release(&lock);
    TRY(code);
    for (int i = 0; i < s->line.plan.n_runs; i++) {
        if (mine[i] && results.states[i] == SWEEP_FAILED) {
            FAIL(ERR_COMM, "run %s failed: %s", s->line.plan.runs[i].label,
                 sweep_results_newest(&results, i)->reason);
        }
    }
    return OK;
}

static enum status run_member(struct sweeping *s)
{
    bool *mine;
    struct sweep_team team;
    const struct sweep_options *options = &s->line.options;
    ARENA_NEW(&s->arena, mine, (size_t)s->line.plan.n_runs);
    TRY(sweep_slurm_member(&s->line.plan, options->member, mine));
    TRY(sweep_config_check_begun(&s->line.plan));
    TRY(make_team(s, 1, &team));
    // Which cores are this job's is Slurm's affair; where it confines nobody, their number counts.
    team.places[0].pinned = false;
    const int cores = options->cores > 0 ? options->cores : 1;
    const struct sweep_local local = {
        .plan = &s->line.plan,
        .team = &team,
        .program = s->program,
        .mine = mine,
        .actors = s->gpus == 0 && machine_cores() > cores ? cores : 0,
    };
    TRY(sweep_local_run(&local));
    return gather_locked(s, mine);
}

static enum status submit(struct sweeping *s, const struct text *script)
{
    char path[PATH_MAX], logs[PATH_MAX];
    TRY(file_join(path, sizeof path, s->line.plan.folder, "job.sh"));
    TRY(file_join(logs, sizeof logs, s->line.plan.folder, "logs"));
    TRY(file_make_folders(logs)); // Slurm makes none
    TRY(file_write(path, script->bytes, script->length));
    return sweep_slurm_submit(path);
}

static enum status run_slurm(struct sweeping *s, int argc, char **argv)
{
    const struct sweep_slurm_words words = {.program = s->program, .argc = argc, .argv = argv};
    struct sweep_results results;
    struct text script = {0};
    bool *done;
    int n_jobs = 0;
    ARENA_NEW(&s->arena, done, (size_t)s->line.plan.n_runs);
    TRY(sweep_config_check_begun(&s->line.plan));
    TRY(sweep_results_read(&s->line.plan, &s->arena, &results));
    for (int i = 0; i < s->line.plan.n_runs; i++) {
        done[i] = results.states[i] == SWEEP_DONE;
    }
    enum status code = sweep_slurm_script(&s->line.plan, &words, done, &script, &n_jobs);
    if (code == OK && n_jobs == 0) {
        log_info("sweep: all runs are done; there is nothing to submit");
    } else if (code == OK) {
        fputs(script.bytes, stdout);
        fflush(stdout);
        code = s->line.options.dry_run ? OK : submit(s, &script);
    }
    text_close(&script);
    return code;
}

static enum status show(struct sweeping *s)
{
    struct sweep_team team;
    struct sweep_results results;
    TRY(sweep_config_check_begun(&s->line.plan));
    TRY(make_team(s, s->line.plan.n_runs, &team));
    TRY(sweep_results_read(&s->line.plan, &s->arena, &results));
    return sweep_print_plan(&results, team.n, team.cores_each);
}

static enum status sweep(struct sweeping *s, int argc, char **argv)
{
    const struct sweep_options *options = &s->line.options;
    TRY(sweep_config_read(argc, argv, &s->arena, &s->line));
    if (s->line.help) {
        return OK;
    }
    if (collective_launcher_ranks() > 1) {
        FAIL(ERR_CONFIG,
             "a sweep starts its runs itself, and the launcher has started %d of it: "
             "start it without mpirun, or as a job array with --slurm",
             collective_launcher_ranks());
    }
    TRY(find_program(s));
    if (options->member >= 0) {
        return run_member(s);
    }
    if (options->dry_run && (!options->slurm || options->json)) {
        return show(s);
    }
    if (options->dry_run) {
        TRY(show(s));
        printf("\n");
    }
    return options->slurm ? run_slurm(s, argc, argv) : run_locked(s);
}

static enum status sweep_run(struct app *app, int argc, char **argv)
{
    (void)app;
    struct sweeping s = {.gpus = 0};
    const enum status code = sweep(&s, argc, argv);
    arena_close(&s.arena);
    return code;
}

static const struct cli *const sweep_clis[] = {&sweep_cli, NULL};

const struct command command_sweep = {
    .name = "sweep",
    .about = "many runs from one config: grid, random or halving, here or by Slurm",
    .run = sweep_run,
    .clis = sweep_clis,
};
