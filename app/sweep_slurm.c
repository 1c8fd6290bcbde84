// The batch script of a sweep.
#include "app/sweep_slurm.h"

#include "app/program_find.h"
#include "core/shell_word.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

// The job that a run belongs to: its number among the runs that wait for no other.
static int job_of(const struct sweep_plan *plan, int run)
{
    const int first = plan->runs[run].after >= 0 ? plan->runs[run].after : run;
    int job = 0;
    for (int i = 0; i < first; i++) {
        job += plan->runs[i].after < 0 ? 1 : 0;
    }
    return job;
}

enum status sweep_slurm_member(const struct sweep_plan *plan, int member, bool *mine)
{
    bool any = false;
    for (int i = 0; i < plan->n_runs; i++) {
        mine[i] = job_of(plan, i) == member;
        any = any || mine[i];
    }
    if (!any) {
        FAIL(ERR_CONFIG,
             "--member %d: the sweep has no job of that number; has its config changed since the "
             "array was submitted?",
             member);
    }
    return OK;
}

static bool is_open(const struct sweep_plan *plan, const bool *done, int job)
{
    for (int i = 0; i < plan->n_runs; i++) {
        if (job_of(plan, i) == job && !done[i]) {
            return true;
        }
    }
    return false;
}

// "0-3,7": jobs of which some run is not done. How many.
static int add_jobs(const struct sweep_plan *plan, const bool *done, struct text *out)
{
    int n = 0;
    for (int job = 0; job < plan->n_runs; job++) {
        int last = job;
        if (!is_open(plan, done, job)) {
            continue;
        }
        while (is_open(plan, done, last + 1)) {
            last++;
        }
        text_add(out, "%s%d", out->length > 0 ? "," : "", job);
        if (last > job) {
            text_add(out, "-%d", last);
        }
        n += last - job + 1;
        job = last;
    }
    return n;
}

static void add_options(const struct sweep_options *options, struct text *out)
{
    const char *at = options->slurm_options;
    while (*at != '\0') {
        at += strspn(at, " ");
        const size_t length = strcspn(at, " ");
        if (length > 0) {
            text_add(out, "#SBATCH %.*s\n", (int)length, at);
        }
        at += length;
    }
}

static void add_head(const struct sweep_plan *plan, const char *jobs, const char *here,
                     struct text *out)
{
    const struct sweep_options *options = plan->options;
    const bool whole = plan->folder[0] == '/';
    text_add(out, "#!/bin/bash\n"
                  "# Written by `dikdik sweep --slurm`: each job of the array does one run.\n");
    text_add(out, "#SBATCH --job-name=%s\n#SBATCH --array=%s", plan->name, jobs);
    if (options->parallel > 0) {
        text_add(out, "%%%d", options->parallel);
    }
    text_add(out, "\n#SBATCH --nodes=1 --ntasks=1 --cpus-per-task=%d\n",
             options->cores > 0 ? options->cores : 1);
    text_add(out,
             "#SBATCH --requeue\n#SBATCH --signal=B:USR1@120\n#SBATCH --open-mode=append\n"
             "#SBATCH --output=%s%s%s/logs/slurm-%%a.log\n",
             whole ? "" : here, whole ? "" : "/", plan->folder);
    add_options(options, out);
}

// USR1 comes before the time limit: the run saves a checkpoint, and the job is queued again. TERM
// comes with scancel and with a requeue by others: the run saves a checkpoint.
static const char body[] = "run=$!\n"
                           "late=no\n"
                           "trap 'late=yes; kill -USR1 \"$run\" 2>/dev/null' USR1\n"
                           "trap 'kill -USR1 \"$run\" 2>/dev/null' TERM\n"
                           "code=0\n"
                           "while :; do\n"
                           "    wait \"$run\"\n"
                           "    now=$?\n"
                           "    [ \"$now\" -eq 127 ] && break # its code was told already\n"
                           "    code=$now\n"
                           "    [ \"$code\" -le 128 ] || [ \"$code\" -eq 130 ] && break\n"
                           "done\n"
                           "if [ \"$code\" -eq 130 ] && [ \"$late\" = yes ]; then\n"
                           "    scontrol requeue \"${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}\"\n"
                           "fi\n"
                           "exit \"$code\"\n";

static bool is_for_array(const char *word)
{
    return strcmp(word, "--slurm") == 0 || strcmp(word, "--dry-run") == 0 ||
           strcmp(word, "--dry_run") == 0 || strcmp(word, "--json") == 0;
}

enum status sweep_slurm_script(const struct sweep_plan *plan, const struct sweep_slurm_words *words,
                               const bool *done, struct text *out, int *n_jobs)
{
    char here[PATH_MAX];
    struct text jobs = {0};
    if (getcwd(here, sizeof here) == NULL) {
        FAIL(ERR_IO, "the working folder has no name: %s", strerror(errno));
    }
    *n_jobs = add_jobs(plan, done, &jobs);
    if (*n_jobs > 0) {
        add_head(plan, jobs.bytes, here, out);
    }
    out->failed = out->failed || jobs.failed;
    text_close(&jobs);
    text_add(out, "\ncd ");
    shell_add_word(out, here);
    text_add(out, " || exit 1\nrun_words=(");
    shell_add_word(out, words->program);
    for (int i = 0; i < words->argc; i++) {
        if (!is_for_array(words->argv[i])) {
            text_add(out, " ");
            shell_add_word(out, words->argv[i]);
        }
    }
    text_add(out, " --member \"$SLURM_ARRAY_TASK_ID\")\n\"${run_words[@]}\" &\n%s", body);
    if (out->failed) {
        FAIL(ERR_MEMORY, "no memory for the batch script");
    }
    return OK;
}

enum status sweep_slurm_submit(const char *script)
{
    char program[PATH_MAX];
    if (!program_find("sbatch", program, sizeof program)) {
        FAIL(ERR_UNSUPPORTED, "there is no sbatch in PATH to hand %s to; start it where Slurm is",
             script);
    }
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) != 0 ||
        posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO) != 0) {
        FAIL(ERR_MEMORY, "no memory to start sbatch");
    }
    char *path = strdup(script);
    char *argv[] = {program, path, NULL};
    pid_t pid = 0;
    int ended = 0;
    const int failed =
        path == NULL ? ENOMEM : posix_spawn(&pid, program, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    free(path);
    if (failed != 0) {
        FAIL(ERR_IO, "%s: %s", program, strerror(failed));
    }
    if (waitpid(pid, &ended, 0) != pid || !WIFEXITED(ended) || WEXITSTATUS(ended) != 0) {
        FAIL(ERR_IO, "sbatch has refused %s; what it says is above", script);
    }
    return OK;
}
