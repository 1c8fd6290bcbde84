// Training plans cut batches into chunks of one size: the same bytes for any number of threads, at
// batches that chunks fill and at others, and no image is lost.
#include "plan_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 3, MOST = 128 };

struct problem {
    struct graph graph;
    float *params;
    uint8_t *images;
    int32_t *labels;
};

static void open_problem(struct problem *p)
{
    plan_case_mixed(&p->graph, true);
    p->params = plan_case_params(&p->graph, 8);
    p->images = plan_case_images(&p->graph, MOST, 9);
    p->labels = plan_case_labels(&p->graph, MOST, 10);
}

static void close_problem(struct problem *p)
{
    graph_close(&p->graph);
    free(p->params);
    free(p->images);
    free(p->labels);
}

static struct train_plan *open_plan(const struct graph *graph, struct backend *backend, int batch)
{
    const struct train_options options = {
        .batch = batch,
        .input = plan_case_input(false),
        .optimizer = {.kind = OPTIMIZER_SGD, .momentum = 0.9F, .clip = 5.0F},
        .bn_momentum = 0.1F,
        .label_share = 1.0F,
        .temperature = 1.0F,
        .seed = 77};
    struct train_plan *plan = NULL;
    assert_ok(train_open(backend, graph, &options, &plan));
    return plan;
}

// params [n_floats], then the last loss and share of right answers.
static float *train(const struct problem *p, int threads, int batch)
{
    struct backend *backend = plan_case_backend("cpu", threads, false);
    struct train_plan *plan = open_plan(&p->graph, backend, batch);
    float *out = calloc(p->graph.n_floats + 2, sizeof *out);
    assert_non_null(out);
    assert_ok(train_load(plan, p->params));
    for (int step = 0; step < STEPS; step++) {
        struct train_result result;
        assert_ok(train_step(plan, p->images, p->labels, NULL, 0.02F, &result));
        out[p->graph.n_floats] = (float)result.loss;
        out[p->graph.n_floats + 1] = (float)result.correct;
    }
    train_params(plan, out);
    train_close(plan);
    backend_close(backend);
    return out;
}

static void threads_give_the_same_bytes(void **state)
{
    (void)state;
    static const int batches[] = {128, 100, 50, 36, 9, 3}, threads[] = {2, 3, 4, 7};
    struct problem p;
    open_problem(&p);
    for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
        float *one = train(&p, 1, batches[b]);
        assert_true(memcmp(one, p.params, p.graph.n_trainable * sizeof *one) != 0);
        for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
            float *other = train(&p, threads[t], batches[b]);
            if (memcmp(one, other, (p.graph.n_floats + 2) * sizeof *one) != 0) {
                fail_msg("batch %d: %d threads give other bytes than one", batches[b], threads[t]);
            }
            free(other);
        }
        free(one);
    }
    close_problem(&p);
}

// Gradients and loss of images first .. first + n - 1, as one batch.
static double gradient_of(const struct graph *graph, const struct problem *p,
                          struct backend *backend, int first, int n, float *gradients)
{
    const size_t image = 9 * 7 * 3;
    struct train_plan *plan = open_plan(graph, backend, n);
    struct train_result result;
    assert_ok(train_load(plan, p->params));
    assert_ok(
        train_gradient(plan, p->images + (size_t)first * image, p->labels + first, NULL, &result));
    train_gradients(plan, gradients);
    train_close(plan);
    return result.loss;
}

// Two convolutions and a linear layer: images have nothing to do with one another.
static void make_separable(struct graph *out)
{
    int x;
    assert_ok(graph_begin(out, 9, 7, 3));
    const struct conv_attributes conv = {
        .out_c = 20, .kernel_h = 3, .kernel_w = 3, .stride = 2, .pad = 1, .bias = true};
    assert_ok(graph_add_conv(out, "a", 0, &conv, &x));
    assert_ok(graph_add_linear(out, "fc", x, 5, true, &x));
    assert_ok(graph_finish(out));
}

static void no_image_is_lost(void **state)
{
    (void)state;
    static const char *const names[] = {"ref", "cpu"};
    struct problem p;
    struct graph graph;
    open_problem(&p);
    make_separable(&graph);
    free(p.params);
    p.params = plan_case_params(&graph, 4);
    for (int i = 0; i < 2; i++) {
        struct backend *backend = plan_case_backend(names[i], 2, false);
        struct train_share share;
        assert_ok(train_share(backend, &graph, MOST, 0, 1, &share));
        assert_true(share.chunk > 1 && share.total > 1);
        const int tail = share.chunk - 1, whole = 3 * share.chunk;
        float *all = calloc(graph.n_trainable, sizeof *all);
        float *first = calloc(graph.n_trainable, sizeof *all);
        float *rest = calloc(graph.n_trainable, sizeof *all);
        const double n = whole + tail;
        const double loss = gradient_of(&graph, &p, backend, 0, whole + tail, all);
        const double a = gradient_of(&graph, &p, backend, 0, whole, first);
        const double b = gradient_of(&graph, &p, backend, whole, tail, rest);
        for (size_t k = 0; k < graph.n_trainable; k++) {
            first[k] = (float)(((double)first[k] * whole + (double)rest[k] * tail) / n);
        }
        assert_true(plan_case_difference(all, first, graph.n_trainable) < 1e-5);
        assert_true(fabs(loss - (a * whole + b * tail) / n) < 1e-6);
        free(all);
        free(first);
        free(rest);
        backend_close(backend);
    }
    graph_close(&graph);
    close_problem(&p);
}

// Ranks get runs of whole chunks that make up the batch, or an error says what fits.
static void batches_are_dealt(void **state)
{
    (void)state;
    struct problem p;
    open_problem(&p);
    struct backend *backend = plan_case_backend("cpu", 1, false);
    static const int batches[] = {128, 100, 50, 36, 256, 7};
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        const int batch = batches[i];
        for (int ranks = 1; ranks <= 5; ranks++) {
            int images = 0, chunks = 0;
            for (int rank = 0; rank < ranks; rank++) {
                struct train_share share;
                const enum status code = train_share(backend, &p.graph, batch, rank, ranks, &share);
                if (code != OK) {
                    assert_int_equal(code, ERR_CONFIG);
                    assert_non_null(strstr(status_message(), "ranks or a batch of"));
                    assert_true(batch < ranks * 8); // so small a network has small chunks
                    images = batch;
                    break;
                }
                assert_int_equal(share.first, chunks);
                assert_int_equal(images, share.first * share.chunk);
                assert_int_equal(share.total, (batch + share.chunk - 1) / share.chunk);
                chunks += share.n;
                images += share.images;
            }
            assert_int_equal(images, batch);
        }
    }
    backend_close(backend);
    close_problem(&p);
}

static size_t allocated; // by backends whose table is `counting`
static struct backend_ops counting;

static enum status count_bytes(struct backend *backend, size_t bytes, void **out)
{
    allocated += bytes;
    void *address = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(address);
    memset(address, 0, (bytes + 63) / 64 * 64);
    (void)backend;
    *out = address;
    return OK;
}

static size_t plan_bytes(struct backend *backend, const struct graph *graph, int batch)
{
    allocated = 0;
    train_close(open_plan(graph, backend, batch));
    return allocated;
}

// Gradients of 16 chunks take about log2(16) times the memory of one, not 16 times.
static void memory_grows_with_the_logarithm_of_chunks(void **state)
{
    (void)state;
    struct backend *backend = plan_case_backend("cpu", 1, false);
    struct graph graph;
    struct train_share share;
    int x;
    assert_ok(graph_begin(&graph, 4, 4, 3));
    assert_ok(graph_add_linear(&graph, "wide", 0, 9000, true, &x));
    assert_ok(graph_add_linear(&graph, "fc", x, 5, true, &x));
    assert_ok(graph_finish(&graph));
    assert_ok(train_share(backend, &graph, 1, 0, 1, &share));
    counting = *backend->ops;
    counting.alloc = count_bytes;
    backend->ops = &counting;
    const double weights = (double)graph.n_trainable * sizeof(float);
    const double values = 2.0 * sizeof(float) * (48 + 9000 + 5) * share.chunk; // and gradients
    const double one = (double)plan_bytes(backend, &graph, share.chunk);
    const double many = (double)plan_bytes(backend, &graph, 16 * share.chunk);
    assert_true(many - one < 5.5 * weights + 15 * values);
    backend_close(backend);
    graph_close(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_give_the_same_bytes),
        cmocka_unit_test(no_image_is_lost),
        cmocka_unit_test(batches_are_dealt),
        cmocka_unit_test(memory_grows_with_the_logarithm_of_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
