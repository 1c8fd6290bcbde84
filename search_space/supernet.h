// A supernet: one block of shared parameters for all networks of a space, by name (nas_space.h). A
// sub-network is an ordinary graph and an ordinary block of parameters, read out of the shared one;
// its gradients are added to the shared one's. So whatever trains or scores a network does so with
// a sub-network.
#pragma once
#include "compute/op.h"
#include "nn/network.h"
#include "search_space/nas_space.h"

// One shared tensor, at its greatest size.
struct supernet_tensor {
    const char *name; // of the parameter; arena
    enum param_role role;
    int n_dims, dims[4]; // as struct param has them
    size_t offset;       // in the shared block, floats
    size_t count;
    // A matrix that makes small kernels out of the middle of greater ones: [taps][taps], of this
    // tensor; -1: it is a parameter.
    int transforms;
};
struct supernet {
    struct nas_space space;   // owned
    struct network_info info; // of its networks: input, classes, normalisation, data set
    const char *options_text; // the space's options as JSON, for its file; arena
    bool kernel_transform, norm_per_width; // as in struct supernet_options
    struct supernet_tensor *tensors;       // trainable ones first, the transforms last among them
    int n_tensors;
    int *by_name;                 // [n_tensors] their numbers in the order of their names
    size_t n_plain;               // floats before the transforms
    size_t n_trainable, n_floats; // trainable ones first, as in a graph
    float *params;                // [n_floats] host, owned unless lent; NULL: layout alone
    bool params_lent;
    struct row_set train_rows; // of info.dataset's training part that it was trained on; owned
    struct arena arena;
};
struct supernet_options {
    const struct nas_space_type *type;
    const void *options; // of the space; borrowed until the call returns
    const struct network_info *info;
    // Kernels smaller than the shared one are its middle times a learnt matrix (Cai et al. 2020,
    // Once-for-All, 3.2), one per layer and size, which starts as the identity; else just its
    // middle.
    bool kernel_transform;
    // BatchNorms of another width are others, with weights and running statistics of their own (Yu
    // et al. 2019, slimmable networks); else the smaller has the leading part of the greater.
    bool norm_per_width;
    uint64_t seed; // of the first values
};
enum status supernet_open(const struct supernet_options *options, struct supernet *out);
void supernet_close(struct supernet *supernet); // a zeroed one is fine

// Where a parameter of a sub-network lies.
struct supernet_part {
    int tensor;
    // A box of op.n x op.in_h x op.in_w x op.in_c values, dense in the parameter, that begins at
    // `offset` of the shared block and has there the strides that OP_GATHER says.
    struct op gather;
    size_t offset; // floats
    int transform; // the tensor that the box's kernels are multiplied by; -1: none
};
// ERR_INPUT when the supernet does not have the parameter, or only a smaller one.
enum status supernet_locate(const struct supernet *supernet, const struct param *param,
                            struct supernet_part *out);

// The network of a choice with its values: graph and params as in nn/network.h, closed by the
// caller; running statistics are still to be taken (calibrate).
enum status supernet_extract(const struct supernet *supernet, const int16_t *choice,
                             struct network *out);
// That of every decision's greatest choice.
enum status supernet_extract_largest(const struct supernet *supernet, struct network *out);

// Written atomically, read back with space, options and values. ERR_INPUT for a file that is none.
enum status supernet_save(const struct supernet *supernet, const char *path);
enum status supernet_load(const char *path, struct supernet *out);
// The same without values: space and layout.
enum status supernet_load_layout(const char *path, struct supernet *out);
// Gives a layout values that somebody else keeps for as long. They are not written.
void supernet_lend(struct supernet *supernet, const float *params);
