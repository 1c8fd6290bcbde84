// Reading a network file: metadata give the graph, then every parameter must be there, in shape and
// finite, and nothing else.
#include "core/text.h"
#include "nn/network.h"
#include "nn/network_info.h"
#include "nn/safetensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// PyTorch's counter of training steps in a BatchNorm: no weight.
static bool is_passed_over(const char *name)
{
    static const char suffix[] = ".num_batches_tracked";
    const size_t length = strlen(name);
    return length >= sizeof suffix - 1 && strcmp(name + length - (sizeof suffix - 1), suffix) == 0;
}

static void add_shape(struct text *text, const int64_t *dims, int n)
{
    text_add(text, "[");
    for (int d = 0; d < n; d++) {
        text_add(text, "%s%lld", d > 0 ? ", " : "", (long long)dims[d]);
    }
    text_add(text, "]");
}

static enum status check_shape(const struct safetensors_file *file, const struct param *param,
                               const struct safetensor *tensor)
{
    int64_t expected[4];
    bool same = tensor->n_dims == param->n_dims;
    for (int d = 0; d < param->n_dims; d++) {
        expected[d] = param->dims[d];
        same = same && tensor->dims[d] == expected[d];
    }
    if (same) {
        return OK;
    }
    struct text text = {0};
    text_add(&text, "expected ");
    add_shape(&text, expected, param->n_dims);
    text_add(&text, ", got ");
    add_shape(&text, tensor->dims, tensor->n_dims);
    const enum status status =
        status_fail(ERR_INPUT, __FILE__, __LINE__, "%s: tensor \"%s\" has another shape: %s",
                    file->path, param->name, text.failed ? "(out of memory)" : text.bytes);
    text_close(&text);
    return status;
}

// found[p]: the tensor of parameter p. Every tensor has its parameter and the other way round, with
// one shape.
static enum status match_tensors(const struct safetensors_file *file, const struct network *network,
                                 const struct safetensor **found)
{
    const struct graph *graph = &network->graph;
    for (int i = 0; i < file->n_tensors; i++) {
        const struct safetensor *tensor = &file->tensors[i];
        const struct param *param = graph_find_param(graph, tensor->name);
        if (param != NULL) {
            found[param - graph->params] = tensor;
        } else if (!is_passed_over(tensor->name)) {
            FAIL(ERR_INPUT, "%s: tensor \"%.200s\" is none of %s's", file->path, tensor->name,
                 network->info.architecture);
        }
    }
    for (int p = 0; p < graph->n_params; p++) {
        if (found[p] == NULL) {
            FAIL(ERR_INPUT, "%s: tensor \"%s\" of %s is missing", file->path, graph->params[p].name,
                 network->info.architecture);
        }
        TRY(check_shape(file, &graph->params[p], found[p]));
    }
    return OK;
}

static enum status check_values(const struct safetensors_file *file, const struct param *param,
                                const float *values)
{
    for (size_t i = 0; i < param->count; i++) {
        if (!isfinite(values[i])) {
            FAIL(ERR_INPUT, "%s: tensor \"%s\" holds %g at element %zu, expected finite numbers",
                 file->path, param->name, (double)values[i], i);
        }
        if (param->role == PARAM_VAR && values[i] < 0.0F) {
            FAIL(ERR_INPUT,
                 "%s: tensor \"%s\" holds %g at element %zu, but a variance is never "
                 "negative",
                 file->path, param->name, (double)values[i], i);
        }
    }
    return OK;
}

// The weights' memory is asked for only when the file was seen to hold as many.
static enum status read_params(const struct safetensors_file *file, const struct safetensor **found,
                               struct network *network)
{
    const struct graph *graph = &network->graph;
    TRY(match_tensors(file, network, found));
    network->params = malloc(graph->n_floats * sizeof *network->params);
    if (network->params == NULL) {
        FAIL(ERR_MEMORY, "%s: out of memory for %zu weights", file->path, graph->n_floats);
    }
    for (int p = 0; p < graph->n_params; p++) {
        const struct param *param = &graph->params[p];
        float *values = network->params + param->offset;
        const enum status status = safetensors_read_f32(found[p], values);
        if (status != OK) {
            return status_context(status, "%s", file->path);
        }
        TRY(check_values(file, param, values));
    }
    return OK;
}

static enum status read_network(const struct safetensors_file *file,
                                const struct network_info *fallback, struct network *network)
{
    TRY(network_info_read(file, fallback, &network->info));
    TRY(network_info_rows(file, &network->train_rows));
    const enum status status =
        network_build_graph(&network->info, safetensors_metadata(file, "widths"), &network->graph);
    if (status != OK) {
        return safetensors_refuse(status, file->path);
    }
    const struct safetensor **found = calloc((size_t)network->graph.n_params + 1, sizeof *found);
    if (found == NULL) {
        FAIL(ERR_MEMORY, "%s: out of memory", file->path);
    }
    const enum status read = read_params(file, found, network);
    free(found);
    return read;
}

enum status network_load(const char *path, const struct network_info *fallback, struct network *out)
{
    struct safetensors_file file = {0};
    struct network network = {0};
    TRY(safetensors_open(path, &file));
    const enum status status = read_network(&file, fallback, &network);
    safetensors_close(&file);
    if (status != OK) {
        network_close(&network);
        return status;
    }
    *out = network;
    return OK;
}
