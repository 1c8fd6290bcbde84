// The head of a classifier: the layer that tells its classes apart. Trained weights are a start for
// other data once it is a new one.
#pragma once
#include "nn/network.h"

// Gives the network a head for so many classes, >= 1, with first values by seed
// (graph_init_params); all else stays. The head is the dense layer, LINEAR or CONV, behind which
// the first output only pools, activates or drops. ERR_UNSUPPORTED: there is none, or other nodes
// do not bear another number of channels; the network is then as it was.
enum status network_set_classes(struct network *network, int classes, uint64_t seed);
