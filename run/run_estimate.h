// How long a run will take, from what probes of it have measured (run_probe.h).
#pragma once
#include "run/run_probe.h"

enum run_estimate_stage {
    ESTIMATE_BASE,
    ESTIMATE_SEARCH,
    ESTIMATE_RESCORE,
    ESTIMATE_FINETUNE,
    ESTIMATE_STAGES
};
extern const char *const run_estimate_names[ESTIMATE_STAGES];
struct run_estimate {
    double seconds[ESTIMATE_STAGES]; // of wall time
    char how[ESTIMATE_STAGES][256];  // what it consists of, in words
    double open_seconds;             // of the search's, before its first candidate
    double learner_seconds;          // likewise, beside candidates
    double total_seconds, bytes;     // of memory, at most, about
};
// What the run has to compute with on this machine.
struct run_estimate_host {
    int workers, cores;
};
// probes [n]: of processes that ran side by side, at least 1; finishes: the run fine-tunes as well.
void run_estimate(const struct run_config *config, const struct run_probe *probes, int n,
                  const struct run_estimate_host *host, bool finishes, struct run_estimate *out);
