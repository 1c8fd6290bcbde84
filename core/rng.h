// Random numbers from a counter-based generator (Philox4x32-10, Salmon et al. 2011): a stream is a
// pure function of (seed, purpose, index, step), so any process can make any part of any stream.
#pragma once
#include <stddef.h>
#include <stdint.h>

// What a stream is for. Values are part of the run format: append, never renumber.
enum rng_purpose {
    RNG_INIT = 1,      // initial weights
    RNG_SPLIT = 2,     // data split
    RNG_ORDER = 3,     // order of images in an epoch
    RNG_AUGMENT = 4,   // crop and flip
    RNG_DROPOUT = 5,   // dropout masks
    RNG_CRITERION = 6, // the random criterion
    RNG_DRAW = 7,      // the drawn data set
    RNG_SAMPLE = 8,    // samples for calibration and refit
    RNG_TEST = 9,      // tests
    RNG_ACTION = 10,   // choices of a policy: index episode, step
    RNG_EPISODE = 11,  // an environment's own chance: index episode
    RNG_PROPOSE = 12,  // proposals of a search method: index episode
    RNG_REPLAY = 13,   // what is replayed: index update
    RNG_FAULT = 14,    // injected faults: index episode, attempt
    RNG_START = 15,    // first candidates: index task, number
    RNG_MODEL = 16,    // which data a reward model learns from: index data points
    RNG_IMAGINE = 17,  // imagined episodes: index update
    RNG_TARGET = 18,   // what an episode is played for: index episode
    RNG_SUPERNET = 19, // sub-networks of a supernet's update: index update, number
    RNG_SWEEP = 20,    // drawn settings of a sweep: index draw
    RNG_BOOTSTRAP = 21 // resamples of a sweep's statistics: index group, step resample
};

struct rng {
    uint32_t key[2];
    uint32_t counter[4];
    uint32_t block[4];
    int used; // of block; 4 = empty
};

// index: episode, epoch, layer ...; step: whatever counts inside it.
struct rng rng_make(uint64_t seed, enum rng_purpose purpose, uint64_t index, uint32_t step);

uint32_t rng_u32(struct rng *rng);
uint32_t rng_below(struct rng *rng, uint32_t limit); // uniform in [0, limit), unbiased; limit >= 1
float rng_uniform(struct rng *rng);                  // in [0, 1), 24 bits
float rng_normal(struct rng *rng);                   // mean 0, standard deviation 1 (Box-Muller)
void rng_shuffle(struct rng *rng, int32_t *items, size_t n);

// The element-th u32 of the stream rng_make(seed, purpose, index, 0), without the ones before it.
// element < 2^34.
uint32_t rng_at(uint64_t seed, enum rng_purpose purpose, uint64_t index, uint64_t element);
