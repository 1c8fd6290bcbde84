// What the kernels of candidates are given. Everything of a candidate is found by its number in the
// launch, so that one launch serves candidates of different widths.
#pragma once
#include "compute/backend.h"

#include <stddef.h>
#include <stdint.h>

enum {
    CANDIDATE_PAD = 8, // channels of a pixel are a multiple of this; those behind the width are 0
    CANDIDATE_CHUNK = 16,  // bytes of a pixel that matrix instructions take at once
    CANDIDATE_SOURCES = 6, // inputs of one gather
    CANDIDATE_KERNEL = 32, // most rows or columns of a convolution's kernel
    CANDIDATE_TILE = 64,   // most output channels of a block
    CANDIDATE_THREADS = 256,
    CANDIDATE_FUSED_THREADS = 512
};

// Which channels every candidate keeps; candidates first.
struct candidate_lists {
    const int *widths;   // [candidates][n_axes]
    const int *channels; // [candidates][n_channels] on every axis the kept ones, then the cut ones
    int n_axes, n_channels;
};

struct candidate_list { // one axis: its number and where its channels begin
    int axis, first, channels;
};

// Values [candidates][images][h][w][width padded], f32 or bf16. A candidate's lie close together
// whatever room it has.
struct candidate_tensor {
    unsigned char *data; // NULL: there is none, or it is shared
    size_t stride;       // bytes from one candidate to the next; 0: all have the same
    int axis, h, w;
    bool shared; // in a block's shared memory, from byte `stride` on: its own candidate's
};

// Per channel y = scale x + shift, [candidates][segments][channels uncut].
struct candidate_affine {
    const float *scale, *shift; // NULL: y = x
    size_t stride;              // floats from one candidate to the next
    int segment_stride;         // floats from one segment to the next
};

// Images that are normalised by statistics of their own.
struct candidate_segments {
    int images, each; // in all, and of a segment; the last one may have fewer
};

struct candidate_window {
    int kernel[2], stride[2], dilation[2], pad[2]; // pad: above, left
};

struct candidate_input_args {
    const unsigned char *images; // u8 or f32 [count][c]
    unsigned char *out;          // [count][c padded]
    int64_t count;               // pixels
    int c;
    bool floats, plain, bf16;   // plain: neither scaled nor shifted
    const float *scale, *shift; // [c]
};

// What a convolution does besides its input and output.
struct candidate_filter {
    const unsigned char *weights; // of candidate_pack, or candidate_pack_depthwise
    size_t weights_stride;        // bytes from one candidate to the next
    struct candidate_affine affine;
    struct activation act;
    struct candidate_window window;
    int slab; // dense: chunks of a pixel that lie together in the inner dimension
};

struct candidate_conv_args {
    struct candidate_lists lists;
    struct candidate_tensor in, out, sum; // sum: added before act
    struct candidate_filter filter;
    struct candidate_segments segments;
    int blocks;   // of a segment, along x
    int pixels;   // of the output by a block: a multiple of 32, at most its threads
    int tile;     // output channels of a block
    double *sums; // as candidate_sums writes them, a part for each block; NULL: none
    int channels; // of the output, uncut
};

// Everything else makes each place of its output by itself.
enum candidate_element_kind {
    ELEMENT_ONE,      // act(affine(a))
    ELEMENT_ADD,      // act(affine(a) + b)
    ELEMENT_MULTIPLY, // act(affine(a) * b)
    ELEMENT_DEPTHWISE,
    ELEMENT_POOL_MAX,
    ELEMENT_POOL_AVG,
    ELEMENT_GATHER
};
struct candidate_element {
    enum candidate_element_kind kind;
    bool vector;                    // MULTIPLY: b has one place per image
    bool exclude_pad;               // POOL_AVG
    struct candidate_filter filter; // affine, act; DEPTHWISE: all; pools, GATHER: window
    int end[2]; // pools: rows and columns of the input and of the padding behind it
    // GATHER: where channels come from, of candidate_route.
    const int *routes;
    size_t routes_stride; // ints from one candidate to the next
    int channels;         // of the output, uncut
    int first, n;         // inputs of the step that in[] has
    bool zeros;           // writes zeros and padding, too
};
// out may be in[0], sum, or the b of ADD.
struct candidate_map_args {
    struct candidate_lists lists;
    struct candidate_tensor in[CANDIDATE_SOURCES], sum, out; // sum: DEPTHWISE
    struct candidate_element element;
    struct candidate_segments segments;
    bool bf16;
};

// A step of a run of steps that a block does for a few images without leaving its shared memory.
struct candidate_fused_step {
    bool dense; // a convolution by matrix instructions: in[0], sum, out, element.filter
    struct candidate_tensor in[CANDIDATE_SOURCES], sum, out;
    struct candidate_element element;
    int weights_at; // of the taps and weights in shared memory; -1: needs none
    int ahead;      // step of which weights are fetched meanwhile; -1: none
};
struct candidate_fused_args {
    struct candidate_lists lists;
    const struct candidate_fused_step *steps; // [n]
    int n;
    struct candidate_tensor in;        // in shared memory, where the first step reads it
    struct candidate_tensor out;       // in memory, of the last step's values
    struct candidate_tensor from;      // in memory, what is loaded into `in`; data NULL: images are
    struct candidate_input_args image; // out, count: unused
    int images, each;                  // in all, and of a block
};

struct candidate_pack_args {
    struct candidate_lists lists;
    struct candidate_list in, out;
    const float *params;    // OIHW of the uncut convolution
    const float *refitted;  // [candidates][kept out][kept in of a group * taps], of those that lost
                            // an input channel; NULL: none
    size_t refitted_stride; // floats from one candidate to the next
    unsigned char *weights;
    size_t weights_stride;
    int taps, groups, slab, precision;
};

// The systems of one layer: one for each of its groups and each candidate.
struct candidate_refit_layer {
    struct candidate_list in, out;
    int taps, groups;
    int target_tiles, output_tiles;  // of unknowns and of right-hand sides, uncut
    const float *params;             // OIHW of the uncut convolution
    const double *grams;             // of the layer's groups
    double *matrices, *targets;      // of the first candidate
    size_t matrix_size, target_size; // doubles from one group's system to the next
    float *refitted;                 // of the first candidate, as candidate_pack takes them
};

// Candidates [first, ...) of some layers; x: the layers, and of each as many groups as any has.
struct candidate_refit_args {
    struct candidate_lists lists;
    const struct candidate_refit_layer *layers;
    int groups;
    int first;
    double lambda;
    // From one candidate to the next: doubles of systems, floats of weights.
    size_t matrix_stride, target_stride, refitted_stride;
    int *diverged; // [candidates] becomes 1 where there is no solution
};

// Scale and shift of a convolution without BatchNorm.
struct candidate_bias_args {
    struct candidate_lists lists;
    struct candidate_list out;
    const float *bias; // [out uncut]; NULL: 0
    float *scale, *shift;
    size_t stride; // floats from one candidate to the next
};

struct candidate_sums_args {
    struct candidate_lists lists;
    struct candidate_tensor in;
    struct candidate_segments segments;
    int parts;    // of a segment's pixels, along x
    int channels; // uncut
    bool bf16;
    double *sums; // [candidates][segments][parts][2][channels uncut]
};

// Along y: segments.
struct candidate_finish_args {
    struct candidate_lists lists;
    struct candidate_list list;
    struct candidate_segments segments;
    int parts;
    int pixels; // of an image
    const double *sums;
    const float *gamma, *beta; // [channels uncut]
    float epsilon;
    float *scale, *shift; // [candidates][segments][channels uncut]
    // [candidates][segments of all passes][2][channels uncut], from this pass' first segment on.
    double *totals;
    size_t totals_stride, totals_segment; // doubles from one candidate, one segment to the next
};

// After the last pass: scale and shift for scoring.
struct candidate_fold_args {
    struct candidate_lists lists;
    struct candidate_list list;
    const double *totals; // as above, of all segments
    size_t totals_stride, totals_segment;
    int segments;
    double count; // values behind all of them
    const float *gamma, *beta;
    float epsilon;
    float *scale, *shift;
    size_t stride;
    int *diverged; // [candidates] becomes 1
};

// Where each output channel of a gather comes from.
struct candidate_route_args {
    struct candidate_lists lists;
    struct candidate_list out;
    const struct candidate_list *inputs;      // [n]
    const int *source_input, *source_channel; // [out uncut]
    int *routes;   // [candidates][2][out uncut]: input (-1: zeros) and place among its kept
    size_t stride; // ints from one candidate to the next
};

struct candidate_rank_args {
    struct candidate_lists lists;
    struct candidate_tensor logits;
    const int *labels; // [images]
    int images, all;   // of this pass, of all
    int first;         // number of this pass' first image
    bool bf16;
    const float *reference; // [n_reference][classes]
    int n_reference;
    double *loss, *distance; // [candidates][all]
    int *right;              // [candidates][all]
};

struct candidate_total_args {
    const double *loss, *distance;
    const int *right;
    int all;
    double *loss_sum, *distance_sum; // [candidates]
    int *right_sum;
};
