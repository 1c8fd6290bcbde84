// Error curves against elimination column by column, on a network with a concatenation and a
// grouped convolution; and from weights alone.
#include "random_graph.h"
#include "search_space/error_curve.h"
#include "test_unit.h"

#include <math.h>
#include <stdlib.h>

enum { A = 6, B = 4, C = 8, MOST = (A + B) * 9 };
#define LAMBDA 1e-6

struct fixture {
    struct graph graph;
    struct groups groups;
    struct arena arena;
    float *params;
    int *order; // of the ranking
    int b, c, d, classes;
    double *grams;
    int n_grams;
    struct refit *refit;
};

static int add_conv(struct graph *graph, const char *name, int input, int out_c, int kernel,
                    int groups)
{
    const struct conv_attributes attributes = {.out_c = out_c,
                                               .kernel_h = kernel,
                                               .kernel_w = kernel,
                                               .stride = 1,
                                               .pad = kernel / 2,
                                               .groups = groups};
    int node;
    assert_ok(graph_add_conv(graph, name, input, &attributes, &node));
    return node;
}

// A Gram matrix of more random rows than columns, for every layer that refit knows.
static void add_gram(struct fixture *f, struct rng *rng, int columns)
{
    double *x = arena_alloc(&f->arena, 3 * (size_t)columns * (size_t)columns, sizeof *x);
    assert_non_null(x);
    for (int i = 0; i < 3 * columns * columns; i++) {
        x[i] = (double)rng_below(rng, 1000) / 500 - 0.7;
    }
    for (int i = 0; i < columns; i++) {
        for (int j = 0; j <= i; j++) {
            double sum = 0;
            for (int r = 0; r < 3 * columns; r++) {
                sum += x[r * columns + i] * x[r * columns + j];
            }
            f->grams[f->n_grams++] = sum;
        }
    }
}

// a 6 -> b 4 -> c 8, which reads a and b, plus s 8 -> d 6 in two parts -> classes
static void open_fixture(struct fixture *f)
{
    *f = (struct fixture){0};
    int node, a;
    assert_ok(graph_begin(&f->graph, 5, 5, 3));
    a = add_conv(&f->graph, "a", 0, A, 3, 1);
    assert_ok(graph_add_batchnorm(&f->graph, "a.bn", a, &node));
    assert_ok(graph_add_act(&f->graph, "a.relu", node, ACTIVATION_RELU, &a));
    f->b = add_conv(&f->graph, "b", a, B, 1, 1);
    assert_ok(graph_add_concat(&f->graph, "ab", a, f->b, &node));
    f->c = add_conv(&f->graph, "c", node, C, 3, 1);
    const int s = add_conv(&f->graph, "s", 0, C, 1, 1);
    int c_norm, s_norm;
    assert_ok(graph_add_batchnorm(&f->graph, "c.bn", f->c, &c_norm));
    assert_ok(graph_add_batchnorm(&f->graph, "s.bn", s, &s_norm));
    assert_ok(graph_add_add(&f->graph, "sum", c_norm, s_norm, &node));
    f->d = add_conv(&f->graph, "d", node, 6, 1, 2);
    assert_ok(graph_add_global_pool(&f->graph, "pool", f->d, &node));
    assert_ok(graph_add_linear(&f->graph, "classes", node, 4, true, &f->classes));
    assert_ok(graph_finish(&f->graph));
    assert_ok(groups_find(&f->graph, &f->groups));
    struct rng rng = rng_make(4, RNG_TEST, 60, 0);
    f->params = arena_alloc(&f->arena, f->graph.n_floats, sizeof *f->params);
    random_graph_params(&f->graph, &rng, f->params);
    f->order = arena_alloc(&f->arena, (size_t)ranking_count(&f->groups), sizeof *f->order);
    int *order = f->order;
    for (int g = 0; g < f->groups.n; order += f->groups.groups[g++].channels) {
        const int channels = f->groups.groups[g].channels, parts = f->groups.groups[g].equal_parts;
        for (int i = 0; i < channels; i++) { // each part backwards
            const int part = channels / parts;
            order[i] = i / part * part + part - 1 - i % part;
        }
    }
    f->grams = arena_alloc(&f->arena, 2 * MOST * MOST, sizeof *f->grams);
    add_gram(f, &rng, A);           // b
    add_gram(f, &rng, (A + B) * 9); // c
    add_gram(f, &rng, C / 2);       // d, both parts
    add_gram(f, &rng, C / 2);
    assert_ok(refit_open_grams(&f->graph, &f->groups, f->params, LAMBDA, f->grams, &f->refit));
}

static void close_fixture(struct fixture *f)
{
    refit_close(f->refit);
    graph_close(&f->graph);
    groups_close(&f->groups);
    arena_close(&f->arena);
}

// Of every output: w_C S w_C^T and w G w^T with S what is left of G when the kept columns are
// eliminated.
static void lose(const double *gram, int columns, const bool *cut, const float *weights, int rows,
                 double *lost, double *total)
{
    static double g[MOST][MOST];
    double mean = 0;
    memset(lost, 0, (size_t)rows * sizeof *lost);
    memset(total, 0, (size_t)rows * sizeof *total);
    for (int i = 0; i < columns; i++) {
        for (int j = 0; j <= i; j++) {
            g[i][j] = g[j][i] = gram[i * (i + 1) / 2 + j];
        }
        mean += g[i][i] / columns;
    }
    for (int i = 0; i < columns; i++) {
        g[i][i] += LAMBDA * mean;
    }
    for (int pass = 0; pass < 2; pass++) {
        for (int o = 0; o < rows; o++) {
            for (int i = 0; i < columns; i++) {
                for (int j = 0; j < columns; j++) {
                    const double term = (double)weights[o * columns + i] * g[i][j] *
                                        (double)weights[o * columns + j];
                    total[o] += pass == 0 ? term : 0;
                    lost[o] += pass == 1 && cut[i] && cut[j] ? term : 0;
                }
            }
        }
        for (int k = 0; pass == 0 && k < columns; k++) {
            for (int i = 0; !cut[k] && i < columns; i++) {
                const double factor = i != k ? g[i][k] / g[k][k] : 0;
                for (int j = 0; j < columns; j++) {
                    g[i][j] -= factor * g[k][j];
                }
            }
        }
    }
}

static int group_of(const struct fixture *f, const char *name)
{
    const int group = groups_find_name(&f->groups, name);
    assert_true(group >= 0);
    return group;
}

static int curve_of(const struct fixture *f, int group)
{
    int first = 0;
    for (int g = 0; g < group; g++) {
        first += f->groups.groups[g].channels;
    }
    return first;
}

static const float *weights_of(const struct fixture *f, int node)
{
    return f->params + f->graph.params[f->graph.nodes[node].params[0]].offset;
}

static const float *param_of(const struct fixture *f, const char *name)
{
    const struct param *param = graph_find_param(&f->graph, name);
    assert_non_null(param);
    return f->params + param->offset;
}

// Of c's outputs: their mean squares behind BatchNorm as shares of the variance of the sum.
static void find_worth(const struct fixture *f, double *worth)
{
    const float *gamma = param_of(f, "c.bn.weight"), *other = param_of(f, "s.bn.weight");
    const float *mean = param_of(f, "c.bn.running_mean");
    const float *variance = param_of(f, "c.bn.running_var");
    double sum = 0;
    for (int o = 0; o < C; o++) {
        sum += pow((double)gamma[o], 2) + pow((double)other[o], 2);
    }
    for (int o = 0; o < C; o++) {
        worth[o] =
            pow((double)gamma[o], 2) * (1 + pow((double)mean[o], 2) / (double)variance[o]) / sum;
    }
}

// The channels [first, first + channels) of a layer's input are the group's.
static double expect(const struct fixture *f, const double *gram, int node, int part, int in,
                     int first, int channels, int parts, int width)
{
    const struct node *n = &f->graph.nodes[node];
    const int taps = n->kernel[0] * n->kernel[1], rows = n->c / n->groups;
    const int each = channels / parts; // of the group in each of its equal parts
    bool cut[MOST] = {false};
    for (int c = 0; c < channels; c++) {
        // Backwards: the last ones of each part are its best.
        const bool goes = c % each < each - width / parts;
        const int at = first + c - part * in;
        for (int t = 0; goes && at >= 0 && at < in && t < taps; t++) {
            cut[at * taps + t] = true;
        }
    }
    double lost[C], total[C], worth[C], sums[3] = {0};
    assert_in_range(rows, 1, C);
    lose(gram, in * taps, cut, weights_of(f, node) + (size_t)part * (size_t)(rows * in * taps),
         rows, lost, total);
    find_worth(f, worth);
    for (int o = 0; o < rows; o++) {
        sums[0] += lost[o];
        sums[1] += total[o];
        sums[2] += worth[o] * lost[o] / total[o];
    }
    return node == f->c ? sums[2] : sums[0] / sums[1];
}

static void curves_are_what_elimination_leaves(void **state)
{
    (void)state;
    struct fixture f;
    float errors[64];
    int readers[8];
    open_fixture(&f);
    const struct ranking ranking = {.order = f.order};
    const struct error_input input = {.graph = &f.graph,
                                      .groups = &f.groups,
                                      .params = f.params,
                                      .ranking = &ranking,
                                      .refit = f.refit};
    assert_ok(error_curves(&input, errors, readers));
    const double *gram_b = f.grams, *gram_c = gram_b + A * (A + 1) / 2;
    const double *gram_d = gram_c + MOST * (MOST + 1) / 2;
    const double *gram_e = gram_d + C / 2 * (C / 2 + 1) / 2;
    const int a = group_of(&f, "a"), b = group_of(&f, "b"), c = group_of(&f, "c");
    assert_true(readers[a] == 2 && readers[b] == 1 && readers[c] == 2); // parts count
    for (int width = 1; width <= A; width++) {
        const double by_b = expect(&f, gram_b, f.b, 0, A, 0, A, 1, width);
        const double by_c = expect(&f, gram_c, f.c, 0, A + B, 0, A, 1, width);
        const double found = (double)errors[curve_of(&f, a) + width - 1];
        assert_true(fabs(found - (by_b + by_c) / 2) < 1e-5 && (width == A || found > 1e-3));
    }
    for (int width = 1; width <= B; width++) {
        const double by_c = expect(&f, gram_c, f.c, 0, A + B, A, B, 1, width);
        assert_true(fabs((double)errors[curve_of(&f, b) + width - 1] - by_c) < 1e-5);
    }
    assert_int_equal(f.groups.groups[c].equal_parts, 2);
    for (int width = 2; width <= C; width += 2) {
        const double one = expect(&f, gram_d, f.d, 0, C / 2, 0, C, 2, width);
        const double other = expect(&f, gram_e, f.d, 1, C / 2, 0, C, 2, width);
        const double found = (double)errors[curve_of(&f, c) + width - 1];
        assert_true(fabs(found - (one + other) / 2) < 1e-5);
    }
    close_fixture(&f);
}

static void weights_alone_give_curves_too(void **state)
{
    (void)state;
    struct fixture f;
    float errors[64], other[64];
    int readers[8];
    open_fixture(&f);
    const struct ranking ranking = {.order = f.order};
    const struct error_input input = {
        .graph = &f.graph, .groups = &f.groups, .params = f.params, .ranking = &ranking};
    assert_ok(error_curves(&input, errors, readers));
    for (int g = 0; g < f.groups.n; g++) {
        const int first = curve_of(&f, g), channels = f.groups.groups[g].channels;
        assert_true(errors[first + channels - 1] <= 0 && errors[first] > 0);
        for (int w = 1; w < channels; w++) {
            assert_true(errors[first + w] <= errors[first + w - 1]);
        }
    }
    // d has no BatchNorm: the share of the squared weights that read what goes.
    const int d = group_of(&f, "d");
    const float *weights = weights_of(&f, f.classes);
    double all = 0, kept = 0;
    for (int i = 0; i < 4 * 6; i++) {
        const double square = (double)weights[i] * (double)weights[i];
        all += square;
        kept += i % 6 == 2 || i % 6 == 5 ? square : 0; // the best of each part
    }
    assert_true(fabs((double)errors[curve_of(&f, d) + 1] - (1 - kept / all)) < 1e-6);
    // A channel that BatchNorm and ReLU leave nothing of loses nothing.
    float *gamma = f.params + (param_of(&f, "a.bn.weight") - f.params);
    float *beta = f.params + (param_of(&f, "a.bn.bias") - f.params);
    for (int c = 0; c < A - 1; c++) { // but for the best
        gamma[c] = 0.01F;
        beta[c] = -1;
    }
    assert_ok(error_curves(&input, other, readers));
    assert_true(other[curve_of(&f, group_of(&f, "a"))] < 1e-6F);
    f.params[f.graph.params[f.graph.nodes[f.d].params[0]].offset] = NAN;
    assert_fails(error_curves(&input, other, readers), ERR_INPUT, "d: its weights");
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curves_are_what_elimination_leaves),
        cmocka_unit_test(weights_alone_give_curves_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
