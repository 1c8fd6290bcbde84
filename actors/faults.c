// Ends its own process at random, on purpose.
#include "actors/faults.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KILL, SEGV, HANG, MEMORY };
static const char *const kinds[FAULT_KINDS] = {
    [KILL] = "kill", [SEGV] = "segv", [HANG] = "hang", [MEMORY] = "memory"};

// One "kind=rate" at *text; moves on behind it and its comma.
static enum status parse_one(const char **text, struct faults *out)
{
    const char *at = *text;
    for (int kind = 0; kind < FAULT_KINDS; kind++) {
        const size_t length = strlen(kinds[kind]);
        if (strncmp(at, kinds[kind], length) == 0 && at[length] == '=') {
            char *end = NULL;
            const double rate = strtod(at + length + 1, &end);
            if (end == at + length + 1 || (*end != ',' && *end != '\0') || !isfinite(rate) ||
                rate < 0.0 || rate > 1.0) {
                FAIL(ERR_CONFIG, "actors.faults: \"%s\": a number from 0 to 1 must follow %s=", at,
                     kinds[kind]);
            }
            out->rates[kind] = rate;
            *text = *end == ',' ? end + 1 : end;
            return OK;
        }
    }
    FAIL(ERR_CONFIG,
         "actors.faults: \"%s\": expected kill, segv, hang or memory, then =RATE, separated by "
         "commas",
         at);
}

enum status faults_parse(const char *text, struct faults *out)
{
    struct faults parsed;
    memset(&parsed, 0, sizeof parsed);
    while (*text != '\0') {
        TRY(parse_one(&text, &parsed));
    }
    *out = parsed;
    return OK;
}

void faults_begin(struct faults *faults, uint64_t seed, int64_t episode, int attempt)
{
    faults->rng = rng_make(seed, RNG_FAULT, (uint64_t)episode, (uint32_t)attempt);
}

// Fails like any allocation once there is no more. The pieces are large, so that what is left when
// one fails is enough for messages.
static enum status use_up_memory(void)
{
    enum { PIECE_MIB = 16, MOST_PIECES = 256 }; // where there is no limit, the machine should live
    void *pieces[MOST_PIECES];
    int n = 0;
    while (n < MOST_PIECES && (pieces[n] = malloc((size_t)PIECE_MIB << 20)) != NULL) {
        n++;
    }
    for (int i = 0; i < n; i++) {
        free(pieces[i]);
    }
    FAIL(ERR_MEMORY, "injected fault: memory is used up after %d MiB", n * PIECE_MIB);
}

static enum status strike(int kind)
{
    switch (kind) {
    case KILL:
        kill(getpid(), SIGKILL);
        break;
    case SEGV:
        raise(SIGSEGV);
        break;
    case MEMORY:
        return use_up_memory();
    default:
        break;
    }
    for (;;) { // hang; and until the signals above are there
        pause();
    }
}

enum status faults_strike(struct faults *faults)
{
    for (int kind = 0; faults != NULL && kind < FAULT_KINDS; kind++) {
        if (faults->rates[kind] > 0.0 && (double)rng_uniform(&faults->rng) < faults->rates[kind]) {
            return strike(kind);
        }
    }
    return OK;
}
