// Main programs of tests that run alone and under mpirun, where TEST_RANKS says how many ranks
// there must be.
#pragma once
#include "core/log.h"
#include "transport/collective.h"

#include <stdio.h>
#include <stdlib.h>

static inline enum status rank_group_open(struct collective *everybody)
{
    const enum status code = collective_open(everybody);
    if (code != OK) {
        fprintf(stderr, "%s\n", status_message());
        return code;
    }
    const char *expected = getenv("TEST_RANKS");
    if (expected != NULL && everybody->ranks != strtol(expected, NULL, 10)) {
        fprintf(stderr, "%d ranks instead of %s\n", everybody->ranks, expected);
        collective_abort(everybody, 2);
    }
    log_set_rank(everybody->rank);
    return OK;
}

static inline void rank_group_close(struct collective *everybody, int failed)
{
    if (failed != 0) {
        collective_abort(everybody, 1); // the others may be waiting for this rank
    }
    collective_close(everybody);
}
