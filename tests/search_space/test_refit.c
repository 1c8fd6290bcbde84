// Refit against a plain least-squares solution, and what it must and must not change.
#include "nn/probe.h"
#include "random_graph.h"
#include "search_space/kept.h"
#include "search_space/refit.h"
#include "test_unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { IMAGES = 40, SIDE = 8, BYTES = IMAGES * SIDE * SIDE * 3 };

static const float mean[3] = {0.5F, 0.5F, 0.5F}, deviation[3] = {0.25F, 0.25F, 0.25F};
static const struct plan_input plan_input = {.mean = mean, .std = deviation};

struct fixture {
    struct backend *backend;
    struct graph graph, slimmed;
    struct groups groups;
    struct arena arena;
    float *params, *slimmed_params;
    uint8_t *images;
    struct keep keep;
};

static int add_unit(struct graph *graph, const char *name, int input,
                    const struct conv_attributes *attributes)
{
    char text[32];
    int node;
    assert_ok(graph_add_conv(graph, name, input, attributes, &node));
    snprintf(text, sizeof text, "%s.bn", name);
    assert_ok(graph_add_batchnorm(graph, text, node, &node));
    snprintf(text, sizeof text, "%s.relu", name);
    assert_ok(graph_add_act(graph, text, node, ACTIVATION_RELU, &node));
    return node;
}

// a 6 -> depthwise -> b 8, stride 2, with bias -> c 8 in two parts -> d 5 -> classes; `a` keeps 4
// of 6 channels, b 6 of 8, c 6 of 8, d 3 of 5.
static void open_fixture(struct fixture *f, uint64_t seed)
{
    *f = (struct fixture){0};
    const struct backend_options options = {.threads = 1, .check = true};
    assert_ok(backend_open("ref", &options, &f->backend));
    const struct conv_attributes a = {
        .out_c = 6, .kernel_h = 3, .kernel_w = 3, .stride = 1, .pad = 1};
    struct conv_attributes depthwise = a, b = a, c = a, d = a;
    depthwise.groups = GRAPH_DEPTHWISE;
    b.out_c = c.out_c = 8;
    b.stride = 2;
    b.bias = true;
    c.groups = 2;
    d.out_c = 5;
    d.kernel_h = d.kernel_w = 1;
    d.pad = 0;
    assert_ok(graph_begin(&f->graph, SIDE, SIDE, 3));
    int node = add_unit(&f->graph, "a", 0, &a);
    node = add_unit(&f->graph, "dw", node, &depthwise);
    node = add_unit(&f->graph, "b", node, &b);
    node = add_unit(&f->graph, "c", node, &c);
    node = add_unit(&f->graph, "d", node, &d);
    assert_ok(graph_add_linear(&f->graph, "classes", node, 4, true, &node));
    assert_ok(graph_finish(&f->graph));
    assert_ok(groups_find(&f->graph, &f->groups));
    struct rng rng = rng_make(seed, RNG_TEST, 51, 0);
    f->params = arena_alloc(&f->arena, f->graph.n_floats, sizeof *f->params);
    random_graph_params(&f->graph, &rng, f->params);
    f->images = arena_alloc(&f->arena, BYTES, 1);
    for (int i = 0; i < BYTES; i++) {
        f->images[i] = (uint8_t)rng_below(&rng, 256);
    }
}

static void slim_fixture(struct fixture *f)
{
    static int keep_a[] = {0, 2, 3, 5}, keep_b[] = {0, 1, 3, 4, 5, 7};
    static int keep_c[] = {1, 2, 3, 4, 6, 7}, keep_d[] = {0, 2, 4};
    static int *const keep[] = {keep_a, keep_b, keep_c, keep_d};
    static const int kept[] = {4, 6, 6, 3};
    assert_int_equal(f->groups.n, 4);
    assert_int_equal(f->groups.groups[1].equal_parts, 2);
    f->keep = (struct keep){.keep = keep, .kept = kept};
    assert_ok(
        slim_network(&f->graph, &f->groups, f->params, &f->keep, &f->slimmed, &f->slimmed_params));
}

static void close_fixture(struct fixture *f)
{
    backend_close(f->backend);
    graph_close(&f->graph);
    graph_close(&f->slimmed);
    groups_close(&f->groups);
    arena_close(&f->arena);
    free(f->slimmed_params);
}

static void refit_fixture(struct fixture *f, const struct refit_options *options)
{
    struct refit *refit;
    assert_ok(refit_open(f->backend, &f->graph, &f->groups, f->params, &plan_input, f->images,
                         options, &refit));
    assert_ok(refit_apply(refit, &f->keep, &f->slimmed, f->slimmed_params));
    refit_close(refit);
}

// All patches of a convolution's part and its own outputs (without bias) by definition.
struct samples {
    int rows, columns, outputs; // columns: of the uncut part
    double *x, *y;              // [rows][columns], [rows][outputs of the whole layer]
};

static struct samples collect(struct fixture *f, int node, int part)
{
    const struct graph *graph = &f->graph;
    const struct node *n = &graph->nodes[node], *in = &graph->nodes[n->inputs[0]];
    const int taps = n->kernel[0] * n->kernel[1], part_c = in->c / n->groups;
    struct samples s = {.rows = IMAGES * n->h * n->w, .columns = part_c * taps, .outputs = n->c};
    s.x = arena_alloc(&f->arena, (size_t)s.rows * (size_t)s.columns, sizeof *s.x);
    s.y = arena_alloc(&f->arena, (size_t)s.rows * (size_t)s.outputs, sizeof *s.y);
    struct probe *probe;
    assert_ok(probe_open(f->backend, graph, IMAGES, &plan_input, &probe));
    assert_ok(probe_load(probe, f->params));
    assert_ok(probe_run(probe, f->images, IMAGES));
    const float *values = probe_output(probe, n->inputs[0]);
    for (int row = 0; row < s.rows; row++) {
        const int image = row / (n->h * n->w), oh = row / n->w % n->h, ow = row % n->w;
        for (int k = 0; k < s.columns; k++) {
            const int c = part * part_c + k / taps;
            const int y = oh * n->stride[0] - n->pad[0] + k % taps / n->kernel[1];
            const int x = ow * n->stride[1] - n->pad[1] + k % taps % n->kernel[1];
            if (y >= 0 && y < in->h && x >= 0 && x < in->w) {
                s.x[row * s.columns + k] =
                    (double)values[((image * in->h + y) * in->w + x) * in->c + c];
            }
        }
    }
    values = probe_output(probe, node);
    for (int i = 0; i < s.rows * s.outputs; i++) {
        s.y[i] = (double)values[i];
        if (n->bias) {
            s.y[i] -= (double)f->params[graph->params[n->params[1]].offset + (size_t)(i % n->c)];
        }
    }
    probe_close(probe);
    return s;
}

// Gaussian elimination with pivoting of a [n][n + 1]; the solution replaces the last column.
static void eliminate(double *a, int n)
{
    for (int i = 0; i < n; i++) {
        int pivot = i;
        for (int r = i + 1; r < n; r++) {
            pivot = fabs(a[r * (n + 1) + i]) > fabs(a[pivot * (n + 1) + i]) ? r : pivot;
        }
        for (int k = 0; k <= n; k++) {
            const double swap = a[i * (n + 1) + k];
            a[i * (n + 1) + k] = a[pivot * (n + 1) + k];
            a[pivot * (n + 1) + k] = swap;
        }
        for (int r = 0; r < n; r++) {
            const double factor = r == i ? 0 : a[r * (n + 1) + i] / a[i * (n + 1) + i];
            for (int k = i; k <= n; k++) {
                a[r * (n + 1) + k] -= factor * a[i * (n + 1) + k];
            }
        }
    }
    for (int i = 0; i < n; i++) {
        a[i * (n + 1) + n] /= a[i * (n + 1) + i];
    }
}

struct check {
    const char *name;
    int part, n_columns, columns[64]; // kept ones, of the part
    int n_outputs, outputs[8];        // kept ones of the part, in the uncut layer
    int first_row;                    // of the slimmed weights
};

// Columns of all taps of the kept channels of a part.
static void fill_columns(struct check *check, const int *channels, int n, int taps)
{
    for (int i = 0; i < n * taps; i++) {
        check->columns[check->n_columns++] = channels[i / taps] * taps + i % taps;
    }
}

static double residual(const struct samples *s, const struct check *check, const float *weights,
                       int output)
{
    double sum = 0;
    for (int row = 0; row < s->rows; row++) {
        double error = s->y[row * s->outputs + check->outputs[output]];
        for (int i = 0; i < check->n_columns; i++) {
            error -= s->x[row * s->columns + check->columns[i]] *
                     (double)weights[(check->first_row + output) * check->n_columns + i];
        }
        sum += error * error;
    }
    return sum;
}

// Against (X_S^T X_S + mu I) w = X_S^T y + mu w_S, and closer to y than the plain cut.
static void check_part(struct fixture *f, const struct check *check, const float *plain_params,
                       double lambda)
{
    const int node = graph_find_node(&f->graph, check->name), n = check->n_columns;
    const struct samples s = collect(f, node, check->part);
    const size_t offset = f->slimmed.params[f->slimmed.nodes[node].params[0]].offset;
    const float *refitted = f->slimmed_params + offset, *plain = plain_params + offset;
    const size_t count = (size_t)n * ((size_t)n + 1);
    double *a = arena_alloc(&f->arena, count, sizeof *a);
    for (int o = 0; o < check->n_outputs; o++) {
        memset(a, 0, count * sizeof *a);
        for (int row = 0; row < s.rows; row++) {
            const double *x = s.x + (size_t)row * (size_t)s.columns;
            for (int i = 0; i < n; i++) {
                for (int j = 0; j < n; j++) {
                    a[i * (n + 1) + j] += x[check->columns[i]] * x[check->columns[j]];
                }
                a[i * (n + 1) + n] +=
                    x[check->columns[i]] * s.y[row * s.outputs + check->outputs[o]];
            }
        }
        double mu = 0;
        for (int i = 0; i < n; i++) {
            mu += lambda * a[i * (n + 1) + i] / n;
        }
        for (int i = 0; i < n; i++) { // the pull towards the kept weights
            a[i * (n + 1) + i] += mu;
            a[i * (n + 1) + n] += mu * (double)plain[(check->first_row + o) * n + i];
        }
        eliminate(a, n);
        for (int i = 0; i < n; i++) {
            const double got = (double)refitted[(check->first_row + o) * n + i];
            if (!(fabs(got - a[i * (n + 1) + n]) < 1e-4 * fmax(1, fabs(a[i * (n + 1) + n])))) {
                fail_msg("%s output %d weight %d: %g, expected %g", check->name, o, i, got,
                         a[i * (n + 1) + n]);
            }
        }
        assert_true(residual(&s, check, refitted, o) < 0.999 * residual(&s, check, plain, o));
    }
}

// Every layer, every part: the least-squares solution over all positions of all images.
static void test_least_squares(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 1);
    slim_fixture(&f);
    float *plain = arena_alloc(&f.arena, f.slimmed.n_floats, sizeof *plain);
    memcpy(plain, f.slimmed_params, f.slimmed.n_floats * sizeof *plain);
    const struct refit_options options = {
        .images = IMAGES, .points_per_image = SIDE * SIDE, .lambda = 1e-7, .seed = 3};
    refit_fixture(&f, &options);
    struct check b = {.name = "b", .n_outputs = 6, .outputs = {0, 1, 3, 4, 5, 7}};
    fill_columns(&b, (int[]){0, 2, 3, 5}, 4, 9);
    struct check c0 = {.name = "c", .n_outputs = 3, .outputs = {1, 2, 3}};
    fill_columns(&c0, (int[]){0, 1, 3}, 3, 9);
    struct check c1 = {
        .name = "c", .part = 1, .n_outputs = 3, .outputs = {4, 6, 7}, .first_row = 3};
    fill_columns(&c1, (int[]){0, 1, 3}, 3, 9);
    struct check d = {.name = "d", .n_outputs = 3, .outputs = {0, 2, 4}};
    fill_columns(&d, (int[]){1, 2, 3, 4, 6, 7}, 6, 1);
    check_part(&f, &b, plain, options.lambda);
    check_part(&f, &c0, plain, options.lambda);
    check_part(&f, &c1, plain, options.lambda);
    check_part(&f, &d, plain, options.lambda);
    // Nothing but the weights of b, c and d changed.
    static const char *const refitted[] = {"b.weight", "c.weight", "d.weight"};
    for (int p = 0; p < f.slimmed.n_params; p++) {
        const struct param *param = &f.slimmed.params[p];
        const bool same = memcmp(plain + param->offset, f.slimmed_params + param->offset,
                                 param->count * sizeof *plain) == 0;
        bool may_change = false;
        for (int i = 0; i < 3; i++) {
            may_change = may_change || strcmp(param->name, refitted[i]) == 0;
        }
        assert_int_equal(same, !may_change);
    }
    close_fixture(&f);
}

// Channel 1 of `a` is made a copy of channel 0: cutting it loses nothing after refit of b.
static void test_duplicate_channel(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 2);
    for (int p = 0; p < f.graph.n_params; p++) {
        const struct param *param = &f.graph.params[p];
        if (strncmp(param->name, "a.", 2) == 0 || strncmp(param->name, "dw.", 3) == 0) {
            const size_t row = param->count / 6;
            memcpy(f.params + param->offset + row, f.params + param->offset, row * sizeof(float));
        }
    }
    static int keep_a[] = {0, 2, 3, 4, 5}, all[] = {0, 1, 2, 3, 4, 5, 6, 7};
    static int *const keep[] = {keep_a, all, all, all};
    static const int kept[] = {5, 8, 8, 5};
    f.keep = (struct keep){.keep = keep, .kept = kept};
    assert_ok(slim_network(&f.graph, &f.groups, f.params, &f.keep, &f.slimmed, &f.slimmed_params));
    const struct refit_options options = {
        .images = IMAGES, .points_per_image = 6, .lambda = 1e-7, .seed = 3};
    refit_fixture(&f, &options);
    struct probe *full, *slim;
    assert_ok(probe_open(f.backend, &f.graph, IMAGES, &plan_input, &full));
    assert_ok(probe_open(f.backend, &f.slimmed, IMAGES, &plan_input, &slim));
    assert_ok(probe_load(full, f.params));
    assert_ok(probe_load(slim, f.slimmed_params));
    assert_ok(probe_run(full, f.images, IMAGES));
    assert_ok(probe_run(slim, f.images, IMAGES));
    const int last = f.graph.n_nodes - 1;
    const float *expected = probe_output(full, last), *got = probe_output(slim, last);
    for (int i = 0; i < IMAGES * 4; i++) {
        assert_true(fabsf(got[i] - expected[i]) < 2e-3F * fmaxf(1, fabsf(expected[i])));
    }
    probe_close(full);
    probe_close(slim);
    close_fixture(&f);
}

static void test_nothing_cut(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 3);
    static int all[] = {0, 1, 2, 3, 4, 5, 6, 7};
    static int *const keep[] = {all, all, all, all};
    static const int kept[] = {6, 8, 8, 5};
    f.keep = (struct keep){.keep = keep, .kept = kept};
    assert_ok(slim_network(&f.graph, &f.groups, f.params, &f.keep, &f.slimmed, &f.slimmed_params));
    const struct refit_options options = {
        .images = 3, .points_per_image = 2, .lambda = 1e-6, .seed = 3};
    refit_fixture(&f, &options);
    for (size_t i = 0; i < f.graph.n_floats; i++) {
        assert_true(fabsf(f.slimmed_params[i] - f.params[i]) < 1e-3F);
    }
    close_fixture(&f);
}

// Far fewer samples than unknowns: weights stay finite and no farther from the kept ones than the
// samples ask for; the same seed gives the same weights.
static void test_few_samples(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 4);
    slim_fixture(&f);
    float *plain = arena_alloc(&f.arena, f.slimmed.n_floats, sizeof *plain);
    float *first = arena_alloc(&f.arena, f.slimmed.n_floats, sizeof *first);
    memcpy(plain, f.slimmed_params, f.slimmed.n_floats * sizeof *plain);
    const struct refit_options options = {
        .images = 2, .points_per_image = 2, .lambda = 1e-6, .seed = 8};
    refit_fixture(&f, &options);
    memcpy(first, f.slimmed_params, f.slimmed.n_floats * sizeof *first);
    float most = 0, most_plain = 0;
    for (size_t i = 0; i < f.slimmed.n_trainable; i++) {
        assert_true(isfinite(first[i]));
        most = fmaxf(most, fabsf(first[i]));
        most_plain = fmaxf(most_plain, fabsf(plain[i]));
    }
    assert_true(most < 5 * most_plain);
    memcpy(f.slimmed_params, plain, f.slimmed.n_floats * sizeof *plain);
    refit_fixture(&f, &options);
    assert_memory_equal(first, f.slimmed_params, f.slimmed.n_floats * sizeof *first);
    close_fixture(&f);
}

static void test_errors(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 5);
    struct refit *refit;
    const struct refit_options none = {.images = 0, .points_per_image = 2, .lambda = 1e-6};
    const struct refit_options no_pull = {.images = 1, .points_per_image = 2, .lambda = 0};
    const struct refit_options good = {.images = 1, .points_per_image = 2, .lambda = 1e-6};
    const struct plan_input vectors = {.f32 = true};
    assert_fails(
        refit_open(f.backend, &f.graph, &f.groups, f.params, &plan_input, f.images, &none, &refit),
        ERR_CONFIG, "0 images");
    assert_fails(refit_open(f.backend, &f.graph, &f.groups, f.params, &plan_input, f.images,
                            &no_pull, &refit),
                 ERR_CONFIG, "lambda");
    assert_fails(
        refit_open(f.backend, &f.graph, &f.groups, f.params, &vectors, f.images, &good, &refit),
        ERR_UNSUPPORTED, "vectors");
    close_fixture(&f);

    struct fixture wide = {0};
    const struct backend_options options = {.threads = 1, .check = true};
    assert_ok(backend_open("ref", &options, &wide.backend));
    const struct conv_attributes conv = {
        .out_c = 600, .kernel_h = 3, .kernel_w = 3, .stride = 1, .pad = 1};
    int node;
    assert_ok(graph_begin(&wide.graph, 2, 2, 3));
    assert_ok(graph_add_conv(&wide.graph, "a", 0, &conv, &node));
    assert_ok(graph_add_conv(&wide.graph, "b", node, &conv, &node));
    assert_ok(graph_add_linear(&wide.graph, "c", node, 2, true, &node));
    assert_ok(graph_finish(&wide.graph));
    assert_ok(groups_find(&wide.graph, &wide.groups));
    wide.params = arena_alloc(&wide.arena, wide.graph.n_floats, sizeof *wide.params);
    uint8_t image[12] = {0};
    assert_fails(refit_open(wide.backend, &wide.graph, &wide.groups, wide.params, &plan_input,
                            image, &good, &refit),
                 ERR_UNSUPPORTED, "b has 5400 inputs");
    close_fixture(&wide);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_least_squares), cmocka_unit_test(test_duplicate_channel),
        cmocka_unit_test(test_nothing_cut),   cmocka_unit_test(test_few_samples),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
