// How a network's candidates lie in a device's memory and how its steps are cut into blocks: a
// function of the network and the precision alone, so that a candidate's result is one of its
// widths alone.
#pragma once
#include "compute/candidate_batch.h"
#include "core/arena.h"

// Within an image's bytes, and within a candidate's.
struct candidate_layer {
    const struct candidate_step *step;
    size_t value_bytes, value_at; // of what it puts out, per image, uncut
    size_t weights_bytes, weights_at;
    size_t affine_at; // CONV, SCALE_SHIFT: of its scale and shift, in floats
    size_t totals_at; // of its statistics, in doubles
    size_t routes_at; // of its routes, in ints
    // Refitted: of its systems and weights within those of its wave.
    size_t matrix_at, target_at, refitted_at;
    int parts;                       // of a segment's pixels when they are summed
    int slab, pixels, tile, columns; // CONV, dense: see candidate_conv_args; columns: tiles in all
    size_t shared_bytes;             // of its blocks
    bool depthwise;
};

struct candidate_layout {
    const struct candidate_network *network; // borrowed
    enum backend_precision precision;
    struct candidate_layer *layers;               // [n_steps]; arena
    int last_statistics;                          // the last step with a BatchNorm; -1: none
    size_t input_bytes;                           // of a normalised image
    size_t image_bytes;                           // of all values of one image that live at once
    size_t weights_bytes, affine, totals, routes; // per candidate
    int64_t most_places;                          // pairs of channels of one image's largest value
    int widest_statistics;                        // channels
    int n_refits;                                 // steps that are refitted
    size_t most_sums; // doubles per segment that the sums of a step take
};

struct candidate_layout_options {
    enum backend_precision precision;
    int batch;           // images of one segment of statistics
    size_t shared_bytes; // that a block of the device may have
};
// ERR_UNSUPPORTED names a step that no block can hold.
enum status candidate_layout_make(const struct candidate_network *network,
                                  const struct candidate_layout_options *options,
                                  struct arena *arena, struct candidate_layout *out);
// Steps that run as one: some blocks have finished the last while others have yet to read what the
// first reads.
struct candidate_span {
    int first, n;
};
// Finds places for all values, given the spans [n].
enum status candidate_layout_place(struct candidate_layout *layout,
                                   const struct candidate_span *spans, int n, struct arena *arena);
bool candidate_is_depthwise(const struct op *op);
int candidate_value_bytes(enum backend_precision precision); // of one number
