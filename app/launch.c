// A job and its starts; its report is memory of the launcher. What the job prints on standard
// output is kept until it ends: mpiexec itself prints there when a rank is lost, and of a job that
// is started again only the last one's output counts.
#include "app/launch.h"

#include "app/launch_process.h"
#include "app/program_find.h"
#include "app/slurm.h"
#include "core/clock.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/progress_lines.h"
#include "transport/collective.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPORT_VARIABLE "DIKDIK_LAUNCH_REPORT"
#define PROGRESS_VARIABLE "DIKDIK_LAUNCH_PROGRESS"
#define LONGEST_PAUSE_SECONDS 60.0
#define LOOK_SECONDS 0.02
#define REPORT_SECONDS 0.5 // between looks at the report
#define GRACE_SECONDS 5.0
#define RUNNING "running\n" // in the report; else exit codes, a line each

enum { MOST_WORDS = 256, MOST_FAILED_STARTS = 2 };

struct job {
    char mpiexec[PATH_MAX], program[PATH_MAX];
    char report[64];         // where ranks find what the job's end is written to
    int report_file;         //
    char progress[64];       // where rank 0 finds the pipe of its lines of progress; "" = none
    int pipe[2];             // that; -1 = none
    int progress_to;         // where the launcher hands them on
    int output;              // memory that standard output of this start goes to
    char *words[MOST_WORDS]; // of the whole command line
    char dash_n[4], ranks[16];
    double grace_seconds;
    double look_next, failed_since; // clock_seconds; 0 = no rank has failed
};
// How one start of it ended.
struct job_end {
    int exit_code;   // -1: ranks were lost
    bool ran;        // some rank had come to run
    char manner[64]; // of mpiexec, in words
};

bool launch_is_rank(void)
{
    return getenv(REPORT_VARIABLE) != NULL;
}

static void add_to_report(const char *line)
{
    const char *path = getenv(REPORT_VARIABLE);
    if (path == NULL) {
        return;
    }
    // Not made here: on another machine, or after the launcher has gone, there is none to write to.
    const int file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (file < 0) {
        return;
    }
    (void)!write(file, line, strlen(line)); // nothing can be done about it
    close(file);
}

void launch_open_progress(void)
{
    const char *path = getenv(PROGRESS_VARIABLE);
    if (path != NULL && path[0] != '\0') {
        progress_lines_open_path(path);
    }
}

void launch_running(void)
{
    add_to_report(RUNNING);
}

void launch_report(int rank, enum status code)
{
    if (code == ERR_COMM || (code == OK && rank != 0)) {
        return;
    }
    char text[16];
    snprintf(text, sizeof text, "%d\n", status_exit_code(code));
    add_to_report(text);
}

// The first exit code that was reported, -1 when none was.
static int read_report(const struct job *job, bool *ran)
{
    int first = -1;
    char line[32];
    FILE *file = fopen(job->report, "re");
    *ran = false;
    while (file != NULL && first < 0 && fgets(line, sizeof line, file) != NULL) {
        char *end;
        const long code = strtol(line, &end, 10);
        if (strcmp(line, RUNNING) == 0) {
            *ran = true;
        } else if (end != line && *end == '\n' && code >= 0 && code <= 255) {
            first = (int)code;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return first;
}

static enum status prepare(const struct launch *launch, struct job *job)
{
    // MPICH's own name first: where Debian has Open MPI too, mpiexec may be that one's.
    if (!program_find("mpiexec.mpich", job->mpiexec, sizeof job->mpiexec) &&
        !program_find("mpiexec", job->mpiexec, sizeof job->mpiexec)) {
        FAIL(ERR_UNSUPPORTED,
             "there is no mpiexec to start %d processes with: install MPICH "
             "(Debian: apt-get install mpich), or use one process",
             launch->ranks);
    }
    const ssize_t length = readlink("/proc/self/exe", job->program, sizeof job->program - 1);
    if (length <= 0 || access(job->program, X_OK) != 0) {
        FAIL(ERR_IO, "this program's own file cannot be found, so it cannot be started again");
    }
    job->grace_seconds = launch->grace_seconds > 0 ? launch->grace_seconds : GRACE_SECONDS;
    snprintf(job->dash_n, sizeof job->dash_n, "-n");
    snprintf(job->ranks, sizeof job->ranks, "%d", launch->ranks);
    int n = 0;
    job->words[n++] = job->mpiexec;
    job->words[n++] = job->dash_n;
    job->words[n++] = job->ranks;
    job->words[n++] = job->program;
    for (int i = 0; launch->argv[i] != NULL; i++) {
        if (n == MOST_WORDS - 1) {
            FAIL(ERR_CONFIG, "more than %d words on the command line", MOST_WORDS);
        }
        job->words[n++] = launch->argv[i];
    }
    return OK;
}

// Hands on what the job printed: a result to standard output, what a broken job left to the log.
static void show_output(const struct job *job, bool result)
{
    const int to = result ? STDOUT_FILENO : STDERR_FILENO;
    char text[4096];
    ssize_t n;
    fflush(NULL);
    lseek(job->output, 0, SEEK_SET);
    while ((n = read(job->output, text, sizeof text)) > 0) {
        for (ssize_t done = 0; done < n;) {
            const ssize_t written = write(to, text + done, (size_t)(n - done));
            if (written < 0 && errno != EINTR) {
                return; // main's own check of standard output says so
            }
            done += written > 0 ? written : 0;
        }
    }
    (void)!ftruncate(job->output, 0);
    lseek(job->output, 0, SEEK_SET);
}

// mpiexec does not notice when a rank that MPI does not know yet ends with an error: the others
// would wait for it. Its report tells.
static bool has_stuck(void *context)
{
    struct job *job = context;
    const double now = clock_seconds();
    bool ran;
    if (now < job->look_next) {
        return false;
    }
    job->look_next = now + REPORT_SECONDS;
    const int code = read_report(job, &ran);
    if (code <= 0 || code == status_exit_code(ERR_INTERRUPTED)) {
        return false;
    }
    job->failed_since = job->failed_since > 0 ? job->failed_since : now;
    return now - job->failed_since > job->grace_seconds;
}

// One start of the job.
static enum status run_once(struct job *job, struct job_end *out)
{
    const char *const variables[][2] = {
        {REPORT_VARIABLE, job->report}, {PROGRESS_VARIABLE, job->progress}, {NULL, NULL}};
    const struct launch_process process = {.hopeless = has_stuck,
                                           .context = job,
                                           .words = job->words,
                                           .variables = variables,
                                           .output = job->output,
                                           .progress = job->pipe[0] > 0 ? job->pipe[0] : 0,
                                           .progress_to = job->progress_to};
    int ended;
    job->failed_since = 0;
    if (truncate(job->report, 0) != 0) {
        FAIL(ERR_IO, "%s: %s", job->report, strerror(errno));
    }
    fflush(NULL);
    TRY(launch_process_run(&process, &ended));
    const int reported = read_report(job, &out->ran);
    if (interrupt_pending()) {
        out->exit_code = reported == 0 ? 0 : status_exit_code(ERR_INTERRUPTED);
    } else if (reported >= 0 && reported != status_exit_code(ERR_INTERRUPTED)) {
        out->exit_code = reported;
    } else { // nobody interrupted us: ranks that say so were stopped because another was lost
        out->exit_code = WIFEXITED(ended) && WEXITSTATUS(ended) == 0 ? 0 : -1;
    }
    snprintf(out->manner, sizeof out->manner, WIFEXITED(ended) ? "exit code %d" : "signal %d",
             WIFEXITED(ended) ? WEXITSTATUS(ended) : WTERMSIG(ended));
    show_output(job, out->exit_code == 0);
    return OK;
}

static void wait_before_restart(double seconds)
{
    const double end = clock_seconds() + seconds;
    while (clock_seconds() < end && !interrupt_pending()) {
        clock_sleep(LOOK_SECONDS);
    }
}

// The job has ended without a word: whether it may be started again.
static enum status judge_loss(const struct launch *launch, const struct job_end *end, int restarts,
                              int failed_starts)
{
    const bool last = restarts == launch->restarts;
    if (!end->ran && (last || failed_starts == MOST_FAILED_STARTS)) {
        FAIL(ERR_COMM,
             "the job ended in its start%s, before any of its %d processes was ready (mpiexec: "
             "%s); what they printed is above, and \"dikdik doctor\" tells what is missing here",
             failed_starts > 1 ? " again" : "", launch->ranks, end->manner);
    }
    if (last) {
        FAIL(ERR_COMM,
             "the job lost one of its %d processes, and %d restarts are all that was allowed; "
             "the same command goes on from the last checkpoint",
             launch->ranks, launch->restarts);
    }
    return OK;
}

static enum status run_until_done(const struct launch *launch, struct job *job, int *exit_code)
{
    double pause = launch->pause_seconds > 0 ? launch->pause_seconds : 1.0;
    int failed_starts = 0;
    for (int restarts = 0;; restarts++) {
        struct job_end end;
        TRY(run_once(job, &end));
        *exit_code = end.exit_code;
        if (end.exit_code >= 0) {
            return OK;
        }
        failed_starts = end.ran ? 0 : failed_starts + 1;
        TRY(judge_loss(launch, &end, restarts, failed_starts));
        log_warning("the job %s: starting it again in %.3g s (%d of %d)",
                    end.ran ? "lost one of its processes" : "ended in its start", pause,
                    restarts + 1, launch->restarts);
        wait_before_restart(pause);
        if (interrupt_pending()) {
            *exit_code = status_exit_code(ERR_INTERRUPTED);
            return OK;
        }
        pause = 2 * pause < LONGEST_PAUSE_SECONDS ? 2 * pause : LONGEST_PAUSE_SECONDS;
    }
}

// The report is reached by way of this process, so it cannot outlive it.
static enum status open_files(struct job *job)
{
    job->output = memfd_create("output", MFD_CLOEXEC);
    job->report_file = memfd_create("report", MFD_CLOEXEC);
    if (job->output < 0 || job->report_file < 0) {
        FAIL(ERR_IO, "no memory for what the job prints: %s", strerror(errno));
    }
    snprintf(job->report, sizeof job->report, "/proc/%ld/fd/%d", (long)getpid(), job->report_file);
    return OK;
}

static enum status open_progress(const struct launch *launch, struct job *job)
{
    if (launch->progress == 0) {
        return OK;
    }
    if (pipe2(job->pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        FAIL(ERR_IO, "no pipe for lines of progress: %s", strerror(errno));
    }
    job->progress_to = launch->progress;
    snprintf(job->progress, sizeof job->progress, "/proc/%ld/fd/%d", (long)getpid(), job->pipe[1]);
    return OK;
}

static void close_files(const struct job *job)
{
    if (job->output >= 0) {
        close(job->output);
    }
    if (job->report_file >= 0) {
        close(job->report_file);
    }
    for (int i = 0; i < 2; i++) {
        if (job->pipe[i] >= 0) {
            close(job->pipe[i]);
        }
    }
}

enum status launch_ranks(const struct launch *launch, int *exit_code)
{
    CHECK(launch->ranks >= 1 && launch->restarts >= 0);
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        FAIL(ERR_MEMORY, "out of memory");
    }
    job->output = job->report_file = job->pipe[0] = job->pipe[1] = -1;
    enum status status = prepare(launch, job);
    if (status == OK) {
        status = slurm_prepare();
    }
    if (status == OK) {
        struct slurm slurm;
        slurm_look(&slurm);
        status = collective_check_room((launch->ranks + slurm.hosts - 1) / slurm.hosts);
    }
    if (status == OK) {
        status = open_files(job);
    }
    if (status == OK) {
        status = open_progress(launch, job);
    }
    if (status == OK) {
        status = run_until_done(launch, job, exit_code);
    }
    close_files(job);
    free(job);
    return status;
}
