// Runs a network and the file that it became, batch by batch.
#include "onnx/compare.h"

#include "core/interrupt.h"
#include "nn/network_input.h"
#include "nn/plan.h"
#include "onnx/onnx.h"

#include <math.h>
#include <string.h>

enum { BATCH = 32 };

struct side {
    const struct network *network;
    struct infer_plan *plan;
    float *logits; // [BATCH] of the first output
    float *values; // [BATCH] of any output
};

struct comparing {
    struct arena arena;
    struct side sides[2]; // the network, the file
    double *worst;        // [n_outputs] greatest difference so far
    double *most;         // [n_outputs] greatest magnitude so far
    int same;             // images of one verdict so far
};

static size_t output_count(const struct graph *graph, int output)
{
    const struct node *n = &graph->nodes[graph->outputs[output].node];
    return (size_t)n->h * (size_t)n->w * (size_t)n->c;
}

static enum status check_outputs(const struct graph *a, const struct graph *b, const char *path)
{
    if (a->n_outputs != b->n_outputs) {
        FAIL(ERR_INPUT, "%s has %d outputs, the network %d", path, b->n_outputs, a->n_outputs);
    }
    for (int i = 0; i < a->n_outputs; i++) {
        const struct node *x = &a->nodes[a->outputs[i].node], *y = &b->nodes[b->outputs[i].node];
        if (x->h != y->h || x->w != y->w || x->c != y->c) {
            FAIL(ERR_INPUT, "%s: output %s is %dx%dx%d, the network's %dx%dx%d", path,
                 b->outputs[i].name, y->h, y->w, y->c, x->h, x->w, x->c);
        }
    }
    return OK;
}

static enum status open_side(struct comparing *c, struct backend *backend,
                             const struct network *network, struct side *side)
{
    const struct infer_options options = {.batch = BATCH,
                                          .input = network_plan_input(&network->info)};
    size_t most = 0;
    for (int i = 0; i < network->graph.n_outputs; i++) {
        const size_t count = output_count(&network->graph, i);
        most = count > most ? count : most;
    }
    side->network = network;
    ARENA_NEW(&c->arena, side->logits, BATCH * output_count(&network->graph, 0));
    ARENA_NEW(&c->arena, side->values, BATCH * most);
    TRY(infer_open(backend, &network->graph, &options, &side->plan));
    return infer_load(side->plan, network->params, NULL);
}

static void compare_values(const float *a, const float *b, size_t n, double *worst, double *most)
{
    for (size_t i = 0; i < n; i++) {
        const double difference = fabs((double)a[i] - (double)b[i]);
        const bool same = a[i] == b[i] || (isnan(a[i]) && isnan(b[i]));
        if (!same && !(difference <= *worst)) { // NaN too
            *worst = difference;
        }
        *most = isfinite(a[i]) ? fmax(*most, fabs((double)a[i])) : *most;
    }
}

static size_t greatest(const float *values, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++) {
        best = values[i] > values[best] ? i : best;
    }
    return best;
}

static enum status compare_batch(struct comparing *c, const uint8_t *images, int n)
{
    const struct graph *graph = &c->sides[0].network->graph;
    const size_t first = output_count(graph, 0);
    for (int s = 0; s < 2; s++) {
        TRY(infer_run(c->sides[s].plan, images, n, c->sides[s].logits));
    }
    for (int i = 0; i < n; i++) {
        c->same += greatest(c->sides[0].logits + (size_t)i * first, first) ==
                   greatest(c->sides[1].logits + (size_t)i * first, first);
    }
    for (int output = 0; output < graph->n_outputs; output++) {
        for (int s = 0; s < 2; s++) {
            TRY(infer_output(c->sides[s].plan, output, n, c->sides[s].values));
        }
        compare_values(c->sides[0].values, c->sides[1].values,
                       (size_t)n * output_count(graph, output), &c->worst[output],
                       &c->most[output]);
    }
    return OK;
}

static enum status run_both(struct comparing *c, const uint8_t *images, int n,
                            struct onnx_comparison *out)
{
    const struct graph *graph = &c->sides[0].network->graph;
    const size_t image = network_image_bytes(&c->sides[0].network->info);
    ARENA_NEW(&c->arena, c->worst, (size_t)graph->n_outputs);
    ARENA_NEW(&c->arena, c->most, (size_t)graph->n_outputs);
    for (int i = 0; i < n; i += BATCH) {
        TRY(interrupt_check());
        compare_batch(c, images + (size_t)i * image, n - i < BATCH ? n - i : BATCH);
    }
    *out = (struct onnx_comparison){.agreement = (double)c->same / n};
    for (int i = 0; i < graph->n_outputs; i++) {
        const double share = c->worst[i] > 0.0 ? c->worst[i] / c->most[i] : c->worst[i];
        if (!(share <= out->difference)) { // NaN too
            out->difference = share;
        }
    }
    return OK;
}

static enum status compare_networks(struct backend *backend, const struct network *network,
                                    const struct network *read, const uint8_t *images, int n,
                                    struct onnx_comparison *out)
{
    struct comparing comparing = {0};
    enum status status = open_side(&comparing, backend, network, &comparing.sides[0]);
    if (status == OK) {
        status = open_side(&comparing, backend, read, &comparing.sides[1]);
    }
    if (status == OK) {
        status = run_both(&comparing, images, n, out);
    }
    infer_close(comparing.sides[0].plan);
    infer_close(comparing.sides[1].plan);
    arena_close(&comparing.arena);
    return status;
}

enum status onnx_compare(struct backend *backend, const struct network *network,
                         const struct onnx_export_options *options, const char *path,
                         const uint8_t *images, int n, struct onnx_comparison *out)
{
    CHECK(n >= 1);
    const bool outside = options->pixels == ONNX_PIXELS_NORMALISED;
    const struct onnx_import_options import = {.mean = outside ? network->info.mean : NULL,
                                               .std = outside ? network->info.std : NULL,
                                               .floats = network->info.floats,
                                               .most_bytes = SIZE_MAX};
    struct network read = {0};
    TRY(onnx_import(path, &import, &read));
    enum status status = check_outputs(&network->graph, &read.graph, path);
    if (status == OK) {
        status = compare_networks(backend, network, &read, images, n, out);
    }
    network_close(&read);
    return status;
}
