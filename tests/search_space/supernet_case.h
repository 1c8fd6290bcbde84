// Small supernets for tests.
#pragma once
#include "search_space/supernet.h"
#include "test_unit.h"

struct supernet_setting {
    enum nas_space_kind kind;
    const char *options; // JSON; NULL: defaults
    bool kernel_transform, norm_per_width;
};
// 8 x 8 x 3 images, 4 classes; values that a training could have left: no BatchNorm is trivial, no
// transform the identity.
void supernet_case_open(const struct supernet_setting *setting, struct supernet *out);
// `smooth` activations, kernels 3, 5 and 7, two widths, depths and expansions.
extern const char *const supernet_case_mobile;
extern const char *const supernet_case_resnet;

// What the network of a choice has as a parameter, by plain loops over what the header says of the
// block; [param->count], freed by the caller.
float *supernet_case_param(const struct supernet *supernet, const struct param *param);
