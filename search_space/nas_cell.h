// The cells of NAS-Bench-201 (Dong & Yang 2020): node 0 is the input, node 3 the output, an
// operation on each of six edges; a node is the sum of what its edges bring.
#pragma once
#include "core/arena.h"
#include "core/status.h"

#include <stdint.h>

enum { CELL_EDGES = 6, CELL_NODES = 4, CELL_OPERATIONS = 5 };
enum { CELL_CELLS = 15625 }; // CELL_OPERATIONS ^ CELL_EDGES
// Ascending by what they cost.
enum cell_operation { CELL_NONE, CELL_SKIP, CELL_POOL, CELL_CONV1, CELL_CONV3 };
extern const struct cell_edge {
    int from, to;
} cell_edges[CELL_EDGES];

// representative [CELL_CELLS]: of each cell (its operations as digits of base 5, the first edge's
// the most significant) the one that stands for all that compute the same function with the same
// weights. It has no edge without effect.
enum status cell_find_equals(struct arena *arena, const int16_t **representative);
