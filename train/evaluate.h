// Accuracy and loss of a network over rows of a data set.
#pragma once
#include "compute/backend.h"
#include "data/dataset.h"
#include "nn/network.h"
#include "transport/collective.h"

struct evaluate_options {
    int batch; // images per call
    bool int8;
    const float *ranges; // int8: [n_nodes], from calibration
    float *logits;       // out [n][classes], in the order of the rows; NULL: not wanted
};
struct evaluation {
    int64_t images;
    double accuracy; // 0..1
    double loss;     // mean cross-entropy, nats
    double images_per_second;
};
// Runs network->graph over the given rows (indices NULL = the first n). ERR_INPUT when data and
// network do not fit (size, channels, classes); ERR_INTERRUPTED between batches.
enum status evaluate_network(struct backend *backend, const struct network *network,
                             const struct dataset *dataset, const int32_t *indices, int n,
                             const struct evaluate_options *options, struct evaluation *out);

// Collective. The same, each rank scoring its part of the rows; every rank gets the whole result.
// Fewer rows than ranks are fine. options->logits must be NULL. ERR_INTERRUPTED on all ranks at
// once.
enum status evaluate_network_shared(const struct collective *collective, struct backend *backend,
                                    const struct network *network, const struct dataset *dataset,
                                    const int32_t *indices, int n,
                                    const struct evaluate_options *options, struct evaluation *out);

// Names what does not fit between a network and a data set.
enum status evaluate_check_fit(const struct network *network, const struct dataset *dataset);
