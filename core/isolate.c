// A child process per piece of risky work, and memory shared with it.
#include "core/isolate.h"

#include "core/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct outcome {
    atomic_bool finished;
    enum status status;
    struct status_note note;
};

void *isolate_share(size_t bytes)
{
    void *shared = mmap(NULL, bytes > 0 ? bytes : 1, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        (void)status_fail(ERR_MEMORY, __FILE__, __LINE__, "out of memory: %zu shared bytes wanted",
                          bytes);
        return NULL;
    }
    return shared;
}

void isolate_unshare(void *shared, size_t bytes)
{
    if (shared != NULL) {
        CHECK(munmap(shared, bytes > 0 ? bytes : 1) == 0);
    }
}

// RLIMIT_DATA and not RLIMIT_AS: mapped files do not count, nor what sanitizers reserve.
void isolate_limit_memory(size_t bytes)
{
    const size_t used = machine_data_bytes();
    struct rlimit limit;
    if (used > 0 && getrlimit(RLIMIT_DATA, &limit) == 0 && used + bytes < limit.rlim_cur) {
        limit.rlim_cur = used + bytes;
        setrlimit(RLIMIT_DATA, &limit);
    }
}

void isolate_begin_child(int parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) { // it ended before that was set
        _exit(1);
    }
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    const int deadly[] = {SIGALRM, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV};
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) {
        signal(deadly[i], SIG_DFL);
    }
}

// A crash is expected here: it says nothing on the terminal.
static void run_child(struct outcome *outcome, const struct isolate_limits *limits,
                      enum status (*work)(void *context), void *context)
{
    isolate_limit_memory(limits->bytes);
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere >= 0) {
        dup2(nowhere, STDERR_FILENO);
    }
    sigset_t alarm_only;
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &alarm_only, NULL);
    const double most_s = 1e8;
    alarm(1 + (unsigned)(limits->seconds < most_s ? limits->seconds : most_s));
    outcome->status = work(context);
    status_save(&outcome->note);
    atomic_store(&outcome->finished, true);
}

// What the child left behind, as this process's status.
static enum status judge(const struct outcome *outcome, const char *what, double limit_s, int ended)
{
    if (atomic_load(&outcome->finished)) {
        if (outcome->status != OK) {
            status_restore(&outcome->note);
        }
        return outcome->status;
    }
    if (WIFSIGNALED(ended) && WTERMSIG(ended) == SIGALRM) {
        FAIL(ERR_INPUT, "%s: reading gave no result within %.0f s: damaged", what, limit_s);
    }
    FAIL(ERR_INPUT, "%s: damaged so badly that its reader crashed (%s)", what,
         WIFSIGNALED(ended) ? strsignal(WTERMSIG(ended)) : "it ended early");
}

enum status isolate_run(const char *what, const struct isolate_limits *limits,
                        enum status (*work)(void *context), void *context)
{
    struct outcome *outcome = isolate_share(sizeof *outcome);
    if (outcome == NULL) {
        return ERR_MEMORY;
    }
    const pid_t self = getpid(), child = fork();
    if (child == 0) {
        isolate_begin_child(self);
        run_child(outcome, limits, work, context);
        _exit(0);
    }
    enum status status;
    if (child < 0) {
        status = status_fail(ERR_IO, __FILE__, __LINE__, "%s: no process to read it with: %s", what,
                             strerror(errno));
    } else {
        int ended = 0;
        while (waitpid(child, &ended, 0) < 0 && errno == EINTR) {
        }
        status = judge(outcome, what, limits->seconds, ended);
    }
    isolate_unshare(outcome, sizeof *outcome);
    return status;
}
