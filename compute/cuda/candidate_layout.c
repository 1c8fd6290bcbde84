#include "compute/cuda/candidate_layout.h"

#include "compute/cuda/candidate_value.h"
#include "core/status.h"

#include <string.h>

enum {
    TAP_BYTES = 16,        // of an entry of the table of taps
    RESERVED_BYTES = 1024, // of a block, by the device itself
    // Sums and squares of a tile's channels by every warp.
    SUM_BYTES = CANDIDATE_CHUNK + CANDIDATE_THREADS / 32 * 2 * CANDIDATE_TILE * 8,
    PART_VALUES = 4096 // pixels of a segment that one block sums up
};

bool candidate_is_depthwise(const struct op *op)
{
    return op->kind == OP_CONV && op->groups > 1 && op->groups == op->in_c &&
           op->groups == op->out_c;
}

int candidate_value_bytes(enum backend_precision precision)
{
    return precision == PRECISION_BF16 ? 2 : 4;
}

// ---- values

static bool reads(const struct candidate_step *step, int value)
{
    for (int i = 0; i < step->n_inputs; i++) {
        if (step->inputs[i] == value) {
            return true;
        }
    }
    return step->sum == value;
}

static int last_reader(const struct candidate_network *network, int value)
{
    if (value == network->n_steps) {
        return network->n_steps; // the logits live to the end
    }
    for (int s = network->n_steps - 1; s >= value; s--) {
        if (reads(&network->steps[s], value)) {
            return s;
        }
    }
    return value - 1; // nobody: it dies where it is made
}

// The lowest place that no value has which lives together with that of layer `l`.
static void place_value(struct candidate_layout *layout, const int *last, int l)
{
    struct candidate_layer *layer = &layout->layers[l];
    size_t at = 0;
    bool moved = true;
    while (moved) {
        moved = false;
        for (int k = 0; k < l; k++) {
            const struct candidate_layer *other = &layout->layers[k];
            const bool alive = last[k] >= l;
            const bool meets = at < other->value_at + other->value_bytes &&
                               other->value_at < at + layer->value_bytes;
            if (alive && meets) {
                at = other->value_at + other->value_bytes;
                moved = true;
            }
        }
    }
    layer->value_at = at;
    if (at + layer->value_bytes > layout->image_bytes) {
        layout->image_bytes = at + layer->value_bytes;
    }
}

enum status candidate_layout_place(struct candidate_layout *layout,
                                   const struct candidate_span *spans, int n, struct arena *arena)
{
    const struct candidate_network *network = layout->network;
    int *last;
    ARENA_NEW(arena, last, (size_t)network->n_steps);
    for (int l = 0; l < network->n_steps; l++) {
        last[l] = last_reader(network, l + 1);
        for (int i = 0; i < n; i++) {
            const int end = spans[i].first + spans[i].n - 1;
            const bool read = last[l] >= spans[i].first && last[l] < end && l < spans[i].first;
            last[l] = read ? end : last[l];
        }
        place_value(layout, last, l);
    }
    return OK;
}

// ---- convolutions

static int largest_divisor(int a, int b)
{
    while (b != 0) {
        const int rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static int clamp(int x, int low, int high)
{
    return x < low ? low : x > high ? high : x;
}

// Most rows of the input, images below one another, that a run of so many output pixels sees.
static int most_rows(const struct op *op, int pixels)
{
    const int all = op->out_h * op->out_w;
    const int starts = all / largest_divisor(all, pixels);
    int most = 1;
    for (int s = 0; s < starts; s++) {
        const int64_t first = (int64_t)s * pixels % all, last = first + pixels - 1;
        const int top = (int)(first / op->out_w) * op->stride[0] - op->pad[0];
        const int bottom = (int)(last % all / op->out_w) * op->stride[0] - op->pad[0] +
                           (op->kernel[0] - 1) * op->dilation[0];
        const int from = clamp(top, 0, op->in_h - 1);
        const int to = (int)(last / all) * op->in_h + clamp(bottom, 0, op->in_h - 1);
        most = to - from + 1 > most ? to - from + 1 : most;
    }
    return most;
}

static size_t shared_bytes(const struct op *op, int pixels, int slab, int tile)
{
    const int inner = candidate_inner(op->kernel[0] * op->kernel[1], slab);
    const size_t held = (size_t)most_rows(op, pixels) * (size_t)op->in_w * (size_t)slab;
    const size_t bytes = CANDIDATE_CHUNK + (size_t)inner * TAP_BYTES +
                         (held + (size_t)inner * (size_t)tile) * CANDIDATE_CHUNK;
    return bytes > SUM_BYTES ? bytes : SUM_BYTES;
}

// Takes the most pixels, and of these the most chunks, that fit.
static bool fit_block(struct candidate_layer *layer, int chunks, size_t most)
{
    for (int pixels = CANDIDATE_THREADS; pixels >= 32; pixels /= 2) {
        for (int slab = chunks; slab >= (chunks > 2 ? 2 : 1); slab--) {
            const size_t bytes = shared_bytes(&layer->step->op, pixels, slab, layer->tile);
            if (bytes <= most) {
                layer->pixels = pixels;
                layer->slab = slab;
                layer->shared_bytes = bytes;
                return true;
            }
        }
    }
    return false;
}

static enum status cut_conv(struct candidate_layer *layer, enum backend_precision precision,
                            size_t most)
{
    const struct op *op = &layer->step->op;
    const int padded_in = candidate_padded(op->in_c), padded_out = candidate_padded(op->out_c);
    const int chunks = padded_in * candidate_value_bytes(precision) / CANDIDATE_CHUNK;
    const bool small = op->kernel[0] < CANDIDATE_KERNEL && op->kernel[1] < CANDIDATE_KERNEL;
    layer->tile = padded_out < CANDIDATE_TILE ? padded_out : CANDIDATE_TILE;
    const size_t easy = most / 2 - RESERVED_BYTES; // two blocks then run on one multiprocessor
    bool fits = small && (fit_block(layer, chunks, easy) || fit_block(layer, chunks, most));
    if (small && !fits) {
        layer->tile = CANDIDATE_PAD;
        fits = fit_block(layer, 1, most);
    }
    if (!fits) {
        FAIL(ERR_UNSUPPORTED,
             "%s: a kernel of %d x %d on a map of %d x %d is too large to score many candidates at "
             "once; they are scored one by one",
             layer->step->name, op->kernel[0], op->kernel[1], op->in_h, op->in_w);
    }
    layer->columns = (padded_out + layer->tile - 1) / layer->tile;
    const int taps = op->kernel[0] * op->kernel[1];
    const int inner = chunks / layer->slab * candidate_inner(taps, layer->slab) +
                      candidate_inner(taps, chunks % layer->slab);
    layer->weights_bytes = (size_t)inner * (size_t)padded_out * CANDIDATE_CHUNK;
    return OK;
}

// ---- all of it

static enum status set_layer(struct candidate_layout *layout, int s,
                             const struct candidate_layout_options *options)
{
    struct candidate_layer *layer = &layout->layers[s];
    const struct candidate_step *step = &layout->network->steps[s];
    const struct op *op = &step->op;
    layer->step = step;
    layer->depthwise = candidate_is_depthwise(op);
    layer->value_bytes = (size_t)op->out_h * (size_t)op->out_w *
                         (size_t)candidate_padded(op->out_c) *
                         (size_t)candidate_value_bytes(layout->precision);
    if (layer->depthwise) {
        layer->weights_bytes = (size_t)op->kernel[0] * (size_t)op->kernel[1] *
                               (size_t)candidate_padded(op->out_c) * sizeof(float);
    } else if (op->kind == OP_CONV) {
        TRY(cut_conv(layer, layout->precision, options->shared_bytes));
    }
    layout->n_refits += step->refit;
    const int64_t places = (int64_t)op->out_h * op->out_w * (candidate_padded(op->out_c) / 2);
    layout->most_places = places > layout->most_places ? places : layout->most_places;
    layer->weights_at = layout->weights_bytes;
    layout->weights_bytes += layer->weights_bytes;
    if (op->kind == OP_CONV || op->kind == OP_SCALE_SHIFT) {
        layer->affine_at = layout->affine;
        layout->affine += (size_t)op->out_c;
    }
    if (step->source_input != NULL) {
        layer->routes_at = layout->routes;
        layout->routes += 2 * (size_t)op->out_c;
    }
    if (step->batchnorm) {
        const int64_t values = (int64_t)options->batch * op->out_h * op->out_w;
        const bool dense = op->kind == OP_CONV && !layer->depthwise; // a part for each block
        const int64_t each = dense ? layer->pixels : PART_VALUES;
        layer->parts = (int)((values + each - 1) / each);
        layer->totals_at = layout->totals;
        layout->totals += 2 * (size_t)op->out_c;
        layout->last_statistics = s;
        const size_t sums = 2 * (size_t)layer->parts * (size_t)op->out_c;
        layout->most_sums = sums > layout->most_sums ? sums : layout->most_sums;
        layout->widest_statistics =
            op->out_c > layout->widest_statistics ? op->out_c : layout->widest_statistics;
    }
    return OK;
}

enum status candidate_layout_make(const struct candidate_network *network,
                                  const struct candidate_layout_options *options,
                                  struct arena *arena, struct candidate_layout *out)
{
    struct candidate_layout layout = {
        .network = network, .precision = options->precision, .last_statistics = -1};
    const struct op *first = &network->steps[0].op; // reads the image
    layout.input_bytes = (size_t)first->in_h * (size_t)first->in_w *
                         (size_t)candidate_padded(first->in_c) *
                         (size_t)candidate_value_bytes(options->precision);
    ARENA_NEW(arena, layout.layers, (size_t)network->n_steps);
    for (int s = 0; s < network->n_steps; s++) {
        TRY(set_layer(&layout, s, options));
    }

    *out = layout;
    return OK;
}
