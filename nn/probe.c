// An inference plan in which nothing is folded, one image per chunk, that keeps every value.
#include "nn/probe.h"

#include "nn/infer_internal.h"

#include <stdlib.h>
#include <string.h>

struct probe {
    struct infer_plan *plan;
    const struct graph *graph; // borrowed
    int n;                     // images of the last run
    float *logits;             // owned: the output, which infer_run asks for
    void *images;              // owned: the batch as given, for the value of the input
    float *host; // owned: one node's output when the backend's memory is not the host's
};

static size_t value_count(const struct graph *graph, int node)
{
    return lower_bytes(graph, node, DTYPE_F32, 1) / sizeof(float);
}

static enum status open_memory(struct probe *probe, int batch)
{
    size_t most = 1;
    for (int i = 0; i < probe->graph->n_nodes; i++) {
        const size_t count = value_count(probe->graph, i);
        most = count > most ? count : most;
    }
    const size_t n = (size_t)batch;
    probe->logits = malloc(n * value_count(probe->graph, graph_output_node(probe->graph)) *
                           sizeof *probe->logits);
    probe->images = malloc(n * probe->plan->image_bytes);
    if (!probe->plan->backend->host_memory) {
        probe->host = malloc(n * most * sizeof *probe->host);
    }
    if (probe->logits == NULL || probe->images == NULL ||
        (probe->host == NULL && !probe->plan->backend->host_memory)) {
        FAIL(ERR_MEMORY, "no memory for %zu values of a network's activations", n * most);
    }
    return OK;
}

enum status probe_open(struct backend *backend, const struct graph *graph, int batch,
                       const struct plan_input *input, struct probe **out)
{
    CHECK(batch >= 1);
    struct probe *probe = calloc(1, sizeof *probe);
    if (probe == NULL) {
        FAIL(ERR_MEMORY, "no memory for a probe");
    }
    probe->graph = graph;
    const struct infer_options options = {.batch = batch, .keep_all = true, .input = *input};
    enum status status = infer_open(backend, graph, &options, &probe->plan);
    if (status == OK) {
        status = open_memory(probe, batch);
    }
    if (status != OK) {
        probe_close(probe);
        return status;
    }
    *out = probe;
    return OK;
}

enum status probe_load(struct probe *probe, const float *params)
{
    return infer_load(probe->plan, params, NULL);
}

enum status probe_run(struct probe *probe, const void *images, int n)
{
    CHECK(n >= 1 && n <= probe->plan->options.batch);
    memcpy(probe->images, images, (size_t)n * probe->plan->image_bytes);
    probe->n = n;
    return infer_run(probe->plan, probe->images, n, probe->logits);
}

const float *probe_output(struct probe *probe, int node)
{
    CHECK(node >= 0 && node < probe->graph->n_nodes && probe->n > 0);
    struct infer_plan *plan = probe->plan;
    const int buffer = plan->values[node];
    if (buffer == plan->input.images.buffer) {
        return probe->images;
    }
    const float *values = program_address(plan->program, buffer);
    if (plan->backend->host_memory) {
        return values;
    }
    plan->backend->ops->download(plan->backend, probe->host, values,
                                 (size_t)probe->n * value_count(probe->graph, node) *
                                     sizeof(float));
    return probe->host;
}

void probe_close(struct probe *probe)
{
    if (probe == NULL) {
        return;
    }
    infer_close(probe->plan);
    free(probe->logits);
    free(probe->images);
    free(probe->host);
    free(probe);
}
