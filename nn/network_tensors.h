// Which tensor of a file is which parameter of a graph, however PyTorch and the tools around it
// have named them.
#pragma once
#include "nn/graph.h"
#include "nn/safetensors.h"

// The tensors that hold weights, under the names that the graph may know.
struct network_tensors {
    const struct safetensors_file *file;
    struct arena arena;
    struct network_tensor {
        const char *name; // without a prefix that all of them share
        const struct safetensor *tensor;
    } * list; // [n] by name
    int n;
    size_t prefix; // characters that were taken off every name
};

// Leaves out what holds no weights (num_batches_tracked, total_ops, total_params, n_averaged), and
// takes prefixes that all names share ("module.", "_orig_mod.", "model.") off, with a line in the
// log, where the graph knows none of the names otherwise. A last linear layer under another usual
// name ("fc" for "linear") is taken for the graph's, likewise. ERR_INPUT for weights that
// torch.nn.utils.prune still masks.
enum status network_tensors_open(const struct safetensors_file *file, const struct graph *graph,
                                 struct network_tensors *out);
void network_tensors_close(struct network_tensors *tensors);
const struct safetensor *network_tensors_find(const struct network_tensors *tensors,
                                              const char *name); // NULL if absent

// found [n_params]: the tensor of every parameter. ERR_INPUT with all that is missing, unexpected
// or of another shape (the first eight of each and their number).
enum status network_tensors_match(const struct network_tensors *tensors, const struct graph *graph,
                                  const char *what, const struct safetensor **found);

// The graph with as many channels as the tensors have, where another tool has cut the network: out
// is left alone and *cut false where they are those of the graph already, or other than a cut could
// explain.
enum status network_tensors_resize(const struct network_tensors *tensors, const struct graph *graph,
                                   bool *cut, struct graph *out);
