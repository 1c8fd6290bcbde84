// Gathering: runs training images through the uncut network and adds up the Gram matrix of each
// convolution's input patches at sampled output positions.
#include "compute/blas.h"
#include "core/rng.h"
#include "nn/probe.h"
#include "search_space/channel_union.h"
#include "search_space/refit_state.h"

#include <stdlib.h>
#include <string.h>

#define MOST_COLUMNS 4608 // 512 channels, 3x3
#define MOST_BYTES ((size_t)2 << 30)
enum { PROBE_BATCH = 16 };

static size_t gram_count(int columns)
{
    return (size_t)columns * ((size_t)columns + 1) / 2;
}

static bool can_be_cut(const struct groups *groups, int node)
{
    for (int i = 0; i < groups->outputs[node].n; i++) {
        if (groups->outputs[node].segments[i].group >= 0) {
            return true;
        }
    }
    return false;
}

static int columns_of(const struct graph *graph, int node)
{
    const struct node *n = &graph->nodes[node];
    return graph->nodes[n->inputs[0]].c / n->groups * n->kernel[0] * n->kernel[1];
}

static bool is_refitted(const struct graph *graph, const struct groups *groups, int node)
{
    return graph->nodes[node].kind == NODE_CONV && !graph_is_depthwise(graph, node) &&
           can_be_cut(groups, graph->nodes[node].inputs[0]);
}

// How many numbers all matrices hold.
static enum status count_grams(const struct graph *graph, const struct groups *groups, size_t *out)
{
    size_t count = 0;
    for (int i = 0; i < graph->n_nodes; i++) {
        if (!is_refitted(graph, groups, i)) {
            continue;
        }
        const int columns = columns_of(graph, i);
        if (columns > MOST_COLUMNS) {
            FAIL(ERR_UNSUPPORTED,
                 "refit: %s has %d inputs per output, more than %d, for which the matrix would "
                 "need too much memory",
                 graph->nodes[i].name, columns, MOST_COLUMNS);
        }
        count += (size_t)graph->nodes[i].groups * gram_count(columns);
    }
    const size_t bytes = count * sizeof(double);
    if (bytes > MOST_BYTES) {
        FAIL(ERR_UNSUPPORTED, "refit: the matrices of this network need %zu MiB, more than %zu MiB",
             bytes >> 20, MOST_BYTES >> 20);
    }
    *out = count;
    return OK;
}

enum status refit_check(const struct graph *graph, const struct groups *groups)
{
    size_t count;
    return count_grams(graph, groups, &count);
}

// grams: matrices gathered before; NULL: zeroed ones of its own.
static enum status open_layers(struct refit *refit, const double *grams)
{
    const struct graph *graph = refit->graph;
    TRY(count_grams(graph, refit->groups, &refit->n_grams));
    refit->grams = (double *)(uintptr_t)grams;
    if (grams == NULL) {
        ARENA_NEW(&refit->arena, refit->grams, refit->n_grams);
    }
    int parts = 0;
    for (int i = 0; i < graph->n_nodes; i++) {
        parts += is_refitted(graph, refit->groups, i) ? graph->nodes[i].groups : 0;
    }
    ARENA_NEW(&refit->arena, refit->layers, (size_t)parts);
    double *next = refit->grams;
    for (int i = 0; i < graph->n_nodes; i++) {
        for (int p = 0; is_refitted(graph, refit->groups, i) && p < graph->nodes[i].groups; p++) {
            struct refit_layer *layer = &refit->layers[refit->n_layers++];
            *layer = (struct refit_layer){
                .node = i, .part = p, .columns = columns_of(graph, i), .gram = next};
            next += gram_count(layer->columns);
        }
    }
    return OK;
}

// Adds the waiting rows to the Gram matrix. block [K][K] is scratch: summed in float over few rows,
// added up in double.
static void flush_rows(struct refit_layer *layer, float *block)
{
    const size_t k = (size_t)layer->columns;
    memset(block, 0, k * k * sizeof *block);
    blas_gram(layer->n_rows, layer->columns, layer->rows, layer->columns, block);
    double *gram = layer->gram;
    for (size_t i = 0; i < k; i++) {
        for (size_t j = 0; j <= i; j++) {
            *gram++ += (double)block[i * k + j];
        }
    }
    layer->n_rows = 0;
}

// The input patch of one output position, zeros where it hangs over the edge. image [h][w][c].
static void copy_patch(const struct graph *graph, const struct refit_layer *layer,
                       const float *image, int position, float *row)
{
    const struct node *n = &graph->nodes[layer->node], *in = &graph->nodes[n->inputs[0]];
    const int part_c = in->c / n->groups, first = layer->part * part_c;
    const int top = position / n->w * n->stride[0] - n->pad[0];
    const int left = position % n->w * n->stride[1] - n->pad[1];
    const int taps = n->kernel[0] * n->kernel[1];
    for (int tap = 0; tap < taps; tap++) {
        const int y = top + tap / n->kernel[1] * n->dilation[0];
        const int x = left + tap % n->kernel[1] * n->dilation[1];
        const bool inside = y >= 0 && y < in->h && x >= 0 && x < in->w;
        const float *pixel =
            inside ? image + ((size_t)y * (size_t)in->w + (size_t)x) * (size_t)in->c + first : NULL;
        for (int c = 0; c < part_c; c++) {
            row[c * taps + tap] = inside ? pixel[c] : 0.0F;
        }
    }
}

// Samples `points` of a layer's output positions without repeats (Knuth, TAOCP 2, 3.4.2,
// algorithm S) and keeps their patches.
static void sample_image(const struct graph *graph, struct refit_layer *layer, const float *image,
                         int points, struct rng rng, float *block)
{
    const struct node *n = &graph->nodes[layer->node];
    const int positions = n->h * n->w;
    int wanted = points < positions ? points : positions;
    for (int position = 0; wanted > 0; position++) {
        if (rng_below(&rng, (uint32_t)(positions - position)) >= (uint32_t)wanted) {
            continue;
        }
        wanted--;
        float *row = layer->rows + (size_t)layer->n_rows * (size_t)layer->columns;
        copy_patch(graph, layer, image, position, row);
        if (++layer->n_rows == REFIT_ROWS) {
            flush_rows(layer, block);
        }
    }
}

static enum status gather(struct refit *refit, struct probe *probe, struct arena *scratch,
                          const uint8_t *images, bool floats, const struct refit_options *options)
{
    const struct graph *graph = refit->graph;
    int widest = 0;
    for (int i = 0; i < refit->n_layers; i++) {
        struct refit_layer *layer = &refit->layers[i];
        ARENA_NEW(scratch, layer->rows, REFIT_ROWS * (size_t)layer->columns);
        widest = layer->columns > widest ? layer->columns : widest;
    }
    float *block;
    ARENA_NEW(scratch, block, (size_t)widest * (size_t)widest);
    const struct node *input = &graph->nodes[0];
    const size_t image_bytes =
        (size_t)input->h * (size_t)input->w * (size_t)input->c * (floats ? sizeof(float) : 1);
    for (int first = 0; first < options->images; first += PROBE_BATCH) {
        const int left = options->images - first, n = left < PROBE_BATCH ? left : PROBE_BATCH;
        TRY(probe_run(probe, images + (size_t)first * image_bytes, n));
        for (int l = 0; l < refit->n_layers; l++) {
            struct refit_layer *layer = &refit->layers[l];
            const int from = graph->nodes[layer->node].inputs[0];
            const struct node *in = &graph->nodes[from];
            const size_t count = (size_t)in->h * (size_t)in->w * (size_t)in->c;
            const float *values = probe_output(probe, from);
            for (int i = 0; i < n; i++) {
                sample_image(graph, layer, values + (size_t)i * count, options->points_per_image,
                             rng_make(options->seed, RNG_SAMPLE, (uint64_t)layer->node,
                                      (uint32_t)(first + i)),
                             block);
            }
        }
    }
    for (int l = 0; l < refit->n_layers; l++) {
        flush_rows(&refit->layers[l], block);
        refit->layers[l].rows = NULL;
    }
    return OK;
}

static enum status gather_all(struct refit *refit, struct backend *backend,
                              const struct plan_input *input, const uint8_t *images,
                              const struct refit_options *options)
{
    TRY(open_layers(refit, NULL));
    struct probe *probe;
    TRY(probe_open(backend, refit->graph, PROBE_BATCH, input, &probe));
    struct arena scratch = {0};
    enum status status = probe_load(probe, refit->params);
    if (status == OK) {
        status = gather(refit, probe, &scratch, images, input->f32, options);
    }
    arena_close(&scratch);
    probe_close(probe);
    return status;
}

static enum status check_options(const struct plan_input *input,
                                 const struct refit_options *options)
{
    if (options->images < 1 || options->points_per_image < 1) {
        FAIL(ERR_CONFIG, "refit: %d images with %d points each; both must be at least 1",
             options->images, options->points_per_image);
    }
    if (!(options->lambda > 0 && options->lambda <= 1)) {
        FAIL(ERR_CONFIG, "refit: lambda is %g, expected above 0 and at most 1 (1e-6 is usual)",
             options->lambda);
    }
    if (input->f32 && input->mean == NULL) {
        FAIL(ERR_UNSUPPORTED, "refit needs a network that reads images; this one reads vectors");
    }
    return OK;
}

static enum status new_refit(const struct graph *graph, const struct groups *groups,
                             const float *params, double lambda, struct refit **out)
{
    struct refit *refit = calloc(1, sizeof *refit);
    if (refit == NULL) {
        FAIL(ERR_MEMORY, "no memory for a refit");
    }
    refit->graph = graph;
    refit->groups = groups;
    refit->params = params;
    refit->lambda = lambda;
    *out = refit;
    return OK;
}

enum status refit_open(struct backend *backend, const struct graph *graph,
                       const struct groups *groups, const float *params,
                       const struct plan_input *input, const uint8_t *images,
                       const struct refit_options *options, struct refit **out)
{
    struct refit *refit;
    TRY(check_options(input, options));
    TRY(new_refit(graph, groups, params, options->lambda, &refit));
    const enum status status = gather_all(refit, backend, input, images, options);
    if (status != OK) {
        refit_close(refit);
        return status;
    }
    *out = refit;
    return OK;
}

enum status refit_open_grams(const struct graph *graph, const struct groups *groups,
                             const float *params, double lambda, const double *grams,
                             struct refit **out)
{
    struct refit *refit;
    TRY(new_refit(graph, groups, params, lambda, &refit));
    const enum status status = open_layers(refit, grams);
    if (status != OK) {
        refit_close(refit);
        return status;
    }
    *out = refit;
    return OK;
}

const double *refit_grams(const struct refit *refit, size_t *count)
{
    *count = refit->n_grams;
    return refit->grams;
}

void refit_close(struct refit *refit)
{
    if (refit == NULL) {
        return;
    }
    arena_close(&refit->arena);
    free(refit);
}
