// Speed of the engine: one network in one mode, and the machine's convolution peak to hold it
// against.
#pragma once
#include "compute/backend.h"
#include "nn/network.h"

enum bench_mode { BENCH_INFER, BENCH_TRAIN };

struct bench_case {
    enum bench_mode mode;
    bool int8; // BENCH_INFER only
    int batch;
    double seconds; // time window of the repeats
};
struct bench_speed {
    double images_per_second; // median over the repeats
    int repeats;
};
// ERR_UNSUPPORTED: int8 on a backend without it.
enum status bench_network(struct backend *backend, const struct network *network,
                          const struct bench_case *what, struct bench_speed *out);

// Best rate of a single large 3x3 convolution on all lanes at once, GFLOP/s (a multiply-add is two
// operations). ERR_UNSUPPORTED: int8 on a backend without it.
enum status bench_peak(struct backend *backend, bool int8, double seconds, double *out);
