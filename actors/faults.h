// Injected faults, to test recovery: at each phase of an episode (ticket taken, after the reset,
// before each step, after the last one, before the answer) a worker may end itself or hang.
#pragma once
#include "core/rng.h"
#include "core/status.h"

enum { FAULT_KINDS = 4 }; // kill: SIGKILL, segv: SIGSEGV, hang, memory: allocates until it fails
struct faults {
    double rates[FAULT_KINDS]; // probability per phase
    struct rng rng;
};
// text: "kill=0.02,hang=0.01"; "" = none. ERR_CONFIG.
enum status faults_parse(const char *text, struct faults *out);
// Keyed by (seed, RNG_FAULT, episode, attempt): each attempt draws anew, so faults end.
void faults_begin(struct faults *faults, uint64_t seed, int64_t episode, int attempt);
// The next phase. Comes back OK, with ERR_MEMORY, or not at all. NULL: OK.
enum status faults_strike(struct faults *faults);
