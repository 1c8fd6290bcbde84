// Tests of code for devices run on the emulated backend "cuda_host", or on a real device:
// DIKDIK_TEST_DEVICE=cuda. What holds on the one holds on the other.
#pragma once
#include "compute/cuda/cuda_backend.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEST_SKIPPED = 77 }; // exit code

static inline const char *test_device(void)
{
    const char *named = getenv("DIKDIK_TEST_DEVICE");
    return named != NULL && named[0] != '\0' ? named : cuda_host_backend_ops.name;
}

static inline enum status test_device_open(enum backend_precision precision, struct backend **out)
{
    const struct backend_options options = {.threads = 1, .precision = precision};
    backend_offer(&cuda_host_backend_ops);
    return backend_open(test_device(), &options, out);
}

// What main returns first where the named device cannot be used here: 77, said why; else 0.
static inline int test_device_missing(void)
{
    struct backend_facts facts;
    const struct backend_options options = {.threads = 1};
    backend_offer(&cuda_host_backend_ops);
    if (backend_ask(test_device(), &options, &facts) == OK) {
        return 0;
    }
    printf("skipped: %s\n", status_message());
    return TEST_SKIPPED;
}
