// Waiting for what cannot be waited for in one call (MPI, several sources at once): poll, and sleep
// longer the longer it takes, so that waiting leaves the core to those that work.
#pragma once
#include <stdbool.h>

struct backoff { // zeroed: nothing waited for yet
    bool waiting;
    double since; // clock_seconds
};
void backoff_reset(struct backoff *backoff); // something moved
// Yields during the first 20 us, then sleeps an eighth of the time waited so far, 50 us to 2 ms.
void backoff_wait(struct backoff *backoff);
// The same, but back at once when one of the descriptors has something to read. Negative ones are
// skipped. n <= 64.
void backoff_wait_on(struct backoff *backoff, const int *descriptors, int n);
