// What one run folder says, read from its files alone, so that it can be looked at while the run
// goes on, and wherever the folder was copied to.
#pragma once
#include "experiments/report/report_thin.h"
#include "learner/run_rows.h"
#include "run/run_config.h"
#include "run/run_result.h"
#include "run/run_starts.h"
#include "run/run_times.h"
#include "transport/trajectory.h"

enum report_state {
    REPORT_GOING,    // somebody works in the folder now
    REPORT_STOPPED,  // stages are left to do, and nobody does them
    REPORT_SEARCHED, // all that `dikdik search` does
    REPORT_DONE,     // fine-tuned and tested, or an environment in which nothing is
};
extern const char *const report_state_names[];

// A decision of the search, with what stood there before and what was taken.
struct report_decision {
    const char *name;        // "layer1.0.conv1", "stage2.block1.kernel"
    double before, after;    // channels kept, kernel sizes, depths; numbers of choices with words
    const char *before_word; // NULL: the number says it all
    const char *after_word;  // likewise
};
// How the policy stood to a step, in groups of the episodes that were looked at, early ones first.
enum { REPORT_LOOKS = 10 };
struct report_step {
    const char *name;            // of the decision, or "step 3"
    int n[REPORT_LOOKS];         // episodes in the group
    double share[REPORT_LOOKS];  // mean entropy, as a share of that of an even choice: 0 is sure
    int64_t until[REPORT_LOOKS]; // last episode of the group
};
struct report_latency {
    double before_ms, before_p90_ms, ms, p90_ms; // of one image: uncut, fine-tuned
    double ratio, ratio_error;                   // of the times; half of its 95% interval
    double difference; // how far the uncut network was from itself: above 0.02 says nothing
};
struct report_task {
    const char *name, *network, *budget; // network, budget "" where nothing is designed
    int network_index;
    bool found;               // a winner is known:
    struct run_result result; // of it
    bool truth;               // what could be found is known: best_known
    double best_known;
    int64_t whole[CANDIDATE_COSTS]; // of the uncut network; 0 = not known
    int64_t episodes;               // also failed ones and those that came to known candidates
    int64_t evaluations;
    int n; // of the candidates
    struct report_candidate *candidates;
    int baseline[2]; // candidates: equal shares, one global ranking; -1 = the search tried none
    int64_t failures[FAILURE_COUNT];
    int64_t first_failure[FAILURE_COUNT]; // its episode
    int n_decisions;
    struct report_decision *decisions;
    int n_steps;
    struct report_step *steps;
    bool timed;
    struct report_latency latency;
};
struct report_process {
    int64_t episodes, retries;
    double environment_seconds, arithmetic_seconds, policy_seconds, wire_seconds;
};
struct report_run {
    const char *folder; // as given
    enum report_state state;
    struct run_config config;
    const char *config_text; // JSON
    const char *method;
    const char *whole_word; // "uncut", "largest"
    const char *numerics;   // "" = not known
    int n_starts;
    struct run_start *starts;
    struct run_times times;
    int n_tasks;
    struct report_task *tasks;
    int n_processes; // actors that have answered
    struct report_process *processes;
    double seconds;                                          // of the search so far
    double learning_seconds, model_seconds, waiting_seconds; // of the learner
    int64_t episodes, evaluations, updates, skipped, retries;
    double lag_mean;
    int64_t lag_most;
    int n_bins;
    struct report_update *bins; // of updates
    int place;                  // among the runs that are shown in detail; -1: only its results are
    const char *latency_on;     // processor, backend and threads; "" = nothing was timed
};
// own: this process is the one that works in the folder, and is done. All in `arena`. ERR_INPUT: no
// folder of a run, or a damaged one.
enum status report_run_read(const char *folder, bool own, struct arena *arena,
                            struct report_run *out);
// The parts, in the order in which they are read.
enum status report_rows_read(const char *path, struct arena *arena, struct report_run *run);
enum status report_decisions_read(struct arena *arena, struct report_run *run);
