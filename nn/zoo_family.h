// What the files of the zoo share: what a network is built for, and a cursor that appends layers
// one after the other.
#pragma once
#include "nn/graph.h"

// From this height on a network takes the strides it was designed with for ImageNet.
#define ZOO_IMAGENET_HEIGHT 128

struct zoo_request {
    int h, w, c, classes;
    int depth; // layers, in families that come in several depths
};

// Each appends all nodes of its network to `graph`, which has its input only; graph_finish is left
// to the caller.
enum status zoo_build_convnet(struct graph *graph, const struct zoo_request *request);
enum status zoo_build_densenet(struct graph *graph, const struct zoo_request *request);
enum status zoo_build_mobilenet_v1(struct graph *graph, const struct zoo_request *request);
enum status zoo_build_mobilenet_v2(struct graph *graph, const struct zoo_request *request);
enum status zoo_build_resnet(struct graph *graph, const struct zoo_request *request);
enum status zoo_build_vgg(struct graph *graph, const struct zoo_request *request);

// The end of a chain of layers. The functions below append a node named prefix + name that reads
// `node`, and make it the new end.
struct zoo_cursor {
    struct graph *graph;
    int node;
    char prefix[64];
};

struct zoo_cursor zoo_begin(struct graph *graph); // at the input, without a prefix
void zoo_prefix(struct zoo_cursor *cursor, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

enum status zoo_conv(struct zoo_cursor *cursor, const char *name,
                     const struct conv_attributes *attributes);
enum status zoo_batchnorm(struct zoo_cursor *cursor, const char *name);
enum status zoo_act(struct zoo_cursor *cursor, const char *name, struct activation act);
// The sum of the cursor's node and `other`.
enum status zoo_add(struct zoo_cursor *cursor, const char *name, int other);
// `other`'s channels, then the cursor's.
enum status zoo_concat_after(struct zoo_cursor *cursor, const char *name, int other);
// 2x2 windows, stride 2.
enum status zoo_halve(struct zoo_cursor *cursor, const char *name, enum node_kind kind);
enum status zoo_shortcut(struct zoo_cursor *cursor, const char *name, int stride, int pad_before,
                         int pad_after);
enum status zoo_dropout(struct zoo_cursor *cursor, const char *name, float rate);
// Mean over the map; nothing is added when it is one pixel already.
enum status zoo_global_pool(struct zoo_cursor *cursor, const char *name);
enum status zoo_linear(struct zoo_cursor *cursor, const char *name, int out_c); // with bias

// A convolution with BatchNorm and, but for ACTIVATION_NONE, an activation.
struct zoo_unit {
    const char *conv, *batchnorm, *act; // names
    struct conv_attributes attributes;
    struct activation activation;
};
enum status zoo_conv_unit(struct zoo_cursor *cursor, const struct zoo_unit *unit);

// Square kernel, padded so that stride 1 keeps the size; no bias.
struct conv_attributes zoo_square(int out_c, int kernel, int stride);
// The same along the only row.
struct conv_attributes zoo_line(int out_c, int kernel, int stride);
