// From a network to an ONNX file.
#include "onnx/export.h"

#include "nn/network_info.h"
#include "nn/node_type.h"
#include "onnx/export_internal.h"

#include <string.h>

// ---- names of what a folded node stands for
// The source node that adds, of a folded node with a sum: it is the output, or what the activation
// reads.
static const char *sum_name(const struct exporter *e, int node)
{
    const struct graph *source = &e->network->graph;
    int at = e->sources[node].output;
    while (source->nodes[at].kind != NODE_ADD) {
        at = source->nodes[at].inputs[0];
    }
    return source->nodes[at].name;
}

// An output that nobody computed yet and that this value can be, -1 none.
static int find_output(const struct exporter *e, int node)
{
    const struct node *n = &e->graph.nodes[node];
    const bool flat = n->h == 1 && n->w == 1;
    for (int i = 0; i < e->graph.n_outputs; i++) {
        if (e->graph.outputs[i].node == node && e->values[node].computed_flat == flat) {
            return i;
        }
    }
    return -1;
}

// The name of a node's value: the output's, if it is one, else the source node's.
static const char *value_name(struct exporter *e, int node)
{
    const int output = find_output(e, node);
    if (output >= 0) {
        e->written[output] = true;
        return e->graph.outputs[output].name;
    }
    return export_name(e, e->network->graph.nodes[e->sources[node].output].name, "");
}

// ---- nodes
static bool is_flat(const struct exporter *e, int node)
{
    const struct node *n = &e->graph.nodes[node];
    const enum export_form form = export_kinds[n->kind].form;
    if (form != EXPORT_EITHER) {
        return form == EXPORT_FLAT;
    }
    for (int i = 0; i < n->n_inputs; i++) {
        const struct node *input = &e->graph.nodes[n->inputs[i]];
        if (input->h != 1 || input->w != 1) {
            return false;
        }
    }
    return e->values[n->inputs[0]].computed_flat;
}

// The node's own operator, then its sum, then its activation, each with a name of its own.
static enum status write_steps(struct exporter *e, int node, const char *out)
{
    const struct node *n = &e->graph.nodes[node];
    const bool sums = n->sum >= 0, acts = n->kind != NODE_ACT && n->act.kind != ACT_NONE;
    const char *value = sums || acts ? export_name(e, n->name, "") : out;
    TRY(export_kinds[n->kind].write(e, node, value));
    if (sums) {
        const char *to = acts ? export_name(e, sum_name(e, node), "") : out;
        value = export_quantize_inner(e, node, value, true);
        EXPORT_OP(e, "Add", to, value, export_read(e, n->sum, e->values[node].computed_flat));
        value = to;
    }
    if (acts) {
        value = export_quantize_inner(e, node, value, false);
        export_act(e, n->act, value, out);
    }
    return OK;
}

static enum status write_node(struct exporter *e, int node)
{
    const struct node *n = &e->graph.nodes[node];
    const struct export_kind *kind = &export_kinds[n->kind];
    struct export_value *value = &e->values[node];
    if (kind->refused != NULL) {
        FAIL(ERR_UNSUPPORTED, "node %s is not exported to ONNX: %s", n->name, kind->refused);
    }
    if (kind->passes) {
        *value = e->values[n->inputs[0]];
        e->quants[node] = e->quants[n->inputs[0]];
        return OK;
    }
    value->computed_flat = is_flat(e, node);
    value->exact = value_name(e, node);
    TRY(write_steps(e, node, value->exact));
    const char *read =
        e->quants[node].on ? export_quantize(e, value->exact, e->quants[node]) : value->exact;
    *(value->computed_flat ? &value->flat : &value->map) = read;
    return OK;
}

static void find_live(struct exporter *e)
{
    const struct graph *graph = &e->graph;
    e->live[0] = true;
    for (int i = 0; i < graph->n_outputs; i++) {
        e->live[graph->outputs[i].node] = true;
    }
    for (int i = graph->n_nodes - 1; i > 0; i--) {
        const struct node *node = &graph->nodes[i];
        for (int k = 0; k < node->n_inputs && e->live[i]; k++) {
            e->live[node->inputs[k]] = true;
        }
        if (e->live[i] && node->sum >= 0) {
            e->live[node->sum] = true;
        }
    }
}

// What is another output's value, or the input, or flat only outside.
static void write_outputs(struct exporter *e)
{
    for (int i = 0; i < e->graph.n_outputs; i++) {
        const struct graph_output *output = &e->graph.outputs[i];
        const struct node *n = &e->graph.nodes[output->node];
        const struct export_value *value = &e->values[output->node];
        const bool flat = n->h == 1 && n->w == 1;
        const int dims[3] = {n->c, n->h, n->w};
        onnx_message_output(&e->message, output->name, dims, flat ? 1 : 3);
        if (e->written[i]) {
            continue;
        }
        if (flat && !value->computed_flat) {
            EXPORT_OP(e, "Flatten", output->name, value->exact);
            onnx_message_int(&e->message, "axis", 1);
        } else {
            EXPORT_OP(e, "Identity", output->name, value->exact);
        }
    }
}

// ---- what the file says about itself
static void write_numbers(struct exporter *e, const char *key, const float *values, int n)
{
    struct text text = {0};
    network_info_numbers(&text, values, n);
    const char *copy = text.failed ? NULL : arena_copy_text(&e->arena, text.bytes);
    e->message.failed = e->message.failed || copy == NULL;
    text_close(&text);
    onnx_message_metadata(&e->message, key, copy);
}

static void write_text(struct exporter *e, const char *key, const char *value)
{
    e->message.failed = e->message.failed || value == NULL;
    if (value != NULL && value[0] != '\0') {
        onnx_message_metadata(&e->message, key, value);
    }
}

static void write_metadata(struct exporter *e)
{
    static const char *const pixels[] = {"normalised", "pixels", "bytes"};
    static const char *const int8[] = {"off", "ort", "tensorrt"};
    const struct network_info *info = &e->network->info;
    const struct node *input = &e->graph.nodes[0];
    write_text(e, "architecture", info->architecture);
    write_text(e, "dataset", info->dataset);
    write_text(e, "classes", arena_format(&e->arena, "%d", info->classes));
    write_text(e, "input", arena_format(&e->arena, "%dx%dx%d", input->h, input->w, input->c));
    write_text(e, "input_layout", "NCHW");
    if (info->floats) {
        const bool outside = e->options->pixels == ONNX_PIXELS_NORMALISED;
        write_text(e, "input_values", outside ? pixels[ONNX_PIXELS_NORMALISED] : "samples");
        write_text(e, "samples", NETWORK_SAMPLES_FLOATS);
    } else {
        write_text(e, "input_values", pixels[e->options->pixels]);
    }
    if (input->c <= NETWORK_MAX_CHANNELS) {
        write_numbers(e, "mean", info->mean, input->c);
        write_numbers(e, "std", info->std, input->c);
    }
    write_text(e, "batchnorm", e->options->batchnorm == ONNX_BATCHNORM_FOLD ? "fold" : "keep");
    write_text(e, "int8", int8[e->options->int8]);
}

// ---- the whole file
static enum status open_parts(struct exporter *e)
{
    const struct graph *source = &e->network->graph;
    const char *name = e->network->info.architecture;
    TRY(e->options->batchnorm == ONNX_BATCHNORM_FOLD
            ? fold_graph(source, &e->graph, &e->sources)
            : fold_nothing(source, &e->graph, &e->sources));
    const size_t nodes = (size_t)e->graph.n_nodes;
    ARENA_NEW(&e->arena, e->params, e->graph.n_floats);
    ARENA_NEW(&e->arena, e->values, nodes);
    ARENA_NEW(&e->arena, e->quants, nodes);
    ARENA_NEW(&e->arena, e->live, nodes);
    ARENA_NEW(&e->arena, e->written, (size_t)e->graph.n_outputs);
    TRY(export_open_names(e, 8 * nodes));
    TRY(onnx_message_open(&e->message, &e->arena, name[0] != '\0' ? name : "network"));
    fold_params(source, e->network->params, &e->graph, e->sources, e->params);
    find_live(e);
    return e->options->int8 == ONNX_INT8_OFF ? OK : export_plan_int8(e);
}

static enum status write_model(struct exporter *e, const char *path, size_t *bytes)
{
    TRY(open_parts(e));
    for (int i = 0; i < e->graph.n_outputs; i++) { // their names come first
        e->graph.outputs[i].name = export_name(e, e->graph.outputs[i].name, "");
    }
    write_metadata(e);
    export_input_values(e);
    for (int i = 1; i < e->graph.n_nodes; i++) {
        if (e->live[i]) {
            TRY(write_node(e, i));
        }
    }
    write_outputs(e);
    return onnx_message_write(&e->message, path, bytes);
}

enum status onnx_export(const struct network *network, const struct onnx_export_options *options,
                        const char *path, size_t *bytes)
{
    CHECK(options->int8 == ONNX_INT8_OFF ||
          (options->ranges != NULL && options->batchnorm == ONNX_BATCHNORM_FOLD));
    const int channels = network->graph.nodes[0].c;
    if (options->pixels != ONNX_PIXELS_NORMALISED && channels > NETWORK_MAX_CHANNELS) {
        FAIL(ERR_UNSUPPORTED, "the network reads %d channels, which are no pixels", channels);
    }
    if (options->pixels == ONNX_PIXELS_BYTES && network->info.floats) {
        FAIL(ERR_UNSUPPORTED,
             "the network reads floating-point samples, which no bytes hold; choose normalised or "
             "pixels as input values");
    }
    struct exporter exporter = {.network = network, .options = options};
    size_t written = 0;
    const enum status status = write_model(&exporter, path, &written);
    graph_close(&exporter.graph);
    arena_close(&exporter.arena);
    if (status == OK && bytes != NULL) {
        *bytes = written;
    }
    return status;
}
