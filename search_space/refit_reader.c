#include "search_space/refit_reader.h"

#include "compute/blas.h"

bool reader_reads(const struct criterion_input *network, int node, int group)
{
    const struct node *n = &network->graph->nodes[node];
    if (!graph_reads_channels(network->graph, node)) {
        return false;
    }
    const struct segment_list *list = &network->groups->outputs[n->inputs[0]];
    for (int s = 0; s < list->n; s++) {
        if (list->segments[s].group == group) {
            return true;
        }
    }
    return false;
}

int reader_parts(const struct graph *graph, int node)
{
    return graph->nodes[node].groups;
}

struct reader reader_of(const struct criterion_input *network, const struct refit *refit, int node,
                        int part)
{
    const struct graph *graph = network->graph;
    const struct node *n = &graph->nodes[node];
    const struct param *param = &graph->params[n->params[0]];
    const int parts = reader_parts(graph, node);
    const int rows = param->repeats * n->c / parts;
    const size_t count = param->count / (size_t)parts;
    struct reader reader = {
        .node = node,
        .part = part,
        .rows = rows,
        .channels = graph->nodes[n->inputs[0]].c / parts,
        .weights = network->params + param->offset + (size_t)part * count,
    };
    reader.block = (int)(count / (size_t)rows / (size_t)reader.channels);
    for (int l = 0; refit != NULL && l < refit->n_layers; l++) {
        const struct refit_layer *layer = &refit->layers[l];
        if (layer->node == node && layer->part == part) {
            reader.gram = layer;
        }
    }
    return reader;
}

void reader_owners(const struct criterion_input *network, const struct reader *reader, int group,
                   int *owners)
{
    const struct segment_list *list =
        &network->groups->outputs[network->graph->nodes[reader->node].inputs[0]];
    const int first = reader->part * reader->channels;
    for (int s = 0, at = 0; s < list->n; at += list->segments[s++].count) {
        for (int k = 0; k < list->segments[s].count; k++) {
            const int channel = at + k - first;
            if (channel >= 0 && channel < reader->channels) {
                owners[channel] = list->segments[s].group == group ? k : -1;
            }
        }
    }
}

void reader_gram(const struct reader *reader, double pull, const int *order, double *matrix)
{
    const double *gram = reader->gram->gram;
    const size_t block = (size_t)reader->block, columns = (size_t)reader->channels * block;
    double mean = 0;
    for (size_t i = 0; i < columns; i++) {
        mean += gram[i * (i + 1) / 2 + i] / (double)columns;
    }
    // Inputs that are zero on every sample say nothing; the pull alone then decides.
    const double mu = pull * (mean > 0 ? mean : 1);
    for (size_t i = 0; i < columns; i++) {
        const size_t a = (size_t)order[i / block] * block + i % block;
        for (size_t j = 0; j <= i; j++) {
            const size_t b = (size_t)order[j / block] * block + j % block;
            const size_t row = a > b ? a : b, column = a > b ? b : a;
            matrix[i * columns + j] = gram[row * (row + 1) / 2 + column] + (i == j ? mu : 0.0);
        }
    }
}

enum status reader_factor(const struct refit *refit, const struct reader *reader, const int *order,
                          double *matrix)
{
    const double most = 1e3;
    enum status status = ERR_INPUT;
    double pull = refit->lambda;
    while (status == ERR_INPUT && pull <= most) {
        reader_gram(reader, pull, order, matrix);
        status = blas_cholesky(reader->channels * reader->block, matrix,
                               reader->channels * reader->block);
        pull *= 10;
    }
    return status;
}
