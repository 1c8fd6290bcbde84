// All the measurements that one `dikdik bench nn` asks for.
#pragma once
#include "app/bench/bench.h"
#include "core/arena.h"
#include "core/log.h"
#include "run/load.h"

#define BENCH_NAME_CHARS 64

struct bench_config {
    const char *models, *modes, *dtypes;
    const struct int_list *batches;
    double slim, seconds;
    int round_to, size, classes;
    struct backend_config backend;
    bool json, csv;
};

struct bench_result {
    char model[BENCH_NAME_CHARS], widths[BENCH_NAME_CHARS];
    struct bench_case what;
    struct bench_speed speed;
    int64_t macs;
    double gflops, share_of_peak;
};

struct bench_session {
    const struct bench_config *config;
    struct backend_use use;
    struct backend *backend;
    double peak_f32, peak_int8; // GFLOP/s, 0 = not measured
    struct arena arena;
    struct bench_result *results; // arena
    int n, capacity;
    struct progress progress;
};

// use, backend and config set by the caller; fills peaks and results, in memory of session->arena.
enum status bench_suite_run(struct bench_session *session);
