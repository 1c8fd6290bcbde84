// A small run, to see what the pieces of a large one cost: the same stages in a folder of its own,
// with few images, few candidates and short pieces of training.
#pragma once
#include "run/run_session.h"

enum { PROBE_MOST_NETWORKS = 64, PROBE_MOST_TASKS = 512 };
// One piece of training that was tried. updates_all 0: it was not.
struct probe_training {
    double core_seconds;     // an update took
    double overhead_seconds; // that going on with it takes, before and after the updates
    int64_t updates_all;     // of the whole training
};
struct probe_network {
    struct probe_training base, tune; // tune: of the probe's candidate of the task below
    int tuned_task;
    int64_t full_macs, tuned_macs;
    double build_seconds; // of one thread: a candidate made to be scored again
    double score_seconds; // likewise, per image
    int train_images, validation_images, test_images;
};
struct probe_task {
    int steps;        // decisions of a candidate; 0: not known
    double log10_all; // of the number of candidates, whatever they cost
    int64_t full[COST_KINDS];
};
struct run_probe {
    enum status code; // of the whole, with its message
    struct status_note note;
    double open_seconds; // until the search could begin, with the images below
    double candidate_seconds, arithmetic_seconds; // of one thread, arithmetic of it
    int images, validation_images, refit_images;  // that were used
    double learner_seconds;                       // beside the candidates
    int64_t updates, batches; // batches of imagined episodes, those of updates too
    size_t peak_bytes;
    int n_tasks;
    struct probe_network networks[PROBE_MOST_NETWORKS];
    struct probe_task tasks[PROBE_MOST_TASKS];
};
struct run_probe_job {
    const struct run_config *config; // of the run, resolved; borrowed
    const char *folder;              // does not exist; what is left there is the caller's to remove
    int search_threads;              // of one worker
    int train_threads;               // 0: this process is not one of those that train
    double seconds;                  // that it may take, about
};
// In a process of its own, which must not have had threads. Several at a time in as many processes
// share the machine as the workers of a run do.
enum status run_probe(const struct run_probe_job *job, struct run_probe *out);
