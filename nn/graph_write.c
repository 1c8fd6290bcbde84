#include "nn/graph_text.h"
#include "nn/node_type.h"

#include <string.h>

static const void *value_at(const struct node *node, const struct node_attribute *attribute)
{
    return (const char *)node + attribute->offset;
}

static void write_ints(struct json_writer *w, const struct node *node, const struct node *plain,
                       const struct node_attribute *attribute)
{
    const int *values = value_at(node, attribute);
    const int n = attribute->count > 0 ? attribute->count : 1;
    if (memcmp(values, value_at(plain, attribute), (size_t)n * sizeof *values) == 0) {
        return;
    }
    if (attribute->count == 0) {
        json_write_int(w, attribute->key, values[0]);
        return;
    }
    json_write_begin(w, '[', attribute->key);
    for (int i = 0; i < n; i++) {
        json_write_int(w, NULL, values[i]);
    }
    json_write_end(w, ']');
}

static void write_act(struct json_writer *w, const char *key, struct activation act)
{
    const struct activation_type *type = activation_type(act.kind);
    const float values[2] = {act.a, act.b};
    json_write_string(w, key, type->name);
    for (int i = 0; i < type->n_parameters && i < 2; i++) {
        json_write_double(w, type->parameters[i], (double)values[i]);
    }
}

static void write_attribute(struct json_writer *w, const struct node *node,
                            const struct node *plain, const struct node_attribute *attribute)
{
    const void *value = value_at(node, attribute);
    switch (attribute->kind) {
    case ATTRIBUTE_INT:
        write_ints(w, node, plain, attribute);
        return;
    case ATTRIBUTE_BOOL:
        if (*(const bool *)value) {
            json_write_bool(w, attribute->key, true);
        }
        return;
    case ATTRIBUTE_FLOAT:
        if (memcmp(value, value_at(plain, attribute), sizeof(float)) != 0) {
            json_write_double(w, attribute->key, (double)*(const float *)value);
        }
        return;
    case ATTRIBUTE_CHOICE:
        json_write_string(w, attribute->key, attribute->choices[*(const int *)value]);
        return;
    case ATTRIBUTE_ACT:
        write_act(w, attribute->key, node->act);
        return;
    }
}

static void write_node(struct json_writer *w, const struct graph *graph, const struct node *node)
{
    const struct node plain = node_default(node->kind);
    const struct node_attribute *attribute = node_type_of(node->kind)->attributes;
    CHECK(node->sum < 0);
    json_write_begin(w, '{', NULL);
    json_write_string(w, "name", node->name);
    json_write_string(w, "kind", node_kind_name(node->kind));
    json_write_begin(w, '[', "inputs");
    for (int i = 0; i < node->n_inputs; i++) {
        json_write_string(w, NULL, graph->nodes[node->inputs[i]].name);
    }
    json_write_end(w, ']');
    for (; attribute != NULL && attribute->key != NULL; attribute++) {
        write_attribute(w, node, &plain, attribute);
    }
    json_write_end(w, '}');
}

void graph_write(const struct graph *graph, struct text *out)
{
    struct json_writer writer = {.out = out};
    const struct node *input = &graph->nodes[0];
    json_write_begin(&writer, '{', NULL);
    json_write_begin(&writer, '[', "input");
    json_write_int(&writer, NULL, input->h);
    json_write_int(&writer, NULL, input->w);
    json_write_int(&writer, NULL, input->c);
    json_write_end(&writer, ']');
    json_write_begin(&writer, '[', "nodes");
    for (int i = 1; i < graph->n_nodes; i++) {
        write_node(&writer, graph, &graph->nodes[i]);
    }
    json_write_end(&writer, ']');
    json_write_begin(&writer, '[', "outputs");
    for (int i = 0; i < graph->n_outputs; i++) {
        json_write_begin(&writer, '{', NULL);
        json_write_string(&writer, "name", graph->outputs[i].name);
        json_write_string(&writer, "node", graph->nodes[graph->outputs[i].node].name);
        json_write_end(&writer, '}');
    }
    json_write_end(&writer, ']');
    json_write_end(&writer, '}');
}
