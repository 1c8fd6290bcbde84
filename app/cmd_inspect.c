// dikdik inspect: layers, channel groups and costs of a network file or a zoo network, beside those
// of the network it was cut from.
#include "app/command.h"
#include "app/command_line.h"
#include "app/output.h"
#include "core/file.h"
#include "nn/network.h"
#include "nn/zoo.h"
#include "run/network_file.h"
#include "search_space/cost.h"
#include "search_space/groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct inspect_config {
    const char *before;
    struct network_hints hints;
    int size, channels;
    bool all, json, csv;
};

#define AT(field) .offset = offsetof(struct inspect_config, field)
static const struct option inspect_option_table[] = {
    {"before", "network to compare with; by default the one that it was cut from, if it was",
     OPTION_STRING, AT(before)},
    {"all", "list every node, not only those that cost something", OPTION_BOOL, AT(all),
     .fallback = 0},
    {"architecture", "zoo network, in CIFAR form, of a file that does not say it", OPTION_STRING,
     AT(hints.architecture)},
    NETWORK_HINT_ROWS(struct inspect_config, hints),
    {"size",
     "zoo network: height and width of its input; the MobileNets take their ImageNet form from 128 "
     "on",
     OPTION_INT, AT(size), .fallback = 32, .least = 1, .most = 4096},
    {"channels", "zoo network: channels of its input", OPTION_INT, AT(channels), .fallback = 3,
     .least = 1, .most = NETWORK_MAX_CHANNELS},
    {"json", "print one JSON object", OPTION_BOOL, AT(json), .fallback = 0},
    {"csv", "print the layers as comma-separated values", OPTION_BOOL, AT(csv), .fallback = 0},
    {.key = NULL},
};
#undef AT

static const char *const inspect_positional[] = {"FILE", NULL};
static const struct cli inspect_cli = {
    .command = "dikdik inspect",
    .usage = "FILE [--before OTHER] [options]",
    .about = "Lists layers, channel groups and costs of a network file, or of a zoo network named "
             "in its place (resnet20, vgg16_bn, ...).",
    .positional = inspect_positional,
    .required = 1,
    .table = inspect_option_table,
};

struct inspection {
    const struct inspect_config *config;
    struct network network; // a zoo network has initial weights
    struct network before;  // zeroed when there is nothing to compare with
    struct groups groups;
};

static bool is_zoo_name(const char *word)
{
    for (int i = 0; zoo_names[i] != NULL; i++) {
        if (strcmp(zoo_names[i], word) == 0) {
            return true;
        }
    }
    return false;
}

// A file, or the zoo network of that name with the options' input.
static enum status open_either(const struct inspect_config *config, const char *word,
                               struct network *out)
{
    struct network_info info = {0};
    if (is_zoo_name(word) && !file_exists(word)) {
        info.h = config->size;
        info.w = config->size;
        info.c = config->channels;
        info.classes = config->hints.classes > 0 ? config->hints.classes : 10;
        snprintf(info.architecture, sizeof info.architecture, "%s", word);
        return network_create(&info, 0, out);
    }
    return network_file_load(word, &config->hints, NULL, out);
}

// What the network is compared with.
static enum status open_before(struct inspection *s)
{
    if (s->config->before[0] != '\0') {
        return open_either(s->config, s->config->before, &s->before);
    }
    s->before.info = s->network.info;
    return s->network.whole != NULL ? network_whole_graph(&s->network, &s->before.graph) : OK;
}

static bool has_before(const struct inspection *s)
{
    return s->before.graph.n_nodes > 0;
}

// Channels of the same node before, -1 when there is none.
static int channels_before(const struct inspection *s, const struct node *node)
{
    const int i = has_before(s) ? graph_find_node(&s->before.graph, node->name) : -1;
    return i >= 0 ? s->before.graph.nodes[i].c : -1;
}

static bool is_listed(const struct inspection *s, int node)
{
    const struct graph *graph = &s->network.graph;
    return graph->nodes[node].kind != NODE_INPUT &&
           (s->config->all || cost_of_node(graph, node, COST_PARAMS) > 0);
}

static void write_totals(struct json_writer *w, const char *key, const struct network *network)
{
    const struct network_cost cost = cost_of_graph(&network->graph);
    json_write_begin(w, '{', key);
    json_write_int(w, "macs", cost.macs);
    json_write_int(w, "params", cost.params);
    json_write_int(w, "bytes", (int64_t)network_bytes(network));
    json_write_end(w, '}');
}

static void write_layers(struct json_writer *w, const struct inspection *s)
{
    const struct graph *graph = &s->network.graph;
    json_write_begin(w, '[', "layers");
    for (int i = 0; i < graph->n_nodes; i++) {
        const struct node *node = &graph->nodes[i];
        if (!is_listed(s, i)) {
            continue;
        }
        json_write_begin(w, '{', NULL);
        json_write_string(w, "name", node->name);
        json_write_string(w, "kind", node_kind_name(node->kind));
        json_write_begin(w, '[', "shape");
        json_write_int(w, NULL, node->h);
        json_write_int(w, NULL, node->w);
        json_write_int(w, NULL, node->c);
        json_write_end(w, ']');
        json_write_int(w, "macs", cost_of_node(graph, i, COST_MACS));
        json_write_int(w, "params", cost_of_node(graph, i, COST_PARAMS));
        if (has_before(s)) {
            json_write_int(w, "channels_before", channels_before(s, node));
        }
        json_write_end(w, '}');
    }
    json_write_end(w, ']');
}

static void write_groups(struct json_writer *w, const struct inspection *s)
{
    json_write_begin(w, '[', "groups");
    for (int g = 0; g < s->groups.n; g++) {
        const struct channel_group *group = &s->groups.groups[g];
        json_write_begin(w, '{', NULL);
        json_write_string(w, "name", group->name);
        json_write_int(w, "channels", group->channels);
        json_write_bool(w, "inner", group->inner);
        json_write_int(w, "equal_parts", group->equal_parts);
        json_write_begin(w, '[', "members");
        for (int i = 0; i < group->n_members; i++) {
            json_write_string(w, NULL, s->network.graph.nodes[group->members[i]].name);
        }
        json_write_end(w, ']');
        json_write_end(w, '}');
    }
    json_write_end(w, ']');
}

static void write_rows(struct json_writer *w, const struct row_set *rows)
{
    struct text text = {0};
    if (rows->known) {
        row_set_text(rows, &text);
    }
    if (text.bytes != NULL) {
        json_write_string(w, "train_rows", text.bytes);
    } else {
        json_write_raw(w, "train_rows", "null");
    }
    text_close(&text);
}

static enum status print_json(const struct inspection *s)
{
    const struct network_info *info = &s->network.info;
    struct output_json json;
    output_json_begin(&json);
    json.csv = s->config->csv ? "layers" : NULL;
    struct json_writer *w = &json.writer;
    json_write_string(w, "architecture", info->architecture);
    json_write_string(w, "dataset", info->dataset);
    json_write_begin(w, '[', "input");
    json_write_int(w, NULL, info->h);
    json_write_int(w, NULL, info->w);
    json_write_int(w, NULL, info->c);
    json_write_end(w, ']');
    json_write_int(w, "classes", info->classes);
    write_rows(w, &s->network.train_rows);
    write_totals(w, "total", &s->network);
    if (has_before(s)) {
        write_totals(w, "total_before", &s->before);
    }
    write_layers(w, s);
    write_groups(w, s);
    return output_json_end(&json);
}

static void print_layers(const struct inspection *s)
{
    static const char *const headers[] = {
        "layer", "kind", "output (h x w x c)", ">before", ">MACs", ">parameters", NULL};
    const struct graph *graph = &s->network.graph;
    struct output_table table;
    output_table_open(&table, headers);
    for (int i = 0; i < graph->n_nodes; i++) {
        const struct node *node = &graph->nodes[i];
        if (!is_listed(s, i)) {
            continue;
        }
        const int before = channels_before(s, node);
        output_cell(&table, "%s", node->name);
        output_cell(&table, "%s", node_kind_name(node->kind));
        output_cell(&table, "%d x %d x %d", node->h, node->w, node->c);
        if (before >= 0) {
            output_cell(&table, "%d", before);
        } else {
            output_cell(&table, "%s", "");
        }
        output_cell_count(&table, cost_of_node(graph, i, COST_MACS));
        output_cell_count(&table, cost_of_node(graph, i, COST_PARAMS));
    }
    output_table_print(&table);
    output_table_close(&table);
}

static void print_groups(const struct inspection *s)
{
    static const char *const headers[] = {"group", ">channels", "inner", "members", NULL};
    struct output_table table;
    output_table_open(&table, headers);
    for (int g = 0; g < s->groups.n; g++) {
        const struct channel_group *group = &s->groups.groups[g];
        struct text members = {0};
        for (int i = 0; i < group->n_members; i++) {
            text_add(&members, "%s%s", i > 0 ? " " : "",
                     s->network.graph.nodes[group->members[i]].name);
        }
        output_cell(&table, "%s", group->name);
        output_cell(&table, "%d", group->channels);
        output_cell(&table, "%s", group->inner ? "yes" : "no");
        output_cell(&table, "%s", members.bytes != NULL ? members.bytes : "");
        text_close(&members);
    }
    output_table_print(&table);
    output_table_close(&table);
}

static void print_total(const char *what, const struct network *network)
{
    const struct network_cost cost = cost_of_graph(&network->graph);
    char macs[32];
    char params[32];
    char bytes[32];
    printf("%s%s MACs, %s parameters, %s bytes\n", what, output_count(cost.macs, macs),
           output_count(cost.params, params), output_count((int64_t)network_bytes(network), bytes));
}

// Rows by chance are thousands of ranges: --json has them all.
static void print_rows(const struct row_set *rows)
{
    enum { FEW = 4 };
    struct text text = {0};
    if (!rows->known) {
        printf("trained on rows that the file does not say (train_rows)\n\n");
    } else if (rows->n > FEW) {
        printf("trained on %lld rows, in %d ranges\n\n", (long long)row_set_count(rows), rows->n);
    } else {
        row_set_text(rows, &text);
        printf("trained on %lld rows: %s\n\n", (long long)row_set_count(rows),
               text.bytes != NULL ? text.bytes : "");
    }
    text_close(&text);
}

static void print_text(const struct inspection *s)
{
    const struct network_info *info = &s->network.info;
    printf("%s, input %d x %d x %d, %d classes%s%s\n", info->architecture, info->h, info->w,
           info->c, info->classes, info->dataset[0] != '\0' ? ", for " : "", info->dataset);
    print_rows(&s->network.train_rows);
    print_layers(s);
    printf("\n");
    print_groups(s);
    printf("\n");
    print_total("total   ", &s->network);
    if (has_before(s)) {
        print_total("before  ", &s->before);
        const struct network_cost now = cost_of_graph(&s->network.graph);
        const struct network_cost before = cost_of_graph(&s->before.graph);
        printf("kept    %.1f%% of the MACs, %.1f%% of the parameters\n",
               100 * (double)now.macs / (double)before.macs,
               100 * (double)now.params / (double)before.params);
    }
}

static enum status inspect_word(struct inspection *s, const char *word)
{
    TRY(output_check(s->config->json, s->config->csv));
    TRY(open_either(s->config, word, &s->network));
    TRY(open_before(s));
    TRY(groups_find(&s->network.graph, &s->groups));
    if (s->config->json || s->config->csv) {
        return print_json(s);
    }
    print_text(s);
    return OK;
}

static enum status inspect_run(struct app *app, int argc, char **argv)
{
    (void)app;
    struct arena arena = {0};
    struct inspect_config config;
    struct cli_result words;
    struct inspection inspection = {.config = &config};
    enum status code = command_line_read(&inspect_cli, argc, argv, &config, &arena, &words);
    if (code == OK && !words.help) {
        code = inspect_word(&inspection, words.positional[0]);
    }
    groups_close(&inspection.groups);
    network_close(&inspection.before);
    network_close(&inspection.network);
    arena_close(&arena);
    return code;
}

static const struct cli *const inspect_clis[] = {&inspect_cli, NULL};

const struct command command_inspect = {
    .name = "inspect",
    .about = "layers, channel groups and costs of a network",
    .clis = inspect_clis,
    .run = inspect_run,
};
