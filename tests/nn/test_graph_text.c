// Graphs as text: what every kind of node writes reads back as itself, and what is wrong is named.
#include "kind_case.h"
#include "nn/graph_text.h"
#include "nn/zoo.h"
#include "test_unit.h"

#include <string.h>

static void check_same(const struct graph *graph)
{
    struct text text = {0}, again = {0};
    struct graph read;
    graph_write(graph, &text);
    assert_ok(graph_read_text(text.bytes, &read));
    graph_write(&read, &again);
    assert_string_equal(again.bytes, text.bytes);
    assert_int_equal(read.n_nodes, graph->n_nodes);
    assert_int_equal(read.n_floats, graph->n_floats);
    assert_int_equal(read.n_outputs, graph->n_outputs);
    for (int i = 0; i < graph->n_nodes; i++) {
        const struct node *a = &graph->nodes[i], *b = &read.nodes[i];
        assert_string_equal(a->name, b->name);
        assert_true(a->kind == b->kind && a->h == b->h && a->w == b->w && a->c == b->c);
        assert_true(activation_same(a->act, b->act) && a->epsilon == b->epsilon);
        assert_memory_equal(a->pad, b->pad, sizeof a->pad);
        assert_memory_equal(a->stride, b->stride, sizeof a->stride);
        assert_memory_equal(a->dilation, b->dilation, sizeof a->dilation);
        assert_true(a->ceil_mode == b->ceil_mode && a->count_pad == b->count_pad);
        assert_true(a->resize == b->resize && a->coordinates == b->coordinates);
    }
    graph_close(&read);
    text_close(&text);
    text_close(&again);
}

static void test_every_kind(void **state)
{
    (void)state;
    for (int kind = 0; kind < NODE_KIND_COUNT; kind++) {
        for (int v = 0; v < kind_case_count((enum node_kind)kind); v++) {
            struct graph graph;
            kind_case_build((enum node_kind)kind, v, &graph);
            check_same(&graph);
            graph_close(&graph);
        }
    }
}

static void test_zoo(void **state)
{
    (void)state;
    for (int i = 0; zoo_names[i] != NULL; i++) {
        struct graph graph;
        assert_ok(zoo_build(zoo_names[i], 32, 32, 3, 10, &graph));
        check_same(&graph);
        graph_close(&graph);
    }
}

static void test_outputs(void **state)
{
    (void)state;
    struct graph graph;
    int a, b;
    assert_ok(graph_begin(&graph, 4, 1, 3));
    assert_ok(graph_add_lstm(&graph, "\"quoted\" \\ name", 0, 5, &a));
    assert_ok(graph_add_linear(&graph, "fc", a, 2, false, &b));
    assert_ok(graph_add_output(&graph, "classes", b));
    assert_ok(graph_add_output(&graph, "states", a));
    assert_fails(graph_add_output(&graph, "states", b), ERR_INPUT, "two outputs are named states");
    assert_ok(graph_finish(&graph));
    check_same(&graph);
    graph_close(&graph);
}

#define HEAD "{\"input\":[4,4,3],\"nodes\":["
#define TAIL "],\"outputs\":[{\"name\":\"o\",\"node\":\"a\"}]}"
#define CONV(more)                                                                                 \
    "{\"name\":\"a\",\"kind\":\"conv\",\"inputs\":[\"input\"],\"channels\":2" more "}"

static const struct {
    const char *text, *part;
} refusals[] = {
    {"[]", "expected an object"},
    {"{\"input\":[4,4],\"nodes\":[]}", "\"input\""},
    {HEAD "7" TAIL, "nodes[0]"},
    {HEAD "{\"name\":\"a\",\"kind\":\"fold\",\"inputs\":[\"input\"]}" TAIL, "\"kind\""},
    {HEAD "{\"name\":\"a\",\"kind\":\"input\",\"inputs\":[]}" TAIL, "\"kind\""},
    {HEAD "{\"name\":\"a\",\"kind\":\"conv\",\"inputs\":[\"b\"],\"channels\":2}" TAIL, "before"},
    {HEAD "{\"name\":\"a\",\"kind\":\"add\",\"inputs\":[\"input\"]}" TAIL, "add takes 2"},
    {HEAD "{\"name\":\"a\",\"kind\":\"conv\",\"inputs\":[\"input\"]}" TAIL, "channels is 0"},
    {HEAD CONV(",\"channels_in\":3") TAIL, "a conv has no \"channels_in\""},
    {HEAD CONV(",\"kernel\":3") TAIL, "\"kernel\" must be a list of 2"},
    {HEAD CONV(",\"kernel\":[3.5,3]") TAIL, "\"kernel\""},
    {HEAD CONV(",\"kernel\":[9,9]") TAIL, "does not fit"},
    {HEAD CONV(",\"pad\":[1,1,1,99999999999]") TAIL, "\"pad\""},
    {HEAD CONV(",\"bias\":1") TAIL, "\"bias\" must be true or false"},
    {HEAD CONV("") "," CONV("") TAIL, "two nodes are named \"a\""},
    {HEAD CONV("") "],\"outputs\":[]}", "\"outputs\""},
    {HEAD CONV("") "],\"outputs\":[{\"name\":\"o\",\"node\":\"b\"}]}", "outputs[0]"},
    {HEAD "{\"name\":\"a\",\"kind\":\"act\",\"inputs\":[\"input\"],\"act\":\"tanh\"}" TAIL,
     "\"act\""},
    {HEAD "{\"name\":\"a\",\"kind\":\"act\",\"inputs\":[\"input\"],\"act\":\"clip\"}" TAIL,
     "must be a number"},
    {HEAD "{\"name\":\"a\",\"kind\":\"resize\",\"inputs\":[\"input\"],\"size\":[2,2],\"method\":"
          "\"best\"}" TAIL,
     "\"method\" must be one of"},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct graph graph;
        assert_fails(graph_read_text(refusals[i].text, &graph), ERR_INPUT, refusals[i].part);
    }
    struct graph graph;
    assert_ok(graph_read_text(HEAD CONV(",\"kernel\":[3,3]") TAIL, &graph));
    assert_int_equal(graph.nodes[1].h, 2);
    graph_close(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind),
        cmocka_unit_test(test_zoo),
        cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
