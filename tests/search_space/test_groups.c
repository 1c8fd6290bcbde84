// Channel groups: hand-checked ones of the zoo networks and of small networks with the shapes that
// are easy to get wrong.
#include "nn/zoo.h"
#include "search_space/groups.h"
#include "test_unit.h"

#include <stdio.h>
#include <string.h>

struct expected {
    const char *name;
    int channels, members;
    bool inner;
};

static void open_zoo(const char *name, struct graph *graph, struct groups *groups)
{
    *graph = (struct graph){0};
    *groups = (struct groups){0};
    assert_ok(zoo_build(name, 32, 32, 3, 10, graph));
    assert_ok(groups_find(graph, groups));
}

static void close_both(struct graph *graph, struct groups *groups)
{
    groups_close(groups);
    graph_close(graph);
}

static void check_groups(const struct groups *groups, const struct expected *expected, int n)
{
    assert_int_equal(groups->n, n);
    for (int i = 0; i < n; i++) {
        const struct channel_group *group = &groups->groups[i];
        assert_string_equal(group->name, expected[i].name);
        assert_int_equal(group->channels, expected[i].channels);
        assert_int_equal(group->n_members, expected[i].members);
        assert_int_equal(group->inner, expected[i].inner);
        assert_int_equal(group->equal_parts, 1);
        assert_int_equal(groups_find_name(groups, expected[i].name), i);
    }
    assert_int_equal(groups_find_name(groups, "nothing"), -1);
}

// The list of a node as text: "conv1 conv2:0-8 [8 zeros] [3 frozen]".
static void check_list(const struct graph *graph, const struct groups *groups, const char *node,
                       const char *expected)
{
    char text[512] = "";
    const struct segment_list list = groups->outputs[graph_find_node(graph, node)];
    for (int i = 0; i < list.n; i++) {
        const struct segment *segment = &list.segments[i];
        char piece[64];
        if (segment->group >= 0) {
            assert_int_equal(segment->first, 0);
            assert_int_equal(segment->count, groups->groups[segment->group].channels);
            snprintf(piece, sizeof piece, "%s", groups->groups[segment->group].name);
        } else {
            snprintf(piece, sizeof piece, "[%d %s]", segment->count,
                     segment->group == SEGMENT_ZEROS ? "zeros" : "frozen");
        }
        strncat(text, i > 0 ? " " : "", sizeof text - strlen(text) - 1);
        strncat(text, piece, sizeof text - strlen(text) - 1);
    }
    assert_string_equal(text, expected);
}

static void test_resnet20(void **state)
{
    (void)state;
    static const struct expected expected[] = {
        {"conv1", 16, 10, false},
        {"layer1.0.conv1", 16, 1, true},
        {"layer1.1.conv1", 16, 1, true},
        {"layer1.2.conv1", 16, 1, true},
        {"layer2.0.conv1", 32, 1, true},
        {"layer2.0.conv2:0-8", 8, 6, false},
        {"layer2.0.conv2:24-32", 8, 6, false},
        {"layer2.1.conv1", 32, 1, true},
        {"layer2.2.conv1", 32, 1, true},
        {"layer3.0.conv1", 64, 1, true},
        {"layer3.0.conv2:0-16", 16, 3, false},
        {"layer3.0.conv2:48-64", 16, 3, false},
        {"layer3.1.conv1", 64, 1, true},
        {"layer3.2.conv1", 64, 1, true},
    };
    struct graph graph;
    struct groups groups;
    open_zoo("resnet20", &graph, &groups);
    check_groups(&groups, expected, (int)(sizeof expected / sizeof *expected));
    const struct channel_group *stream = &groups.groups[0];
    assert_string_equal(graph.nodes[stream->members[0]].name, "conv1");
    assert_string_equal(graph.nodes[stream->members[3]].name, "layer1.2.conv2");
    assert_string_equal(graph.nodes[stream->members[9]].name, "layer3.2.conv2");
    check_list(&graph, &groups, "input", "[3 frozen]");
    check_list(&graph, &groups, "layer2.0.shortcut",
               "layer2.0.conv2:0-8 conv1 layer2.0.conv2:24-32");
    check_list(&graph, &groups, "layer3.2.conv2",
               "layer3.0.conv2:0-16 layer2.0.conv2:0-8 conv1 layer2.0.conv2:24-32 "
               "layer3.0.conv2:48-64");
    check_list(&graph, &groups, "linear", "[10 frozen]");
    close_both(&graph, &groups);
}

// Chains without sums: every convolution but the depthwise ones is a group of its own.
static void test_chains(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int groups, first, last;
    } chains[] = {{"vgg16_bn", 13, 64, 512},
                  {"mobilenet_v1", 14, 32, 1024},
                  {"densenet40", 39, 24, 12},
                  {"convnet", 3, 16, 64}};
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        struct graph graph;
        struct groups groups;
        open_zoo(chains[i].name, &graph, &groups);
        assert_int_equal(groups.n, chains[i].groups);
        assert_int_equal(groups.groups[0].channels, chains[i].first);
        assert_int_equal(groups.groups[groups.n - 1].channels, chains[i].last);
        for (int g = 0; g < groups.n; g++) {
            const struct channel_group *group = &groups.groups[g];
            const struct node *member = &graph.nodes[group->members[0]];
            assert_true(group->inner && group->n_members == 1);
            assert_string_equal(group->name, member->name);
            assert_true(member->kind == NODE_CONV && member->groups == 1);
        }
        close_both(&graph, &groups);
    }
}

static void test_mobilenet_v2(void **state)
{
    (void)state;
    static const struct expected streams[] = {
        {"features.2.conv.2", 24, 2, false},   {"features.4.conv.2", 32, 3, false},
        {"features.7.conv.2", 64, 4, false},   {"features.11.conv.2", 96, 3, false},
        {"features.14.conv.2", 160, 3, false},
    };
    struct graph graph;
    struct groups groups;
    open_zoo("mobilenet_v2", &graph, &groups);
    assert_int_equal(groups.n, 25);
    int outer = 0;
    for (int g = 0; g < groups.n; g++) {
        const struct channel_group *group = &groups.groups[g];
        if (!group->inner) {
            assert_string_equal(group->name, streams[outer].name);
            assert_int_equal(group->channels, streams[outer].channels);
            assert_int_equal(group->n_members, streams[outer].members);
            outer++;
        }
    }
    assert_int_equal(outer, 5);
    // The depthwise convolution passes on the channels of the expansion before it.
    check_list(&graph, &groups, "features.2.conv.1.0", "features.2.conv.0.0");
    close_both(&graph, &groups);
}

// dense2.1 reads what the transition made and one growth; the transition itself is one group.
static void test_densenet_lists(void **state)
{
    (void)state;
    struct graph graph;
    struct groups groups;
    open_zoo("densenet40", &graph, &groups);
    const int node = graph_find_node(&graph, "dense2.1.conv1");
    const int reads = graph.nodes[node].inputs[0];
    const struct segment_list list = groups.outputs[reads];
    assert_int_equal(list.n, 2);
    assert_string_equal(groups.groups[list.segments[0].group].name, "trans1.conv1");
    assert_string_equal(groups.groups[list.segments[1].group].name, "dense2.0.conv1");
    close_both(&graph, &groups);
}

// ---- small networks
static int conv(struct graph *graph, const char *name, int input, int out_c, int parts)
{
    const struct conv_attributes attributes = {
        .out_c = out_c, .kernel_h = 1, .kernel_w = 1, .stride = 1, .groups = parts};
    int node;
    assert_ok(graph_add_conv(graph, name, input, &attributes, &node));
    return node;
}

static int add(struct graph *graph, const char *name, int a, int b)
{
    int node;
    assert_ok(graph_add_add(graph, name, a, b, &node));
    return node;
}

static int concat(struct graph *graph, const char *name, int a, int b)
{
    int node;
    assert_ok(graph_add_concat(graph, name, a, b, &node));
    return node;
}

static void finish(struct graph *graph, int last, struct groups *groups)
{
    int node;
    assert_ok(graph_add_linear(graph, "classes", last, 2, true, &node));
    assert_ok(graph_finish(graph));
    *groups = (struct groups){0};
    assert_ok(groups_find(graph, groups));
}

// (a4 | x8) + (y8 | b4): three pieces of four, each with one index space.
static void test_different_offsets(void **state)
{
    (void)state;
    struct graph graph;
    struct groups groups;
    assert_ok(graph_begin(&graph, 4, 4, 3));
    const int a = conv(&graph, "a", 0, 4, 1), x = conv(&graph, "x", 0, 8, 1);
    const int y = conv(&graph, "y", 0, 8, 1), b = conv(&graph, "b", 0, 4, 1);
    const int sum = add(&graph, "sum", concat(&graph, "ax", a, x), concat(&graph, "yb", y, b));
    finish(&graph, sum, &groups);
    check_list(&graph, &groups, "sum", "a x:0-4 x:4-8");
    check_list(&graph, &groups, "y", "a x:0-4");
    check_list(&graph, &groups, "b", "x:4-8");
    assert_int_equal(groups.n, 3);
    close_both(&graph, &groups);
}

// (a4 | x8) + (x8 | a4): x's two halves and a become one group of four, which x holds twice.
static void test_shifted_onto_itself(void **state)
{
    (void)state;
    struct graph graph;
    struct groups groups;
    assert_ok(graph_begin(&graph, 4, 4, 3));
    const int a = conv(&graph, "a", 0, 4, 1), x = conv(&graph, "x", 0, 8, 1);
    const int sum = add(&graph, "sum", concat(&graph, "ax", a, x), concat(&graph, "xa", x, a));
    finish(&graph, sum, &groups);
    check_list(&graph, &groups, "x", "a a");
    assert_int_equal(groups.n, 1);
    assert_int_equal(groups.groups[0].n_members, 2);
    assert_false(groups.groups[0].inner);
    close_both(&graph, &groups);
}

// What is added to the input or to the class scores is frozen, and only that.
static void test_frozen(void **state)
{
    (void)state;
    struct graph graph;
    struct groups groups;
    assert_ok(graph_begin(&graph, 4, 4, 3));
    const int a = conv(&graph, "a", 0, 3, 1), free_conv = conv(&graph, "free", 0, 6, 1);
    const int sum = add(&graph, "sum", 0, a), hidden = conv(&graph, "hidden", free_conv, 3, 1);
    finish(&graph, add(&graph, "sum2", sum, hidden), &groups);
    assert_int_equal(groups.n, 1);
    check_list(&graph, &groups, "a", "[3 frozen]");
    check_list(&graph, &groups, "hidden", "[3 frozen]");
    check_list(&graph, &groups, "free", "free");
    close_both(&graph, &groups);
}

// Zeros added to zeros stay zeros; added to real channels they take their group.
static void test_zeros(void **state)
{
    (void)state;
    struct graph graph;
    struct groups groups;
    assert_ok(graph_begin(&graph, 4, 4, 3));
    const int a = conv(&graph, "a", 0, 4, 1), b = conv(&graph, "b", 0, 4, 1);
    const int c = conv(&graph, "c", 0, 6, 1);
    int s, t, u;
    assert_ok(graph_add_shortcut(&graph, "s", a, 1, 2, 3, &s));
    assert_ok(graph_add_shortcut(&graph, "t", b, 1, 2, 3, &t));
    const int zeros = add(&graph, "zeros", s, t);
    assert_ok(graph_add_shortcut(&graph, "u", a, 1, 2, 0, &u));
    const int real = add(&graph, "real", u, c);
    finish(&graph, concat(&graph, "both", zeros, real), &groups);
    check_list(&graph, &groups, "zeros", "[2 zeros] a [3 zeros]");
    check_list(&graph, &groups, "u", "c:0-2 a");
    check_list(&graph, &groups, "both", "[2 zeros] a [3 zeros] c:0-2 a");
    assert_int_equal(groups.n, 2);
    close_both(&graph, &groups);
}

// A slice cuts groups at its borders, in every tensor that holds them.
static void test_slices(void **state)
{
    (void)state;
    struct graph graph;
    struct groups groups;
    assert_ok(graph_begin(&graph, 4, 4, 3));
    const int a = conv(&graph, "a", 0, 6, 1), b = conv(&graph, "b", 0, 6, 1);
    const int c = conv(&graph, "c", 0, 5, 1);
    int middle, rest;
    add(&graph, "sum", a, b);
    assert_ok(graph_add_slice(&graph, "middle", b, 2, 3, &middle));
    const int wide = concat(&graph, "wide", c, a);
    assert_ok(graph_add_slice(&graph, "rest", wide, 3, 8, &rest));
    finish(&graph, concat(&graph, "both", middle, rest), &groups);
    check_list(&graph, &groups, "a", "a:0-2 a:2-5 a:5-6");
    check_list(&graph, &groups, "middle", "a:2-5");
    check_list(&graph, &groups, "rest", "c:3-5 a:0-2 a:2-5 a:5-6");
    assert_int_equal(groups.n, 5);
    close_both(&graph, &groups);
}

static void test_equal_parts(void **state)
{
    (void)state;
    struct graph graph;
    struct groups groups;
    assert_ok(graph_begin(&graph, 4, 4, 3));
    // One group read and written by grouped convolutions of 2 and of 3 parts.
    const int a = conv(&graph, "a", 0, 12, 1), g2 = conv(&graph, "g2", a, 8, 2);
    const int g3 = conv(&graph, "g3", a, 6, 3);
    // Two groups side by side cannot be told to keep equal counts: frozen.
    const int b = conv(&graph, "b", 0, 4, 1), c = conv(&graph, "c", 0, 4, 1);
    const int bc = concat(&graph, "bc", b, c), g4 = conv(&graph, "g4", bc, 4, 2);
    // The same group twice keeps equal counts of itself.
    const int d = conv(&graph, "d", 0, 4, 1), dd = concat(&graph, "dd", d, d);
    const int g5 = conv(&graph, "g5", dd, 4, 2);
    // One channel per part: all or nothing, so frozen.
    const int e = conv(&graph, "e", 0, 5, 1), g6 = conv(&graph, "g6", e, 10, 5);
    int last = concat(&graph, "p", g2, g3);
    last = concat(&graph, "q", last, g4);
    last = concat(&graph, "r", last, g5);
    finish(&graph, concat(&graph, "s", last, g6), &groups);
    static const struct {
        const char *name;
        int parts;
    } expected[] = {{"a", 6}, {"g2", 2}, {"g3", 3}, {"d", 1}, {"g4", 2}, {"g5", 2}};
    assert_int_equal(groups.n, 6);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const int g = groups_find_name(&groups, expected[i].name);
        assert_true(g >= 0);
        assert_int_equal(groups.groups[g].equal_parts, expected[i].parts);
    }
    check_list(&graph, &groups, "bc", "[8 frozen]");
    check_list(&graph, &groups, "e", "[5 frozen]");
    close_both(&graph, &groups);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resnet20),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_mobilenet_v2),
        cmocka_unit_test(test_densenet_lists),
        cmocka_unit_test(test_different_offsets),
        cmocka_unit_test(test_shifted_onto_itself),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_zeros),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_equal_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
