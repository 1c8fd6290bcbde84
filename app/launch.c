// mpiexec in a process group of its own, watched; its job's report in a file of /tmp. What the job
// prints on standard output is kept until it ends: mpiexec itself prints there when a rank is lost,
// and of a job that is started again only the last one's output counts.
#include "app/launch.h"

#include "core/clock.h"
#include "core/interrupt.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPORT_VARIABLE "DIKDIK_LAUNCH_REPORT"
#define LONGEST_PAUSE_SECONDS 60.0
#define LOOK_SECONDS 0.02
// Ranks that were told to stop save a checkpoint and leave. After this long they are stopped.
#define STOP_SECONDS 600.0

enum { MOST_WORDS = 256 };

struct job {
    char mpiexec[PATH_MAX], program[PATH_MAX];
    char report[64];         // file that the job's end is written to
    int output;              // memory that standard output of this start goes to
    char *words[MOST_WORDS]; // of the whole command line
    char dash_n[4], ranks[16];
};

void launch_report(int rank, enum status code)
{
    const char *path = getenv(REPORT_VARIABLE);
    if (path == NULL || code == ERR_COMM || (code == OK && rank != 0)) {
        return;
    }
    // Not made here: on another machine, or after the launcher has gone, there is none to write to.
    const int file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (file < 0) {
        return;
    }
    char text[16];
    const int length = snprintf(text, sizeof text, "%d\n", status_exit_code(code));
    (void)!write(file, text, (size_t)length); // nothing can be done about it
    close(file);
}

// The first exit code that was reported, -1 when none was.
static int read_report(const struct job *job)
{
    char text[16] = "";
    const int file = open(job->report, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        (void)!read(file, text, sizeof text - 1);
        close(file);
    }
    char *end;
    const long code = strtol(text, &end, 10);
    return end != text && *end == '\n' && code >= 0 && code <= 255 ? (int)code : -1;
}

// Like execvp, but so that its absence can be told beforehand.
static bool find_in_path(const char *name, char *out, size_t out_bytes)
{
    const char *path = getenv("PATH");
    for (const char *at = path; at != NULL && *at != '\0';) {
        const size_t length = strcspn(at, ":");
        const int used = snprintf(out, out_bytes, "%.*s/%s", (int)length, at, name);
        if (length > 0 && used > 0 && (size_t)used < out_bytes && access(out, X_OK) == 0) {
            return true;
        }
        at += length + (at[length] == ':');
    }
    return false;
}

static enum status prepare(const struct launch *launch, struct job *job)
{
    // MPICH's own name first: where Debian has Open MPI too, mpiexec may be that one's.
    if (!find_in_path("mpiexec.mpich", job->mpiexec, sizeof job->mpiexec) &&
        !find_in_path("mpiexec", job->mpiexec, sizeof job->mpiexec)) {
        FAIL(ERR_UNSUPPORTED,
             "there is no mpiexec to start %d processes with: install MPICH "
             "(Debian: apt-get install mpich), or use one process",
             launch->ranks);
    }
    const ssize_t length = readlink("/proc/self/exe", job->program, sizeof job->program - 1);
    if (length <= 0 || access(job->program, X_OK) != 0) {
        FAIL(ERR_IO, "this program's own file cannot be found, so it cannot be started again");
    }
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

// In the child. A terminal's Ctrl-C must not reach mpiexec besides what we hand on, so it leaves
// our process group, and with that must not read from the terminal. It ends when we are killed.
static void become_mpiexec(const struct job *job, pid_t launcher)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != launcher) {
        _exit(127); // it died before it could be noticed
    }
    setpgid(0, 0);
    const int nothing = open("/dev/null", O_RDONLY);
    if (nothing >= 0) {
        dup2(nothing, STDIN_FILENO);
        close(nothing);
    }
    dup2(job->output, STDOUT_FILENO);
    // UCX, MPICH's transport: no stack dumps of lost ranks in the log, no hooks on memory calls.
    setenv("UCX_HANDLE_ERRORS", "none", 0);
    setenv("UCX_MEM_EVENTS", "no", 0);
    setenv(REPORT_VARIABLE, job->report, 1);
    execv(job->mpiexec, job->words);
    _exit(127);
}

// Waits for mpiexec, handing an interrupt on. Returns how it ended, as waitpid says.
static int watch(pid_t mpiexec)
{
    int ended = 0;
    double told = 0;
    while (waitpid(mpiexec, &ended, WNOHANG) == 0) {
        if (told == 0 && interrupt_pending()) {
            kill(mpiexec, SIGINT);
            told = clock_seconds();
        }
        if (told > 0 && clock_seconds() - told > STOP_SECONDS) {
            kill(-mpiexec, SIGKILL);
        }
        clock_sleep(LOOK_SECONDS);
    }
    return ended;
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

// One start of the job. *exit_code: -1 when ranks were lost.
static enum status run_once(const struct job *job, int *exit_code)
{
    if (truncate(job->report, 0) != 0) {
        FAIL(ERR_IO, "%s: %s", job->report, strerror(errno));
    }
    fflush(NULL);
    const pid_t launcher = getpid(), mpiexec = fork();
    if (mpiexec < 0) {
        FAIL(ERR_IO, "no process for mpiexec: %s", strerror(errno));
    }
    if (mpiexec == 0) {
        become_mpiexec(job, launcher);
    }
    const int ended = watch(mpiexec);
    const int reported = read_report(job);
    if (interrupt_pending()) {
        *exit_code = reported == 0 ? 0 : status_exit_code(ERR_INTERRUPTED);
    } else if (reported >= 0 && reported != status_exit_code(ERR_INTERRUPTED)) {
        *exit_code = reported;
    } else { // nobody interrupted us: ranks that say so were stopped because another was lost
        *exit_code = WIFEXITED(ended) && WEXITSTATUS(ended) == 0 ? 0 : -1;
    }
    show_output(job, *exit_code == 0);
    return OK;
}

static void wait_before_restart(double seconds)
{
    const double end = clock_seconds() + seconds;
    while (clock_seconds() < end && !interrupt_pending()) {
        clock_sleep(LOOK_SECONDS);
    }
}

static enum status run_until_done(const struct launch *launch, const struct job *job,
                                  int *exit_code)
{
    double pause = launch->pause_seconds > 0 ? launch->pause_seconds : 1.0;
    for (int restarts = 0;; restarts++) {
        TRY(run_once(job, exit_code));
        if (*exit_code >= 0) {
            return OK;
        }
        if (restarts == launch->restarts) {
            FAIL(ERR_COMM,
                 "the job lost one of its %d processes, and %d restarts are all that was allowed; "
                 "the same command goes on from the last checkpoint",
                 launch->ranks, launch->restarts);
        }
        log_warning("the job lost one of its %d processes: starting it again in %.3g s (%d of %d)",
                    launch->ranks, pause, restarts + 1, launch->restarts);
        wait_before_restart(pause);
        if (interrupt_pending()) {
            *exit_code = status_exit_code(ERR_INTERRUPTED);
            return OK;
        }
        pause = 2 * pause < LONGEST_PAUSE_SECONDS ? 2 * pause : LONGEST_PAUSE_SECONDS;
    }
}

static enum status open_files(struct job *job)
{
    const char *folder = getenv("TMPDIR");
    const int length = snprintf(job->report, sizeof job->report, "%s/dikdik-job-XXXXXX",
                                folder != NULL ? folder : "/tmp");
    if (length >= (int)sizeof job->report) {
        snprintf(job->report, sizeof job->report, "/tmp/dikdik-job-XXXXXX");
    }
    job->output = memfd_create("output", MFD_CLOEXEC);
    if (job->output < 0) {
        FAIL(ERR_IO, "no memory for what the job prints: %s", strerror(errno));
    }
    const int file = mkstemp(job->report);
    if (file < 0) {
        close(job->output);
        FAIL(ERR_IO, "%s: %s", job->report, strerror(errno));
    }
    close(file);
    return OK;
}

enum status launch_ranks(const struct launch *launch, int *exit_code)
{
    CHECK(launch->ranks >= 1 && launch->restarts >= 0);
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        FAIL(ERR_MEMORY, "out of memory");
    }
    enum status status = prepare(launch, job);
    if (status == OK) {
        status = open_files(job);
    }
    if (status == OK) {
        status = run_until_done(launch, job, exit_code);
        close(job->output);
        unlink(job->report);
    }
    free(job);
    return status;
}
