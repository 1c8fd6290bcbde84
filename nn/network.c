// Networks: made from the zoo, written to files, closed. Reading is in network_load.c.
#include "nn/network.h"

#include "core/text.h"
#include "nn/graph_text.h"
#include "nn/network_info.h"
#include "nn/network_metadata.h"
#include "nn/safetensors.h"
#include "nn/zoo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status network_create(const struct network_info *info, uint64_t seed, struct network *out)
{
    struct network network = {.info = *info};
    snprintf(network.info.format, sizeof network.info.format, "dikdik");
    bool given = false;
    for (int i = 0; i < NETWORK_MAX_CHANNELS; i++) {
        given = given || info->mean[i] != 0.0F || info->std[i] != 0.0F;
    }
    for (int i = 0; !given && i < NETWORK_MAX_CHANNELS; i++) {
        network.info.std[i] = 1.0F;
    }
    TRY(network_info_check(&network.info));
    TRY(zoo_build(info->architecture, info->h, info->w, info->c, info->classes, &network.graph));
    network.params = malloc(network.graph.n_floats * sizeof *network.params);
    network.train_rows.known = true;
    if (network.params == NULL) {
        const size_t bytes = network_bytes(&network);
        network_close(&network);
        FAIL(ERR_MEMORY, "out of memory for the %zu bytes of %s's weights", bytes,
             info->architecture);
    }
    graph_init_params(&network.graph, seed, network.params);
    *out = network;
    return OK;
}

void network_close(struct network *network)
{
    graph_close(&network->graph);
    free(network->params);
    row_set_close(&network->train_rows);
    free(network->whole);
    *network = (struct network){0};
}

void network_set_dataset(struct network *network, const char *name)
{
    char *dataset = network->info.dataset;
    if (dataset[0] != '\0' && strcmp(dataset, name) != 0) {
        row_set_close(&network->train_rows);
    }
    snprintf(dataset, sizeof network->info.dataset, "%s", name);
}

enum status network_check_data(const struct network *network, const struct network_data *data)
{
    const struct network_info *info = &network->info;
    if (info->h != data->h || info->w != data->w || info->c != data->c) {
        FAIL(ERR_INPUT,
             "the network takes images of %d x %d x %d, data set \"%s\" has %d x %d x %d (height x "
             "width x channels); choose a data set of that size",
             info->h, info->w, info->c, data->name, data->h, data->w, data->c);
    }
    if (info->floats != data->floats) {
        FAIL(ERR_INPUT,
             "the network reads %s, data set \"%s\" has %s; choose a data set with samples of that "
             "kind",
             info->floats ? "floating-point samples" : "bytes", data->name,
             data->floats ? "16-bit or floating-point samples" : "bytes");
    }
    if (info->classes != data->classes) {
        FAIL(ERR_INPUT,
             "the network tells %d classes apart, data set \"%s\" has %d; choose the data set (and "
             "its class selection) that the network was trained for",
             info->classes, data->name, data->classes);
    }
    return OK;
}

void network_info_of_data(const char *architecture, const struct network_data *data,
                          struct network_info *out)
{
    *out = (struct network_info){
        .h = data->h, .w = data->w, .c = data->c, .classes = data->classes, .floats = data->floats};
    snprintf(out->architecture, sizeof out->architecture, "%s", architecture);
    snprintf(out->dataset, sizeof out->dataset, "%s", data->name);
    for (int i = 0; i < data->c && data->mean != NULL; i++) {
        out->mean[i] = data->mean[i];
        out->std[i] = data->std[i];
    }
}

size_t network_bytes(const struct network *network)
{
    return network->graph.n_floats * sizeof(float);
}

// The parameters as tensors of the file; data are borrowed.
static void fill_tensors(const struct network *network, struct safetensor *tensors)
{
    for (int p = 0; p < network->graph.n_params; p++) {
        const struct param *param = &network->graph.params[p];
        tensors[p] = (struct safetensor){.name = param->name,
                                         .dtype = "F32",
                                         .n_dims = param->n_dims,
                                         .data = network->params + param->offset,
                                         .bytes = param->count * sizeof(float)};
        for (int d = 0; d < param->n_dims; d++) {
            tensors[p].dims[d] = param->dims[d];
        }
    }
}

static enum status write_file(const struct network *network,
                              const struct network_metadata *described, const char *graph,
                              const char *path)
{
    struct safetensors_entry metadata[NETWORK_METADATA_MOST + 3] = {{"format", "dikdik"},
                                                                    {"graph", graph}};
    int n_metadata = 2;
    for (int i = 0; i < described->n; i++) {
        metadata[n_metadata++] = described->entries[i];
    }
    if (network->whole != NULL) {
        metadata[n_metadata++] = (struct safetensors_entry){"whole", network->whole};
    }
    const int n_tensors = network->graph.n_params;
    struct safetensor *tensors = calloc((size_t)n_tensors, sizeof *tensors);
    if (tensors == NULL) {
        FAIL(ERR_MEMORY, "out of memory while writing %s", path);
    }
    fill_tensors(network, tensors);
    const enum status status = safetensors_write(path, tensors, n_tensors, metadata, n_metadata);
    free(tensors);
    return status;
}

enum status network_save(const struct network *network, const char *path)
{
    struct network_metadata metadata = {0};
    struct text graph = {0};
    enum status status;
    TRY_GOTO(status, network_metadata_make(&network->info, &network->train_rows, &metadata), done);
    graph_write(&network->graph, &graph);
    status = graph.failed ? status_fail(ERR_MEMORY, __FILE__, __LINE__,
                                        "out of memory while writing metadata")
                          : write_file(network, &metadata, graph.bytes, path);
done:
    network_metadata_close(&metadata);
    text_close(&graph);
    return status;
}
