// Slimming against its oracle: the slimmed network computes, at every node, what the masked
// full-size network computes in the kept channels.
#include "nn/probe.h"
#include "nn/zoo.h"
#include "random_graph.h"
#include "search_space/kept.h"
#include "search_space/slim.h"
#include "test_unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float mean[3] = {0.4F, 0.5F, 0.6F}, deviation[3] = {0.2F, 0.25F, 0.3F};
static const struct plan_input plan_input = {.mean = mean, .std = deviation};

static struct probe *run_network(struct backend *backend, const struct graph *graph,
                                 const float *params, const uint8_t *images, int n)
{
    struct probe *probe;
    assert_ok(probe_open(backend, graph, n, &plan_input, &probe));
    assert_ok(probe_load(probe, params));
    assert_ok(probe_run(probe, images, n));
    return probe;
}

// Values of one node: slim [places][n_kept] against masked [places][c].
static void compare_node(const struct graph *graph, int node, const struct kept_list *list,
                         const float *masked, const float *slim, size_t places)
{
    const size_t c = (size_t)graph->nodes[node].c;
    double most = 1;
    for (size_t i = 0; i < places * c; i++) {
        assert_true(isfinite(masked[i]));
        most = fmax(most, fabs((double)masked[i]));
    }
    for (size_t place = 0; place < places; place++) {
        for (size_t k = 0, next = 0; k < c; k++) {
            const double value = (double)masked[place * c + k];
            if (next == (size_t)list->n || (size_t)list->channels[next] != k) {
                continue;
            }
            const double got = (double)slim[place * (size_t)list->n + next++];
            if (!(fabs(got - value) <= 1e-4 * most)) {
                fail_msg("%s channel %zu: %g slimmed, %g masked", graph->nodes[node].name, k, got,
                         value);
            }
        }
    }
}

// Slims at random and compares all nodes; returns how many parameters were cut.
static size_t check_slimming(struct backend *backend, const struct graph *graph,
                             const struct groups *groups, struct rng *rng, int n)
{
    struct arena arena = {0};
    float *params = arena_alloc(&arena, graph->n_floats, sizeof *params);
    const struct node *input = &graph->nodes[0];
    const size_t bytes = (size_t)n * (size_t)input->h * (size_t)input->w * (size_t)input->c;
    uint8_t *images = arena_alloc(&arena, bytes, 1);
    for (size_t i = 0; i < bytes; i++) {
        images[i] = (uint8_t)rng_below(rng, 256);
    }
    random_graph_params(graph, rng, params);
    const struct keep keep = random_keep(groups, rng, &arena);
    struct graph slimmed = {0};
    float *slimmed_params;
    assert_ok(slim_network(graph, groups, params, &keep, &slimmed, &slimmed_params));
    const size_t cut = graph->n_trainable - slimmed.n_trainable;
    slim_mask(graph, groups, &keep, params);

    struct kept_list *lists;
    assert_ok(kept_lists(graph, groups, &keep, &arena, &lists));
    struct probe *masked_probe = run_network(backend, graph, params, images, n);
    struct probe *slim_probe = run_network(backend, &slimmed, slimmed_params, images, n);
    for (int i = 0; i < graph->n_nodes; i++) {
        const struct node *node = &graph->nodes[i];
        assert_int_equal(slimmed.nodes[i].c, lists[i].n);
        compare_node(graph, i, &lists[i], probe_output(masked_probe, i),
                     probe_output(slim_probe, i), (size_t)n * (size_t)node->h * (size_t)node->w);
    }
    probe_close(masked_probe);
    probe_close(slim_probe);
    free(slimmed_params);
    graph_close(&slimmed);
    arena_close(&arena);
    return cut;
}

static struct backend *open_ref(void)
{
    struct backend *backend;
    const struct backend_options options = {.threads = 1, .check = true};
    assert_ok(backend_open("ref", &options, &backend));
    return backend;
}

// Does a shortcut's padding belong to a group?
static bool has_tied_zeros(const struct graph *graph, const struct groups *groups)
{
    for (int i = 0; i < graph->n_nodes; i++) {
        const struct segment_list list = groups->outputs[i];
        if (graph->nodes[i].kind == NODE_PAD &&
            ((graph->nodes[i].pad_channels[0] > 0 && list.segments[0].group >= 0) ||
             (graph->nodes[i].pad_channels[1] > 0 && list.segments[list.n - 1].group >= 0))) {
            return true;
        }
    }
    return false;
}

static void test_random_networks(void **state)
{
    (void)state;
    struct backend *backend = open_ref();
    struct random_tally tally = {0};
    int shrunk = 0, with_parts = 0, with_tied_zeros = 0, with_parts_of_outputs = 0;
    for (int i = 0; i < 300; i++) {
        struct rng rng = rng_make(17, RNG_TEST, (uint64_t)i, 0);
        struct graph graph = {0};
        random_graph_build(&rng, &graph, &tally);
        struct groups groups = {0};
        assert_ok(groups_find(&graph, &groups));
        shrunk += check_slimming(backend, &graph, &groups, &rng, 2) > 0;
        bool parts = false, part_of_output = false;
        for (int g = 0; g < groups.n; g++) {
            parts = parts || groups.groups[g].equal_parts > 1;
            part_of_output = part_of_output || strchr(groups.groups[g].name, ':') != NULL;
        }
        with_parts += parts;
        with_parts_of_outputs += part_of_output;
        with_tied_zeros += has_tied_zeros(&graph, &groups);
        groups_close(&groups);
        graph_close(&graph);
    }
    // The fuzz means something only if it met what it is for.
    for (int kind = 0; kind < NODE_KIND_COUNT; kind++) {
        assert_true(tally.kinds[kind] >= 20);
    }
    assert_true(tally.grouped >= 50 && tally.depthwise >= 50);
    assert_true(shrunk >= 250 && with_parts >= 30);
    assert_true(with_tied_zeros >= 30 && with_parts_of_outputs >= 30);
    backend_close(backend);
}

static void test_zoo_networks(void **state)
{
    (void)state;
    static const char *const names[] = {"resnet20",     "resnet110",  "vgg16_bn", "mobilenet_v1",
                                        "mobilenet_v2", "densenet40", "convnet"};
    struct backend *backend = open_ref();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct rng rng = rng_make(18, RNG_TEST, i, 0);
        struct graph graph = {0};
        assert_ok(zoo_build(names[i], 32, 32, 3, 10, &graph));
        struct groups groups = {0};
        assert_ok(groups_find(&graph, &groups));
        assert_true(check_slimming(backend, &graph, &groups, &rng, 1) > 0);
        groups_close(&groups);
        graph_close(&graph);
    }
    backend_close(backend);
}

// Keeping everything changes no byte.
static void test_keep_all(void **state)
{
    (void)state;
    struct graph graph = {0}, slimmed = {0};
    assert_ok(zoo_build("densenet40", 32, 32, 3, 10, &graph));
    struct groups groups = {0};
    assert_ok(groups_find(&graph, &groups));
    struct arena arena = {0};
    float *params = arena_alloc(&arena, graph.n_floats, sizeof *params), *slimmed_params;
    struct rng rng = rng_make(19, RNG_TEST, 0, 0);
    random_graph_params(&graph, &rng, params);
    struct keep keep = random_keep(&groups, &rng, &arena);
    int **all = arena_alloc(&arena, (size_t)groups.n, sizeof *all);
    int *kept = arena_alloc(&arena, (size_t)groups.n, sizeof *kept);
    for (int g = 0; g < groups.n; g++) {
        kept[g] = groups.groups[g].channels;
        all[g] = arena_alloc(&arena, (size_t)kept[g], sizeof *all[g]);
        for (int k = 0; k < kept[g]; k++) {
            all[g][k] = k;
        }
    }
    keep = (struct keep){.keep = all, .kept = kept};
    assert_ok(slim_network(&graph, &groups, params, &keep, &slimmed, &slimmed_params));
    assert_int_equal(slimmed.n_floats, graph.n_floats);
    assert_memory_equal(slimmed_params, params, graph.n_floats * sizeof *params);
    float *masked = arena_alloc(&arena, graph.n_floats, sizeof *masked);
    memcpy(masked, params, graph.n_floats * sizeof *params);
    slim_mask(&graph, &groups, &keep, masked);
    assert_memory_equal(masked, params, graph.n_floats * sizeof *params);
    free(slimmed_params);
    graph_close(&slimmed);
    graph_close(&graph);
    groups_close(&groups);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_networks),
        cmocka_unit_test(test_zoo_networks),
        cmocka_unit_test(test_keep_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
