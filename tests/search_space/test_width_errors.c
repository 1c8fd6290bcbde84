// Width errors against what the refitted network itself gives, and the estimate from weights by
// hand.
#include "nn/probe.h"
#include "random_graph.h"
#include "search_space/width_errors.h"
#include "test_unit.h"

#include <math.h>
#include <stdlib.h>

enum { IMAGES = 24, SIDE = 8, BYTES = IMAGES * SIDE * SIDE * 3 };

static const float mean[3] = {0.5F, 0.5F, 0.5F}, deviation[3] = {0.25F, 0.25F, 0.25F};
static const struct plan_input plan_input = {.mean = mean, .std = deviation};

struct fixture {
    struct backend *backend;
    struct graph graph;
    struct groups groups;
    struct arena arena;
    float *params;
    uint8_t *images;
    struct criterion_input network;
    struct ranking ranking;
    struct refit *refit;
};

static int add_unit(struct graph *graph, const char *name, const char *act, int input,
                    const struct conv_attributes *attributes)
{
    int node;
    assert_ok(graph_add_conv(graph, name, input, attributes, &node));
    assert_ok(graph_add_act(graph, act, node, ACTIVATION_RELU, &node));
    return node;
}

// a 6 -> depthwise -> b 8 with bias, stride 2 -> c 8 in two parts; then d and e both read c, and
// their sum goes to the classes.
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
    d.kernel_h = d.kernel_w = 1;
    d.pad = 0;
    assert_ok(graph_begin(&f->graph, SIDE, SIDE, 3));
    int node = add_unit(&f->graph, "a", "a.relu", 0, &a), left, right;
    node = add_unit(&f->graph, "dw", "dw.relu", node, &depthwise);
    node = add_unit(&f->graph, "b", "b.relu", node, &b);
    node = add_unit(&f->graph, "c", "c.relu", node, &c);
    assert_ok(graph_add_conv(&f->graph, "d", node, &d, &left));
    assert_ok(graph_add_conv(&f->graph, "e", node, &a, &right));
    assert_ok(graph_add_add(&f->graph, "sum", left, right, &node));
    assert_ok(graph_add_linear(&f->graph, "classes", node, 4, true, &node));
    assert_ok(graph_finish(&f->graph));
    assert_ok(groups_find(&f->graph, &f->groups));
    assert_int_equal(f->groups.n, 4);
    struct rng rng = rng_make(seed, RNG_TEST, 71, 0);
    f->params = arena_alloc(&f->arena, f->graph.n_floats, sizeof *f->params);
    random_graph_params(&f->graph, &rng, f->params);
    f->images = arena_alloc(&f->arena, BYTES, 1);
    for (int i = 0; i < BYTES; i++) {
        f->images[i] = (uint8_t)rng_below(&rng, 256);
    }
    f->network = (struct criterion_input){
        .graph = &f->graph, .groups = &f->groups, .params = f->params, .seed = seed};
    assert_ok(criterion_rank(criteria[CRITERION_RANDOM], &f->network, &f->arena, &f->ranking));
    const struct refit_options all = {
        .images = IMAGES, .points_per_image = SIDE * SIDE, .lambda = 1e-7, .seed = 3};
    assert_ok(refit_open(f->backend, &f->graph, &f->groups, f->params, &plan_input, f->images, &all,
                         &f->refit));
}

static void close_fixture(struct fixture *f)
{
    refit_close(f->refit);
    backend_close(f->backend);
    graph_close(&f->graph);
    groups_close(&f->groups);
    arena_close(&f->arena);
}

static struct probe *run_probe(struct fixture *f, const struct graph *graph, const float *params)
{
    struct probe *probe;
    assert_ok(probe_open(f->backend, graph, IMAGES, &plan_input, &probe));
    assert_ok(probe_load(probe, params));
    assert_ok(probe_run(probe, f->images, IMAGES));
    return probe;
}

// Cuts one group alone, refits, and compares what the named layers put out, bias apart.
static double measured_error(struct fixture *f, int group, int width, const char *const *layers,
                             int n_layers)
{
    int widths[4];
    for (int g = 0; g < 4; g++) {
        widths[g] = g == group ? width : f->groups.groups[g].channels;
    }
    struct keep keep;
    struct graph slimmed;
    float *slimmed_params;
    assert_ok(ranking_keep(&f->groups, &f->ranking, widths, &f->arena, &keep));
    assert_ok(slim_network(&f->graph, &f->groups, f->params, &keep, &slimmed, &slimmed_params));
    assert_ok(refit_apply(f->refit, &keep, &slimmed, slimmed_params));
    struct probe *before = run_probe(f, &f->graph, f->params);
    struct probe *after = run_probe(f, &slimmed, slimmed_params);
    double error = 0;
    for (int l = 0; l < n_layers; l++) {
        const int node = graph_find_node(&f->graph, layers[l]);
        const struct node *n = &f->graph.nodes[node];
        const float *x = probe_output(before, node), *y = probe_output(after, node);
        double lost = 0, total = 0;
        for (int i = 0; i < IMAGES * n->h * n->w * n->c; i++) {
            const double bias =
                n->bias
                    ? (double)f->params[f->graph.params[n->params[1]].offset + (size_t)(i % n->c)]
                    : 0;
            lost += pow((double)x[i] - (double)y[i], 2);
            total += pow((double)x[i] - bias, 2);
        }
        error += lost / total;
    }
    probe_close(before);
    probe_close(after);
    graph_close(&slimmed);
    free(slimmed_params);
    return error;
}

static void check_group(struct fixture *f, int group, const char *const *layers, int n_layers)
{
    const struct channel_group *g = &f->groups.groups[group];
    const int step = g->equal_parts, n = g->channels / step;
    int widths[8] = {0};
    double errors[8] = {0};
    assert_true(n > 1 && n <= 8);
    for (int i = 0; i < n; i++) {
        widths[i] = (i + 1) * step;
    }
    assert_ok(width_errors(&f->network, f->refit, &f->ranking, group, widths, n, errors));
    for (int i = 0; i < n; i++) {
        const double expected = measured_error(f, group, widths[i], layers, n_layers);
        if (!(fabs(errors[i] - expected) < 1e-4 + 1e-3 * expected)) {
            fail_msg("%s at %d: %g, measured %g", g->name, widths[i], errors[i], expected);
        }
        assert_true(i == 0 || errors[i] <= errors[i - 1]);
    }
    assert_true(errors[0] > 0.01 && errors[n - 1] == 0);
}

static void test_against_refit(void **state)
{
    (void)state;
    static const char *const of_a[] = {"b"}, *const of_b[] = {"c"}, *const of_c[] = {"d", "e"};
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct fixture f;
        open_fixture(&f, seed);
        assert_int_equal(f.groups.groups[1].equal_parts, 2);
        check_group(&f, 0, of_a, 1); // through a depthwise layer
        check_group(&f, 1, of_b, 1); // both parts of one layer
        check_group(&f, 2, of_c, 2); // two layers
        close_fixture(&f);
    }
}

// The share of the readers' squared weights that is cut; a linear layer has no Gram matrix at all.
static void test_from_weights(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 3);
    static const struct {
        int group, width;
        const char *readers[2];
    } cases[] = {{2, 4, {"d.weight", "e.weight"}}, {3, 2, {"classes.weight", NULL}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int group = cases[i].group, c = f.groups.groups[group].channels;
        const int *order = f.ranking.order;
        for (int g = 0; g < group; g++) {
            order += f.groups.groups[g].channels;
        }
        const int part = c / f.groups.groups[group].equal_parts;
        double expected = 0;
        for (int readers = 0; readers < 2 && cases[i].readers[readers] != NULL; readers++) {
            const struct param *param = graph_find_param(&f.graph, cases[i].readers[readers]);
            const size_t block = param->count / (size_t)(param->dims[0] * c);
            double cut = 0, total = 0;
            for (size_t k = 0; k < param->count; k++) {
                const double w = (double)f.params[param->offset + k];
                const int channel = (int)(k / block % (size_t)c);
                bool stays = false;
                for (int best = 0; best < c; best++) {
                    stays = stays ||
                            (order[best] == channel && best % part < cases[i].width / (c / part));
                }
                total += w * w;
                cut += stays ? 0 : w * w;
            }
            expected += cut / total;
        }
        double error, with_grams;
        assert_ok(width_errors(&f.network, NULL, &f.ranking, group, &cases[i].width, 1, &error));
        assert_true(fabs(error - expected) < 1e-9);
        assert_ok(
            width_errors(&f.network, f.refit, &f.ranking, group, &cases[i].width, 1, &with_grams));
        assert_true(group == 3 ? with_grams == error : with_grams < error);
    }
    close_fixture(&f);
}

// Scores are what the error rises by, over what a channel costs, the same for every equal part; the
// classes are one pixel, all other readers put out 16.
static void test_scores(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 5);
    static const double costs[4] = {0.5, 2, 1, 4};
    float **scores;
    assert_ok(width_scores(&f.network, f.refit, &f.ranking, costs, &f.arena, &scores));
    const int *order = f.ranking.order;
    for (int g = 0; g < 4; g++) {
        const int parts = f.groups.groups[g].equal_parts, c = f.groups.groups[g].channels;
        const double pixels = g < 3 ? pow(16, 0.125) : 1;
        int widths[9];
        double errors[9], sum = 0;
        for (int r = 0; r <= c / parts; r++) {
            widths[r] = r * parts;
        }
        assert_ok(width_errors(&f.network, f.refit, &f.ranking, g, widths, c / parts + 1, errors));
        for (int k = 0; k < c; k++) {
            const int rank = k % (c / parts);
            const double rise = (errors[rank] - errors[rank + 1]) / parts;
            assert_true(fabs((double)scores[g][order[k]] * costs[g] * pixels - rise) < 1e-6);
            sum += (double)scores[g][order[k]] * costs[g] * pixels;
        }
        assert_true(fabs(sum - errors[0]) < 1e-5 && errors[0] > 0.1 && errors[0] < 2 + 1e-9);
        order += c;
    }
    close_fixture(&f);
}

static void test_not_finite(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 4);
    const struct param *param = graph_find_param(&f.graph, "d.weight");
    f.params[param->offset + 1] = INFINITY;
    const int width = 2;
    double error;
    assert_fails(width_errors(&f.network, NULL, &f.ranking, 2, &width, 1, &error), ERR_INPUT,
                 "finite");
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_refit),
        cmocka_unit_test(test_from_weights),
        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
