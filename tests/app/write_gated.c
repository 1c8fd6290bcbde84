// Writes an untrained network with gates and hard-swish, MobileNet-V3's block at a small size, at
// 32 x 32: it frames the 28 x 28 grey images that it is given by itself. A program of its own, as
// another tool would be.  write_gated FILE.onnx
#include "nn/node_type.h"
#include "onnx/export.h"

#include <stdio.h>
#include <stdlib.h>

struct builder {
    struct graph graph;
    int node;
    int serial;
};

static void add(struct builder *b, const struct node *node, const int *inputs, int n)
{
    char name[32];
    snprintf(name, sizeof name, "%s_%d", node_kind_name(node->kind), b->serial++);
    CHECK(graph_add(&b->graph, name, node, inputs, n, &b->node) == OK);
}

static void add_conv(struct builder *b, int channels, int kernel, int stride, bool depthwise)
{
    struct node node = node_default(NODE_CONV);
    node.c = channels;
    node.groups = depthwise ? channels : 1;
    for (int axis = 0; axis < 2; axis++) {
        node.kernel[axis] = kernel;
        node.stride[axis] = stride;
        node.pad[axis] = node.pad[axis + 2] = kernel / 2;
    }
    const struct node norm = node_default(NODE_BATCHNORM);
    add(b, &node, &b->node, 1);
    add(b, &norm, &b->node, 1);
}

static void add_act(struct builder *b, struct activation act)
{
    struct node node = node_default(NODE_ACT);
    node.act = act;
    add(b, &node, &b->node, 1);
}

// Squeeze-and-excitation with a hard sigmoid.
static void add_gate(struct builder *b, int channels)
{
    const int map = b->node;
    const struct node pool = node_default(NODE_GLOBAL_POOL);
    struct node narrow = node_default(NODE_CONV), wide = narrow;
    narrow.c = channels / 4;
    wide.c = channels;
    narrow.bias = wide.bias = true;
    add(b, &pool, &b->node, 1);
    add(b, &narrow, &b->node, 1);
    add_act(b, ACTIVATION_RELU);
    add(b, &wide, &b->node, 1);
    add_act(b, (struct activation){.kind = ACT_HARD_SIGMOID, .a = 1.0F / 6.0F, .b = 0.5F});
    const struct node product = node_default(NODE_MULTIPLY);
    add(b, &product, (int[2]){map, b->node}, 2);
}

// MobileNet-V3's block (Howard et al. 2019): widen, filter, gate, narrow; summed where nothing
// changes shape.
static void add_block(struct builder *b, int wide, int narrow, int stride)
{
    const struct activation swish = {.kind = ACT_HARD_SWISH};
    const int before = b->node;
    const bool sums = stride == 1 && b->graph.nodes[before].c == narrow;
    add_conv(b, wide, 1, 1, false);
    add_act(b, swish);
    add_conv(b, wide, 3, stride, true);
    add_gate(b, wide);
    add_act(b, swish);
    add_conv(b, narrow, 1, 1, false);
    if (sums) {
        const struct node sum = node_default(NODE_ADD);
        add(b, &sum, (int[2]){before, b->node}, 2);
    }
}

static enum status write_network(const char *path)
{
    struct builder b = {.node = 0};
    struct network network = {.info = {.architecture = "gated",
                                       .h = 28,
                                       .w = 28,
                                       .c = 1,
                                       .classes = 10,
                                       .mean = {0.286F},
                                       .std = {0.353F}}};
    CHECK(graph_begin(&b.graph, 28, 28, 1) == OK);
    struct node frame = node_default(NODE_PAD);
    for (int side = 0; side < 4; side++) {
        frame.pad[side] = 2;
    }
    add(&b, &frame, &b.node, 1);
    add_conv(&b, 8, 3, 2, false);
    add_act(&b, (struct activation){.kind = ACT_HARD_SWISH});
    add_block(&b, 16, 12, 2);
    add_block(&b, 32, 12, 1);
    add_block(&b, 32, 16, 2);
    add_conv(&b, 48, 1, 1, false);
    add_act(&b, (struct activation){.kind = ACT_HARD_SWISH});
    const struct node pool = node_default(NODE_GLOBAL_POOL);
    struct node linear = node_default(NODE_LINEAR);
    linear.c = 10;
    linear.bias = true;
    add(&b, &pool, &b.node, 1);
    add(&b, &linear, &b.node, 1);
    CHECK(graph_finish(&b.graph) == OK);
    network.graph = b.graph;
    network.params = malloc(network_bytes(&network));
    CHECK(network.params != NULL);
    graph_init_params(&network.graph, 7, network.params);
    const struct onnx_export_options options = {.batchnorm = ONNX_BATCHNORM_KEEP,
                                                .pixels = ONNX_PIXELS_SHARES};
    const enum status status = onnx_export(&network, &options, path, NULL);
    network_close(&network);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 2 || write_network(argv[1]) != OK) {
        fprintf(stderr, "write_gated: %s\n", argc != 2 ? "expected FILE.onnx" : status_message());
        return 1;
    }
    return 0;
}
