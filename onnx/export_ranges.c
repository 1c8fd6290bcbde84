// Ranges for integers, by running a network over images and looking at every value.
#include "core/interrupt.h"
#include "nn/network_input.h"
#include "nn/probe.h"
#include "onnx/export.h"

#include <math.h>

enum { BATCH = 32 };

struct range_sums {
    double low, high; // over images, of the least and greatest value
};

static void add_extremes(const float *values, size_t count, struct range_sums *sums)
{
    float low = 0.0F, high = 0.0F;
    for (size_t i = 0; i < count; i++) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    sums->low += (double)low;
    sums->high += (double)high;
}

static enum status look_at(struct probe *probe, const struct graph *graph, const uint8_t *images,
                           int n, struct range_sums *sums)
{
    TRY(probe_run(probe, images, n));
    for (int i = 0; i < graph->n_nodes; i++) {
        const struct node *node = &graph->nodes[i];
        const size_t count = (size_t)node->h * (size_t)node->w * (size_t)node->c;
        const float *values = probe_output(probe, i);
        for (int image = 0; image < n; image++) {
            add_extremes(values + (size_t)image * count, count, &sums[i]);
        }
    }
    return OK;
}

// The mean over images of each one's extremes: a few outliers do not coarsen every step.
static enum status gather(struct probe *probe, const struct network *network, const uint8_t *images,
                          int n, struct range_sums *sums)
{
    const size_t image = network_image_bytes(&network->info);
    TRY(probe_load(probe, network->params));
    for (int i = 0; i < n; i += BATCH) {
        TRY(interrupt_check());
        TRY(look_at(probe, &network->graph, images + (size_t)i * image,
                    n - i < BATCH ? n - i : BATCH, sums));
    }
    return OK;
}

enum status onnx_find_ranges(struct backend *backend, const struct network *network,
                             const uint8_t *images, int n, struct onnx_range *ranges)
{
    CHECK(n >= 1);
    const struct graph *graph = &network->graph;
    const struct plan_input input = network_plan_input(&network->info);
    struct arena arena = {0};
    struct probe *probe = NULL;
    struct range_sums *sums = arena_alloc(&arena, (size_t)graph->n_nodes, sizeof *sums);
    enum status status = sums == NULL
                             ? ERR_MEMORY
                             : probe_open(backend, graph, n < BATCH ? n : BATCH, &input, &probe);
    if (status == OK) {
        status = gather(probe, network, images, n, sums);
    }
    for (int i = 0; i < graph->n_nodes && status == OK; i++) {
        ranges[i] = (struct onnx_range){(float)(sums[i].low / n), (float)(sums[i].high / n)};
        if (!isfinite(ranges[i].low) || !isfinite(ranges[i].high)) {
            status = status_fail(ERR_INPUT, __FILE__, __LINE__,
                                 "node %s puts out values that are not finite: no integer spans "
                                 "them",
                                 graph->nodes[i].name);
        }
    }
    probe_close(probe);
    arena_close(&arena);
    return status;
}
