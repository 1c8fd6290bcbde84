// BatchNorm statistics and activation ranges from a seeded sample of training images.
#include "train/calibrate.h"

#include "core/interrupt.h"
#include "core/rng.h"
#include "nn/plan.h"
#include "train/evaluate.h"

#include <string.h>

// Each BatchNorm normalises with the statistics of the batch it sees, so batches are large; but a
// larger one's activations no longer fit the last cache, which makes the pass a third slower.
#define CALIBRATE_MOST_BATCH 128

enum status calibrate_sample(const struct dataset *dataset, const int32_t *indices, int n,
                             int images, uint64_t seed, struct arena *arena, uint8_t **out)
{
    const size_t image_bytes = (size_t)dataset->h * (size_t)dataset->w * (size_t)dataset->c;
    int32_t *order;
    CHECK(images <= n);
    ARENA_NEW(arena, order, (size_t)n);
    ARENA_NEW(arena, *out, (size_t)images * image_bytes);
    for (int i = 0; i < n; i++) {
        order[i] = indices != NULL ? indices[i] : i;
    }
    struct rng rng = rng_make(seed, RNG_SAMPLE, 0, 0);
    rng_shuffle(&rng, order, (size_t)n);
    for (int i = 0; i < images; i++) {
        memcpy(*out + (size_t)i * image_bytes, dataset->images + (size_t)order[i] * image_bytes,
               image_bytes);
    }
    return OK;
}

static enum status gather_statistics(struct statistics_plan *plan, struct network *network,
                                     const uint8_t *images, size_t batch_bytes, int batches,
                                     bool batchnorm, float *ranges)
{
    TRY(statistics_begin(plan, network->params));
    for (int i = 0; i < batches; i++) {
        TRY(interrupt_check());
        statistics_run(plan, images + (size_t)i * batch_bytes);
    }
    if (batchnorm) {
        statistics_finish(plan, network->params);
    }
    if (ranges != NULL) {
        statistics_ranges(plan, ranges);
    }
    return OK;
}

enum status calibrate_network(struct backend *backend, struct network *network,
                              const struct dataset *dataset, const int32_t *indices, int n,
                              int images, uint64_t seed, bool batchnorm, float *ranges)
{
    TRY(evaluate_check_fit(network, dataset));
    const int wanted = images < n ? images : n;
    if (wanted < 2) {
        FAIL(ERR_INPUT, "recalibration needs at least 2 training images, %d were given", wanted);
    }
    // Equal batches: fewer than `batches` images of the sample are left over.
    const int batches = (wanted + CALIBRATE_MOST_BATCH - 1) / CALIBRATE_MOST_BATCH;
    const int batch = wanted / batches;
    const struct statistics_options options = {
        .batch = batch,
        .ranges = ranges != NULL,
        .input = {.mean = network->info.mean, .std = network->info.std},
    };
    const size_t batch_bytes =
        (size_t)batch * (size_t)dataset->h * (size_t)dataset->w * (size_t)dataset->c;
    struct arena arena = {0};
    struct statistics_plan *plan = NULL;
    uint8_t *sample;
    enum status code = OK;
    TRY_GOTO(code, calibrate_sample(dataset, indices, n, batch * batches, seed, &arena, &sample),
             done);
    TRY_GOTO(code, statistics_open(backend, &network->graph, &options, &plan), done);
    TRY_GOTO(code,
             gather_statistics(plan, network, sample, batch_bytes, batches, batchnorm, ranges),
             done);
done:
    statistics_close(plan);
    arena_close(&arena);
    return code;
}
