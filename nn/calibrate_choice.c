#include "nn/calibrate_choice.h"

#include "compute/blas.h"
#include "nn/probe.h"

#include <math.h>
#include <string.h>

// A probe holds every value of each image of its batch, so that is small; moments of a large
// network take of a pool as many images as fit.
enum { PROBE_BATCH = 4, MOST_SWAPS = 1000, MOST_MOMENTS = 1 << 25 };

// Means and mean squares of every BatchNorm input of each image: [n][2 * channels].
struct moments_of_images {
    int n, columns;
    float *values; // arena
};

static size_t bytes_of_image(const struct graph *graph, const struct plan_input *options)
{
    const struct node *input = &graph->nodes[0];
    return (size_t)input->h * (size_t)input->w * (size_t)input->c *
           dtype_bytes(options->f32 ? DTYPE_F32 : DTYPE_U8);
}

static int count_channels(const struct graph *graph)
{
    int channels = 0;
    for (int i = 0; i < graph->n_nodes; i++) {
        channels += graph->nodes[i].kind == NODE_BATCHNORM ? graph->nodes[i].c : 0;
    }
    return channels;
}

// values [pixels][c] of one image to mean and mean square [c] each.
static void sum_image(const float *values, int pixels, int c, float *mean, float *square)
{
    memset(mean, 0, (size_t)c * sizeof *mean);
    memset(square, 0, (size_t)c * sizeof *square);
    for (int p = 0; p < pixels; p++) {
        const float *pixel = values + (size_t)p * (size_t)c;
        for (int i = 0; i < c; i++) {
            mean[i] += pixel[i];
            square[i] += pixel[i] * pixel[i];
        }
    }
    for (int i = 0; i < c; i++) {
        mean[i] /= (float)pixels;
        square[i] /= (float)pixels;
    }
}

static void take_batch(struct probe *probe, const struct graph *graph, int first, int n,
                       struct moments_of_images *out)
{
    int at = 0;
    for (int node = 0; node < graph->n_nodes; node++) {
        if (graph->nodes[node].kind != NODE_BATCHNORM) {
            continue;
        }
        const struct node *input = &graph->nodes[graph->nodes[node].inputs[0]];
        const int pixels = input->h * input->w;
        const float *values = probe_output(probe, graph->nodes[node].inputs[0]);
        for (int i = 0; i < n; i++) {
            float *row = out->values + (size_t)(first + i) * (size_t)out->columns + at;
            sum_image(values + (size_t)i * (size_t)pixels * (size_t)input->c, pixels, input->c, row,
                      row + input->c);
        }
        at += 2 * input->c;
    }
}

static enum status gather(struct backend *backend, const struct graph *graph, const float *params,
                          const struct calibrate_pool *pool, struct moments_of_images *out)
{
    const size_t image_bytes = bytes_of_image(graph, &pool->input);
    struct probe *probe;
    TRY(probe_open(backend, graph, PROBE_BATCH, &pool->input, &probe));
    enum status code = probe_load(probe, params);
    for (int first = 0; first < pool->n && code == OK; first += PROBE_BATCH) {
        const int n = pool->n - first < PROBE_BATCH ? pool->n - first : PROBE_BATCH;
        code = probe_run(probe, pool->images + (size_t)first * image_bytes, n);
        if (code == OK) {
            take_batch(probe, graph, first, n, out);
        }
    }
    probe_close(probe);
    return code;
}

// One layer's columns become distances from the pool's moments, means in standard deviations, mean
// squares in variances; every layer weighs the same.
static void standardise(struct moments_of_images *moments, int at, int c)
{
    for (int i = 0; i < c; i++) {
        double mean = 0, square = 0;
        for (int image = 0; image < moments->n; image++) {
            const float *row = moments->values + (size_t)image * (size_t)moments->columns + at;
            mean += (double)row[i];
            square += (double)row[c + i];
        }
        mean /= moments->n;
        square /= moments->n;
        const double variance = fmax(square - mean * mean, 1e-12);
        const double to_mean = 1 / sqrt(variance * c), to_square = 0.5 / (variance * sqrt(c));
        for (int image = 0; image < moments->n; image++) {
            float *row = moments->values + (size_t)image * (size_t)moments->columns + at;
            row[c + i] =
                (float)(((double)row[c + i] - square - 2 * mean * ((double)row[i] - mean)) *
                        to_square);
            row[i] = (float)(((double)row[i] - mean) * to_mean);
        }
    }
}

static void standardise_all(const struct graph *graph, struct moments_of_images *moments)
{
    for (int node = 0, at = 0; node < graph->n_nodes; node++) {
        if (graph->nodes[node].kind == NODE_BATCHNORM) {
            standardise(moments, at, graph->nodes[node].c);
            at += 2 * graph->nodes[node].c;
        }
    }
}

// What is chosen so far: near[i] = the sum over the batch's images s of product[i][s].
struct choosing {
    int n;
    const float *product; // [n][n]
    double *near;
    bool *taken;
};

static void toggle(struct choosing *choosing, int image, double sign)
{
    const float *row = choosing->product + (size_t)image * (size_t)choosing->n;
    for (int i = 0; i < choosing->n; i++) {
        choosing->near[i] += sign * (double)row[i];
    }
    choosing->taken[image] = sign > 0;
}

static double own(const struct choosing *choosing, int image)
{
    return (double)choosing->product[(size_t)image * (size_t)choosing->n + (size_t)image];
}

// The free image that leaves the smallest sum when it joins.
static int best_next(const struct choosing *choosing, double *change)
{
    int best = -1;
    for (int i = 0; i < choosing->n; i++) {
        const double adds = 2 * choosing->near[i] + own(choosing, i);
        if (!choosing->taken[i] && (best < 0 || adds < *change)) {
            best = i;
            *change = adds;
        }
    }
    return best;
}

static void choose_batch(struct choosing *choosing, int n, int *order)
{
    double change = 0;
    memset(choosing->near, 0, (size_t)choosing->n * sizeof *choosing->near);
    for (int i = 0; i < n; i++) {
        order[i] = best_next(choosing, &change);
        toggle(choosing, order[i], 1);
    }
    // Each in turn makes room for a better one, until none does.
    for (int i = 0, unchanged = 0, swaps = 0; unchanged < n && swaps < MOST_SWAPS;
         i = (i + 1) % n) {
        const int old = order[i];
        const double without = 2 * choosing->near[old] - own(choosing, old);
        toggle(choosing, old, -1);
        order[i] = best_next(choosing, &change);
        unchanged = order[i] == old || change >= without ? unchanged + 1 : 0;
        toggle(choosing, order[i], 1);
        swaps++;
    }
}

// order [wanted]: which images. scratch is for the choice alone.
static enum status choose(const struct calibrate_pool *pool, struct moments_of_images *moments,
                          int wanted, struct arena *scratch, int *order)
{
    const int batch = calibrate_batch(wanted), n = pool->n;
    struct choosing choosing = {.n = n};
    float *product;
    ARENA_NEW(scratch, product, (size_t)n * (size_t)n);
    ARENA_NEW(scratch, choosing.near, (size_t)n);
    ARENA_NEW(scratch, choosing.taken, (size_t)n);
    blas_gemm(false, true, n, n, moments->columns, 1, moments->values, moments->columns,
              moments->values, moments->columns, 0, product, n);
    choosing.product = product;
    for (int first = 0; first < wanted; first += batch) {
        choose_batch(&choosing, wanted - first < batch ? wanted - first : batch, order + first);
    }
    return OK;
}

static enum status choose_order(struct backend *backend, const struct graph *graph,
                                const float *params, const struct calibrate_pool *pool, int wanted,
                                int *order)
{
    struct arena scratch = {0};
    struct moments_of_images moments = {.n = pool->n, .columns = 2 * count_channels(graph)};
    moments.values =
        arena_alloc(&scratch, (size_t)pool->n * (size_t)moments.columns, sizeof *moments.values);
    enum status code = moments.values != NULL ? OK : ERR_MEMORY;
    if (code == OK) {
        code = gather(backend, graph, params, pool, &moments);
    }
    if (code == OK) {
        standardise_all(graph, &moments);
        code = choose(pool, &moments, wanted, &scratch, order);
    }
    arena_close(&scratch);
    return code;
}

enum status calibrate_choose(struct backend *backend, const struct graph *graph,
                             const float *params, const struct calibrate_pool *pool, int wanted,
                             struct arena *arena, const uint8_t **out)
{
    const size_t bytes = bytes_of_image(graph, &pool->input);
    const int channels = count_channels(graph);
    const int fit = channels > 0 ? MOST_MOMENTS / (2 * channels) : 0;
    struct calibrate_pool within = *pool;
    uint8_t *images;
    int *order;
    *out = pool->images;
    within.n = within.n < fit ? within.n : fit;
    if (wanted >= within.n) {
        return OK;
    }
    ARENA_NEW(arena, order, (size_t)wanted);
    ARENA_NEW(arena, images, (size_t)wanted * bytes);
    TRY(choose_order(backend, graph, params, &within, wanted, order));
    for (int i = 0; i < wanted; i++) {
        memcpy(images + (size_t)i * bytes, pool->images + (size_t)order[i] * bytes, bytes);
    }
    *out = images;
    return OK;
}
