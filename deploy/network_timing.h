// How long networks take on this machine: in turn, on random images, so that their ratios can be
// trusted (latency.h).
#pragma once
#include "compute/backend.h"
#include "deploy/latency.h"
#include "nn/network.h"

enum { NETWORK_TIMING_MOST = 64 };
struct timing_options {
    int batch;      // images of a call
    bool int8;      // then each network needs its ranges
    double seconds; // for each network
};
struct timed_network {
    const struct network *network;
    const float *ranges; // [n_nodes] of calibrate_params; int8 only
};
// Times n networks, 1 to NETWORK_TIMING_MOST, and the first one once more as another network.
// results [n]; their ratios are to the first. *difference: how far that one is from itself; above
// LATENCY_LIMIT nothing can be concluded. ERR_INTERRUPTED.
enum status network_timing(struct backend *backend, const struct timed_network *networks, int n,
                           const struct timing_options *options, struct latency_result *results,
                           double *difference);
