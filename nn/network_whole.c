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

// The numbers of a node's pieces that are its own to choose: how many channels it makes, how many
// zeros stand before and after, where a slice begins and how long it is.
struct own_numbers {
    int *at[4], least[4]; // into the pieces
    int n;
};

static struct own_numbers find_numbers(const struct graph *graph, int node,
                                       struct channel_piece *pieces)
{
    const struct node *n = &graph->nodes[node];
    const struct node_type *type = node_type_of(n->kind);
    struct own_numbers own = {.n = 0};
    const int count = type->resize != NULL ? type->pieces(graph, n, pieces) : 0;
    for (int p = 0; p < count && own.n + 2 <= 4; p++) {
        if (pieces[p].input >= 0 && type->cuts) {
            own.at[own.n++] = &pieces[p].from;
        }
        if (pieces[p].input < 0 || type->cuts) {
            own.least[own.n] = pieces[p].input == PIECE_ZEROS ? 0 : 1;
            own.at[own.n++] = &pieces[p].count;
        }
    }
    return own;
}

static enum status read_entry(const struct json *entry, const struct own_numbers *own)
{
    bool good = own->n == 1 || (json_kind(entry) == JSON_ARRAY && json_count(entry) == own->n);
    for (int i = 0; good && i < own->n; i++) {
        const struct json *value = own->n == 1 ? entry : json_at(entry, i);
        good = read_width(value, own->least[i], own->at[i]);
    }
    if (!good && own->n == 1) {
        FAIL(ERR_INPUT, "widths: \"%s\" takes a whole number of at least 1", json_key(entry));
    }
    if (!good) {
        FAIL(ERR_INPUT, "widths: \"%s\" takes %d whole numbers", json_key(entry), own->n);
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
        const int most = node >= 0 ? NODE_MOST_PIECES(&full->nodes[node]) : 1;
        struct channel_piece *pieces;
        struct own_numbers own = {.n = 0};
        ARENA_NEW(memory, pieces, (size_t)most);
        if (node >= 0) {
            own = find_numbers(full, node, pieces);
        }
        if (own.n == 0) {
            FAIL(ERR_INPUT, "widths: the network has no layer \"%.200s\" whose width could be set",
                 json_key(entry));
        }
        TRY(read_entry(entry, &own));
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

static void write_entry(struct json_writer *writer, const char *name, const struct own_numbers *own)
{
    if (own->n == 1) {
        json_write_int(writer, name, *own->at[0]);
        return;
    }
    json_write_begin(writer, '[', name);
    for (int i = 0; i < own->n; i++) {
        json_write_int(writer, NULL, *own->at[i]);
    }
    json_write_end(writer, ']');
}

// What `graph` says where `other` says something else.
static enum status write_differences(const struct graph *graph, const struct graph *other,
                                     struct arena *memory, struct text *text)
{
    struct json_writer writer = {.out = text};
    for (int i = 1; i < graph->n_nodes; i++) {
        struct channel_piece *pieces, *were;
        ARENA_NEW(memory, pieces, (size_t)NODE_MOST_PIECES(&graph->nodes[i]));
        ARENA_NEW(memory, were, (size_t)NODE_MOST_PIECES(&graph->nodes[i]));
        const struct own_numbers own = find_numbers(graph, i, pieces);
        const struct own_numbers old = find_numbers(other, i, were);
        bool same = true;
        for (int k = 0; k < own.n; k++) {
            same = same && k < old.n && *own.at[k] == *old.at[k];
        }
        if (!same && writer.depth == 0) {
            json_write_begin(&writer, '{', NULL);
        }
        if (!same) {
            write_entry(&writer, graph->nodes[i].name, &own);
        }
    }
    if (writer.depth > 0) {
        json_write_end(&writer, '}');
    }
    return OK;
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
    struct arena memory = {0};
    const enum status status = write_differences(whole, &network->graph, &memory, &text);
    arena_close(&memory);
    if (status != OK || text.failed) {
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
