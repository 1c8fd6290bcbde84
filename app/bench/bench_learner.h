// Speed of the learner on made-up episodes.
#pragma once
#include "core/status.h"

struct bench_learner_speed {
    double frames_per_second; // rows learnt from, one use each
    int threads;              // of the best of those tried
};
// The agent of Ma & Fang 2023 (dense 100-400-300, LSTM 302, mu, sigma and value), 4 unrolls of 60
// steps, V-trace, RMSProp: whole updates, from episodes taken to weights changed. Tries one thread
// and all cores for `seconds` each.
enum status bench_learner(double seconds, struct bench_learner_speed *out);
