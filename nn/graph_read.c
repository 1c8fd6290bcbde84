#include "core/option.h"
#include "nn/graph_text.h"
#include "nn/node_type.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// More layers than any network has; names are kept sorted by insertion.
enum { MOST_NODES = 16384 };

// What is being read, for messages and for finding nodes by their names.
struct reader {
    struct graph graph;
    const char **names; // [n_nodes] sorted, with `numbers` beside them
    int *numbers;
    const char *node; // name of the node being read
};

static enum status fail_value(const struct reader *reader, const char *key, const char *expected)
{
    FAIL(ERR_INPUT, "graph: node \"%.100s\": \"%.100s\" must be %s", reader->node, key, expected);
}

static bool is_int(const struct json *value, int *out)
{
    if (value == NULL || json_kind(value) != JSON_NUMBER) {
        return false;
    }
    const double number = json_number(value);
    if (!(number >= -NODE_MOST_EXTENT && number <= NODE_MOST_EXTENT) ||
        number != (double)(int)number) {
        return false;
    }
    *out = (int)number;
    return true;
}

static enum status read_ints(const struct reader *reader, const struct json *value,
                             const struct node_attribute *attribute, int *out)
{
    if (attribute->count == 0) {
        return is_int(value, out) ? OK : fail_value(reader, attribute->key, "a whole number");
    }
    bool good = json_kind(value) == JSON_ARRAY && json_count(value) == attribute->count;
    for (int i = 0; good && i < attribute->count; i++) {
        good = is_int(json_at(value, i), &out[i]);
    }
    char expected[64];
    snprintf(expected, sizeof expected, "a list of %d whole numbers", attribute->count);
    return good ? OK : fail_value(reader, attribute->key, expected);
}

static enum status read_choice(const struct reader *reader, const struct json *value,
                               const struct node_attribute *attribute, int *out)
{
    const int choice = json_kind(value) == JSON_STRING
                           ? option_choice_find(attribute->choices, json_string(value))
                           : -1;
    if (choice < 0) {
        return fail_value(reader, attribute->key, "one of the names that this kind of node knows");
    }
    *out = choice;
    return OK;
}

static enum status read_act(const struct reader *reader, const struct json *object,
                            const struct json *value, struct activation *out)
{
    int kind = 0;
    const bool text = json_kind(value) == JSON_STRING;
    while (text && kind < ACT_KIND_COUNT &&
           strcmp(activation_type((enum activation_kind)kind)->name, json_string(value)) != 0) {
        kind++;
    }
    if (!text || kind == ACT_KIND_COUNT) {
        return fail_value(reader, "act", "the name of an activation");
    }
    const struct activation_type *type = activation_type((enum activation_kind)kind);
    float values[2] = {0, 0};
    for (int i = 0; i < type->n_parameters; i++) {
        const struct json *parameter = json_get(object, type->parameters[i]);
        if (parameter == NULL || json_kind(parameter) != JSON_NUMBER) {
            return fail_value(reader, type->parameters[i], "a number");
        }
        values[i] = (float)json_number(parameter);
    }
    *out = (struct activation){.kind = (enum activation_kind)kind, .a = values[0], .b = values[1]};
    return OK;
}

static enum status read_attribute(const struct reader *reader, const struct json *object,
                                  const struct json *value, const struct node_attribute *attribute,
                                  struct node *node)
{
    void *at = (char *)node + attribute->offset;
    switch (attribute->kind) {
    case ATTRIBUTE_INT:
        return read_ints(reader, value, attribute, at);
    case ATTRIBUTE_CHOICE:
        return read_choice(reader, value, attribute, at);
    case ATTRIBUTE_ACT:
        return read_act(reader, object, value, at);
    case ATTRIBUTE_BOOL:
        if (json_kind(value) != JSON_BOOL) {
            return fail_value(reader, attribute->key, "true or false");
        }
        *(bool *)at = json_bool(value);
        return OK;
    case ATTRIBUTE_FLOAT:
        if (json_kind(value) != JSON_NUMBER) {
            return fail_value(reader, attribute->key, "a number");
        }
        *(float *)at = (float)json_number(value);
        return OK;
    }
    return OK;
}

static bool is_known(const struct node_type *type, const struct node *node, const char *key)
{
    static const char *const always[] = {"name", "kind", "inputs"};
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        if (strcmp(always[i], key) == 0) {
            return true;
        }
    }
    const struct node_attribute *attribute = type->attributes;
    for (; attribute != NULL && attribute->key != NULL; attribute++) {
        const struct activation_type *act =
            attribute->kind == ATTRIBUTE_ACT ? activation_type(node->act.kind) : NULL;
        for (int i = 0; act != NULL && i < act->n_parameters; i++) {
            if (strcmp(act->parameters[i], key) == 0) {
                return true;
            }
        }
        if (strcmp(attribute->key, key) == 0) {
            return true;
        }
    }
    return false;
}

static enum status read_attributes(const struct reader *reader, const struct json *object,
                                   struct node *node)
{
    const struct node_type *type = node_type_of(node->kind);
    const struct node_attribute *attribute = type->attributes;
    for (; attribute != NULL && attribute->key != NULL; attribute++) {
        const struct json *value = json_get(object, attribute->key);
        if (value != NULL) {
            TRY(read_attribute(reader, object, value, attribute, node));
        }
    }
    for (int i = 0; i < json_count(object); i++) {
        if (!is_known(type, node, json_key(json_at(object, i)))) {
            FAIL(ERR_INPUT, "graph: node \"%.100s\": a %s has no \"%.100s\"", reader->node,
                 type->name, json_key(json_at(object, i)));
        }
    }
    return OK;
}

// Where `name` stands, or would stand, among the names.
static int place_of(const struct reader *reader, const char *name)
{
    int low = 0, high = reader->graph.n_nodes;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (strcmp(reader->names[middle], name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int find_node(const struct reader *reader, const char *name)
{
    const int place = place_of(reader, name);
    const bool found = place < reader->graph.n_nodes && strcmp(reader->names[place], name) == 0;
    return found ? reader->numbers[place] : -1;
}

static void note_name(struct reader *reader, const char *name, int place, int number)
{
    const size_t behind = (size_t)(reader->graph.n_nodes - 1 - place);
    memmove(&reader->names[place + 1], &reader->names[place], behind * sizeof *reader->names);
    memmove(&reader->numbers[place + 1], &reader->numbers[place], behind * sizeof *reader->numbers);
    reader->names[place] = name;
    reader->numbers[place] = number;
}

static enum status read_inputs(struct reader *reader, const struct json *object, int **inputs,
                               int *n)
{
    const struct json *list = json_get(object, "inputs");
    if (list == NULL || json_kind(list) != JSON_ARRAY) {
        return fail_value(reader, "inputs", "a list of names");
    }
    *n = json_count(list);
    ARENA_NEW(&reader->graph.arena, *inputs, (size_t)*n);
    for (int i = 0; i < *n; i++) {
        const struct json *name = json_at(list, i);
        (*inputs)[i] = json_kind(name) == JSON_STRING ? find_node(reader, json_string(name)) : -1;
        if ((*inputs)[i] < 0) {
            return fail_value(reader, "inputs", "a list of names of nodes before this one");
        }
    }
    return OK;
}

static enum status read_node(struct reader *reader, const struct json *object, int number)
{
    const bool is_object = json_kind(object) == JSON_OBJECT;
    const struct json *name = is_object ? json_get(object, "name") : NULL;
    if (name == NULL || json_kind(name) != JSON_STRING) {
        FAIL(ERR_INPUT, "graph: nodes[%d] must be an object with a \"name\"", number);
    }
    const struct json *kind = json_get(object, "kind");
    reader->node = json_string(name);
    const int found =
        kind != NULL && json_kind(kind) == JSON_STRING ? node_kind_find(json_string(kind)) : -1;
    if (found < 0 || found == NODE_INPUT) {
        return fail_value(reader, "kind", "a kind of node that this version knows");
    }
    struct node node = node_default((enum node_kind)found);
    int *inputs, n, added;
    TRY(read_inputs(reader, object, &inputs, &n));
    TRY(read_attributes(reader, object, &node));
    const int place = place_of(reader, reader->node);
    if (place < reader->graph.n_nodes && strcmp(reader->names[place], reader->node) == 0) {
        FAIL(ERR_INPUT, "graph: two nodes are named \"%.100s\"", reader->node);
    }
    TRY(graph_add(&reader->graph, reader->node, &node, inputs, n, &added));
    note_name(reader, reader->graph.nodes[added].name, place, added);
    return OK;
}

static enum status read_outputs(struct reader *reader, const struct json *list)
{
    if (list == NULL || json_kind(list) != JSON_ARRAY || json_count(list) == 0) {
        FAIL(ERR_INPUT, "graph: \"outputs\" must be a list of at least one output");
    }
    for (int i = 0; i < json_count(list); i++) {
        const struct json *output = json_at(list, i);
        const bool object = json_kind(output) == JSON_OBJECT;
        const struct json *name = object ? json_get(output, "name") : NULL;
        const struct json *node = object ? json_get(output, "node") : NULL;
        const bool named = name != NULL && json_kind(name) == JSON_STRING && node != NULL &&
                           json_kind(node) == JSON_STRING;
        const int number = named ? find_node(reader, json_string(node)) : -1;
        if (number < 0) {
            FAIL(ERR_INPUT, "graph: outputs[%d] must have a \"name\" and a \"node\" that there is",
                 i);
        }
        TRY(graph_add_output(&reader->graph, json_string(name), number));
    }
    return OK;
}

static enum status read_all(struct reader *reader, const struct json *json)
{
    const bool object = json_kind(json) == JSON_OBJECT;
    const struct json *input = object ? json_get(json, "input") : NULL;
    const struct json *nodes = object ? json_get(json, "nodes") : NULL;
    int shape[3];
    bool good = input != NULL && json_kind(input) == JSON_ARRAY && json_count(input) == 3;
    for (int i = 0; good && i < 3; i++) {
        good = is_int(json_at(input, i), &shape[i]);
    }
    if (!good || nodes == NULL || json_kind(nodes) != JSON_ARRAY) {
        FAIL(ERR_INPUT, "graph: expected an object with \"input\": [height, width, channels] and "
                        "a list of \"nodes\"");
    }
    if (json_count(nodes) > MOST_NODES) {
        FAIL(ERR_INPUT, "graph: %d nodes are more than %d", json_count(nodes), MOST_NODES);
    }
    TRY(graph_begin(&reader->graph, shape[0], shape[1], shape[2]));
    const size_t most = (size_t)json_count(nodes) + 1;
    ARENA_NEW(&reader->graph.arena, reader->names, most);
    ARENA_NEW(&reader->graph.arena, reader->numbers, most);
    reader->names[0] = reader->graph.nodes[0].name;
    reader->numbers[0] = 0;
    for (int i = 0; i < json_count(nodes); i++) {
        TRY(read_node(reader, json_at(nodes, i), i));
    }
    TRY(read_outputs(reader, json_get(json, "outputs")));
    return graph_finish(&reader->graph);
}

enum status graph_read(const struct json *json, struct graph *out)
{
    struct reader reader = {.node = ""};
    const enum status status = read_all(&reader, json);
    if (status != OK) {
        graph_close(&reader.graph);
        return status;
    }
    *out = reader.graph;
    return OK;
}

enum status graph_read_text(const char *text, struct graph *out)
{
    struct json *json;
    TRY(json_parse(text, strlen(text), "graph", &json));
    const enum status status = graph_read(json, out);
    json_close(json);
    return status;
}
