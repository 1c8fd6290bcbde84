// The ranking by refit: every channel that it takes out is the one that costs least at that point,
// and what nobody needs goes first.
#include "random_graph.h"
#include "search_space/refit_rank.h"
#include "search_space/width_errors.h"
#include "test_unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    struct refit *refit;
};

// a `width` -> b 6 and c 5, both reading a -> concatenated -> d 8 -> e 8 in two parts -> classes.
static void build(struct fixture *f, int width)
{
    *f = (struct fixture){0};
    const struct backend_options options = {.threads = 1, .check = true};
    assert_ok(backend_open("ref", &options, &f->backend));
    const struct conv_attributes a = {.out_c = width, .kernel_h = 1, .kernel_w = 1, .stride = 1};
    struct conv_attributes b = a, c = a, d = a, e = a;
    b.out_c = 6;
    b.kernel_h = b.kernel_w = 3;
    b.pad = 1;
    c.out_c = 5;
    d.out_c = e.out_c = 8;
    e.groups = 2;
    int node, left, right;
    assert_ok(graph_begin(&f->graph, SIDE, SIDE, 3));
    assert_ok(graph_add_conv(&f->graph, "a", 0, &a, &node));
    assert_ok(graph_add_act(&f->graph, "a.relu", node, ACTIVATION_RELU, &node));
    assert_ok(graph_add_conv(&f->graph, "b", node, &b, &left));
    assert_ok(graph_add_conv(&f->graph, "c", node, &c, &right));
    assert_ok(graph_add_concat(&f->graph, "both", left, right, &node));
    assert_ok(graph_add_act(&f->graph, "both.relu", node, ACTIVATION_RELU, &node));
    assert_ok(graph_add_conv(&f->graph, "d", node, &d, &node));
    assert_ok(graph_add_act(&f->graph, "d.relu", node, ACTIVATION_RELU, &node));
    assert_ok(graph_add_conv(&f->graph, "e", node, &e, &node));
    assert_ok(graph_add_linear(&f->graph, "classes", node, 4, true, &node));
    assert_ok(graph_finish(&f->graph));
    assert_ok(groups_find(&f->graph, &f->groups));
    assert_int_equal(f->groups.n, 5);
    struct rng rng = rng_make((uint64_t)width, RNG_TEST, 81, 0);
    f->params = arena_alloc(&f->arena, f->graph.n_floats, sizeof *f->params);
    random_graph_params(&f->graph, &rng, f->params);
    f->images = arena_alloc(&f->arena, BYTES, 1);
    for (int i = 0; i < BYTES; i++) {
        f->images[i] = (uint8_t)rng_below(&rng, 256);
    }
    f->network =
        (struct criterion_input){.graph = &f->graph, .groups = &f->groups, .params = f->params};
}

static void gather(struct fixture *f)
{
    const struct refit_options all = {
        .images = IMAGES, .points_per_image = SIDE * SIDE, .lambda = 1e-6, .seed = 3};
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

static int group_start(const struct fixture *f, int group)
{
    int start = 0;
    for (int g = 0; g < group; g++) {
        start += f->groups.groups[g].channels;
    }
    return start;
}

// By trying each of the channels that are left in the place of the one that was taken out.
static void check_greedy(struct fixture *f, const struct ranking *ranking, int group)
{
    const int count = ranking_count(&f->groups), start = group_start(f, group);
    int *order = arena_alloc(&f->arena, (size_t)count, sizeof *order);
    for (int width = f->groups.groups[group].channels - 1; width > 0; width--) {
        double taken = 0, least = (double)INFINITY;
        for (int other = width; other >= 0; other--) {
            memcpy(order, ranking->order, (size_t)count * sizeof *order);
            order[start + width] = ranking->order[start + other];
            order[start + other] = ranking->order[start + width];
            const struct ranking tried = {.order = order};
            double error;
            assert_ok(width_errors(&f->network, f->refit, &tried, group, &width, 1, &error));
            taken = other == width ? error : taken;
            least = fmin(least, error);
        }
        if (!(taken <= least * (1 + 1e-6) + 1e-12)) {
            fail_msg("group %d at %d: %g, but %g was possible", group, width, taken, least);
        }
    }
}

static void test_takes_the_least(void **state)
{
    (void)state;
    struct fixture f;
    build(&f, 9);
    gather(&f);
    struct ranking ranking;
    assert_ok(refit_rank(&f.network, f.refit, &f.arena, &ranking));
    check_greedy(&f, &ranking, 0); // read by two layers
    check_greedy(&f, &ranking, 1); // one place of a concatenation
    check_greedy(&f, &ranking, 2);
    struct ranking again, weights;
    assert_ok(refit_rank(&f.network, f.refit, &f.arena, &again));
    const size_t bytes = (size_t)ranking_count(&f.groups) * sizeof *ranking.order;
    assert_memory_equal(ranking.order, again.order, bytes);
    // Without Gram matrices by the norm of what reads.
    assert_ok(refit_rank(&f.network, NULL, &f.arena, &weights));
    refit_close(f.refit);
    f.refit = NULL;
    check_greedy(&f, &weights, 0);
    close_fixture(&f);
}

// Each equal part keeps its own channels.
static void test_parts(void **state)
{
    (void)state;
    struct fixture f;
    build(&f, 4);
    gather(&f);
    struct ranking ranking;
    assert_ok(refit_rank(&f.network, f.refit, &f.arena, &ranking));
    for (int group = 3; group < 5; group++) {
        const int *order = ranking.order + group_start(&f, group);
        int seen[8] = {0};
        assert_int_equal(f.groups.groups[group].equal_parts, 2);
        for (int k = 0; k < 8; k++) {
            assert_int_equal(order[k] / 4, k / 4);
            seen[order[k]]++;
        }
        for (int k = 0; k < 8; k++) {
            assert_int_equal(seen[k], 1);
        }
    }
    close_fixture(&f);
}

// Three channels of `a` are dead: they go first, and cost nothing. With more than
// 64 channels several go at once.
static void check_needless(int width)
{
    struct fixture f;
    build(&f, width);
    float *a = f.params + graph_find_param(&f.graph, "a.weight")->offset;
    static const int dead[3] = {0, 4, 7};
    for (int i = 0; i < 3; i++) {
        memset(a + (size_t)dead[i] * 3, 0, 3 * sizeof *a);
    }
    gather(&f);
    struct ranking ranking;
    assert_ok(refit_rank(&f.network, f.refit, &f.arena, &ranking));
    int at_the_end = 0, widths[2] = {width - 3, 0};
    for (int k = width - 4; k < width; k++) {
        for (int i = 0; i < 3; i++) {
            at_the_end += ranking.order[k] == dead[i];
        }
    }
    assert_int_equal(at_the_end, 3);
    double errors[2];
    assert_ok(width_errors(&f.network, f.refit, &ranking, 0, widths, 2, errors));
    assert_true(errors[0] < 1e-5 && fabs(errors[1] - 2) < 1e-9); // of two layers that read it
    close_fixture(&f);
}

static void test_needless_channels(void **state)
{
    (void)state;
    check_needless(10);
    check_needless(70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_the_least),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_needless_channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
