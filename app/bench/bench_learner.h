// Speed of the learner on made-up episodes.
#pragma once
#include "run/load.h"

struct bench_learner_speed {
    double frames_per_second; // rows learnt from, one use each
    const char *backend;      // of the best of those tried, as is the next
    int threads;
};
// The agent of Ma & Fang 2023 (dense 100-400-300, LSTM 302, mu, sigma and value), 4 unrolls of 60
// steps, V-trace, RMSProp: whole updates, from episodes taken to weights changed. Tries one thread
// and all cores for `seconds` each, and a device where `use` has one: this process starts no others
// afterwards.
enum status bench_learner(const struct backend_use *use, double seconds,
                          struct bench_learner_speed *out);
