// Where a training run stands, as one safetensors file: weights, optimiser state, counters, losses.
#pragma once
#include "core/arena.h"
#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

struct train_position {
    int64_t epoch, batch;       // the next update: batch `batch` of epoch `epoch`
    int64_t step;               // of the optimiser, updates done
    double loss_sum, right_sum; // over the batches done of this epoch, each a mean over its batch
    double validation_accuracy; // after the last whole epoch
};
struct train_state {
    struct train_position position;
    float *params;    // [n_params]
    float *optimizer; // [n_optimizer]
    double *losses;   // [epochs] of the whole epochs done, 0 after them
    size_t n_params, n_optimizer, epochs;
};
// Memory of a state for a run of `epochs` epochs.
enum status train_state_open(size_t n_params, size_t n_optimizer, size_t epochs,
                             struct arena *arena, struct train_state *out);

// Atomic: a full disk or a kill leaves the old file whole. identity: see struct train_job.
enum status train_checkpoint_save(const struct train_state *state, const char *identity,
                                  const char *path);
// Fills a state of the same sizes. ERR_CONFIG when the file belongs to another recipe; ERR_INPUT
// when it is damaged.
enum status train_checkpoint_load(const char *path, const char *identity,
                                  struct train_state *state);
