// Polling with growing sleeps.
#include "core/backoff.h"

#include "core/clock.h"
#include "core/status.h"

#include <poll.h>
#include <sched.h>
#include <time.h>

#define SPIN_SECONDS 20e-6 // poll without sleeping: most peers are that close
#define LEAST_SLEEP_SECONDS 50e-6
#define MOST_SLEEP_SECONDS 2e-3
#define SLEEP_SHARE 0.125 // of the time waited so far: the wait ends at most that much late

void backoff_reset(struct backoff *backoff)
{
    backoff->waiting = false;
}

// Seconds to sleep now, 0 = not at all.
static double next_sleep(struct backoff *backoff)
{
    const double now = clock_seconds();
    if (!backoff->waiting) {
        *backoff = (struct backoff){.waiting = true, .since = now};
    }
    const double waited = now - backoff->since, sleep = waited * SLEEP_SHARE;
    return waited < SPIN_SECONDS         ? 0.0
           : sleep < LEAST_SLEEP_SECONDS ? LEAST_SLEEP_SECONDS
           : sleep > MOST_SLEEP_SECONDS  ? MOST_SLEEP_SECONDS
                                         : sleep;
}

void backoff_wait(struct backoff *backoff)
{
    const double sleep = next_sleep(backoff);
    if (sleep > 0.0) {
        clock_sleep(sleep);
    } else {
        sched_yield(); // processes may outnumber cores
    }
}

void backoff_wait_on(struct backoff *backoff, const int *descriptors, int n)
{
    enum { MOST = 64 };
    CHECK(n >= 0 && n <= MOST);
    const double sleep = next_sleep(backoff);
    if (sleep <= 0.0) {
        sched_yield();
        return;
    }
    struct pollfd wanted[MOST];
    for (int i = 0; i < n; i++) {
        wanted[i] = (struct pollfd){.fd = descriptors[i], .events = POLLIN};
    }
    const struct timespec limit = {.tv_nsec = (long)(sleep * 1e9)};
    (void)ppoll(wanted, (nfds_t)n, &limit, NULL); // whatever ends it, the caller looks again
}
