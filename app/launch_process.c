// mpiexec would die of a terminal's or a batch system's signal before its ranks have written a
// checkpoint, and of an error when it writes to a terminal that is closed. So it leaves our process
// group and has those signals blocked, which its ranks inherit until they can handle them; its
// standard error is a pipe to here.
#include "app/launch_process.h"

#include "core/clock.h"
#include "core/interrupt.h"
#include "core/progress_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 20
// Ranks that were told to stop save a checkpoint and leave. After this long they are stopped.
#define STOP_SECONDS 600.0
#define PROGRESS_PATIENCE_SECONDS 1.0

// In the child; errors: the pipe, whose reading end stays open as well, so that writing to it does
// no harm when we are gone. Being killed counts as an interrupt.
static _Noreturn void become(const struct launch_process *process, const int *errors,
                             pid_t launcher)
{
    prctl(PR_SET_PDEATHSIG, INTERRUPT_BY_LAUNCHER);
    if (getppid() != launcher) {
        _exit(127); // it died before it could be noticed
    }
    setpgid(0, 0); // not to be reached by Ctrl-C, and so not to read from the terminal
    interrupt_block();
    signal(INTERRUPT_BY_LAUNCHER, SIG_DFL);
    const int nothing = open("/dev/null", O_RDONLY);
    if (nothing >= 0) {
        dup2(nothing, STDIN_FILENO);
        close(nothing);
    }
    dup2(process->output, STDOUT_FILENO);
    dup2(errors[1], STDERR_FILENO);
    (void)dup(errors[0]); // without FD_CLOEXEC
    // UCX, MPICH's transport: no stack dumps of lost ranks in the log, no hooks on memory calls.
    setenv("UCX_HANDLE_ERRORS", "none", 0);
    setenv("UCX_MEM_EVENTS", "no", 0);
    for (int i = 0; process->variables[i][0] != NULL; i++) {
        setenv(process->variables[i][0], process->variables[i][1], 1);
    }
    execv(process->words[0], process->words);
    _exit(127);
}

// Hands on what has been printed.
static void relay(int errors)
{
    char text[16384];
    ssize_t n;
    while ((n = read(errors, text, sizeof text)) > 0) {
        for (ssize_t done = 0; done < n;) {
            const ssize_t written = write(STDERR_FILENO, text + done, (size_t)(n - done));
            if (written < 0 && errno != EINTR && errno != EAGAIN) {
                break; // a closed terminal, say: the run goes on
            }
            done += written > 0 ? written : 0;
        }
    }
}

// What a reader does not take yet stays in the pipe, and once that is full rank 0 leaves lines out.
// last: the reader is given a moment.
static void relay_progress(const struct launch_process *process, bool last)
{
    char text[PIPE_BUF];
    struct pollfd ready = {.fd = process->progress_to, .events = POLLOUT};
    const int patience_ms = last ? (int)(1000 * PROGRESS_PATIENCE_SECONDS) : 0;
    while (process->progress > 0 && poll(&ready, 1, patience_ms) > 0) {
        const ssize_t n = read(process->progress, text, sizeof text);
        if (n <= 0) {
            return;
        }
        // Where its reader is gone, lines go nowhere.
        (void)progress_lines_write(process->progress_to, text, (size_t)n,
                                   PROGRESS_PATIENCE_SECONDS);
    }
}

static int watch(const struct launch_process *process, pid_t mpiexec, int errors)
{
    int ended = 0;
    double told = 0;
    while (waitpid(mpiexec, &ended, WNOHANG) == 0) {
        if (told == 0 && interrupt_pending()) {
            kill(mpiexec, INTERRUPT_BY_LAUNCHER);
            told = clock_seconds();
        }
        const bool late = told > 0 && clock_seconds() - told > STOP_SECONDS;
        if (late || process->hopeless(process->context)) {
            kill(mpiexec, SIGKILL); // its proxies notice, and end the ranks
        }
        struct pollfd printed = {.fd = errors, .events = POLLIN};
        if (poll(&printed, 1, LOOK_MS) > 0) {
            relay(errors);
        }
        relay_progress(process, false);
    }
    relay(errors);
    relay_progress(process, true);
    return ended;
}

enum status launch_process_run(const struct launch_process *process, int *ended)
{
    int errors[2];
    if (pipe2(errors, O_CLOEXEC) != 0 || fcntl(errors[0], F_SETFL, O_NONBLOCK) != 0) {
        FAIL(ERR_IO, "no pipe for mpiexec: %s", strerror(errno));
    }
    const pid_t launcher = getpid(), mpiexec = fork();
    if (mpiexec == 0) {
        become(process, errors, launcher);
    }
    const int failed = errno;
    close(errors[1]);
    if (mpiexec > 0) {
        *ended = watch(process, mpiexec, errors[0]);
    }
    close(errors[0]);
    if (mpiexec < 0) {
        FAIL(ERR_IO, "no process for mpiexec: %s", strerror(failed));
    }
    return OK;
}
