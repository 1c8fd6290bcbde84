// What stands in an exported file: operators by kind of node, names, integers around convolutions;
// and that no file is left behind by a write that failed.
#include "onnx/export.h"
#include "onnx/export_internal.h"
#include "onnx/model.h"
#include "test_folder.h"
#include "test_unit.h"
#include "tests/nn/kind_case.h"
#include "tests/nn/nn_files.h"

#include <math.h>
#include <sys/stat.h>

static struct test_folder folder;

static void take_graph(struct network *network)
{
    struct graph *graph = &network->graph;
    network->params = calloc(graph->n_floats, sizeof(float));
    assert_non_null(network->params);
    graph_init_params(graph, 3, network->params);
    network->info.classes = graph->nodes[graph_output_node(graph)].c;
    for (int c = 0; c < NETWORK_MAX_CHANNELS; c++) {
        network->info.mean[c] = 0.5F;
        network->info.std[c] = 0.25F;
    }
    snprintf(network->info.dataset, sizeof network->info.dataset, "cifar10");
}

static void open_case(struct network *network, enum node_kind kind, int variant)
{
    *network = (struct network){0};
    kind_case_build(kind, variant, &network->graph);
    take_graph(network);
}

static void write_and_open(const struct network *network, const struct onnx_export_options *options,
                           struct onnx_model *model)
{
    const char *path = test_folder_path(&folder, "net.onnx");
    size_t bytes = 0;
    assert_ok(onnx_export(network, options, path, &bytes));
    assert_ok(onnx_model_open(path, model));
    struct stat file;
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_size, bytes);
}

// The operators, with a space between.
static void list_ops(const struct onnx_model *model, char *out, size_t bytes)
{
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; i < model->n_nodes; i++) {
        n += (size_t)snprintf(out + n, bytes - n, "%s%s", i > 0 ? " " : "", model->nodes[i].op);
        assert_true(n < bytes);
    }
}

static const struct onnx_node *find_maker(const struct onnx_model *model, const char *value)
{
    for (int i = 0; i < model->n_nodes; i++) {
        if (strcmp(model->nodes[i].outputs[0], value) == 0) {
            return &model->nodes[i];
        }
    }
    return NULL;
}

static const struct onnx_tensor *find_tensor(const struct onnx_model *model, const char *name)
{
    for (int i = 0; i < model->n_initializers; i++) {
        if (strcmp(model->initializers[i].name, name) == 0) {
            return &model->initializers[i].tensor;
        }
    }
    return NULL;
}

static void test_every_kind_has_a_row(void **state)
{
    (void)state;
    for (int kind = 0; kind < NODE_KIND_COUNT; kind++) {
        const struct export_kind *row = &export_kinds[kind];
        const int said = (row->write != NULL) + row->passes + (row->refused != NULL);
        if (said != 1) {
            fail_msg("export_kinds has nothing (or too much) for %s",
                     node_kind_name((enum node_kind)kind));
        }
    }
}

static void test_operators_of_a_kind(void **state)
{
    (void)state;
    static const struct {
        enum node_kind kind;
        int variant;
        enum onnx_batchnorm batchnorm;
        const char *ops; // between Conv and Conv, Flatten, Gemm; of those with several inputs, all
    } cases[] = {
        {NODE_CONV, 1, ONNX_BATCHNORM_FOLD, "Conv Conv Conv Flatten Gemm"},
        {NODE_LINEAR, 0, ONNX_BATCHNORM_FOLD, "Conv Flatten Gemm Reshape Conv Flatten Gemm"},
        {NODE_BATCHNORM, 0, ONNX_BATCHNORM_FOLD, "Conv Conv Flatten Gemm"},
        {NODE_BATCHNORM, 0, ONNX_BATCHNORM_KEEP, "Conv BatchNormalization Conv Flatten Gemm"},
        {NODE_ACT, 0, ONNX_BATCHNORM_FOLD, "Conv Relu Conv Flatten Gemm"},
        {NODE_ACT, 1, ONNX_BATCHNORM_FOLD, "Conv Clip Conv Flatten Gemm"},
        {NODE_ACT, 2, ONNX_BATCHNORM_FOLD, "Conv LeakyRelu Conv Flatten Gemm"},
        {NODE_ACT, 3, ONNX_BATCHNORM_FOLD, "Conv Sigmoid Conv Flatten Gemm"},
        {NODE_ACT, 4, ONNX_BATCHNORM_FOLD, "Conv HardSigmoid Conv Flatten Gemm"},
        {NODE_ACT, 5, ONNX_BATCHNORM_FOLD, "Conv HardSwish Conv Flatten Gemm"},
        {NODE_ACT, 6, ONNX_BATCHNORM_KEEP, "Conv Sigmoid Mul Conv Flatten Gemm"},
        {NODE_ADD, 0, ONNX_BATCHNORM_KEEP, "Conv Conv Conv Add Add Conv Flatten Gemm"},
        {NODE_MULTIPLY, 1, ONNX_BATCHNORM_KEEP,
         "Conv Conv GlobalAveragePool Mul Conv Flatten Gemm"},
        {NODE_CONCAT, 0, ONNX_BATCHNORM_KEEP, "Conv Conv Conv Concat Conv Flatten Gemm"},
        {NODE_SLICE, 0, ONNX_BATCHNORM_KEEP, "Conv Slice Conv Flatten Gemm"},
        {NODE_SHUFFLE, 0, ONNX_BATCHNORM_KEEP, "Conv Reshape Transpose Reshape Conv Flatten Gemm"},
        {NODE_MAX_POOL, 1, ONNX_BATCHNORM_KEEP, "Conv MaxPool Conv Flatten Gemm"},
        {NODE_AVG_POOL, 0, ONNX_BATCHNORM_KEEP, "Conv AveragePool Conv Flatten Gemm"},
        {NODE_GLOBAL_POOL, 0, ONNX_BATCHNORM_KEEP, "Conv GlobalAveragePool Conv Flatten Gemm"},
        {NODE_PAD, 0, ONNX_BATCHNORM_KEEP, "Conv Pad Slice Conv Flatten Gemm"},
        {NODE_RESIZE, 0, ONNX_BATCHNORM_KEEP, "Conv Shape Concat Resize Conv Flatten Gemm"},
        {NODE_SOFTMAX, 0, ONNX_BATCHNORM_KEEP, "Conv Softmax Conv Flatten Gemm"},
        {NODE_DROPOUT, 0, ONNX_BATCHNORM_KEEP, "Conv Conv Flatten Gemm"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct network network;
        struct onnx_model model;
        char ops[256];
        open_case(&network, cases[i].kind, cases[i].variant);
        const struct onnx_export_options options = {.batchnorm = cases[i].batchnorm};
        write_and_open(&network, &options, &model);
        list_ops(&model, ops, sizeof ops);
        assert_string_equal(ops, cases[i].ops);
        assert_memory_equal(model.producer, "dikdik ", 7);
        assert_int_equal(model.opset, ONNX_EXPORT_OPSET);
        onnx_model_close(&model);
        network_close(&network);
    }
}

// conv1 - bn1 - relu1 - conv2 - bn2 - relu2 - conv3 - bn3 - sum(relu1) - relu3 - pool - fc.
static void open_block(struct network *network)
{
    *network = (struct network){0};
    struct graph *graph = &network->graph;
    const struct conv_attributes same = {
        .out_c = 4, .kernel_h = 3, .kernel_w = 3, .stride = 1, .pad = 1};
    int stem, at, sum;
    assert_ok(graph_begin(graph, 6, 6, 3));
    assert_ok(graph_add_conv(graph, "conv1", 0, &same, &at));
    assert_ok(graph_add_batchnorm(graph, "bn1", at, &at));
    assert_ok(graph_add_act(graph, "relu1", at, ACTIVATION_RELU, &stem));
    assert_ok(graph_add_conv(graph, "conv2", stem, &same, &at));
    assert_ok(graph_add_batchnorm(graph, "bn2", at, &at));
    assert_ok(graph_add_act(graph, "relu2", at, ACTIVATION_RELU, &at));
    assert_ok(graph_add_conv(graph, "conv3", at, &same, &at));
    assert_ok(graph_add_batchnorm(graph, "bn3", at, &at));
    assert_ok(graph_add_add(graph, "sum", at, stem, &sum));
    assert_ok(graph_add_act(graph, "relu3", sum, ACTIVATION_RELU, &at));
    assert_ok(graph_add_global_pool(graph, "pool", at, &at));
    assert_ok(graph_add_linear(graph, "fc", at, 5, true, &at));
    assert_ok(graph_add_output(graph, "classes", at));
    assert_ok(graph_finish(graph));
    take_graph(network);
}

static void test_names(void **state)
{
    (void)state;
    struct network network;
    struct onnx_model model;
    open_block(&network);
    const struct onnx_export_options options = {.pixels = ONNX_PIXELS_BYTES};
    write_and_open(&network, &options, &model);
    static const char *const values[][2] = {{"conv1", "Conv"}, {"relu1", "Relu"},
                                            {"conv3", "Conv"}, {"sum", "Add"},
                                            {"relu3", "Relu"}, {"classes", "Gemm"}};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        const struct onnx_node *maker = find_maker(&model, values[i][0]);
        assert_non_null(maker);
        assert_string_equal(maker->op, values[i][1]);
        assert_string_equal(maker->name, values[i][0]);
    }
    const struct onnx_tensor *weight = find_tensor(&model, "conv3.weight");
    assert_non_null(weight);
    assert_int_equal(weight->rank, 4);
    assert_int_equal(weight->dims[2], 3);
    assert_non_null(find_tensor(&model, "conv3.bias")); // BatchNorm's
    assert_non_null(find_tensor(&model, "fc.weight"));
    assert_int_equal(model.n_inputs, 1);
    assert_string_equal(model.inputs[0].name, network.graph.nodes[0].name);
    assert_int_equal(model.inputs[0].elem_type, ONNX_ELEMENTS_UINT8);
    assert_int_equal(model.inputs[0].rank, 4);
    assert_true(model.inputs[0].dims[0] < 1); // any number of images
    assert_int_equal(model.inputs[0].dims[1], 3);
    assert_int_equal(model.n_outputs, 1);
    assert_string_equal(model.outputs[0], "classes");
    onnx_model_close(&model);
    network_close(&network);
}

// An output may be called like another node, or be a value that others read too.
static void test_outputs(void **state)
{
    (void)state;
    struct network network = {0};
    struct graph *graph = &network.graph;
    struct onnx_model model;
    const struct conv_attributes point = {.out_c = 2, .kernel_h = 1, .kernel_w = 1, .stride = 1};
    int a, b;
    assert_ok(graph_begin(graph, 2, 2, 1));
    assert_ok(graph_add_conv(graph, "a", 0, &point, &a));
    assert_ok(graph_add_conv(graph, "b", a, &point, &b));
    assert_ok(graph_add_output(graph, "a", b));
    assert_ok(graph_add_output(graph, "again", b));
    assert_ok(graph_add_output(graph, "inner", a));
    assert_ok(graph_finish(graph));
    take_graph(&network);
    write_and_open(&network, &(struct onnx_export_options){0}, &model);
    char ops[64];
    list_ops(&model, ops, sizeof ops);
    assert_string_equal(ops, "Conv Conv Identity");
    assert_int_equal(model.n_outputs, 3);
    assert_string_equal(find_maker(&model, "a")->inputs[0], "inner");
    assert_string_equal(find_maker(&model, "again")->inputs[0], "a");
    onnx_model_close(&model);
    network_close(&network);
}

// ---- int8
static void check_integer_weights(const struct onnx_model *model, const struct network *network)
{
    const struct onnx_node *dequantize = find_maker(model, "fc.weight");
    assert_string_equal(dequantize->op, "DequantizeLinear");
    const struct onnx_tensor *integers = find_tensor(model, dequantize->inputs[0]);
    const struct onnx_tensor *scales = find_tensor(model, dequantize->inputs[1]);
    const struct param *param = graph_find_param(&network->graph, "fc.weight");
    assert_int_equal(integers->type, ONNX_I8);
    assert_int_equal(scales->dims[0], 5);
    struct onnx_walk walk, scale;
    onnx_walk_begin(&scale, scales);
    size_t at = 0;
    for (onnx_walk_begin(&walk, integers); !walk.done; onnx_walk_next(&walk)) {
        const double step = onnx_walk_real(&scale);
        const double weight = (double)network->params[param->offset + at];
        assert_true(fabs(onnx_walk_real(&walk) * step - weight) <= 0.5001 * step);
        if (++at % 4 == 0) {
            onnx_walk_next(&scale);
        }
    }
}

static void check_int8(enum onnx_int8 taste, const char *ops)
{
    struct network network;
    struct onnx_model model;
    struct onnx_range ranges[16];
    char found[1024];
    open_block(&network);
    for (int i = 0; i < 16; i++) {
        ranges[i] = (struct onnx_range){-1.0F, 3.0F};
    }
    const struct onnx_export_options options = {.int8 = taste, .ranges = ranges};
    write_and_open(&network, &options, &model);
    list_ops(&model, found, sizeof found);
    assert_string_equal(found, ops);
    const bool has_sign = taste == ONNX_INT8_TENSORRT;
    for (int i = 0; i < model.n_nodes; i++) {
        const struct onnx_node *node = &model.nodes[i];
        if (strcmp(node->op, "QuantizeLinear") == 0) {
            const struct onnx_tensor *zero = find_tensor(&model, node->inputs[2]);
            assert_int_equal(zero->type, has_sign ? ONNX_I8 : ONNX_U8);
            const bool positive = strncmp(node->inputs[0], "relu", 4) == 0;
            assert_true(onnx_tensor_first(zero) == 0.0 || (!has_sign && !positive));
        }
        if (strcmp(node->op, "Conv") == 0 || strcmp(node->op, "Gemm") == 0) {
            assert_string_equal(find_maker(&model, node->inputs[0])->op, "DequantizeLinear");
            assert_string_equal(find_maker(&model, node->inputs[1])->op, "DequantizeLinear");
            assert_true((find_maker(&model, node->inputs[2]) == NULL) == has_sign);
        }
    }
    check_integer_weights(&model, &network);
    onnx_model_close(&model);
    network_close(&network);
}

#define PAIR "QuantizeLinear DequantizeLinear "
#define BOTH "DequantizeLinear DequantizeLinear " // weight and bias
#define HEAD "GlobalAveragePool " PAIR
static void test_int8(void **state)
{
    (void)state;
    check_int8(ONNX_INT8_ORT, PAIR BOTH "Conv Relu " PAIR BOTH "Conv Relu " PAIR BOTH "Conv " PAIR
                                        "Add Relu " PAIR HEAD BOTH "Flatten " PAIR "Gemm");
    check_int8(ONNX_INT8_TENSORRT, PAIR
               "DequantizeLinear Conv Relu " PAIR "DequantizeLinear Conv Relu " PAIR
               "DequantizeLinear Conv Add Relu " PAIR HEAD "DequantizeLinear Flatten " PAIR "Gemm");
}

// ---- what is refused, and what is left behind
static void test_refused(void **state)
{
    (void)state;
    struct network network = {0};
    const char *path = test_folder_path(&folder, "refused.onnx");
    int node;
    assert_ok(graph_begin(&network.graph, 4, 1, 3));
    assert_ok(graph_add_lstm(&network.graph, "memory", 0, 2, &node));
    assert_ok(graph_finish(&network.graph));
    take_graph(&network);
    assert_fails(onnx_export(&network, &(struct onnx_export_options){0}, path, NULL),
                 ERR_UNSUPPORTED, "node memory");
    assert_null(fopen(path, "rb"));
    network_close(&network);
}

static enum status export_block(void *context)
{
    return onnx_export(context, &(struct onnx_export_options){0},
                       test_folder_path(&folder, "full.onnx"), NULL);
}

static void test_full_disk(void **state)
{
    (void)state;
    struct network network;
    open_block(&network);
    for (size_t most = 0; most < 2000; most += 500) {
        assert_int_equal(nn_files_with_full_disk(most, export_block, &network), ERR_IO);
        assert_null(fopen(test_folder_path(&folder, "full.onnx"), "rb"));
    }
    network_close(&network);
}

static void test_no_such_folder(void **state)
{
    (void)state;
    struct network network;
    open_block(&network);
    assert_int_equal(onnx_export(&network, &(struct onnx_export_options){0},
                                 test_folder_path(&folder, "none/net.onnx"), NULL),
                     ERR_IO);
    network_close(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_has_a_row),
        cmocka_unit_test(test_operators_of_a_kind),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_int8),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_no_such_folder),
    };
    test_folder_make(&folder);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_folder_remove(&folder);
    return failed;
}
