// A small network around one node of any kind, for tests that run over the whole table.
#pragma once
#include "nn/node_type.h"

// How many such networks there are of a kind: activations, say, have several. 0: none that takes
// images (INPUT, LSTM).
int kind_case_count(enum node_kind kind);
// Number `variant` of them: 7 x 6 x 3 images, 5 classes. Closed by the caller.
void kind_case_build(enum node_kind kind, int variant, struct graph *out);
