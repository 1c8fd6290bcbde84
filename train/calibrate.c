// BatchNorm statistics and activation ranges from a seeded sample of training images.
#include "train/calibrate.h"

#include "nn/calibrate_params.h"
#include "nn/network_input.h"
#include "train/evaluate.h"

enum status calibrate_network(struct backend *backend, struct network *network,
                              const struct dataset *dataset, const int32_t *indices, int n,
                              int images, uint64_t seed, bool batchnorm, float *ranges)
{
    TRY(evaluate_check_fit(network, dataset));
    struct calibration calibration = {
        .input = network_plan_input(&network->info),
        .n = images < n ? images : n,
        .batchnorm = batchnorm,
    };
    calibration.ranges = ranges;
    struct arena arena = {0};
    uint8_t *sample;
    enum status code = dataset_sample(dataset, indices, n, calibration.n, seed, &arena, &sample);
    if (code == OK) {
        calibration.images = sample;
        code = calibrate_params(backend, &network->graph, network->params, &calibration);
    }
    arena_close(&arena);
    return code;
}
