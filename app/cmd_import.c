// dikdik import: a network of another tool, ONNX or PyTorch's safetensors, as a network file of
// ours.
#include "app/command.h"
#include "app/command_line.h"
#include "app/output.h"
#include "run/load.h"
#include "search_space/cost.h"
#include "search_space/groups.h"
#include "train/evaluate.h"

#include <stdio.h>

struct import_config {
    const char *output;
    struct network_hints hints;
    struct dataset_options data;
    bool json;
};

#define AT(field) .offset = offsetof(struct import_config, field)
static const struct option import_option_table[] = {
    {"output", "the file to write, -o for short", OPTION_STRING, AT(output)},
    {"architecture", "zoo network of a safetensors file without a graph", OPTION_STRING,
     AT(hints.architecture)},
    NETWORK_HINT_ROWS(struct import_config, hints),
    {"data", "data set that it is for: must fit, and says what the file leaves out", OPTION_OBJECT,
     AT(data), .table = dataset_option_table},
    {"json", "print one JSON object", OPTION_BOOL, AT(json), .fallback = 0},
    {.key = NULL},
};
#undef AT

static const char *const import_positional[] = {"FILE", NULL};
static const struct cli import_cli = {
    .command = "dikdik import",
    .usage = "FILE -o OUT [--data NAME] [--mean M,M,M --std S,S,S] [options]",
    .about = "Reads a convolutional network, ONNX or safetensors of PyTorch's, and writes it as a "
             "network file with its graph. Other commands read such files as they are, too.",
    .positional = import_positional,
    .required = 1,
    .table = import_option_table,
};

static enum status load(const char *path, const struct import_config *config,
                        struct network *network)
{
    struct dataset data = {0};
    if (config->data.name[0] == '\0') {
        return network_file_load(path, &config->hints, NULL, network);
    }
    TRY(dataset_describe(&config->data, DATASET_TRAIN, &data));
    enum status code = dataset_measure(&data);
    if (code == OK) {
        code = network_file_load(path, &config->hints, &data, network);
    }
    if (code == OK) {
        code = evaluate_check_fit(network, &data);
        network_set_dataset(network, data.name);
    }
    dataset_close(&data);
    return code;
}

static enum status print_json(const struct import_config *config, const struct network *network,
                              int groups)
{
    const struct network_cost cost = cost_of_graph(&network->graph);
    const struct network_info *info = &network->info;
    struct output_json json;
    output_json_begin(&json);
    struct json_writer *w = &json.writer;
    json_write_string(w, "architecture", info->architecture);
    json_write_begin(w, '[', "input");
    json_write_int(w, NULL, info->h);
    json_write_int(w, NULL, info->w);
    json_write_int(w, NULL, info->c);
    json_write_end(w, ']');
    json_write_int(w, "classes", info->classes);
    json_write_int(w, "nodes", network->graph.n_nodes);
    json_write_int(w, "groups", groups);
    json_write_int(w, "macs", cost.macs);
    json_write_int(w, "params", cost.params);
    json_write_string(w, "file", config->output);
    return output_json_end(&json);
}

static void print_text(const struct import_config *config, const struct network *network,
                       int groups)
{
    const struct network_cost cost = cost_of_graph(&network->graph);
    const struct network_info *info = &network->info;
    char macs[32], params[32];
    printf("%s, input %d x %d x %d, %d classes\n"
           "%d nodes, %d groups of channels that can be cut\n"
           "cost        %s MACs, %s parameters\n\nwritten to %s\n",
           info->architecture, info->h, info->w, info->c, info->classes, network->graph.n_nodes,
           groups, output_count(cost.macs, macs), output_count(cost.params, params),
           config->output);
}

static enum status import_file(const char *path, const struct import_config *config)
{
    struct network network = {0};
    struct groups groups = {0};
    enum status code;
    if (config->output[0] == '\0') {
        FAIL(ERR_CONFIG, "--output is missing: the file to write the network to");
    }
    TRY(load(path, config, &network));
    TRY_GOTO(code, groups_find(&network.graph, &groups), done);
    TRY_GOTO(code, network_save(&network, config->output), done);
    if (config->json) {
        code = print_json(config, &network, groups.n);
    } else {
        print_text(config, &network, groups.n);
    }
done:
    groups_close(&groups);
    network_close(&network);
    return code;
}

static enum status import_run(struct app *app, int argc, char **argv)
{
    (void)app;
    struct arena arena = {0};
    struct import_config config;
    struct cli_result words;
    enum status code = command_line_read(&import_cli, argc, argv, &config, &arena, &words);
    if (code == OK && !words.help) {
        code = import_file(words.positional[0], &config);
    }
    arena_close(&arena);
    return code;
}

static const struct cli *const import_clis[] = {&import_cli, NULL};

const struct command command_import = {
    .name = "import",
    .about = "reads a network of another tool: ONNX, or PyTorch's safetensors",
    .clis = import_clis,
    .run = import_run,
};
