// Many pruned candidates of one network at once, for a backend that does better with them together
// than one by one: weights, images and Gram matrices lie there for good, what goes in per candidate
// is which channels it keeps, what comes back is a count and a loss. docs/candidates.md.
#pragma once
#include "compute/backend.h"

// A channel axis: tensors of one axis keep the same channels. Axis 0 is the image's.
struct candidate_axis {
    int channels; // uncut
    int first;    // where its list begins in candidate_choice.channels
};

// One node of the folded graph. Values are numbered: 0 is the image, i + 1 what step i puts out.
struct candidate_step {
    const char *name; // the node's
    // Of one image and uncut. CONV (act, sum; LINEAR is one whose kernel is the map), SCALE_SHIFT
    // (a BatchNorm that nothing took over), ADD (of any number of inputs, also one), MULTIPLY,
    // POOL_MAX, POOL_AVG; PAD, COPY_CHANNELS, SHUFFLE: `source` says which channels.
    struct op op;
    int n_inputs;
    const int *inputs;     // values
    int sum;               // CONV: the value added before act; -1 none
    int in_axis, out_axis; // in_axis: of the first input
    size_t weights;        // CONV: of OIHW in params, in floats
    bool batchnorm;     // CONV: of its output; SCALE_SHIFT: of its input. A bias before it is gone
    size_t bias;        // CONV with op.bias and without batchnorm: in params
    size_t gamma, beta; // batchnorm: in params; op.epsilon
    // PAD, COPY_CHANNELS, SHUFFLE: [out_c] the input and the channel of it, both uncut, that each
    // channel is; input -1: zeros.
    const int *source_input, *source_channel;
    // CONV that is refitted: where the Gram matrix of its first group lies in grams, in numbers;
    // the other groups' follow.
    bool refit;
    size_t gram;
};

struct candidate_network {
    const struct candidate_step *steps; // the last one puts out the logits, one place per image
    int n_steps;
    const struct candidate_axis *axes;
    int n_axes, n_channels; // n_channels: of all axes together
    const float *params;    // [n_floats] uncut
    size_t n_floats;
    const double *grams; // [n_grams] lower triangles, row by row; NULL: nothing is refitted
    size_t n_grams;
    double lambda; // of the refit
};

// Images as plan_input reads them: u8, or f32 with mean and std, or f32 as they are (mean NULL).
struct candidate_data {
    bool floats;
    const float *mean, *std; // [c]
    const void *calibration; // [batches * batch][h][w][c]
    int batch, batches;      // each normalised by its own statistics; at least 2 images in all
    const void *scoring;     // [n_scoring][h][w][c]
    const int32_t *labels;   // [n_scoring]
    int n_scoring;
    const float *reference; // [n_reference][classes] logits of the uncut network for the first ones
    int n_reference;        // of these images; 0: none
};

// Computed in the backend's precision: FLOAT32, each product to 2^-21; BF16, activations are stored
// so, too. Sums are float32 in any case, statistics float64.
struct candidate_options {
    int most; // candidates in one run
    // Of a block of the device: runs of steps that fit are one launch. 0, or more than it has: all.
    size_t shared_bytes;
    // Of the device for what belongs to candidates; fewer are then done at once.
    size_t memory_bytes;
};

struct candidate_choice {
    int *widths;   // [n_axes] channels kept of each axis, at least 1
    int *channels; // [n_channels] at each axis' first: which, then which not; both ascending
};
struct candidate_score {
    int64_t right;
    double loss;     // sum over the images, nats
    double distance; // to the reference, sum over its images: the logits' differences' variance
    bool diverged;   // something was not finite; the rest then says nothing
};

struct candidates;
struct candidate_ops {
    // The network is borrowed until close, the data is copied. ERR_UNSUPPORTED names the step that
    // it cannot do; ERR_MEMORY: not one candidate fits.
    enum status (*open)(struct backend *backend, const struct candidate_network *network,
                        const struct candidate_data *data, const struct candidate_options *options,
                        struct candidates **out);
    // scores [n], n at most options.most. A candidate's is the same bytes whichever others come
    // with it.
    enum status (*run)(struct candidates *candidates, const struct candidate_choice *choices, int n,
                       struct candidate_score *scores);
    void (*close)(struct candidates *candidates); // NULL is fine
};
