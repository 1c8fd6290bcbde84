// Opening: what stays on the device, and memory for as many candidates and images at once as fit.
#include "compute/cuda/candidate_run.h"
#include "compute/cuda/candidate_state.h"

#include <stdlib.h>
#include <string.h>

#define REFIT_BYTES ((size_t)256 << 20) // at least, and 1 / REFIT_SHARE of all
enum {
    REFIT_SHARE = 4,
    MOST_IMAGES = 1024,
    EASY_CANDIDATES = 16,
    MOST_PIECES = 32
}; // besides tables of steps

// Pieces of the device's memory. First none are taken, to learn how much they are.
struct pieces {
    struct candidates *candidates; // NULL: only counts
    size_t bytes;
    enum status code; // of the first piece that there was no memory for
};

// Each is an allocation of its own, so that what writes past its end is found where that can be
// found.
static void *take(struct pieces *pieces, size_t count, size_t size)
{
    struct candidates *c = pieces->candidates;
    const size_t bytes = count * size;
    void *address = NULL;
    pieces->bytes += bytes;
    if (c != NULL && bytes > 0 && pieces->code == OK) {
        pieces->code = c->backend->ops->alloc(c->backend, bytes, &address);
        c->memory[c->n_memory] = address;
        c->n_memory += pieces->code == OK;
    }
    return address;
}

// Tables of a step that kernels read.
static void take_tables(struct candidates *c, struct pieces *pieces)
{
    const struct candidate_network *network = c->layout.network;
    for (int s = 0; s < network->n_steps; s++) {
        const struct candidate_step *step = &network->steps[s];
        if (step->source_input != NULL) {
            const size_t channels = (size_t)step->op.out_c;
            c->source_input[s] = take(pieces, channels, sizeof(int));
            c->source_channel[s] = take(pieces, channels, sizeof(int));
            c->input_lists[s] = take(pieces, (size_t)step->n_inputs, sizeof(struct candidate_list));
        }
    }
}

static void take_lasting(struct candidates *c, struct pieces *pieces)
{
    const size_t calibration = (size_t)c->batch * (size_t)c->batches;
    c->params = take(pieces, c->layout.network->n_floats, sizeof(float));
    c->input_scale = take(pieces, (size_t)c->c, sizeof(float));
    c->input_shift = take(pieces, (size_t)c->c, sizeof(float));
    c->calibration = take(pieces, calibration, c->raw_bytes);
    c->scoring = take(pieces, (size_t)c->n_scoring, c->raw_bytes);
    c->labels = take(pieces, (size_t)c->n_scoring, sizeof(int));
    c->reference = take(pieces, (size_t)c->n_reference * (size_t)c->classes, sizeof(float));
    c->grams = take(pieces, c->layout.network->n_grams, sizeof(double));
    take_tables(c, pieces);
    for (int i = 0; i < c->n_fused; i++) {
        c->fused_steps[i] =
            take(pieces, (size_t)c->fused[i].n, sizeof(struct candidate_fused_step));
    }
}

// Systems are large: a part of the memory is theirs.
static void take_refit(struct candidates *c, struct pieces *pieces, size_t bytes)
{
    const size_t share = bytes / REFIT_SHARE;
    candidate_refit_part(c, share > REFIT_BYTES ? share : REFIT_BYTES);
    const size_t at_once = (size_t)c->most_refits;
    c->matrices = take(pieces, at_once * c->refit_stride.matrices, sizeof(double));
    c->targets = take(pieces, at_once * c->refit_stride.targets, sizeof(double));
    c->refitted = take(pieces, (size_t)c->most * c->refit_stride.refitted, sizeof(float));
    c->refit_layers =
        take(pieces, (size_t)c->layout.n_refits, sizeof(struct candidate_refit_layer));
}

// What belongs to candidates, for c->most of them and c->images images.
static void take_passing(struct candidates *c, struct pieces *pieces, size_t bytes)
{
    const struct candidate_layout *layout = &c->layout;
    const size_t most = (size_t)c->most, images = (size_t)c->images;
    const size_t segments = (size_t)(c->images / c->batch);
    const size_t widest = (size_t)layout->widest_statistics;
    c->widths = take(pieces, most * (size_t)layout->network->n_axes, sizeof(int));
    c->channels = take(pieces, most * (size_t)layout->network->n_channels, sizeof(int));
    c->weights = take(pieces, most, layout->weights_bytes);
    c->scale = take(pieces, most * layout->affine, sizeof(float));
    c->shift = take(pieces, most * layout->affine, sizeof(float));
    c->totals = take(pieces, most * layout->totals * (size_t)c->batches, sizeof(double));
    c->routes = take(pieces, most * layout->routes, sizeof(int));
    take_refit(c, pieces, bytes);
    c->image = take(pieces, images, layout->input_bytes);
    c->values = take(pieces, most * images, layout->image_bytes);
    c->sums = take(pieces, most * segments * layout->most_sums, sizeof(double));
    c->segment_scale = take(pieces, most * segments * widest, sizeof(float));
    c->segment_shift = take(pieces, most * segments * widest, sizeof(float));
    c->image_loss = take(pieces, most * (size_t)c->n_scoring, sizeof(double));
    c->image_distance = take(pieces, most * (size_t)c->n_scoring, sizeof(double));
    c->image_right = take(pieces, most * (size_t)c->n_scoring, sizeof(int));
    c->device.loss = take(pieces, most, sizeof(double));
    c->device.distance = take(pieces, most, sizeof(double));
    c->device.right = take(pieces, most, sizeof(int));
    c->device.diverged = take(pieces, most, sizeof(int));
}

static bool fits(struct candidates *c, int most, int images, size_t bytes)
{
    struct pieces pieces = {.code = OK};
    c->most = most;
    c->images = images;
    take_passing(c, &pieces, bytes);
    // Kernels number places with 31 bits.
    return pieces.bytes <= bytes && images * c->layout.most_places <= INT32_MAX;
}

// Many images of a few candidates before few images of many: launches are long enough then. No
// result depends on it.
static enum status choose_extent(struct candidates *c, int most, size_t bytes)
{
    const int calibration = c->batch * c->batches;
    const int wanted = calibration > c->n_scoring ? calibration : c->n_scoring;
    int images = wanted < MOST_IMAGES ? wanted : MOST_IMAGES;
    images = images < c->batch ? c->batch : images;
    const int easy = most < EASY_CANDIDATES ? most : EASY_CANDIDATES;
    while (images > c->batch && !fits(c, easy, images, bytes)) {
        images = images / 2 < c->batch ? c->batch : images / 2;
    }
    while (most > 1 && !fits(c, most, images, bytes)) {
        most = most > easy ? easy + (most - easy) / 2 : most - 1;
    }
    if (!fits(c, most, images, bytes)) {
        FAIL(ERR_MEMORY,
             "scoring candidates of this network on %d images at once takes more than the %zu MiB "
             "of "
             "device memory set apart for it; give it more, or score them one by one",
             images, bytes >> 20);
    }
    return OK;
}

static void upload(struct candidates *c, void *to, const void *from, size_t count, size_t size)
{
    if (count > 0) {
        c->backend->ops->upload(c->backend, to, from, count * size);
    }
}

static enum status upload_input(struct candidates *c, const struct candidate_data *data)
{
    float *scale, *shift;
    const size_t n = (size_t)c->c;
    ARENA_NEW(&c->arena, scale, n);
    ARENA_NEW(&c->arena, shift, n);
    for (size_t i = 0; i < n && !c->plain; i++) {
        const double range = c->floats ? 1.0 : 255.0;
        scale[i] = (float)(1.0 / (range * (double)data->std[i]));
        shift[i] = (float)(-(double)data->mean[i] / (double)data->std[i]);
    }
    upload(c, c->input_scale, scale, n, sizeof *scale);
    upload(c, c->input_shift, shift, n, sizeof *shift);
    return OK;
}

static enum status upload_tables(struct candidates *c)
{
    const struct candidate_network *network = c->layout.network;
    for (int s = 0; s < network->n_steps; s++) {
        const struct candidate_step *step = &network->steps[s];
        if (step->source_input == NULL) {
            continue;
        }
        const size_t channels = (size_t)step->op.out_c, inputs = (size_t)step->n_inputs;
        struct candidate_list *lists;
        ARENA_NEW(&c->arena, lists, inputs);
        for (size_t i = 0; i < inputs; i++) {
            const int value = step->inputs[i];
            lists[i] = candidate_list_of(c, value == 0 ? network->steps[0].in_axis
                                                       : network->steps[value - 1].out_axis);
        }
        upload(c, c->source_input[s], step->source_input, channels, sizeof(int));
        upload(c, c->source_channel[s], step->source_channel, channels, sizeof(int));
        upload(c, c->input_lists[s], lists, inputs, sizeof *lists);
    }
    return OK;
}

static enum status upload_lasting(struct candidates *c, const struct candidate_data *data)
{
    const struct candidate_network *network = c->layout.network;
    upload(c, c->params, network->params, network->n_floats, sizeof(float));
    upload(c, c->calibration, data->calibration, (size_t)c->batch * (size_t)c->batches,
           c->raw_bytes);
    upload(c, c->scoring, data->scoring, (size_t)c->n_scoring, c->raw_bytes);
    upload(c, c->labels, data->labels, (size_t)c->n_scoring, sizeof(int));
    upload(c, c->reference, data->reference, (size_t)c->n_reference * (size_t)c->classes,
           sizeof(float));
    for (int i = 0; i < c->n_fused; i++) {
        struct candidate_fused_step *steps;
        TRY(candidate_fused_steps(c, &c->fused[i], &steps));
        upload(c, c->fused_steps[i], steps, (size_t)c->fused[i].n, sizeof *steps);
    }
    struct candidate_refit_layer *refits;
    TRY(candidate_refit_layers(c, &refits));
    upload(c, c->refit_layers, refits, (size_t)c->layout.n_refits, sizeof *refits);
    upload(c, c->grams, network->grams, network->n_grams, sizeof(double));
    TRY(upload_input(c, data));
    return upload_tables(c);
}

static enum status open_host(struct candidates *c)
{
    const size_t most = (size_t)c->most;
    const size_t lists = (size_t)c->layout.network->n_axes + (size_t)c->layout.network->n_channels;
    ARENA_NEW(&c->arena, c->host.loss, most);
    ARENA_NEW(&c->arena, c->host.distance, most);
    ARENA_NEW(&c->arena, c->host.right, most);
    ARENA_NEW(&c->arena, c->host.diverged, most);
    ARENA_NEW(&c->arena, c->host_lists, most * lists);
    return OK;
}

static void set_data(struct candidates *c, const struct candidate_data *data)
{
    const struct op *first = &c->layout.network->steps[0].op;
    c->batch = data->batch;
    c->batches = data->batches;
    c->n_scoring = data->n_scoring;
    c->n_reference = data->n_reference;
    c->classes = c->layout.network->steps[c->layout.network->n_steps - 1].op.out_c;
    c->c = first->in_c;
    c->floats = data->floats;
    c->plain = data->mean == NULL;
    c->raw_bytes = (size_t)first->in_h * (size_t)first->in_w * (size_t)first->in_c *
                   (data->floats ? sizeof(float) : 1);
}

static enum status open_parts(struct candidates *c, const struct candidate_network *network,
                              const struct candidate_data *data,
                              const struct candidate_options *options)
{
    const size_t steps = (size_t)network->n_steps;
    const struct cuda_backend *cuda = (const struct cuda_backend *)c->backend;
    const struct candidate_layout_options how = {
        .precision = cuda->precision, .batch = data->batch, .shared_bytes = cuda->shared_bytes};
    const size_t wanted = options->shared_bytes, most = cuda->shared_bytes;
    c->precision = cuda->precision;
    TRY(candidate_layout_make(network, &how, &c->arena, &c->layout));
    ARENA_NEW(&c->arena, c->source_input, steps);
    ARENA_NEW(&c->arena, c->source_channel, steps);
    ARENA_NEW(&c->arena, c->input_lists, steps);
    set_data(c, data);
    TRY(candidate_fuse(&c->layout, wanted > 0 && wanted < most ? wanted : most, &c->arena,
                       &c->fused, &c->n_fused));
    ARENA_NEW(&c->arena, c->fused_steps, (size_t)c->n_fused);
    TRY(candidate_refit_find(c));
    TRY(choose_extent(c, options->most, options->memory_bytes));
    ARENA_NEW(&c->arena, c->memory, MOST_PIECES + 4 * steps);
    struct pieces pieces = {.candidates = c, .code = OK};
    take_lasting(c, &pieces);
    take_passing(c, &pieces, options->memory_bytes);
    TRY(pieces.code);
    TRY(open_host(c));
    return upload_lasting(c, data);
}

static void close_candidates(struct candidates *c)
{
    if (c == NULL) {
        return;
    }
    candidate_forget_recording(c);
    for (int i = 0; i < c->n_memory; i++) {
        c->backend->ops->release(c->backend, c->memory[i]);
    }
    arena_close(&c->arena);
    free(c);
}

static enum status open_candidates(struct backend *backend, const struct candidate_network *network,
                                   const struct candidate_data *data,
                                   const struct candidate_options *options, struct candidates **out)
{
    CHECK(data->batch * data->batches >= 2 && data->n_scoring >= 1 && options->most >= 1);
    struct candidates *c = calloc(1, sizeof *c);
    if (c == NULL) {
        FAIL(ERR_MEMORY, "no memory for scoring candidates");
    }
    c->backend = backend;
    const enum status code = open_parts(c, network, data, options);
    if (code != OK) {
        close_candidates(c);
        return code;
    }
    *out = c;
    return OK;
}

const struct candidate_ops candidate_device_ops = {
    .open = open_candidates,
    .run = candidate_device_run,
    .close = close_candidates,
};
