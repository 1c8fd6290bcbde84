// A graph as text, as network files carry it: {"input": [h, w, c], "nodes": [{"name": "conv1",
// "kind": "conv", "inputs":
// ["input"], "channels": 16, "kernel": [3, 3], "pad": [1, 1, 1, 1]}, ...], "outputs": [{"name":
// "output", "node": "fc"}]}. Attributes that have their default are left out. A node's keys are
// those of its kind (nn/node_NAME.c).
#pragma once
#include "core/json.h"
#include "nn/graph.h"

// Appends the graph, which is not a folded one, as one line of JSON.
void graph_write(const struct graph *graph, struct text *out);

// Builds what graph_write wrote. ERR_INPUT names the node and the key that is wrong, unknown or
// missing.
enum status graph_read(const struct json *json, struct graph *out);
enum status graph_read_text(const char *text, struct graph *out);
