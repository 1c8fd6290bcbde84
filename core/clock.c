// Time.
#include "core/clock.h"

#include <errno.h>
#include <time.h>

double clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double clock_processor_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// Sleeps the whole time even when signals arrive; not at all when `seconds` is not positive.
void clock_sleep(double seconds)
{
    if (!(seconds > 0.0)) {
        return;
    }
    const double most = 1e9;
    const double bounded = seconds < most ? seconds : most;
    struct timespec left = {.tv_sec = (time_t)bounded};
    left.tv_nsec = (long)((bounded - (double)left.tv_sec) * 1e9);
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}
