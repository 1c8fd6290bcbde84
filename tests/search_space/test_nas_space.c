// Every space of architectures: what all of them promise, on several inputs.
#include "core/config.h"
#include "core/rng.h"
#include "nas_case.h"
#include "nn/graph_text.h"
#include "test_unit.h"

static const struct nas_input inputs[] = {
    {.h = 32, .w = 32, .c = 3, .classes = 10},
    {.h = 28, .w = 28, .c = 1, .classes = 10},
    {.h = 13, .w = 40, .c = 1, .classes = 7},
};
enum { INPUTS = sizeof inputs / sizeof inputs[0] };

static void test_random_choices(void **state)
{
    (void)state;
    for (int kind = 0; nas_spaces[kind] != NULL; kind++) {
        for (int i = 0; i < INPUTS; i++) {
            struct nas_space space = nas_case_open((enum nas_space_kind)kind, inputs[i].h,
                                                   inputs[i].w, inputs[i].c, inputs[i].classes);
            nas_case_random(&space, 60, 51);
            nas_case_episodes(&space, 60, 52);
            nas_space_close(&space);
        }
    }
}

// Small ones, so that all completions can be tried.
static void test_wall_is_exact(void **state)
{
    (void)state;
    static const struct nas_input input = {.h = 8, .w = 8, .c = 3, .classes = 10};
    static const struct {
        enum nas_space_kind kind;
        const char *options;
    } cases[] = {
        {NAS_MOBILE, "{\"stages\": [{\"width\": [8, 12], \"depth\": [1, 2], \"kernel\": [3, 5],"
                     "\"expansion\": [2, 3], \"squeeze_excite\": true}, {\"width\": [6, 16],"
                     "\"depth\": [1, 3], \"kernel\": [3], \"expansion\": [1, 2, 4]}]}"},
        {NAS_MACRO, "{}"},
        {NAS_RESNET, "{\"widths\": [8, 6], \"depths\": [1, 2]}"},
        {NAS_CELL, "{}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct nas_space space = nas_case_open_with(cases[i].kind, cases[i].options, &input);
        nas_case_exact(&space, 200, 54 + i);
        nas_space_close(&space);
    }
}

static int choice_of_labels(const struct nas_space *space, const char *const *labels,
                            int16_t *choice)
{
    int found = 0;
    for (int d = 0; d < space->n_decisions; d++) {
        for (int i = 0; i < space->decisions[d].n_choices; i++) {
            if (strcmp(space->decisions[d].labels[i], labels[d]) == 0) {
                choice[d] = (int16_t)i;
                found++;
            }
        }
    }
    return found;
}

// Published for the cell of six 3x3 convolutions: 220.12 million MACs, 1,531,546 parameters.
static void test_cell_costs(void **state)
{
    (void)state;
    static const char *const most[] = {"nor_conv_3x3", "nor_conv_3x3", "nor_conv_3x3",
                                       "nor_conv_3x3", "nor_conv_3x3", "nor_conv_3x3"};
    struct nas_space space = nas_case_open(NAS_CELL, 32, 32, 3, 10);
    struct nas_cost cost;
    int16_t choice[NAS_MOST_DECISIONS];
    assert_int_equal(choice_of_labels(&space, most, choice), 6);
    struct text text = nas_case_graph(&space, choice, &cost);
    assert_int_equal(cost.of[COST_MACS], 220119680);
    assert_int_equal(cost.of[COST_PARAMS], 1531546);
    text_close(&text);
    nas_space_close(&space);
}

// Cells that are one network, two by two, and two that are not.
static void test_equal_cells(void **state)
{
    (void)state;
#define N "none"
#define S "skip_connect"
#define P "avg_pool_3x3"
#define C "nor_conv_3x3"
    // Edges 0-1, 0-2, 1-2, 0-3, 1-3, 2-3.
    static const char *const pairs[][2][6] = {
        {{N, C, C, S, C, N}, {N, N, N, S, N, N}}, // what reads or feeds nothing
        {{C, P, N, N, S, S}, {P, C, N, N, S, S}}, // nodes 1 and 2 changed places
        {{S, N, N, N, C, N}, {N, N, N, C, N, N}}, // through a skip
        {{C, S, S, N, N, S}, {N, N, N, C, N, N}}, // not: x is added
        {{P, N, N, P, S, N}, {P, N, N, N, S, N}}, // not: twice a pooling
    };
    static const bool equal[] = {true, true, true, false, false};
    struct nas_space space = nas_case_open(NAS_CELL, 8, 8, 3, 10);
    for (size_t i = 0; i < sizeof equal / sizeof equal[0]; i++) {
        int16_t a[6], b[6];
        assert_int_equal(choice_of_labels(&space, pairs[i][0], a), 6);
        assert_int_equal(choice_of_labels(&space, pairs[i][1], b), 6);
        nas_space_canonical(&space, a);
        nas_space_canonical(&space, b);
        assert_int_equal(memcmp(a, b, sizeof a) == 0, equal[i]);
    }
    nas_space_close(&space);
}

static bool same_network(const struct nas_space *space, const int16_t *a, const int16_t *b)
{
    const int16_t *const choices[] = {a, b};
    struct text texts[2] = {{0}};
    for (int i = 0; i < 2; i++) {
        struct graph graph;
        assert_ok(nas_space_build(space, choices[i], &graph));
        graph_write(&graph, &texts[i]);
        graph_close(&graph);
    }
    const bool same = strcmp(texts[0].bytes, texts[1].bytes) == 0;
    text_close(&texts[0]);
    text_close(&texts[1]);
    return same;
}

// A decision has a part exactly where some other choice of it gives another graph.
static void test_what_decides(void **state)
{
    (void)state;
    int parts[2] = {0};
    for (int kind = 0; nas_spaces[kind] != NULL; kind++) {
        struct nas_space space = nas_case_open((enum nas_space_kind)kind, 32, 32, 3, 10);
        struct rng rng = rng_make(57, RNG_TEST, (uint64_t)kind, 0);
        for (int i = 0; i < 10; i++) {
            int16_t choice[NAS_MOST_DECISIONS], other[NAS_MOST_DECISIONS];
            nas_space_random(&space, &rng, choice);
            memcpy(other, choice, sizeof other);
            for (int d = 0; d < space.n_decisions; d++) {
                bool differs = false;
                for (int c = 0; c < space.decisions[d].n_choices && !differs; c++) {
                    other[d] = (int16_t)c;
                    differs = !same_network(&space, choice, other);
                }
                other[d] = choice[d];
                assert_int_equal(nas_space_decides(&space, choice, d), differs);
                parts[differs]++;
            }
        }
        nas_space_close(&space);
    }
    assert_true(parts[false] > 20 && parts[true] > 20);
}

static void test_decisions(void **state)
{
    (void)state;
    for (int kind = 0; nas_spaces[kind] != NULL; kind++) {
        struct nas_space space = nas_case_open((enum nas_space_kind)kind, 32, 32, 3, 10);
        assert_string_equal(space.type->name, nas_space_names[kind]);
        for (int d = 0; d < space.n_decisions; d++) {
            const struct nas_decision *decision = &space.decisions[d];
            assert_true(decision->role < NAS_ROLE_COUNT && decision->stage >= 0);
            assert_true(decision->position[0] > 0);
            for (int i = 1; i < decision->n_choices; i++) {
                assert_true(decision->position[i] > decision->position[i - 1]);
                assert_true(decision->values[i] > decision->values[i - 1]);
            }
            assert_true(decision->position[decision->n_choices - 1] == 1.0F);
            for (int other = 0; other < d; other++) {
                assert_string_not_equal(decision->name, space.decisions[other].name);
            }
        }
        nas_space_close(&space);
    }
}

// The least choice is the cheapest of its
// decision, whatever the others are.
static void test_least(void **state)
{
    (void)state;
    struct rng rng = rng_make(53, RNG_TEST, 0, 0);
    for (int kind = 0; nas_spaces[kind] != NULL; kind++) {
        struct nas_space space = nas_case_open((enum nas_space_kind)kind, 32, 32, 3, 10);
        struct nas_wall *wall = NULL;
        assert_ok(nas_wall_open(&space, &wall));
        for (int i = 0; i < 200; i++) {
            int16_t choice[NAS_MOST_DECISIONS];
            struct nas_cost cost, cheapest;
            nas_space_random(&space, &rng, choice);
            assert_ok(nas_wall_cost(wall, choice, &cost));
            const int d = (int)rng_below(&rng, (uint32_t)space.n_decisions);
            choice[d] = (int16_t)space.decisions[d].least;
            assert_ok(nas_wall_cost(wall, choice, &cheapest));
            for (int k = 0; k < COST_KINDS; k++) {
                assert_true(cheapest.of[k] <= cost.of[k]);
            }
        }
        nas_wall_close(wall);
        nas_space_close(&space);
    }
}

// The greatest network with default options is ResNet-20.
static void test_resnet_costs(void **state)
{
    (void)state;
    struct nas_space space = nas_case_open(NAS_RESNET, 32, 32, 3, 10);
    struct nas_cost cost;
    int16_t choice[NAS_MOST_DECISIONS];
    nas_space_greatest(&space, choice);
    struct text text = nas_case_graph(&space, choice, &cost);
    assert_int_equal(cost.of[COST_MACS], 40551040);
    assert_int_equal(cost.of[COST_PARAMS], 269722);
    text_close(&text);
    nas_space_close(&space);
}

static void count_block(struct nas_cost *cost, int h, int in, int stride, int mid, int out,
                        int kernel)
{
    const int area = h * h, out_area = area / stride / stride;
    cost->of[COST_MACS] += (int64_t)area * in * mid;
    cost->of[COST_MACS] += (int64_t)out_area * mid * (kernel * kernel + out);
    const int64_t weights = (int64_t)in * mid + (int64_t)mid * (kernel * kernel + out);
    const int64_t channels = 2 * mid + out;
    cost->of[COST_PARAMS] += weights + 2 * channels;
    cost->of[COST_BYTES] += 4 * (weights + 4 * channels);
}

// By hand: stem, two stages with a depth of 2 and 1, head, classifier.
static void test_mobile_costs(void **state)
{
    (void)state;
    static const struct nas_input input = {.h = 16, .w = 16, .c = 3, .classes = 7};
    struct nas_space space = nas_case_open_with(
        NAS_MOBILE,
        "{\"stem_width\": 8, \"head_width\": 32, \"stages\": ["
        "{\"width\": [8, 12], \"depth\": [1, 2], \"kernel\": [3, 5], \"expansion\": [3, 6]},"
        "{\"width\": [16], \"depth\": [1], \"kernel\": [3, 7], \"expansion\": [4]}]}",
        &input);
    // Depth 2, width 12; 5 and 3; 3 and 6; then kernel 7.
    const int16_t choice[] = {1, 1, 1, 0, 0, 1, 1};
    assert_int_equal(space.n_decisions, 7);
    assert_string_equal(space.decisions[0].name, "stage1.depth");
    assert_string_equal(space.decisions[4].name, "stage1.block2.kernel");
    assert_string_equal(space.decisions[6].name, "stage2.block1.kernel");
    struct nas_cost cost, expected = {{0}};
    struct text text = nas_case_graph(&space, choice, &cost);
    const int64_t stem = 27 * 8, head = 16 * 32, classifier = 32 * 7 + 7;
    expected.of[COST_MACS] = 256 * stem + 16 * head + 32 * 7;
    expected.of[COST_PARAMS] = stem + 2 * 8 + head + 2 * 32 + classifier;
    expected.of[COST_BYTES] = 4 * (stem + 4 * 8 + head + 4 * 32 + classifier);
    count_block(&expected, 16, 8, 2, 24, 12, 5);
    count_block(&expected, 8, 12, 1, 72, 12, 3);
    count_block(&expected, 8, 12, 2, 48, 16, 7);
    assert_int_equal(cost.of[COST_MACS], expected.of[COST_MACS]);
    assert_int_equal(cost.of[COST_PARAMS], expected.of[COST_PARAMS]);
    assert_int_equal(cost.of[COST_BYTES], expected.of[COST_BYTES]);
    text_close(&text);
    nas_space_close(&space);
}

// Kernels of a row where there is one row only; a large image is halved by the stem.
static void test_mobile_shapes(void **state)
{
    (void)state;
    struct nas_space row = nas_case_open(NAS_MOBILE, 1, 100, 2, 5);
    struct nas_space large = nas_case_open(NAS_MOBILE, 96, 96, 3, 10);
    int16_t choice[NAS_MOST_DECISIONS];
    struct graph graph;
    nas_space_greatest(&row, choice);
    assert_ok(nas_space_build(&row, choice, &graph));
    for (int i = 0; i < graph.n_nodes; i++) {
        assert_int_equal(graph.nodes[i].h, 1);
        assert_true(graph.nodes[i].kind != NODE_CONV || graph.nodes[i].kernel[0] == 1);
    }
    const struct param *filter = graph_find_param(&graph, "stage1.0.depthwise.weight");
    assert_non_null(filter);
    assert_int_equal(filter->dims[3], 7);
    graph_close(&graph);
    nas_space_least(&large, choice);
    assert_ok(nas_space_build(&large, choice, &graph));
    assert_int_equal(graph.nodes[graph_find_node(&graph, "stem")].h, 48);
    graph_close(&graph);
    nas_space_close(&row);
    nas_space_close(&large);
}

static enum status try_options(enum nas_space_kind kind, const char *options)
{
    static const struct nas_input input = {.h = 8, .w = 8, .c = 3, .classes = 10};
    struct arena arena = {0};
    struct nas_space space = {0};
    struct json *json = NULL;
    void *values = arena_alloc(&arena, 1, nas_spaces[kind]->options_bytes);
    assert_ok(json_parse(options, strlen(options), "options", &json));
    enum status status = config_read(json, "options", nas_spaces[kind]->options, values, &arena);
    if (status == OK) {
        status = nas_space_open(nas_spaces[kind], values, &input, &space);
    }
    assert_null(space.type); // nothing is written when it fails
    json_close(json);
    arena_close(&arena);
    return status;
}

static void test_bad_options(void **state)
{
    (void)state;
    static const struct {
        enum nas_space_kind kind;
        const char *options, *message;
    } cases[] = {
        {NAS_MOBILE, "{\"stages\": [{\"depth\": [2]}]}", "stages[0].width: 0 values"},
        {NAS_MOBILE, "{\"stages\": [{\"width\": [8], \"kernel\": [3, 4]}]}", "4 is even"},
        {NAS_MOBILE, "{\"stages\": [{\"width\": [8, 8]}]}", "must ascend"},
        {NAS_MOBILE, "{\"stages\": [{\"width\": [8], \"depth\": [0]}]}", "depth"},
        {NAS_MOBILE,
         "{\"stages\": [{\"width\": [8], \"depth\": [16]}, {\"width\": [8], \"depth\": [16]},"
         "{\"width\": [8], \"depth\": [16]}, {\"width\": [8], \"depth\": [16]}]}",
         "decisions, at most"},
        {NAS_MOBILE,
         "{\"stages\": [{\"width\": [8], \"depth\": [1], \"kernel\": [3],"
         "\"expansion\": [2]}]}",
         "nothing to choose"},
        {NAS_RESNET, "{\"depths\": [3, 2]}", "must ascend"},
        {NAS_RESNET, "{\"width_shares\": [1, 0.5]}", "must ascend"},
        {NAS_CELL, "{\"cells\": 0}", "cells"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_fails(try_options(cases[i].kind, cases[i].options), ERR_CONFIG, cases[i].message);
    }
}

static void test_bad_input(void **state)
{
    (void)state;
    struct nas_space space = {0};
    const struct nas_input none = {.h = 0, .w = 8, .c = 3, .classes = 10};
    assert_fails(nas_space_open(&nas_macro, NULL, &none, &space), ERR_CONFIG, "0x8x3");
    const struct nas_input huge = {.h = 1 << 15, .w = 1 << 15, .c = 3, .classes = 10};
    assert_fails(nas_space_open(&nas_macro, NULL, &huge, &space), ERR_INPUT, "too large");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_choices), cmocka_unit_test(test_wall_is_exact),
        cmocka_unit_test(test_cell_costs),     cmocka_unit_test(test_equal_cells),
        cmocka_unit_test(test_what_decides),   cmocka_unit_test(test_decisions),
        cmocka_unit_test(test_least),          cmocka_unit_test(test_resnet_costs),
        cmocka_unit_test(test_mobile_costs),   cmocka_unit_test(test_mobile_shapes),
        cmocka_unit_test(test_bad_options),    cmocka_unit_test(test_bad_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
