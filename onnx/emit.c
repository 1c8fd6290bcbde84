// From drafts to a network: what nothing reads is dropped, names are made unique, weights are
// copied into the parameter block.
#include "onnx/emit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void mark_live(struct importer *importer, int *stack, int draft)
{
    int n = 0;
    stack[n++] = draft;
    while (n > 0) {
        struct onnx_draft *at = &importer->drafts[stack[--n]];
        if (at->live) {
            continue;
        }
        at->live = true;
        for (int i = 0; i < at->node.n_inputs; i++) {
            if (!importer->drafts[at->node.inputs[i]].live) {
                stack[n++] = at->node.inputs[i];
            }
        }
    }
}

// The draft of each output, which must be a map or a flat vector. An output that is the input
// itself gets a node of its own, that changes nothing.
static enum status find_outputs(struct importer *importer, int *outputs)
{
    const struct onnx_model *model = importer->model;
    for (int i = 0; i < model->n_outputs; i++) {
        const struct onnx_value *value =
            &importer->values[onnx_value_find(importer, model->outputs[i])];
        if (value->kind != ONNX_VALUE_VIEW || value->integer || value->quantized) {
            FAIL(ERR_UNSUPPORTED, "its output \"%.200s\" is %s", model->outputs[i],
                 value->kind == ONNX_VALUE_VIEW ? "made of integers" : "a constant");
        }
        if (!onnx_view_is_flat(&value->is.view)) {
            FAIL(ERR_UNSUPPORTED, "its output \"%.200s\" is transposed", model->outputs[i]);
        }
        outputs[i] = value->is.view.draft;
        if (outputs[i] == 0) {
            const struct onnx_call call = {.importer = importer};
            const struct onnx_draft same = onnx_draft_of(importer, NODE_PAD, 0);
            TRY(onnx_draft_add(&call, &same, &outputs[i], 1, &outputs[i]));
        }
    }
    return OK;
}

static enum status add_node(struct importer *importer, struct network *network, int at,
                            const int *inputs, int *number)
{
    struct onnx_draft *draft = &importer->drafts[at];
    const struct node *node = &draft->node;
    char name[256];
    snprintf(name, sizeof name, "%s", draft->label != NULL ? draft->label : "");
    while (name[0] == '\0' || graph_find_node(&network->graph, name) >= 0) {
        if (draft->label != NULL) {
            snprintf(name, sizeof name, "%s.%s_%d", draft->label, node_kind_name(node->kind),
                     ++*number);
        } else {
            snprintf(name, sizeof name, "%s_%d", node_kind_name(node->kind), ++*number);
        }
    }
    TRY(graph_add(&network->graph, name, node, inputs, node->n_inputs, &draft->emitted));
    const struct node *made = &network->graph.nodes[draft->emitted];
    if (made->h != node->h || made->w != node->w || made->c != node->c) {
        FAIL(ERR_UNSUPPORTED,
             "node \"%s\" puts out %d x %d x %d values (channels, height, width) here, but %d x %d "
             "x %d in the file",
             name, made->c, made->h, made->w, node->c, node->h, node->w);
    }
    return OK;
}

static enum status add_nodes(struct importer *importer, struct network *network, int skipped)
{
    const struct node *input = &importer->drafts[0].node;
    int number = 0;
    TRY(graph_begin(&network->graph, input->h, input->w, input->c));
    for (int at = 1; at < importer->n_drafts; at++) {
        struct onnx_draft *draft = &importer->drafts[at];
        if (!draft->live || at == skipped) {
            continue; // emitted stays 0: who reads the skipped one reads the input
        }
        int *inputs;
        ARENA_NEW(&importer->arena, inputs, (size_t)draft->node.n_inputs);
        for (int i = 0; i < draft->node.n_inputs; i++) {
            inputs[i] = importer->drafts[draft->node.inputs[i]].emitted;
        }
        TRY(add_node(importer, network, at, inputs, &number));
    }
    return OK;
}

static enum status add_outputs(struct importer *importer, struct network *network,
                               const int *outputs)
{
    const struct onnx_model *model = importer->model;
    for (int i = 0; i < model->n_outputs; i++) {
        char name[32];
        const char *own = model->outputs[i];
        snprintf(name, sizeof name, "output_%d", i);
        TRY(graph_add_output(&network->graph, onnx_name_is_usable(own, strlen(own)) ? own : name,
                             importer->drafts[outputs[i]].emitted));
    }
    return OK;
}

// ---- weights

static void fill(float *out, size_t n, const double *values, int n_values)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = (float)values[n_values > 1 ? i : 0];
    }
}

// gamma, beta, mean 0, variance 1, with epsilon 0
static void copy_affine(const struct network *network, const struct onnx_draft *draft)
{
    static const double zero = 0.0, one = 1.0;
    const struct {
        const double *values;
        int n;
    } parts[4] = {
        {draft->scale, draft->n_affine}, {draft->shift, draft->n_affine}, {&zero, 1}, {&one, 1}};
    const struct node *node = &network->graph.nodes[draft->emitted];
    for (int i = 0; i < 4; i++) {
        const struct param *param = &network->graph.params[node->params[i]];
        fill(network->params + param->offset, param->count, parts[i].values, parts[i].n);
    }
}

static enum status copy_weights(const struct importer *importer, const struct network *network)
{
    for (int at = 1; at < importer->n_drafts; at++) {
        const struct onnx_draft *draft = &importer->drafts[at];
        if (draft->emitted == 0) {
            continue;
        }
        if (draft->n_affine > 0) {
            copy_affine(network, draft);
            continue;
        }
        const struct node *node = &network->graph.nodes[draft->emitted];
        for (int i = 0; i < draft->n_weights; i++) {
            const struct param *param = &network->graph.params[node->params[i]];
            const struct onnx_tensor *weights = &draft->weights[i];
            if ((int64_t)param->count != onnx_tensor_count(weights)) {
                FAIL(ERR_INPUT, "\"%s\" has %zu values here, but %lld in the file", param->name,
                     param->count, (long long)onnx_tensor_count(weights));
            }
            onnx_tensor_read_f32(weights, draft->factors[i], network->params + param->offset);
        }
    }
    return OK;
}

static enum status make_params(struct importer *importer, struct network *network)
{
    const size_t n = network->graph.n_floats;
    if (n > importer->bytes_left / sizeof(float)) {
        FAIL(ERR_UNSUPPORTED,
             "its weights have %zu values, more memory than the limit of %zu bytes "
             "allows",
             n, importer->bytes_left);
    }
    network->params = malloc((n > 0 ? n : 1) * sizeof *network->params);
    if (network->params == NULL) {
        FAIL(ERR_MEMORY, "out of memory for %zu weights", n);
    }
    return copy_weights(importer, network);
}

// The file's name without folder and ending, if that can be a name.
static void name_network(const char *path, char *out, size_t out_bytes)
{
    const char *slash = strrchr(path, '/');
    const char *stem = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(stem, '.');
    const size_t n = dot != NULL ? (size_t)(dot - stem) : strlen(stem);
    const bool fits = n < out_bytes && onnx_name_is_usable(stem, n);
    snprintf(out, out_bytes, "%.*s", fits ? (int)n : 4, fits ? stem : "onnx");
}

static void fill_info(const struct importer *importer, struct network *network)
{
    struct network_info *info = &network->info;
    const struct node *input = &network->graph.nodes[0];
    const struct node *output = &network->graph.nodes[graph_output_node(&network->graph)];
    name_network(importer->model->path, info->architecture, sizeof info->architecture);
    onnx_model_names(importer->model, info);
    snprintf(info->format, sizeof info->format, "dikdik");
    info->h = input->h;
    info->w = input->w;
    info->c = input->c;
    info->classes = output->h * output->w * output->c;
}

enum status onnx_emit(struct importer *importer, struct network *out)
{
    const int n_outputs = importer->model->n_outputs;
    int *outputs, *stack;
    ARENA_NEW(&importer->arena, outputs, (size_t)n_outputs);
    TRY(find_outputs(importer, outputs));
    size_t n_edges = 1;
    for (int i = 0; i < importer->n_drafts; i++) {
        n_edges += (size_t)importer->drafts[i].node.n_inputs;
    }
    ARENA_NEW(&importer->arena, stack, n_edges);
    for (int i = 0; i < n_outputs; i++) {
        mark_live(importer, stack, outputs[i]);
    }
    const int skipped = onnx_take_normalization(importer, outputs, n_outputs, &out->info);
    TRY(add_nodes(importer, out, skipped));
    TRY(add_outputs(importer, out, outputs));
    TRY(graph_finish(&out->graph));
    TRY(make_params(importer, out));
    fill_info(importer, out);
    return OK;
}
