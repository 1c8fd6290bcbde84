// The channel counts by which two networks of one structure differ, as text, {"layer1.0.conv1": 8,
// "layer2.0.shortcut": [4, 3]}, and a graph with such counts: how a cut network remembers what it
// was, and how files named widths before they carried graphs.
#include "core/json.h"
#include "nn/network_info.h"
#include "nn/node_type.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

// A whole number of at least `least`, or false.
static bool read_width(const struct json *value, int least, int *out)
{
    if (json_kind(value) != JSON_NUMBER) {
        return false;
    }
    const double number = json_number(value);
    if (!(number >= (double)least && number <= (double)INT_MAX) || number != (double)(int)number) {
        return false;
    }
    *out = (int)number;
    return true;
}

static bool has_width(const struct graph *graph, int node)
{
    const enum node_kind kind = graph->nodes[node].kind;
    return (kind == NODE_CONV && !graph_is_depthwise(graph, node)) || kind == NODE_LINEAR ||
           kind == NODE_LSTM;
}

// Two numbers: a PAD's zero channels before and after, a SLICE's first channel and how many.
static bool has_pair(const struct graph *graph, int node)
{
    const enum node_kind kind = graph->nodes[node].kind;
    return kind == NODE_PAD || kind == NODE_SLICE;
}

// pieces: of the node as it is, changed to what the entry says.
static enum status read_entry(const struct graph *graph, const struct json *entry, int node,
                              struct channel_piece *pieces)
{
    if (has_width(graph, node)) {
        if (!read_width(entry, 1, &pieces[0].count)) {
            FAIL(ERR_INPUT, "widths: \"%s\" takes a whole number of at least 1", json_key(entry));
        }
        return OK;
    }
    const bool slice = graph->nodes[node].kind == NODE_SLICE;
    int *first = slice ? &pieces[0].from : &pieces[0].count;
    int *second = slice ? &pieces[0].count : &pieces[2].count;
    if (json_kind(entry) != JSON_ARRAY || json_count(entry) != 2 ||
        !read_width(json_at(entry, 0), 0, first) ||
        !read_width(json_at(entry, 1), slice ? 1 : 0, second)) {
        FAIL(ERR_INPUT, "widths: \"%s\" takes two whole numbers, %s", json_key(entry),
             slice ? "the first channel and how many" : "the zero channels before and after");
    }
    return OK;
}

// `memory` holds the pieces while the graph is built.
static enum status resize_by_json(const struct graph *full, const struct json *widths,
                                  struct arena *memory, struct graph *out)
{
    if (json_kind(widths) != JSON_OBJECT) {
        FAIL(ERR_INPUT, "widths is %s, expected an object", json_kind_name(json_kind(widths)));
    }
    const struct channel_piece **all;
    ARENA_NEW(memory, all, (size_t)full->n_nodes);
    for (int i = 0; i < json_count(widths); i++) {
        const struct json *entry = json_at(widths, i);
        const int node = graph_find_node(full, json_key(entry));
        if (node < 0 || (!has_width(full, node) && !has_pair(full, node))) {
            FAIL(ERR_INPUT, "widths: the network has no layer \"%.200s\" whose width could be set",
                 json_key(entry));
        }
        struct channel_piece *pieces;
        ARENA_NEW(memory, pieces, (size_t)NODE_MOST_PIECES(&full->nodes[node]));
        node_type_of(full->nodes[node].kind)->pieces(full, &full->nodes[node], pieces);
        TRY(read_entry(full, entry, node, pieces));
        all[node] = pieces;
    }
    return graph_resize(full, all, out);
}

static enum status resize_by_text(const struct graph *graph, const char *widths, struct graph *out)
{
    struct json *json = NULL;
    struct arena memory = {0};
    enum status status;
    TRY_GOTO(status, json_parse(widths, strlen(widths), "widths", &json), done);
    TRY_GOTO(status, resize_by_json(graph, json, &memory, out), done);
done:
    arena_close(&memory);
    json_close(json);
    return status;
}

// What `graph` says where `other` says something else.
static void write_differences(const struct graph *graph, const struct graph *other,
                              struct text *text)
{
    struct json_writer writer = {.out = text};
    for (int i = 0; i < graph->n_nodes; i++) {
        const struct node *node = &graph->nodes[i], *was = &other->nodes[i];
        const bool width = has_width(graph, i) && node->c != was->c;
        const bool slice =
            node->kind == NODE_SLICE && (node->from != was->from || node->c != was->c);
        const bool pads = node->kind == NODE_PAD && memcmp(node->pad_channels, was->pad_channels,
                                                           sizeof node->pad_channels) != 0;
        if ((width || pads || slice) && writer.depth == 0) {
            json_write_begin(&writer, '{', NULL);
        }
        if (width) {
            json_write_int(&writer, node->name, node->c);
        } else if (pads || slice) {
            json_write_begin(&writer, '[', node->name);
            json_write_int(&writer, NULL, slice ? node->from : node->pad_channels[0]);
            json_write_int(&writer, NULL, slice ? node->c : node->pad_channels[1]);
            json_write_end(&writer, ']');
        }
    }
    if (writer.depth > 0) {
        json_write_end(&writer, '}');
    }
}

static bool is_same_structure(const struct graph *a, const struct graph *b)
{
    bool same = a->n_nodes == b->n_nodes;
    for (int i = 0; same && i < a->n_nodes; i++) {
        same =
            a->nodes[i].kind == b->nodes[i].kind && strcmp(a->nodes[i].name, b->nodes[i].name) == 0;
    }
    return same;
}

static enum status note_whole(struct network *network, const struct graph *whole)
{
    CHECK(is_same_structure(&network->graph, whole));
    struct text text = {0};
    write_differences(whole, &network->graph, &text);
    if (text.failed) {
        text_close(&text);
        FAIL(ERR_MEMORY, "out of memory for the widths of a network");
    }
    free(network->whole);
    network->whole = text.bytes;
    return OK;
}

enum status network_note_whole(struct network *network, const struct graph *before,
                               const char *before_whole)
{
    if (before_whole == NULL || before_whole[0] == '\0') {
        return note_whole(network, before);
    }
    struct graph whole;
    TRY(resize_by_text(before, before_whole, &whole));
    const enum status status = note_whole(network, &whole);
    graph_close(&whole);
    return status;
}

enum status network_whole_graph(const struct network *network, struct graph *out)
{
    CHECK(network->whole != NULL);
    return resize_by_text(&network->graph, network->whole, out);
}

enum status network_cut_graph(const struct graph *whole, const char *widths,
                              struct network *network)
{
    TRY(resize_by_text(whole, widths, &network->graph));
    return note_whole(network, whole);
}
