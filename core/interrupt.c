// SIGINT and SIGTERM as a flag.
#include "core/interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static atomic_int pending_signal; // lock-free: may be touched in a handler
static atomic_llong pending_since_ms;

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
    if (atomic_load(&pending_signal) == 0) {
        atomic_store(&pending_since_ms, now_ms());
        atomic_store(&pending_signal, number);
    } else if (now_ms() - atomic_load(&pending_since_ms) >= SAME_KEY_PRESS_MS) {
        _exit(128 + number);
    }
}

void interrupt_install(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART; // libraries' reads and writes are not torn
    sigemptyset(&action.sa_mask);
    CHECK(sigaction(SIGINT, &action, NULL) == 0);
    CHECK(sigaction(SIGTERM, &action, NULL) == 0);
}

bool interrupt_pending(void)
{
    return atomic_load_explicit(&pending_signal, memory_order_relaxed) != 0;
}

enum status interrupt_check(void)
{
    if (interrupt_pending()) {
        FAIL(ERR_INTERRUPTED, "interrupted by %s",
             atomic_load(&pending_signal) == SIGTERM ? "SIGTERM" : "SIGINT");
    }
    return OK;
}
