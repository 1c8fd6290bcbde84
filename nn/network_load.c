// Reading a network file: its metadata, or the zoo, give the graph; then every parameter must be
// there, in shape and finite, and nothing else.
#include "core/log.h"
#include "nn/graph_text.h"
#include "nn/network.h"
#include "nn/network_info.h"
#include "nn/network_tensors.h"
#include "nn/zoo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

// The weights are read, and memory asked for, only when the file was seen to hold just these.
static enum status read_params(struct safetensors_file *file, const struct network_tensors *tensors,
                               const struct safetensor **found, struct network *network)
{
    const struct graph *graph = &network->graph;
    const char *path = file->path, *name = network->info.architecture;
    TRY(network_tensors_match(tensors, graph, name[0] != '\0' ? name : "its graph", found));
    TRY(safetensors_load(file));
    network->params = malloc((graph->n_floats + 1) * sizeof *network->params);
    if (network->params == NULL) {
        FAIL(ERR_MEMORY, "%s: out of memory for %zu weights", path, graph->n_floats);
    }
    for (int p = 0; p < graph->n_params; p++) {
        const struct param *param = &graph->params[p];
        float *values = network->params + param->offset;
        const enum status status = safetensors_read_f32(found[p], values);
        if (status != OK) {
            return status_context(status, "%s", path);
        }
        TRY(check_values(file, param, values));
    }
    return OK;
}

// Another tool's cut shows only in the shapes of the tensors.
static enum status fit_graph(const struct network_tensors *tensors, struct network *network)
{
    struct graph cut;
    bool is_cut;
    TRY(network_tensors_resize(tensors, &network->graph, &is_cut, &cut));
    if (!is_cut) {
        return OK;
    }
    log_info("%s: another tool has cut this %s; its layers are as wide as its tensors",
             tensors->file->path, network->info.architecture);
    struct graph whole = network->graph;
    network->graph = cut;
    const enum status status = network_note_whole(network, &whole, NULL);
    graph_close(&whole);
    return status;
}

static enum status read_tensors(struct safetensors_file *file, bool fits, struct network *network)
{
    struct network_tensors tensors;
    TRY(network_tensors_open(file, &network->graph, &tensors));
    enum status status = fits ? OK : fit_graph(&tensors, network);
    const struct safetensor **found = NULL;
    if (status == OK) {
        found = calloc((size_t)network->graph.n_params + 1, sizeof *found);
        status = found != NULL
                     ? read_params(file, &tensors, found, network)
                     : status_fail(ERR_MEMORY, __FILE__, __LINE__, "%s: out of memory", file->path);
    }
    free(found);
    network_tensors_close(&tensors);
    return status;
}

// The zoo's graph, cut as the file's metadata say; those are files of before graphs were saved, and
// PyTorch's.
static enum status build_graph(const struct safetensors_file *file, struct network *network)
{
    const struct network_info *info = &network->info;
    const char *widths = safetensors_metadata(file, "widths");
    struct graph whole;
    TRY(zoo_build(info->architecture, info->h, info->w, info->c, info->classes, &whole));
    if (widths == NULL || widths[0] == '\0') {
        network->graph = whole;
        return OK;
    }
    const enum status status = network_cut_graph(&whole, widths, network);
    graph_close(&whole);
    return status;
}

// Tensors have shapes, but no strides: those of another form of the network fit as well.
static void warn_of_form(const struct safetensors_file *file, const struct network_info *info)
{
    log_warning(
        "%s has no graph: it is taken for the zoo's %s in its %s for %dx%d. Its tensors fit, "
        "but strides, padding and activations are not seen in them; if it was another form, "
        "such as torchvision's, export it as ONNX and give that",
        file->path, info->architecture, zoo_form(info->architecture, info->h), info->h, info->w);
}

static enum status read_whole(const struct safetensors_file *file, struct network *network)
{
    const char *text = safetensors_metadata(file, "whole");
    if (text == NULL) {
        return OK;
    }
    network->whole = strdup(text);
    if (network->whole == NULL) {
        FAIL(ERR_MEMORY, "out of memory for what the network was before it was cut");
    }
    struct graph whole;
    TRY(network_whole_graph(network, &whole));
    graph_close(&whole);
    return OK;
}

static enum status read_graph(const struct safetensors_file *file, struct network *network)
{
    const char *text = safetensors_metadata(file, "graph");
    if (text == NULL) {
        return OK;
    }
    TRY(graph_read_text(text, &network->graph));
    return read_whole(file, network);
}

static enum status read_network(struct safetensors_file *file, const struct network_info *fallback,
                                struct network *network)
{
    if (safetensors_metadata(file, "space") != NULL) {
        FAIL(ERR_INPUT,
             "%s: is a supernet of space \"%.60s\", which holds many networks; expected one of "
             "them, "
             "such as those that a search leaves in its folder's `found` and `final`",
             file->path, safetensors_metadata(file, "space"));
    }
    enum status status = read_graph(file, network);
    if (status != OK) {
        return safetensors_refuse(status, file->path);
    }
    const bool has_graph = network->graph.n_nodes > 0;
    TRY(network_info_read(file, has_graph ? &network->graph : NULL, fallback, &network->info));
    TRY(network_info_rows(file, &network->train_rows));
    status = has_graph ? OK : build_graph(file, network);
    if (status != OK) {
        return safetensors_refuse(status, file->path);
    }
    const bool fits = has_graph || safetensors_metadata(file, "widths") != NULL;
    TRY(read_tensors(file, fits, network));
    if (!has_graph && strcmp(network->info.format, "dikdik") != 0) {
        warn_of_form(file, &network->info);
    }
    return OK;
}

enum status network_load(const char *path, const struct network_info *fallback, struct network *out)
{
    struct safetensors_file file = {0};
    struct network network = {0};
    TRY(safetensors_open_header(path, &file));
    const enum status status = read_network(&file, fallback, &network);
    safetensors_close(&file);
    if (status != OK) {
        network_close(&network);
        return status;
    }
    *out = network;
    return OK;
}
