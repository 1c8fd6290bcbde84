// Times one network: whole calls of an inference or training plan on random images, the median over
// a time window.
#include "app/bench/bench.h"
#include "core/clock.h"
#include "core/interrupt.h"
#include "core/quantile.h"
#include "core/rng.h"
#include "nn/network_input.h"
#include "nn/plan.h"
#include "train/calibrate.h"

#define MOST_REPEATS 4096
#define LEAST_REPEATS 3
#define WARM_UP_CALLS 2
#define CALIBRATION_IMAGES 64
#define TRAIN_RATE 1e-3F

struct bench {
    struct backend *backend;
    const struct network *network;
    const struct bench_case *what;
    struct arena arena;
    struct dataset images; // random, [n] with labels; memory from `arena`
    float *logits;         // [batch][classes]
    struct infer_plan *infer;
    struct train_plan *train;
};

static enum status draw_images(struct bench *bench, int n)
{
    const struct network_info *info = &bench->network->info;
    struct dataset *images = &bench->images;
    const size_t bytes = (size_t)n * (size_t)info->h * (size_t)info->w * (size_t)info->c;
    uint8_t *pixels;
    ARENA_NEW(&bench->arena, pixels, bytes);
    ARENA_NEW(&bench->arena, images->labels, (size_t)n);
    struct rng rng = rng_make(0, RNG_TEST, 0, 0);
    for (size_t i = 0; i < bytes; i++) {
        pixels[i] = (uint8_t)rng_u32(&rng);
    }
    for (int i = 0; i < n; i++) {
        images->labels[i] = (int32_t)rng_below(&rng, (uint32_t)info->classes);
    }
    images->images = pixels;
    images->n = n;
    images->h = info->h;
    images->w = info->w;
    images->c = info->c;
    images->classes = info->classes;
    return OK;
}

static struct plan_input bench_input(const struct network *network)
{
    return network_plan_input(&network->info);
}

static enum status open_infer(struct bench *bench)
{
    const struct network *network = bench->network;
    const struct infer_options options = {
        .batch = bench->what->batch,
        .int8 = bench->what->int8,
        .input = bench_input(network),
    };
    float *ranges = NULL;
    TRY(infer_open(bench->backend, &network->graph, &options, &bench->infer));
    if (bench->what->int8) {
        struct network copy = *network; // calibration without BatchNorm changes no weight
        ARENA_NEW(&bench->arena, ranges, (size_t)network->graph.n_nodes);
        TRY(calibrate_network(bench->backend, &copy, &bench->images, NULL, bench->images.n,
                              CALIBRATION_IMAGES, 0, false, ranges));
    }
    return infer_load(bench->infer, network->params, ranges);
}

static enum status open_train(struct bench *bench)
{
    const struct network *network = bench->network;
    const struct train_options options = {
        .batch = bench->what->batch,
        .input = bench_input(network),
        .optimizer = {.kind = OPTIMIZER_SGD,
                      .momentum = 0.9F,
                      .weight_decay = 5e-4F,
                      .nesterov = true},
        .bn_momentum = 0.1F,
        .label_share = 1,
        .temperature = 1,
    };
    TRY(train_open(bench->backend, &network->graph, &options, &bench->train));
    return train_load(bench->train, network->params);
}

// Sends the images to where they are then used again and again.
static enum status run_first(struct bench *bench)
{
    const struct dataset *images = &bench->images;
    if (bench->infer != NULL) {
        return infer_run(bench->infer, images->images, bench->what->batch, bench->logits);
    }
    struct train_result result;
    return train_step(bench->train, images->images, images->labels, NULL, TRAIN_RATE, &result);
}

static enum status run_once(struct bench *bench)
{
    if (bench->infer != NULL) {
        return infer_run_again(bench->infer, bench->what->batch, bench->logits);
    }
    struct train_result result;
    return train_step_again(bench->train, TRAIN_RATE, &result);
}

static enum status time_calls(struct bench *bench, struct bench_speed *out)
{
    double *seconds;
    int n = 0;
    ARENA_NEW(&bench->arena, seconds, MOST_REPEATS);
    TRY(run_first(bench));
    for (int i = 0; i < WARM_UP_CALLS; i++) {
        TRY(run_once(bench));
    }
    const double end = clock_seconds() + bench->what->seconds;
    while (n < MOST_REPEATS && (n < LEAST_REPEATS || clock_seconds() < end)) {
        TRY(interrupt_check());
        const double start = clock_seconds();
        TRY(run_once(bench));
        seconds[n++] = clock_seconds() - start;
    }
    out->images_per_second = bench->what->batch / quantile_median(seconds, (size_t)n);
    out->repeats = n;
    return OK;
}

static enum status open_and_time(struct bench *bench, struct bench_speed *out)
{
    const int batch = bench->what->batch;
    const int classes = bench->network->info.classes;
    TRY(draw_images(bench, batch > CALIBRATION_IMAGES ? batch : CALIBRATION_IMAGES));
    ARENA_NEW(&bench->arena, bench->logits, (size_t)batch * (size_t)classes);
    TRY(bench->what->mode == BENCH_INFER ? open_infer(bench) : open_train(bench));
    return time_calls(bench, out);
}

enum status bench_network(struct backend *backend, const struct network *network,
                          const struct bench_case *what, struct bench_speed *out)
{
    struct bench bench = {.backend = backend, .network = network, .what = what};
    const enum status code = open_and_time(&bench, out);
    if (bench.infer != NULL) {
        infer_close(bench.infer);
    }
    if (bench.train != NULL) {
        train_close(bench.train);
    }
    arena_close(&bench.arena);
    return code;
}
