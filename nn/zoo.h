// The model zoo: CIFAR-size networks with PyTorch's tensor names.
//
// resnet20, 32, 44, 56, 110  He et al. 2016, option A: conv1, bn1, layer1.0.conv1, ..., linear
// vgg16_bn                   features.N, classifier: 13 convolutions with bias and BatchNorm, one
//                            linear layer
// mobilenet_v1               model.N.M, fc
// mobilenet_v2               torchvision's features.N.conv.M, classifier.1
// densenet40                 growth 12, first 24, no bottleneck: dense1.0.conv1, trans1.conv1, fc
// convnet                    three small convolutions with BatchNorm, for tests and first steps
//
// The MobileNets take their ImageNet strides from a height of 128 on; below, stride 1 in the stem
// (V2: in its second stage too).
#pragma once
#include "nn/graph.h"

#define ZOO_COUNT 13
extern const char *const zoo_names[ZOO_COUNT + 1]; // NULL-ended

// ERR_CONFIG when there is none of this name; lists the known ones.
enum status zoo_check(const char *name);

// What a network is called that is built for inputs of height h: "CIFAR form" or "ImageNet form".
const char *zoo_form(const char *name, int h);

// Builds `name` for an input of h x w x c and `classes` outputs. ERR_CONFIG: unknown name (lists
// the known), or an input too small for it.
enum status zoo_build(const char *name, int h, int w, int c, int classes, struct graph *out);
