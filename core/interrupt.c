// Signals as a flag.
#include "core/interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const int asked_by[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU};
#define N_ASKED_BY (sizeof asked_by / sizeof *asked_by)

static atomic_int pending_signal; // lock-free: may be touched in a handler
// When the first signal came that a second one of its kind makes urgent, 0 = not yet.
static atomic_llong person_since_ms, launcher_since_ms;
static bool hangup_ignored; // by who started us

// What the kernel takes and gives; libc's own struct differs.
struct kernel_action {
    void (*handler)(int number);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

// Runs before any library's start-up code: UCX's sets a handler for SIGHUP. Sanitizers' versions of
// sigaction are not ready yet, hence the system call.
__attribute__((no_sanitize("address", "thread", "undefined"))) static void note_inherited(void)
{
    struct kernel_action action;
    if (syscall(SYS_rt_sigaction, SIGHUP, NULL, &action, sizeof action.mask) == 0) {
        hangup_ignored = action.handler == SIG_IGN;
    }
}
__attribute__((section(".preinit_array"),
               used)) static void (*const note_first)(void) = note_inherited;

static long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); // async-signal-safe
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// Only async-signal-safe calls in here.
static void on_signal(int number)
{
    enum { SAME_KEY_PRESS_MS = 1000 };
    int none = 0;
    atomic_compare_exchange_strong(&pending_signal, &none, number);
    atomic_llong *since = number == INTERRUPT_BY_LAUNCHER         ? &launcher_since_ms
                          : number == SIGINT || number == SIGTERM ? &person_since_ms
                                                                  : NULL;
    long long first = 0;
    if (since != NULL && !atomic_compare_exchange_strong(since, &first, now_ms()) &&
        now_ms() - first >= SAME_KEY_PRESS_MS) {
        _exit(128 + number);
    }
}

static void install(int number)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART; // libraries' reads and writes are not torn
    sigemptyset(&action.sa_mask);
    CHECK(sigaction(number, &action, NULL) == 0);
}

static void change_mask(int how)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < N_ASKED_BY; i++) {
        sigaddset(&set, asked_by[i]);
    }
    CHECK(sigprocmask(how, &set, NULL) == 0);
}

void interrupt_keep_nohup(void)
{
    if (hangup_ignored) {
        signal(SIGHUP, SIG_IGN);
    }
}

void interrupt_install(void)
{
    for (size_t i = 0; i < N_ASKED_BY; i++) {
        if (asked_by[i] != SIGHUP || !hangup_ignored) {
            install(asked_by[i]);
        }
    }
    signal(SIGPIPE, SIG_IGN);
    change_mask(SIG_UNBLOCK);
}

void interrupt_install_one(int number)
{
    install(number);
}

void interrupt_ignore(void)
{
    for (size_t i = 0; i < N_ASKED_BY; i++) {
        signal(asked_by[i], SIG_IGN);
    }
    signal(INTERRUPT_BY_LAUNCHER, SIG_IGN);
}

void interrupt_block(void)
{
    change_mask(SIG_BLOCK);
}

bool interrupt_pending(void)
{
    return atomic_load_explicit(&pending_signal, memory_order_relaxed) != 0;
}

enum status interrupt_check(void)
{
    const int number = atomic_load(&pending_signal);
    if (number == 0) {
        return OK;
    }
    if (number == INTERRUPT_BY_LAUNCHER || number == INTERRUPT_BY_NURSERY) {
        FAIL(ERR_INTERRUPTED, "interrupted by the process that started this one");
    }
    FAIL(ERR_INTERRUPTED, "interrupted by SIG%s", sigabbrev_np(number));
}
