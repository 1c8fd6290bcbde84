// Building, reading and resizing graphs; layout and initial values of parameters.
#include "nn/node_type.h"
#include "test_unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct conv_attributes dense = {
    .out_c = 8, .kernel_h = 3, .kernel_w = 3, .stride = 2, .pad = 1};

static void assert_shape(const struct graph *graph, int node, int h, int w, int c)
{
    assert_int_equal(graph->nodes[node].h, h);
    assert_int_equal(graph->nodes[node].w, w);
    assert_int_equal(graph->nodes[node].c, c);
}

static void test_shapes(void **state)
{
    (void)state;
    struct graph graph;
    int a, b, n;
    assert_int_equal(graph_begin(&graph, 9, 12, 6), OK);
    assert_shape(&graph, 0, 9, 12, 6);
    assert_int_equal(graph_add_conv(&graph, "conv", 0, &dense, &a), OK);
    assert_shape(&graph, a, 5, 6, 8);
    const struct conv_attributes grouped = {
        .out_c = 9, .kernel_h = 1, .kernel_w = 5, .stride = 1, .groups = 3};
    assert_int_equal(graph_add_conv(&graph, "grouped", 0, &grouped, &n), OK);
    assert_shape(&graph, n, 9, 8, 9);
    assert_false(graph_is_depthwise(&graph, n));
    struct conv_attributes depthwise = dense;
    depthwise.groups = GRAPH_DEPTHWISE;
    assert_int_equal(graph_add_conv(&graph, "depthwise", a, &depthwise, &n), OK);
    assert_shape(&graph, n, 3, 3, 8);
    assert_true(graph_is_depthwise(&graph, n));
    assert_int_equal(graph_add_batchnorm(&graph, "bn", a, &b), OK);
    assert_shape(&graph, b, 5, 6, 8);
    assert_int_equal(graph_add_act(&graph, "act", b, ACTIVATION_RELU6, &b), OK);
    assert_int_equal(graph_add_add(&graph, "add", a, b, &n), OK);
    assert_shape(&graph, n, 5, 6, 8);
    assert_int_equal(graph_add_concat(&graph, "concat", a, b, &n), OK);
    assert_shape(&graph, n, 5, 6, 16);
    assert_int_equal(graph_add_shortcut(&graph, "shortcut", n, 2, 3, 4, &b), OK);
    assert_shape(&graph, b, 3, 3, 23);
    assert_int_equal(graph_add_pool(&graph, "max", n, NODE_MAX_POOL, 3, 2, 1, &b), OK);
    assert_shape(&graph, b, 3, 3, 16);
    assert_int_equal(graph_add_pool(&graph, "avg", n, NODE_AVG_POOL, 2, 2, 0, &b), OK);
    assert_shape(&graph, b, 2, 3, 16);
    assert_int_equal(graph_add_dropout(&graph, "dropout", b, 0.25F, &b), OK);
    assert_int_equal(graph_add_linear(&graph, "flat", b, 7, true, &n), OK);
    assert_shape(&graph, n, 1, 1, 7);
    assert_int_equal(graph_add_global_pool(&graph, "mean", b, &b), OK);
    assert_shape(&graph, b, 1, 1, 16);
    assert_int_equal(graph_add_slice(&graph, "slice", a, 2, 6, &b), OK);
    assert_shape(&graph, b, 5, 6, 6);
    assert_int_equal(graph_finish(&graph), OK);
    assert_int_equal(graph_find_param(&graph, "flat.weight")->dims[1], 2 * 3 * 16);
    assert_int_equal(graph_find_node(&graph, "concat"), 7);
    assert_string_equal(graph.nodes[7].name, "concat");
    assert_int_equal(graph_find_node(&graph, "absent"), -1);
    assert_null(graph_find_param(&graph, "concat.weight"));
    graph_close(&graph);
    graph_close(&graph);
}

static void test_refusals(void **state)
{
    (void)state;
    struct graph graph;
    int a, b, n = -7;
    assert_fails(graph_begin(&graph, 0, 3, 3), ERR_INPUT, "height is 0");
    assert_fails(graph_begin(&graph, 1 << 16, 1 << 16, 1), ERR_INPUT, "too large");
    assert_fails(graph_begin(&graph, 4, 4, 1 << 30), ERR_INPUT, "channels");
    assert_int_equal(graph_begin(&graph, 6, 6, 4), OK);
    assert_int_equal(graph_add_conv(&graph, "a", 0, &dense, &a), OK);
    struct conv_attributes wrong = dense;
    wrong.kernel_h = 9;
    assert_fails(graph_add_conv(&graph, "big", 0, &wrong, &n), ERR_INPUT,
                 "does not fit into input");
    wrong = dense;
    wrong.groups = 3;
    assert_fails(graph_add_conv(&graph, "thirds", 0, &wrong, &n), ERR_INPUT,
                 "3 groups do not divide");
    wrong = dense;
    wrong.groups = -5;
    assert_fails(graph_add_conv(&graph, "minus", 0, &wrong, &n), ERR_INPUT, "groups is -5");
    wrong = dense;
    wrong.stride = 0;
    assert_fails(graph_add_conv(&graph, "still", 0, &wrong, &n), ERR_INPUT, "stride is 0");
    wrong = dense;
    wrong.pad = 3;
    assert_fails(graph_add_conv(&graph, "wide", 0, &wrong, &n), ERR_INPUT, "padding");
    wrong = dense;
    wrong.out_c = 0;
    assert_fails(graph_add_conv(&graph, "none", 0, &wrong, &n), ERR_INPUT, "channels is 0");
    assert_fails(graph_add_conv(&graph, "", 0, &dense, &n), ERR_INPUT, "has no name");
    assert_fails(graph_add_add(&graph, "sum", 0, a, &n), ERR_INPUT,
                 "input (6x6x4) and a (3x3x8) differ");
    assert_fails(graph_add_concat(&graph, "cat", 0, a, &n), ERR_INPUT, "differ in height or width");
    assert_fails(graph_add_pool(&graph, "pool", 0, NODE_MAX_POOL, 2, 2, 2, &n), ERR_INPUT,
                 "padding");
    assert_fails(graph_add_shortcut(&graph, "cut", 0, 2, -1, 0, &n), ERR_INPUT,
                 "pad_channels is -1");
    assert_fails(graph_add_slice(&graph, "part", 0, 2, 3, &n), ERR_INPUT, "2 to 4");
    assert_fails(graph_add_slice(&graph, "part", 0, -1, 3, &n), ERR_INPUT, "from is -1");
    assert_fails(graph_add_slice(&graph, "part", 0, 4, 0, &n), ERR_INPUT, "channels is 0");
    assert_fails(graph_add_dropout(&graph, "drop", 0, 1.0F, &n), ERR_INPUT, "rate is");
    assert_fails(graph_add_dropout(&graph, "drop", 0, NAN, &n), ERR_INPUT, "rate is");
    assert_fails(graph_add_lstm(&graph, "lstm", 0, 5, &n), ERR_INPUT, "width 1");
    assert_fails(graph_add_linear(&graph, "fc", 0, -1, true, &n), ERR_INPUT, "is -1");
    assert_int_equal(n, -7); // nothing is written on failure
    assert_int_equal(graph_add_act(&graph, "a", a, ACTIVATION_RELU, &b), OK);
    assert_fails(graph_finish(&graph), ERR_INPUT, "two nodes are named a");
    graph_close(&graph);
    assert_int_equal(graph_begin(&graph, 4096, 4096, 16), OK);
    assert_int_equal(graph_add_linear(&graph, "vast", 0, 1 << 23, true, &n), OK);
    assert_fails(graph_finish(&graph), ERR_INPUT, "vast: its weight is larger than 2^40");
    graph_close(&graph);
}

// conv (bias) -> bn -> lstm -> linear, enough to see the whole block.
static void build_small(struct graph *graph)
{
    struct conv_attributes conv = {.out_c = 5, .kernel_h = 3, .kernel_w = 2, .stride = 1, .pad = 0};
    conv.bias = true;
    int n;
    assert_int_equal(graph_begin(graph, 8, 2, 3), OK);
    assert_int_equal(graph_add_conv(graph, "conv", 0, &conv, &n), OK);
    assert_int_equal(graph_add_batchnorm(graph, "bn", n, &n), OK);
    assert_int_equal(graph_add_lstm(graph, "lstm", n, 4, &n), OK);
    assert_int_equal(graph_add_linear(graph, "fc", n, 2, true, &n), OK);
    assert_int_equal(graph_finish(graph), OK);
}

static void test_layout(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum param_role role;
        int n_dims, dims[4];
    } expected[] = {
        {"conv.weight", PARAM_WEIGHT, 4, {5, 3, 3, 2}},
        {"conv.bias", PARAM_BIAS, 1, {5, 1, 1, 1}},
        {"bn.weight", PARAM_GAMMA, 1, {5, 1, 1, 1}},
        {"bn.bias", PARAM_BETA, 1, {5, 1, 1, 1}},
        {"lstm.weight_ih", PARAM_WEIGHT, 2, {16, 5, 1, 1}},
        {"lstm.weight_hh", PARAM_WEIGHT, 2, {16, 4, 1, 1}},
        {"lstm.bias", PARAM_BIAS, 1, {16, 1, 1, 1}},
        {"fc.weight", PARAM_WEIGHT, 2, {2, 24, 1, 1}},
        {"fc.bias", PARAM_BIAS, 1, {2, 1, 1, 1}},
        {"bn.running_mean", PARAM_MEAN, 1, {5, 1, 1, 1}},
        {"bn.running_var", PARAM_VAR, 1, {5, 1, 1, 1}},
    };
    const int n = (int)(sizeof expected / sizeof expected[0]);
    struct graph graph;
    build_small(&graph);
    assert_int_equal(graph.n_params, n);
    size_t offset = 0;
    for (int p = 0; p < n; p++) {
        const struct param *param = &graph.params[p];
        assert_string_equal(param->name, expected[p].name);
        assert_int_equal(param->role, expected[p].role);
        assert_int_equal(param->n_dims, expected[p].n_dims);
        assert_memory_equal(param->dims, expected[p].dims, sizeof param->dims);
        assert_int_equal(param->offset, offset);
        assert_int_equal(param->count,
                         param->dims[0] * param->dims[1] * param->dims[2] * param->dims[3]);
        offset += param->count;
        assert_ptr_equal(graph_find_param(&graph, expected[p].name), param);
        if (p == 8) {
            assert_int_equal(graph.n_trainable, offset);
        }
    }
    assert_int_equal(graph.n_floats, offset);
    const struct node *bn = &graph.nodes[2];
    const int slots[NODE_MAX_PARAMS] = {2, 3, 9, 10};
    assert_memory_equal(bn->params, slots, sizeof slots);
    assert_int_equal(graph.nodes[1].params[2], -1);
    graph_close(&graph);
}

static void test_ops(void **state)
{
    (void)state;
    struct graph graph;
    int conv, linear, pool, cut, lstm, add, cat, drop, act, bn, avg, part;
    struct conv_attributes attributes = dense;
    attributes.groups = 2;
    attributes.bias = true;
    assert_int_equal(graph_begin(&graph, 10, 6, 4), OK);
    assert_int_equal(graph_add_conv(&graph, "conv", 0, &attributes, &conv), OK);
    assert_int_equal(graph_add_linear(&graph, "linear", conv, 3, false, &linear), OK);
    assert_int_equal(graph_add_global_pool(&graph, "mean", conv, &pool), OK);
    assert_int_equal(graph_add_shortcut(&graph, "cut", conv, 2, 3, 1, &cut), OK);
    assert_int_equal(graph_add_pool(&graph, "avg", conv, NODE_AVG_POOL, 3, 2, 1, &avg), OK);
    assert_int_equal(graph_add_batchnorm(&graph, "bn", conv, &bn), OK);
    assert_int_equal(graph_add_act(&graph, "act", conv, ACTIVATION_RELU6, &act), OK);
    assert_int_equal(graph_add_add(&graph, "add", bn, act, &add), OK);
    assert_int_equal(graph_add_concat(&graph, "cat", conv, add, &cat), OK);
    assert_int_equal(graph_add_slice(&graph, "part", cat, 7, 5, &part), OK);
    assert_int_equal(graph_add_dropout(&graph, "drop", cat, 0.5F, &drop), OK);
    assert_int_equal(graph_add_lstm(&graph, "lstm", pool, 7, &lstm), OK);
    assert_int_equal(graph_finish(&graph), OK);
    struct op op = graph_node_op(&graph, conv, 4);
    assert_int_equal(op.kind, OP_CONV);
    assert_int_equal(op.n, 4);
    assert_true(op.in_h == 10 && op.in_w == 6 && op.in_c == 4);
    assert_true(op.out_h == 5 && op.out_w == 3 && op.out_c == 8);
    assert_true(op.kernel[0] == 3 && op.kernel[1] == 3 && op.stride[0] == 2 && op.pad[0] == 1);
    assert_true(op.groups == 2 && op.bias && !op.sum && op.act.kind == ACT_NONE);
    assert_int_equal(op_macs(&op), 4 * 5 * 3 * 8 * 2 * 9);
    op = graph_node_op(&graph, linear, 1);
    assert_int_equal(op.kind, OP_CONV);
    assert_true(op.kernel[0] == 5 && op.kernel[1] == 3 && op.stride[0] == 1 && op.pad[0] == 0);
    assert_true(op.groups == 1 && !op.bias && op.out_h == 1 && op.out_w == 1);
    assert_int_equal(op_macs(&op), 3 * 5 * 3 * 8);
    op = graph_node_op(&graph, pool, 1);
    assert_int_equal(op.kind, OP_POOL_AVG);
    assert_true(op.kernel[0] == 5 && op.kernel[1] == 3 && op.stride[0] == 1 && op.pad[0] == 0);
    op = graph_node_op(&graph, avg, 1);
    assert_true(op.kind == OP_POOL_AVG && op.kernel[0] == 3 && op.stride[0] == 2 && op.pad[0] == 1);
    assert_false(op.exclude_pad);
    op = graph_node_op(&graph, cut, 1);
    assert_int_equal(op.kind, OP_PAD);
    assert_true(op.stride[0] == 2 && op.to == 3 && op.count == 8 && op.out_c == 12);
    op = graph_node_op(&graph, bn, 1);
    assert_int_equal(op.kind, OP_SCALE_SHIFT);
    op = graph_node_op(&graph, act, 1);
    assert_true(op.kind == OP_ADD && op.act.kind == ACT_CLIP);
    assert_int_equal(graph_node_op(&graph, add, 1).kind, OP_ADD);
    op = graph_node_op(&graph, cat, 1);
    assert_true(op.kind == OP_COPY_CHANNELS && op.to == 0 && op.count == 8 && op.out_c == 16);
    op = graph_node_op(&graph, part, 1);
    assert_true(op.kind == OP_COPY_CHANNELS && op.from == 7 && op.to == 0 && op.count == 5);
    assert_true(op.in_c == 16 && op.out_c == 5);
    op = graph_node_op(&graph, drop, 1);
    assert_true(op.kind == OP_DROPOUT && op.rate == 0.5F);
    op = graph_node_op(&graph, lstm, 2);
    assert_true(op.kind == OP_LSTM && op.in_h == 1 && op.in_c == 8 && op.out_c == 7);
    op = graph_node_op(&graph, 0, 2);
    assert_true(op.kind == OP_NORMALIZE && op.in_type == DTYPE_U8 && op.out_type == DTYPE_F32);
    graph_close(&graph);
}

// conv -> depthwise -> conv, added to a shortcut; then a linear layer.
static void build_residual(struct graph *graph)
{
    const struct conv_attributes first = {
        .out_c = 8, .kernel_h = 3, .kernel_w = 3, .stride = 1, .pad = 1};
    struct conv_attributes middle = first;
    middle.out_c = 16;
    middle.groups = GRAPH_DEPTHWISE; // two filters per channel
    int a, n, cut;
    assert_int_equal(graph_begin(graph, 6, 6, 3), OK);
    assert_int_equal(graph_add_conv(graph, "first", 0, &first, &a), OK);
    assert_int_equal(graph_add_conv(graph, "middle", a, &middle, &n), OK);
    assert_int_equal(graph_add_batchnorm(graph, "bn", n, &n), OK);
    assert_int_equal(graph_add_conv(graph, "last", n, &first, &n), OK);
    assert_int_equal(graph_add_shortcut(graph, "cut", 0, 1, 2, 3, &cut), OK);
    assert_int_equal(graph_add_add(graph, "add", n, cut, &n), OK);
    assert_int_equal(graph_add_linear(graph, "fc", n, 10, true, &n), OK);
    assert_int_equal(graph_finish(graph), OK);
}

static void test_resize(void **state)
{
    (void)state;
    struct graph graph, other;
    build_residual(&graph);
    assert_int_equal(graph_resize(&graph, NULL, &other), OK);
    assert_int_equal(other.n_floats, graph.n_floats);
    assert_int_equal(other.n_trainable, graph.n_trainable);
    for (int p = 0; p < graph.n_params; p++) {
        assert_string_equal(other.params[p].name, graph.params[p].name);
        assert_memory_equal(other.params[p].dims, graph.params[p].dims, sizeof(int[4]));
    }
    graph_close(&other);
    struct channel_piece first = {PIECE_NEW, 0, 5}, wide = {PIECE_NEW, 0, 6};
    struct channel_piece pads[3] = {{PIECE_ZEROS, 0, 1}, {0, 0, 3}, {PIECE_ZEROS, 0, 3}};
    const struct channel_piece *pieces[8] = {[1] = &first, [4] = &wide, [5] = pads};
    assert_fails(graph_resize(&graph, pieces, &other), ERR_INPUT, "differ in shape");
    pads[2].count = 2;
    assert_int_equal(graph_resize(&graph, pieces, &other), OK);
    assert_shape(&other, 1, 6, 6, 5);
    assert_shape(&other, 2, 6, 6, 10);
    assert_int_equal(other.nodes[2].groups, 5);
    assert_shape(&other, 3, 6, 6, 10);
    assert_shape(&other, 4, 6, 6, 6);
    assert_shape(&other, 5, 6, 6, 6);
    assert_int_equal(other.nodes[5].pad_channels[0], 1);
    assert_int_equal(graph_find_param(&other, "middle.weight")->dims[0], 10);
    assert_int_equal(graph_find_param(&other, "middle.weight")->dims[1], 1);
    assert_int_equal(graph_find_param(&other, "fc.weight")->dims[1], 6 * 6 * 6);
    graph_close(&other);
    first.count = 0;
    assert_fails(graph_resize(&graph, pieces, &other), ERR_INPUT, "first");
    graph_close(&graph);
}

static void test_resize_slice(void **state)
{
    (void)state;
    struct graph graph, other;
    int slice;
    assert_int_equal(graph_begin(&graph, 6, 6, 5), OK);
    assert_int_equal(graph_add_slice(&graph, "slice", 0, 1, 3, &slice), OK);
    assert_int_equal(graph_finish(&graph), OK);
    struct channel_piece piece = {0, 3, 2};
    const struct channel_piece *pieces[2] = {NULL, &piece};
    assert_int_equal(graph_resize(&graph, pieces, &other), OK);
    assert_shape(&other, 1, 6, 6, 2);
    assert_int_equal(other.nodes[1].from, 3);
    graph_close(&other);
    piece.count = 3;
    assert_fails(graph_resize(&graph, pieces, &other), ERR_INPUT, "slice");
    graph_close(&graph);
}

static void moments(const float *values, size_t n, double *mean, double *deviation)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)values[i];
        squares += (double)values[i] * (double)values[i];
    }
    *mean = sum / (double)n;
    *deviation = sqrt(squares / (double)n - *mean * *mean);
}

static void test_initial_values(void **state)
{
    (void)state;
    struct graph graph;
    int n;
    const struct conv_attributes conv = {.out_c = 64,
                                         .kernel_h = 3,
                                         .kernel_w = 3,
                                         .stride = 1,
                                         .pad = 1,
                                         .groups = 2,
                                         .bias = true};
    assert_int_equal(graph_begin(&graph, 4, 1, 32), OK);
    assert_int_equal(graph_add_conv(&graph, "conv", 0, &conv, &n), OK);
    assert_int_equal(graph_add_batchnorm(&graph, "bn", n, &n), OK);
    assert_int_equal(graph_add_lstm(&graph, "lstm", n, 25, &n), OK);
    assert_int_equal(graph_add_linear(&graph, "fc", n, 50, true, &n), OK);
    assert_int_equal(graph_finish(&graph), OK);
    float *params = calloc(graph.n_floats, sizeof *params);
    float *again = calloc(graph.n_floats, sizeof *params);
    assert_non_null(params);
    assert_non_null(again);
    graph_init_params(&graph, 7, params);
    graph_init_params(&graph, 7, again);
    assert_memory_equal(params, again, graph.n_floats * sizeof *params);
    graph_init_params(&graph, 8, again);
    assert_memory_not_equal(params, again, 64);
    double mean, deviation;
    const struct param *weight = graph_find_param(&graph, "conv.weight");
    moments(params + weight->offset, weight->count, &mean, &deviation);
    assert_float_equal(mean, 0.0, 0.006);
    assert_float_equal(deviation, sqrt(2.0 / (32 * 9)), 0.003); // fan-out 64 / 2 groups * 9
    static const struct {
        const char *name;
        float least, most;
    } ranges[] = {
        {"conv.bias", 0, 0},
        {"bn.weight", 1, 1},
        {"bn.bias", 0, 0},
        {"bn.running_mean", 0, 0},
        {"bn.running_var", 1, 1},
        {"fc.weight", -0.1F, 0.1F},
        {"fc.bias", -0.1F, 0.1F},
        {"lstm.bias", -0.2F, 0.2F},
        {"lstm.weight_ih", -0.2F, 0.2F},
        {"lstm.weight_hh", -0.2F, 0.2F},
    };
    for (size_t r = 0; r < sizeof ranges / sizeof ranges[0]; r++) {
        const struct param *param = graph_find_param(&graph, ranges[r].name);
        float least = 9.0F, most = -9.0F;
        for (size_t i = 0; i < param->count; i++) {
            least = fminf(least, params[param->offset + i]);
            most = fmaxf(most, params[param->offset + i]);
        }
        const float slack = 0.1F * (ranges[r].most - ranges[r].least); // few values miss the ends
        assert_true(least >= ranges[r].least && least <= ranges[r].least + slack);
        assert_true(most <= ranges[r].most && most >= ranges[r].most - slack);
    }
    free(params);
    free(again);
    graph_close(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),         cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_layout),         cmocka_unit_test(test_ops),
        cmocka_unit_test(test_resize),         cmocka_unit_test(test_resize_slice),
        cmocka_unit_test(test_initial_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
