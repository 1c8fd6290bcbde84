// Files as PyTorch and the tools around it leave them.
#include "nn/network.h"
#include "nn/node_type.h"
#include "nn/safetensors.h"
#include "nn_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct network_info info = {.architecture = "resnet20",
                                         .h = 32,
                                         .w = 32,
                                         .c = 3,
                                         .classes = 10,
                                         .mean = {0.5F, 0.5F, 0.5F},
                                         .std = {0.25F, 0.25F, 0.25F}};

enum { MOST_TENSORS = 160 };

struct saved { // the tensors of a network under other names
    struct network network;
    struct safetensor tensors[MOST_TENSORS];
    char names[MOST_TENSORS][96];
    int n;
};

static void open_saved(struct saved *s, const char *prefix)
{
    s->n = 0;
    for (int p = 0; p < s->network.graph.n_params; p++) {
        const struct param *param = &s->network.graph.params[p];
        struct safetensor *tensor = &s->tensors[s->n];
        snprintf(s->names[s->n], sizeof s->names[0], "%s%s", prefix, param->name);
        *tensor = (struct safetensor){.name = s->names[s->n],
                                      .dtype = "F32",
                                      .n_dims = param->n_dims,
                                      .data = s->network.params + param->offset,
                                      .bytes = param->count * sizeof(float)};
        for (int d = 0; d < param->n_dims; d++) {
            tensor->dims[d] = param->dims[d];
        }
        s->n++;
    }
}

static void add_counter(struct saved *s, const char *name)
{
    static const int64_t steps = 3;
    snprintf(s->names[s->n], sizeof s->names[0], "%s", name);
    s->tensors[s->n] =
        (struct safetensor){.name = s->names[s->n], .dtype = "I64", .data = &steps, .bytes = 8};
    s->n++;
}

static enum status load(const struct saved *s, void **state, struct network *out)
{
    char path[NN_PATH];
    nn_files_path(path, state, "foreign.safetensors");
    assert_int_equal(safetensors_write(path, s->tensors, s->n, NULL, 0), OK);
    return network_load(path, &info, out);
}

static void test_prefixes(void **state)
{
    static const char *const prefixes[] = {"", "module.", "_orig_mod.", "model.",
                                           "module._orig_mod.model."};
    struct saved s;
    assert_int_equal(network_create(&info, 1, &s.network), OK);
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        struct network loaded;
        open_saved(&s, prefixes[i]);
        add_counter(&s, "module.bn1.num_batches_tracked");
        add_counter(&s, "n_averaged");
        add_counter(&s, "total_ops");
        add_counter(&s, "layer1.total_params");
        assert_int_equal(load(&s, state, &loaded), OK);
        assert_memory_equal(loaded.params, s.network.params, network_bytes(&loaded));
        network_close(&loaded);
    }
    network_close(&s.network);
}

static int find_param(const struct graph *graph, const char *name)
{
    for (int p = 0; p < graph->n_params; p++) {
        if (strcmp(graph->params[p].name, name) == 0) {
            return p;
        }
    }
    fail_msg("no %s", name);
    return -1;
}

// The last layer under the names that other frameworks and forks give it.
static void test_last_layer(void **state)
{
    static const struct {
        const char *name;
        bool loads;
    } cases[] = {{"linear", true}, {"fc", true},     {"classifier", true}, {"classifier.1", true},
                 {"head", true},   {"output", true}, {"banana", false},    {"fc.fc", false}};
    struct saved s;
    assert_int_equal(network_create(&info, 1, &s.network), OK);
    const int weight = find_param(&s.network.graph, "linear.weight");
    const int bias = find_param(&s.network.graph, "linear.bias");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct network loaded;
        open_saved(&s, "module.");
        snprintf(s.names[weight], sizeof s.names[0], "module.%s.weight", cases[i].name);
        snprintf(s.names[bias], sizeof s.names[0], "module.%s.bias", cases[i].name);
        if (cases[i].loads) {
            assert_int_equal(load(&s, state, &loaded), OK);
            assert_memory_equal(loaded.params, s.network.params, network_bytes(&loaded));
            network_close(&loaded);
        } else {
            assert_fails(load(&s, state, &loaded), ERR_INPUT, "linear.weight, linear.bias");
            assert_non_null(strstr(status_message(), cases[i].name));
        }
    }
    // One of the two only, and another number of classes: not that layer.
    struct network unused;
    open_saved(&s, "");
    snprintf(s.names[weight], sizeof s.names[0], "fc.weight");
    assert_fails(load(&s, state, &unused), ERR_INPUT, "1 tensors missing: linear.weight");
    snprintf(s.names[bias], sizeof s.names[0], "fc.bias");
    s.tensors[bias].dims[0] = 9;
    s.tensors[bias].bytes = 36;
    assert_fails(load(&s, state, &unused), ERR_INPUT, "2 unexpected: fc.weight, fc.bias");
    network_close(&s.network);
}

// The zoo's own names begin with "model." in one network: that is no prefix.
static void test_own_prefix(void **state)
{
    struct saved s;
    struct network loaded;
    struct network_info other = info;
    char path[NN_PATH];
    strcpy(other.architecture, "mobilenet_v1");
    assert_int_equal(network_create(&other, 1, &s.network), OK);
    nn_files_path(path, state, "own.safetensors");
    assert_int_equal(network_save(&s.network, path), OK);
    assert_int_equal(network_load(path, NULL, &loaded), OK);
    network_close(&loaded);
    network_close(&s.network);
}

static void test_mismatch(void **state)
{
    struct saved s;
    struct network loaded;
    assert_int_equal(network_create(&info, 1, &s.network), OK);
    open_saved(&s, "");
    for (int i = 0; i < 10; i++) {
        snprintf(s.names[i], sizeof s.names[0], "other.%d", i);
    }
    assert_fails(load(&s, state, &loaded), ERR_INPUT, "10 tensors missing: ");
    assert_non_null(strstr(status_message(), "10 unexpected: other.0, other.1"));
    assert_non_null(strstr(status_message(), ", ..."));
    assert_null(strstr(status_message(), "other.8"));
    snprintf(s.names[0], sizeof s.names[0], "conv1.weight_orig");
    assert_fails(load(&s, state, &loaded), ERR_INPUT, "prune.remove");
    network_close(&s.network);
}

// Cut by another tool: nothing but the shapes of the tensors tells.
static void test_cut(void **state)
{
    struct network whole, loaded;
    struct saved s;
    const struct channel_piece inner = {PIECE_NEW, 0, 5}, stream = {PIECE_NEW, 0, 40};
    struct channel_piece pads[3] = {{PIECE_ZEROS, 0, 4}, {0, 0, 32}, {PIECE_ZEROS, 0, 4}};
    assert_int_equal(network_create(&info, 1, &whole), OK);
    const struct channel_piece **pieces = calloc((size_t)whole.graph.n_nodes, sizeof *pieces);
    assert_non_null(pieces);
    pieces[graph_find_node(&whole.graph, "layer1.1.conv1")] = &inner;
    pieces[graph_find_node(&whole.graph, "layer3.0.shortcut")] = pads;
    pieces[graph_find_node(&whole.graph, "layer3.0.conv2")] = &stream;
    pieces[graph_find_node(&whole.graph, "layer3.1.conv2")] = &stream;
    pieces[graph_find_node(&whole.graph, "layer3.2.conv2")] = &stream;
    s.network = (struct network){.info = info};
    assert_int_equal(graph_resize(&whole.graph, pieces, &s.network.graph), OK);
    free(pieces);
    s.network.params = malloc(network_bytes(&s.network));
    assert_non_null(s.network.params);
    graph_init_params(&s.network.graph, 4, s.network.params);
    open_saved(&s, "module.");
    assert_int_equal(load(&s, state, &loaded), OK);
    assert_memory_equal(loaded.params, s.network.params, network_bytes(&loaded));
    assert_int_equal(loaded.graph.nodes[graph_find_node(&loaded.graph, "layer3.0.shortcut")].c, 40);
    assert_non_null(loaded.whole);
    network_close(&loaded);
    s.tensors[0].dims[0] = 15; // a cut that the next layers know nothing of
    s.tensors[0].bytes = s.tensors[0].bytes / 16 * 15;
    assert_fails(load(&s, state, &loaded), ERR_INPUT, "of another shape");
    network_close(&s.network);
    network_close(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefixes),   cmocka_unit_test(test_last_layer),
        cmocka_unit_test(test_own_prefix), cmocka_unit_test(test_mismatch),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, nn_files_setup, nn_files_teardown);
}
