// Networks of every kind of node, of every space, and random ones, written as ONNX files and read
// back: both compute the same. With a folder as argument the files stay there, each with the images
// it was compared on and what the network makes of them, for experiments/peers/onnx_check.py.
#include "nn/network_input.h"
#include "nn/safetensors.h"
#include "onnx/compare.h"
#include "test_folder.h"
#include "test_unit.h"
#include "tests/nn/kind_case.h"
#include "tests/search_space/nas_case.h"
#include "tests/search_space/random_graph.h"

enum { IMAGES = 4, RANDOM_GRAPHS = 300, OF_SPACE = 6 };

static struct backend *backend;
static const char *keep_in; // NULL: files are removed
static struct test_folder folder;

struct subject {
    struct network network;
    struct arena arena;
    uint8_t *images; // [IMAGES]; arena
};

// Takes the network's graph over; weights, statistics and images are random.
static void open_subject(struct subject *s, bool floats, struct rng *rng)
{
    struct graph *graph = &s->network.graph;
    struct network_info *info = &s->network.info;
    const float scale = floats ? 200.0F : 1.0F;
    const struct node *input = &graph->nodes[0];
    s->network.params = calloc(graph->n_floats, sizeof(float));
    assert_non_null(s->network.params);
    random_graph_params(graph, rng, s->network.params);
    for (int c = 0; c < input->c; c++) {
        info->mean[c] = scale * (0.4F + 0.03F * (float)c);
        info->std[c] = scale * (0.2F + 0.05F * (float)c);
    }
    info->floats = floats;
    info->h = input->h;
    info->w = input->w;
    info->c = input->c;
    info->classes = graph->nodes[graph_output_node(graph)].c;
    assert_ok(network_random_images(info, IMAGES, rng_u32(rng), &s->arena, &s->images));
}

static void close_subject(struct subject *s)
{
    network_close(&s->network);
    arena_close(&s->arena);
}

static int64_t value_count(const struct graph *graph, int output)
{
    const struct node *n = &graph->nodes[graph->outputs[output].node];
    return (int64_t)n->h * n->w * n->c;
}

// What the network puts out, [IMAGES][h][w][c] per output, beside the file.
static void save_values(const struct subject *s, const char *path)
{
    const struct graph *graph = &s->network.graph;
    const struct node *input = &graph->nodes[0];
    const struct infer_options options = {.batch = IMAGES,
                                          .input = network_plan_input(&s->network.info)};
    struct infer_plan *plan;
    struct safetensor tensors[3] = {{.name = "images",
                                     .dtype = "U8",
                                     .n_dims = 4,
                                     .dims = {IMAGES, input->h, input->w, input->c},
                                     .data = s->images}};
    float *values[2] = {NULL, NULL};
    assert_in_range(graph->n_outputs, 1, 2);
    if (s->network.info.floats) {
        memcpy(tensors[0].dtype, "F32", sizeof "F32");
    }
    tensors[0].bytes = IMAGES * network_image_bytes(&s->network.info);
    assert_ok(infer_open(backend, graph, &options, &plan));
    assert_ok(infer_load(plan, s->network.params, NULL));
    for (int i = 0; i < graph->n_outputs; i++) {
        const struct node *n = &graph->nodes[graph->outputs[i].node];
        values[i] = calloc(IMAGES * (size_t)value_count(graph, i), sizeof(float));
        assert_non_null(values[i]);
        tensors[i + 1] = (struct safetensor){.name = graph->outputs[i].name,
                                             .dtype = "F32",
                                             .n_dims = 4,
                                             .dims = {IMAGES, n->h, n->w, n->c},
                                             .data = values[i]};
        tensors[i + 1].bytes = IMAGES * (size_t)value_count(graph, i) * sizeof(float);
    }
    infer_run(plan, s->images, IMAGES, values[0]);
    for (int i = 1; i < graph->n_outputs; i++) {
        infer_output(plan, i, IMAGES, values[i]);
    }
    assert_ok(safetensors_write(path, tensors, 1 + graph->n_outputs, NULL, 0));
    infer_close(plan);
    free(values[0]);
    free(values[1]);
}

static void check_round(struct subject *s, const char *name,
                        const struct onnx_export_options *options)
{
    char path[512], values[576];
    struct onnx_comparison comparison;
    snprintf(path, sizeof path, "%s/%s_%d%d%d.onnx", keep_in != NULL ? keep_in : folder.path, name,
             options->batchnorm, options->pixels, options->int8);
    assert_ok(onnx_export(&s->network, options, path, NULL));
    assert_ok(onnx_compare(backend, &s->network, options, path, s->images, IMAGES, &comparison));
    const bool exact = options->int8 == ONNX_INT8_OFF;
    if (exact && !(comparison.difference <= 1e-5)) {
        fail_msg("%s: differs by %g", path, comparison.difference);
    }
    if (keep_in != NULL && exact) {
        snprintf(values, sizeof values, "%s.safetensors", path);
        save_values(s, values);
    }
}

// Saved and loaded it is the same network, to the byte.
static void check_file(const struct subject *s)
{
    const char *path = test_folder_path(&folder, "net.safetensors");
    struct network loaded;
    assert_ok(network_save(&s->network, path));
    assert_ok(network_load(path, NULL, &loaded));
    assert_true(loaded.info.floats == s->network.info.floats);
    assert_int_equal(network_bytes(&loaded), network_bytes(&s->network));
    assert_memory_equal(loaded.params, s->network.params, network_bytes(&loaded));
    assert_int_equal(loaded.graph.n_outputs, s->network.graph.n_outputs);
    network_close(&loaded);
}

static void check_subject(struct subject *s, const char *name)
{
    struct onnx_range *ranges = calloc((size_t)s->network.graph.n_nodes, sizeof(struct onnx_range));
    assert_non_null(ranges);
    const struct onnx_export_options options[] = {
        {.batchnorm = ONNX_BATCHNORM_FOLD, .pixels = ONNX_PIXELS_NORMALISED},
        {.batchnorm = ONNX_BATCHNORM_KEEP, .pixels = ONNX_PIXELS_SHARES},
        {.batchnorm = ONNX_BATCHNORM_KEEP, .pixels = ONNX_PIXELS_BYTES},
        {.int8 = ONNX_INT8_ORT, .ranges = ranges},
        {.int8 = ONNX_INT8_TENSORRT, .ranges = ranges, .pixels = ONNX_PIXELS_BYTES},
    };
    assert_ok(onnx_find_ranges(backend, &s->network, s->images, IMAGES, ranges));
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (s->network.info.floats && options[i].pixels == ONNX_PIXELS_BYTES) {
            assert_int_equal(onnx_export(&s->network, &options[i], "none.onnx", NULL),
                             ERR_UNSUPPORTED);
        } else {
            check_round(s, name, &options[i]);
        }
    }
    free(ranges);
}

static void test_kinds(void **state)
{
    (void)state;
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    for (int kind = 0; kind < NODE_KIND_COUNT; kind++) {
        for (int v = 0; v < kind_case_count((enum node_kind)kind); v++) {
            struct subject subject = {0};
            char name[64];
            snprintf(name, sizeof name, "%s_%d", node_kind_name((enum node_kind)kind), v);
            kind_case_build((enum node_kind)kind, v, &subject.network.graph);
            open_subject(&subject, v % 2 == 1, &rng);
            check_subject(&subject, name);
            close_subject(&subject);
        }
    }
}

static void test_random_graphs(void **state)
{
    (void)state;
    struct random_tally tally = {0};
    int refused = 0;
    for (int i = 0; i < RANDOM_GRAPHS; i++) {
        struct rng rng = rng_make(2, RNG_TEST, (uint64_t)i, 0);
        struct subject subject = {0};
        char name[64];
        snprintf(name, sizeof name, "random_%d", i);
        const int recurrent = tally.kinds[NODE_LSTM];
        random_graph_build(&rng, &subject.network.graph, &tally);
        open_subject(&subject, i % 4 == 3, &rng);
        check_file(&subject);
        if (tally.kinds[NODE_LSTM] == recurrent) {
            check_subject(&subject, name);
        } else {
            refused++;
        }
        close_subject(&subject);
    }
    assert_in_range(refused, 0, RANDOM_GRAPHS / 2);
}

static void test_spaces(void **state)
{
    (void)state;
    for (int kind = 0; nas_spaces[kind] != NULL; kind++) {
        for (uint64_t i = 0; i < OF_SPACE; i++) {
            struct rng rng = rng_make(3, RNG_TEST, (uint64_t)kind, (uint32_t)i);
            struct subject subject = {0};
            char name[64];
            snprintf(name, sizeof name, "%s_%d", nas_space_names[kind], (int)i);
            nas_case_network((enum nas_space_kind)kind, i, &subject.network.graph);
            open_subject(&subject, false, &rng);
            check_file(&subject);
            check_subject(&subject, name);
            close_subject(&subject);
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_random_graphs),
        cmocka_unit_test(test_spaces),
    };
    const struct backend_options options = {.threads = 2};
    keep_in = argc > 1 ? argv[1] : NULL;
    test_folder_make(&folder);
    CHECK(backend_open("cpu", &options, &backend) == OK);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    backend_close(backend);
    test_folder_remove(&folder);
    return failed;
}
