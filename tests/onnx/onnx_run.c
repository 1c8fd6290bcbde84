#include "onnx_run.h"

#include "nn/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char *onnx_data_path(const char *name)
{
    static char path[2048];
    const char *root = getenv("DIKDIK_DATA");
    if (root == NULL) {
        puts("skipped: DIKDIK_DATA is not set");
        exit(77);
    }
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

// [c][h][w] to [h][w][c], or back.
static void change_order(const float *from, float *to, const struct node *shape, int n,
                         bool to_channels_last)
{
    const size_t c = (size_t)shape->c, pixels = (size_t)shape->h * (size_t)shape->w;
    for (size_t i = 0; i < (size_t)n; i++) {
        for (size_t k = 0; k < c; k++) {
            for (size_t p = 0; p < pixels; p++) {
                const size_t first = (i * c + k) * pixels + p, last = (i * pixels + p) * c + k;
                to[to_channels_last ? last : first] = from[to_channels_last ? first : last];
            }
        }
    }
}

static void compare(const float *got, const float *expected, size_t n, struct onnx_difference *out)
{
    for (size_t i = 0; i < n; i++) {
        const double difference = fabs((double)got[i] - (double)expected[i]);
        const bool same = got[i] == expected[i] || (isnan(got[i]) && isnan(expected[i]));
        if (!same && !(difference <= out->worst)) { // NaN too
            out->worst = difference;
        }
        if (isfinite(expected[i])) {
            out->largest = fmax(out->largest, fabs((double)expected[i]));
        }
    }
}

static enum status run(const struct network *network, struct backend *backend, int n,
                       const float *input, int output, float *values)
{
    struct infer_plan *plan;
    const struct infer_options options = {.batch = n, .input = {.f32 = true}};
    TRY(infer_open(backend, &network->graph, &options, &plan));
    const enum status status = infer_load(plan, network->params, NULL);
    if (status == OK) {
        const struct node *first = &network->graph.nodes[graph_output_node(&network->graph)];
        float *logits = calloc((size_t)n * (size_t)first->h * (size_t)first->w * (size_t)first->c,
                               sizeof *logits);
        infer_run(plan, input, n, logits);
        infer_output(plan, output, n, values);
        free(logits);
    }
    infer_close(plan);
    return status;
}

enum status onnx_run_compare(const struct network *network, const char *backend_name,
                             const struct onnx_tensor *input, int output,
                             const struct onnx_tensor *expected, struct onnx_difference *out)
{
    *out = (struct onnx_difference){0};
    const struct graph *graph = &network->graph;
    const struct node *from = &graph->nodes[0];
    const struct node *to = &graph->nodes[graph->outputs[output].node];
    const int n = input->rank > 0 ? (int)input->dims[0] : 0;
    const size_t n_in = (size_t)n * (size_t)from->h * (size_t)from->w * (size_t)from->c;
    const size_t n_out = (size_t)n * (size_t)to->h * (size_t)to->w * (size_t)to->c;
    if (n == 0 || n_in != (size_t)onnx_tensor_count(input) ||
        n_out != (size_t)onnx_tensor_count(expected)) {
        return OK;
    }
    out->same_size = true;
    struct backend *backend;
    const struct backend_options options = {.threads = 2};
    TRY(backend_open(backend_name, &options, &backend));
    float *values[4];
    for (int i = 0; i < 4; i++) {
        values[i] = calloc(i < 2 ? n_in : n_out, sizeof **values);
    }
    onnx_tensor_read_f32(input, 1.0, values[0]);
    change_order(values[0], values[1], from, n, true);
    const enum status status = run(network, backend, n, values[1], output, values[2]);
    if (status == OK) {
        change_order(values[2], values[3], to, n, false);
        onnx_tensor_read_f32(expected, 1.0, values[2]);
        compare(values[3], values[2], n_out, out);
    }
    for (int i = 0; i < 4; i++) {
        free(values[i]);
    }
    backend_close(backend);
    return status;
}
