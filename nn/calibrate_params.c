#include "nn/calibrate_params.h"

#include "core/clock.h"
#include "core/interrupt.h"

// Each BatchNorm normalises with the statistics of the batch it sees, so batches are large; but the
// activations of a larger one no longer fit the last cache, above all where each core runs a pass
// of its own: twice the images take a tenth more time each.
enum { MOST_BATCH = 64 };

int calibrate_batches(int n)
{
    return (n + MOST_BATCH - 1) / MOST_BATCH;
}

int calibrate_batch(int n)
{
    return n / calibrate_batches(n);
}

static enum status gather(struct statistics_plan *plan, float *params,
                          const struct calibration *calibration, size_t batch_bytes, int batches)
{
    double seconds = 0;
    TRY(statistics_begin(plan, params));
    for (int i = 0; i < batches; i++) {
        TRY(interrupt_check());
        const double start = clock_seconds();
        TRY(statistics_run(plan, (const char *)calibration->images + (size_t)i * batch_bytes));
        seconds += clock_seconds() - start;
    }
    if (calibration->batchnorm) {
        statistics_finish(plan, params);
    }
    if (calibration->ranges != NULL) {
        statistics_ranges(plan, calibration->ranges);
    }
    if (calibration->seconds != NULL) {
        *calibration->seconds += seconds;
    }
    return OK;
}

enum status calibrate_params(struct backend *backend, const struct graph *graph, float *params,
                             const struct calibration *calibration)
{
    if (calibration->n < 2) {
        FAIL(ERR_INPUT, "recalibration needs at least 2 training images, %d were given",
             calibration->n);
    }
    const struct statistics_options options = {
        .batch = calibrate_batch(calibration->n),
        .ranges = calibration->ranges != NULL,
        .input = calibration->input,
    };
    const struct node *input = &graph->nodes[0];
    const size_t batch_bytes = (size_t)options.batch * (size_t)input->h * (size_t)input->w *
                               (size_t)input->c *
                               dtype_bytes(options.input.f32 ? DTYPE_F32 : DTYPE_U8);
    struct statistics_plan *plan;
    TRY(statistics_open(backend, graph, &options, &plan));
    const enum status code =
        gather(plan, params, calibration, batch_bytes, calibrate_batches(calibration->n));
    statistics_close(plan);
    return code;
}
