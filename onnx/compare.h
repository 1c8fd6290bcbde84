// An ONNX file against the network that it was written from, by running both.
#pragma once
#include "onnx/export.h"

struct onnx_comparison {
    // Greatest difference over all values of an output, as a share of its greatest magnitude; of
    // the output where that is greatest.
    double difference;
    double agreement; // share of images whose greatest value of the first output is the same one's
};

// Reads the file back and runs it and the network on images u8 [n][h][w][c], n >= 1. ERR_INPUT when
// its outputs have other shapes.
enum status onnx_compare(struct backend *backend, const struct network *network,
                         const struct onnx_export_options *options, const char *path,
                         const uint8_t *images, int n, struct onnx_comparison *out);
