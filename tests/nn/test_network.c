// Network files: what is saved loads again, also slimmed; what does not fit is named.
#include "nn/network.h"
#include "nn/node_type.h"
#include "nn/safetensors.h"
#include "nn/zoo.h"
#include "nn_files.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct network_info convnet_info = {
    .architecture = "convnet",
    .dataset = "shapes",
    .h = 8,
    .w = 8,
    .c = 3,
    .classes = 4,
    .mean = {0.485F, 0.456F, 0.1F},
    .std = {0.229F, 1.0F / 3.0F, 0.225F},
};

static void assert_same_network(const struct network *a, const struct network *b)
{
    assert_int_equal(a->graph.n_floats, b->graph.n_floats);
    assert_memory_equal(a->params, b->params, network_bytes(a));
    assert_string_equal(a->info.architecture, b->info.architecture);
    assert_string_equal(a->info.dataset, b->info.dataset);
    assert_memory_equal(a->info.mean, b->info.mean, sizeof a->info.mean);
    assert_memory_equal(a->info.std, b->info.std, sizeof a->info.std);
    assert_true(a->info.h == b->info.h && a->info.w == b->info.w && a->info.c == b->info.c);
    assert_int_equal(a->info.classes, b->info.classes);
    assert_true(row_set_equal(&a->train_rows, &b->train_rows));
}

static void test_create(void **state)
{
    (void)state;
    struct network network, other;
    struct network_info info = {
        .architecture = "resnet20", .h = 28, .w = 28, .c = 1, .classes = 10};
    assert_int_equal(network_create(&info, 3, &network), OK);
    assert_true(network.info.mean[0] == 0.0F && network.info.std[0] == 1.0F);
    assert_string_equal(network.info.format, "dikdik");
    assert_int_equal(network_bytes(&network), network.graph.n_floats * 4);
    assert_int_equal(network_create(&info, 3, &other), OK);
    assert_same_network(&network, &other);
    network_close(&other);
    network_close(&other);
    network_close(&network);
    strcpy(info.architecture, "resnet21");
    assert_fails(network_create(&info, 3, &network), ERR_CONFIG, "resnet21");
    strcpy(info.architecture, "convnet");
    info.c = NETWORK_MAX_CHANNELS + 1;
    assert_fails(network_create(&info, 3, &network), ERR_INPUT, "at most 64 channels");
    info.c = 1;
    info.mean[0] = 0.5F; // a mean without a std
    assert_fails(network_create(&info, 3, &network), ERR_INPUT, "std 0");
}

static void test_round_trip(void **state)
{
    char path[NN_PATH];
    struct network network, loaded;
    nn_files_path(path, state, "convnet.safetensors");
    assert_int_equal(network_create(&convnet_info, 1, &network), OK);
    assert_int_equal(network_save(&network, path), OK);
    assert_int_equal(network_load(path, NULL, &loaded), OK);
    assert_same_network(&network, &loaded);
    assert_string_equal(loaded.info.format, "dikdik");
    network_close(&loaded);
    // What the file says wins over what the caller says.
    const struct network_info other = {.architecture = "resnet20", .h = 32, .classes = 2};
    assert_int_equal(network_load(path, &other, &loaded), OK);
    assert_same_network(&network, &loaded);
    network_close(&loaded);
    network_close(&network);
}

// What weights were trained on goes with them from file to file, as long as they are for the same
// data set.
static void test_train_rows(void **state)
{
    static const int32_t rows[] = {7, 3, 2, 5, 4};
    char path[NN_PATH];
    struct network network, loaded;
    struct network_origin origin;
    nn_files_path(path, state, "rows.safetensors");
    assert_int_equal(network_create(&convnet_info, 1, &network), OK);
    assert_true(network.train_rows.known && network.train_rows.n == 0); // none yet
    assert_int_equal(row_set_of_rows(rows, 5, &network.train_rows), OK);
    assert_int_equal(network_save(&network, path), OK);
    assert_int_equal(network_load(path, NULL, &loaded), OK);
    assert_same_network(&network, &loaded);
    assert_true(row_set_has(&loaded.train_rows, 5) && !row_set_has(&loaded.train_rows, 6));
    assert_int_equal(network_read_origin(path, &origin), OK);
    assert_string_equal(origin.dataset, "shapes");
    assert_true(row_set_equal(&origin.train_rows, &network.train_rows));
    row_set_close(&origin.train_rows);
    network_set_dataset(&loaded, "shapes");
    assert_true(loaded.train_rows.known);
    network_set_dataset(&loaded, "cifar10");
    assert_string_equal(loaded.info.dataset, "cifar10");
    assert_false(loaded.train_rows.known);
    // Nothing is said: nothing is known, and nothing is written.
    assert_int_equal(network_save(&loaded, path), OK);
    network_close(&loaded);
    assert_int_equal(network_load(path, NULL, &loaded), OK);
    assert_false(loaded.train_rows.known);
    assert_int_equal(network_read_origin(path, &origin), OK);
    assert_string_equal(origin.dataset, "cifar10");
    assert_false(origin.train_rows.known);
    network_close(&loaded);
    network_close(&network);
    assert_fails(network_read_origin("/nowhere.safetensors", &origin), ERR_INPUT, "nowhere");
}

// A ResNet-20 with one inner layer, one stream and both of its shortcut's paddings cut.
static void slim_by_hand(const struct network *full, struct network *out)
{
    const struct graph *graph = &full->graph;
    const struct channel_piece five = {PIECE_NEW, 0, 5}, stream = {PIECE_NEW, 0, 36};
    const struct channel_piece pads[3] = {{PIECE_ZEROS, 0, 3}, {0, 0, 32}, {PIECE_ZEROS, 0, 1}};
    const struct channel_piece **pieces = calloc((size_t)graph->n_nodes, sizeof *pieces);
    assert_non_null(pieces);
    pieces[graph_find_node(graph, "layer1.1.conv1")] = &five;
    pieces[graph_find_node(graph, "layer3.0.shortcut")] = pads;
    pieces[graph_find_node(graph, "layer3.0.conv2")] = &stream;
    pieces[graph_find_node(graph, "layer3.1.conv2")] = &stream;
    pieces[graph_find_node(graph, "layer3.2.conv2")] = &stream;
    *out = (struct network){.info = full->info};
    assert_int_equal(graph_resize(graph, pieces, &out->graph), OK);
    free(pieces);
    out->params = malloc(network_bytes(out));
    assert_non_null(out->params);
    graph_init_params(&out->graph, 9, out->params);
}

static void test_slimmed(void **state)
{
    char path[NN_PATH];
    struct network full, slim, loaded;
    struct graph whole;
    struct network_info info = convnet_info;
    strcpy(info.architecture, "resnet20");
    info.dataset[0] = '\0';
    assert_int_equal(network_create(&info, 1, &full), OK);
    assert_null(full.whole);
    slim_by_hand(&full, &slim);
    assert_int_equal(network_note_whole(&slim, &full.graph, NULL), OK);
    assert_string_equal(slim.whole, "{\"layer1.1.conv1\":16,\"layer3.0.conv2\":64,"
                                    "\"layer3.0.shortcut\":[16,16],\"layer3.1.conv2\":64,"
                                    "\"layer3.2.conv2\":64}");
    nn_files_path(path, state, "slim.safetensors");
    assert_int_equal(network_save(&slim, path), OK);
    assert_int_equal(network_load(path, NULL, &loaded), OK);
    assert_same_network(&slim, &loaded);
    const int sum = graph_find_node(&loaded.graph, "layer3.0.add");
    assert_int_equal(loaded.graph.nodes[sum].c, 36);
    assert_int_equal(network_whole_graph(&loaded, &whole), OK);
    assert_int_equal(whole.n_floats, full.graph.n_floats);
    graph_close(&whole);
    network_close(&loaded);
    network_close(&slim);
    network_close(&full);
}

// The convnet's file without its graph, as PyTorch's are, with one change: metadata `key` set to
// `value` (NULL: left out), or tensor `tensor` replaced (NULL data: left out).
struct change {
    const char *key, *value;
    const char *tensor;
    struct safetensor by;
};

static void write_changed(const char *path, const struct change *change)
{
    struct network network;
    struct safetensors_file file;
    char whole[NN_PATH + 8];
    snprintf(whole, sizeof whole, "%s.whole", path);
    assert_int_equal(network_create(&convnet_info, 1, &network), OK);
    assert_int_equal(network_save(&network, whole), OK);
    network_close(&network);
    assert_int_equal(safetensors_open(whole, &file), OK);
    struct safetensor tensors[64];
    struct safetensors_entry metadata[16];
    int n_tensors = 0, n_metadata = 0;
    for (int i = 0; i < file.n_tensors; i++) {
        const bool hit =
            change->tensor != NULL && strcmp(file.tensors[i].name, change->tensor) == 0;
        if (!hit) {
            tensors[n_tensors++] = file.tensors[i];
        }
    }
    if (change->by.data != NULL) {
        tensors[n_tensors++] = change->by;
    }
    for (int i = 0; i < file.n_metadata; i++) {
        const bool graph = strcmp(file.metadata[i].key, "graph") == 0;
        if (!graph && (change->key == NULL || strcmp(file.metadata[i].key, change->key) != 0)) {
            metadata[n_metadata++] = file.metadata[i];
        }
    }
    if (change->value != NULL) {
        metadata[n_metadata++] = (struct safetensors_entry){change->key, change->value};
    }
    assert_int_equal(safetensors_write(path, tensors, n_tensors, metadata, n_metadata), OK);
    safetensors_close(&file);
}

// What a wrong value of a key is answered with.
static const struct {
    const char *key, *value, *part;
} metadata_refusals[] = {
    {"architecture", NULL, "no \"architecture\"; say it with --architecture resnet20"},
    {"architecture", "", "no \"architecture\""},
    {"architecture", "convnot", "no network named \"convnot\""},
    {"architecture", "resnet20", "unexpected: conv2.weight"},
    {"input", NULL, "--input 32x32x3"},
    {"input", "8x8", "\"input\" is \"8x8\""},
    {"input", "8x8x3x1", "\"input\""},
    {"input", "8x0x3", "\"input\""},
    {"input", "8x-8x3", "\"input\""},
    {"input", "8x 8x3", "\"input\""},
    {"input", "99999999999x8x3", "\"input\""},
    {"input", "8x8x65", "at most 64"},
    {"input", "8x8x2", "\"mean\""},
    {"input", "2x2x3", "at least 4x4"},
    {"input", "2000000000x2000000000x3", "expected"},
    {"classes", NULL, "--classes 10"},
    {"classes", "ten", "\"classes\" is \"ten\""},
    {"classes", "0", "\"classes\""},
    {"classes", "4.0", "\"classes\""},
    {"classes", "5", "of another shape: linear.weight (expected [5, 64], got [4, 64])"},
    {"classes", "2000000000", "linear"},
    {"mean", NULL, "--mean 0.5,0.5,0.5"},
    {"mean", "0.1,0.2", "3 numbers, one per channel"},
    {"mean", "0.1,0.2,0.3,0.4", "3 numbers"},
    {"mean", "[0.1,0.2,0.3", "3 numbers"},
    {"mean", "0.1,0.2,nan", "3 numbers"},
    {"std", NULL, "--std"},
    {"std", "1,0,1", "std 0"},
    {"std", "1,-1,1", "std -1"},
    {"std", "1,1e39,1", "3 numbers"},
    {"dataset", "0123456789012345678901234567890123456789012345678901234567890123", "shorter"},
    {"train_rows", "", "\"train_rows\": row ranges have \"\""},
    {"train_rows", "0-44999,", "\"train_rows\""},
    {"train_rows", "44999-0", "\"44999-0\""},
    {"train_rows", "0-99999999999", "\"0-99999999999\""},
    {"train_rows", "10-19,0-9", "ascending"},
    {"widths", "{", "widths: line 1"},
    {"widths", "[]", "widths is a list"},
    {"widths", "{\"conv9\":3}", "no layer \"conv9\""},
    {"widths", "{\"bn1\":3}", "no layer \"bn1\""},
    {"widths", "{\"conv1\":0}", "\"conv1\" takes a whole number"},
    {"widths", "{\"conv1\":2.5}", "\"conv1\" takes"},
    {"widths", "{\"conv1\":[3,3]}", "\"conv1\" takes"},
    {"widths", "{\"conv1\":2000000000}", "conv1"},
    {"widths", "{\"conv1\":9}", "conv1.weight (expected [9, 3, 3, 3]"},
    {"widths", "{\"conv1\":16777216,\"conv2\":16777216}", "2^40"},
};

static void test_metadata_refusals(void **state)
{
    char path[NN_PATH];
    nn_files_path(path, state, "metadata.safetensors");
    for (size_t i = 0; i < sizeof metadata_refusals / sizeof metadata_refusals[0]; i++) {
        struct network network;
        write_changed(path, &(struct change){.key = metadata_refusals[i].key,
                                             .value = metadata_refusals[i].value});
        const enum status status = network_load(path, NULL, &network);
        if (status != ERR_INPUT || strstr(status_message(), metadata_refusals[i].part) == NULL ||
            strstr(status_message(), path) == NULL) {
            fail_msg("%s = %s: status %d, message %s", metadata_refusals[i].key,
                     metadata_refusals[i].value != NULL ? metadata_refusals[i].value : "(none)",
                     (int)status, status != OK ? status_message() : "");
        }
    }
}

static void test_fallback(void **state)
{
    static const char *const keys[] = {"architecture", "input", "classes",
                                       "mean",         "std",   "dataset"};
    char path[NN_PATH];
    struct network whole, network;
    assert_int_equal(network_create(&convnet_info, 1, &whole), OK);
    nn_files_path(path, state, "fallback.safetensors");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        write_changed(path, &(struct change){.key = keys[i]});
        assert_int_equal(network_load(path, &convnet_info, &network), OK);
        assert_same_network(&whole, &network);
        network_close(&network);
    }
    // Only what is missing must be said.
    const struct network_info std_only = {.std = {0.229F, 1.0F / 3.0F, 0.225F}};
    write_changed(path, &(struct change){.key = "std"});
    assert_int_equal(network_load(path, &std_only, &network), OK);
    assert_same_network(&whole, &network);
    network_close(&network);
    write_changed(path, &(struct change){.key = "mean", .value = " [0.485, 0.456 ,1e-1 ] "});
    assert_int_equal(network_load(path, NULL, &network), OK);
    assert_same_network(&whole, &network);
    network_close(&network);
    network_close(&whole);
}

static void test_tensor_refusals(void **state)
{
    float good[16], bad[16];
    for (int i = 0; i < 16; i++) {
        good[i] = bad[i] = 1.0F;
    }
    bad[11] = NAN;
    float negative[16] = {0.0F};
    negative[2] = -0.5F;
    double huge[16] = {0.0};
    huge[0] = 1e300;
    const struct {
        const char *tensor;
        struct safetensor by;
        const char *part;
    } cases[] = {
        {"bn1.weight", {0}, "weights of convnet: 1 tensors missing: bn1.weight"},
        {"bn1.running_var", {0}, "missing: bn1.running_var"},
        {NULL, {"bn9.weight", "F32", 1, {16}, good, 64, 0}, "1 unexpected: bn9.weight"},
        {"bn1.bias", {"bn1.bias", "F32", 1, {15}, good, 60, 0}, "expected [16], got [15]"},
        {"bn1.bias", {"bn1.bias", "F32", 2, {16, 1}, good, 64, 0}, "expected [16], got [16, 1]"},
        {"bn1.bias", {"bn1.bias", "F32", 0, {0}, good, 4, 0}, "expected [16], got []"},
        {"bn1.bias", {"bn1.bias", "I32", 1, {16}, good, 64, 0}, "\"bn1.bias\" is of dtype I32"},
        {"bn1.bias",
         {"bn1.bias", "F32", 1, {16}, bad, 64, 0},
         "\"bn1.bias\" holds nan at element 11"},
        {"bn1.bias", {"bn1.bias", "F64", 1, {16}, huge, 128, 0}, "holds inf at element 0"},
        {"bn1.running_var",
         {"bn1.running_var", "F32", 1, {16}, negative, 64, 0},
         "\"bn1.running_var\" holds -0.5 at element 2"},
    };
    char path[NN_PATH];
    struct network network;
    nn_files_path(path, state, "tensors.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_changed(path, &(struct change){.tensor = cases[i].tensor, .by = cases[i].by});
        assert_fails(network_load(path, NULL, &network), ERR_INPUT, cases[i].part);
        assert_non_null(strstr(status_message(), path));
    }
    const int64_t steps = 3;
    write_changed(path,
                  &(struct change){.by = {"bn1.num_batches_tracked", "I64", 0, {0}, &steps, 8, 0}});
    assert_int_equal(network_load(path, NULL, &network), OK);
    network_close(&network);
    uint16_t halves[16];
    for (int i = 0; i < 16; i++) {
        halves[i] = 0x3e00; // 1.5
    }
    write_changed(path, &(struct change){.tensor = "bn1.bias",
                                         .by = {"bn1.bias", "F16", 1, {16}, halves, 32, 0}});
    assert_int_equal(network_load(path, NULL, &network), OK);
    assert_true(network.params[graph_find_param(&network.graph, "bn1.bias")->offset + 15] == 1.5F);
    network_close(&network);
}

struct save_job {
    const struct network *network;
    const char *path;
};

static enum status save(void *context)
{
    const struct save_job *job = context;
    return network_save(job->network, job->path);
}

static void test_full_disk(void **state)
{
    char path[NN_PATH];
    struct network network, other, loaded;
    nn_files_path(path, state, "full.safetensors");
    assert_int_equal(network_create(&convnet_info, 1, &network), OK);
    assert_int_equal(network_create(&convnet_info, 2, &other), OK);
    assert_int_equal(network_save(&network, path), OK);
    struct save_job job = {&other, path};
    assert_int_equal(nn_files_with_full_disk(50000, save, &job), ERR_IO);
    assert_int_equal(network_load(path, NULL, &loaded), OK);
    assert_same_network(&network, &loaded);
    network_close(&loaded);
    network_close(&other);
    network_close(&network);
}

// A writer that is killed at any moment leaves one of the whole files.
static void test_kill(void **state)
{
    char path[NN_PATH];
    struct network networks[2], loaded;
    nn_files_path(path, state, "kill.safetensors");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(network_create(&convnet_info, (uint64_t)i, &networks[i]), OK);
    }
    assert_int_equal(network_save(&networks[0], path), OK);
    for (int trial = 0; trial < 25; trial++) {
        fflush(NULL);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            int turn = 1;
            while (network_save(&networks[turn], path) == OK) {
                turn = 1 - turn;
            }
            _exit(1);
        }
        const struct timespec pause = {0, 1000000L + 700000L * trial};
        nanosleep(&pause, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        int ended;
        assert_int_equal(waitpid(child, &ended, 0), child);
        assert_true(WIFSIGNALED(ended));
        assert_int_equal(network_load(path, NULL, &loaded), OK);
        const bool first = memcmp(loaded.params, networks[0].params, network_bytes(&loaded)) == 0;
        const bool second = memcmp(loaded.params, networks[1].params, network_bytes(&loaded)) == 0;
        assert_true(first || second);
        network_close(&loaded);
    }
    network_close(&networks[0]);
    network_close(&networks[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),     cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_slimmed),    cmocka_unit_test(test_metadata_refusals),
        cmocka_unit_test(test_fallback),   cmocka_unit_test(test_tensor_refusals),
        cmocka_unit_test(test_full_disk),  cmocka_unit_test(test_kill),
        cmocka_unit_test(test_train_rows),
    };
    return cmocka_run_group_tests(tests, nn_files_setup, nn_files_teardown);
}
