// The import's driver: finds the image input, goes through the nodes, and hands the drafts on.
#include "onnx/import.h"

#include "onnx/reshape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_VALUES = 1 << 18, MOST_OUTPUTS = 256, ELEM_UINT8 = 2 };
#define MOST_BYTES (UINT64_C(832) << 20)

static enum status open_values(struct importer *importer)
{
    const struct onnx_model *model = importer->model;
    size_t n = (size_t)model->n_initializers + (size_t)model->n_inputs;
    for (int i = 0; i < model->n_nodes; i++) {
        n += (size_t)model->nodes[i].n_outputs;
    }
    if (n > MOST_VALUES) {
        FAIL(ERR_UNSUPPORTED, "it has %zu values, at most %d are read", n, MOST_VALUES);
    }
    importer->n_slots = 16;
    while (importer->n_slots < 2 * n) {
        importer->n_slots *= 2;
    }
    importer->capacity_values = (int)n;
    ARENA_NEW(&importer->arena, importer->values, n);
    ARENA_NEW(&importer->arena, importer->slots, importer->n_slots);
    for (size_t i = 0; i < importer->n_slots; i++) {
        importer->slots[i] = -1;
    }
    return OK;
}

// Every name that stands for a value: constants first, which an input of the same name may not
// replace (files of before 2019 list them as inputs as well).
static enum status name_values(struct importer *importer)
{
    const struct onnx_model *model = importer->model;
    int at;
    for (int i = 0; i < model->n_initializers; i++) {
        TRY(onnx_value_add(importer, model->initializers[i].name, &at));
        importer->values[at].kind = ONNX_VALUE_TENSOR;
        importer->values[at].is.tensor = model->initializers[i].tensor;
    }
    for (int i = 0; i < model->n_inputs; i++) {
        if (onnx_value_find(importer, model->inputs[i].name) < 0) {
            TRY(onnx_value_add(importer, model->inputs[i].name, &at));
        }
    }
    for (int i = 0; i < model->n_nodes; i++) {
        const struct onnx_node *node = &model->nodes[i];
        for (int k = 0; k < node->n_outputs; k++) {
            if (node->outputs[k][0] != '\0') {
                TRY(onnx_value_add(importer, node->outputs[k], &at));
            }
        }
    }
    return OK;
}

static enum status use(struct importer *importer, const char *name, const char *by)
{
    const int value = onnx_value_find(importer, name);
    if (value < 0) {
        FAIL(ERR_INPUT, "%s \"%.200s\", which nothing in the file makes", by, name);
    }
    importer->values[value].uses++;
    return OK;
}

static bool is_needed(const struct importer *importer, const struct onnx_node *node)
{
    for (int i = 0; i < node->n_outputs; i++) {
        const int value =
            node->outputs[i][0] != '\0' ? onnx_value_find(importer, node->outputs[i]) : -1;
        if (value >= 0 && importer->values[value].uses > 0) {
            return true;
        }
    }
    return false;
}

// From the outputs back: what nothing needs is not looked at.
static enum status count_uses(struct importer *importer)
{
    const struct onnx_model *model = importer->model;
    if (model->n_outputs < 1 || model->n_outputs > MOST_OUTPUTS) {
        FAIL(ERR_UNSUPPORTED, "it has %d outputs, expected 1 to %d", model->n_outputs,
             MOST_OUTPUTS);
    }
    for (int i = 0; i < model->n_outputs; i++) {
        TRY(use(importer, model->outputs[i], "its output is"));
    }
    for (int i = model->n_nodes - 1; i >= 0; i--) {
        const struct onnx_node *node = &model->nodes[i];
        for (int k = 0; k < node->n_inputs && is_needed(importer, node); k++) {
            if (node->inputs[k][0] != '\0') {
                TRY(use(importer, node->inputs[k], "a node reads"));
            }
        }
    }
    return OK;
}

// Inputs that the caller gives as constants.
static enum status read_constants(struct importer *importer, struct onnx_model *model)
{
    const struct onnx_import_options *options = importer->options;
    for (int i = 0; i < options->n_constants; i++) {
        const struct onnx_constant *constant = &options->constants[i];
        const int value = onnx_value_find(importer, constant->name);
        if (value < 0 || importer->values[value].kind != ONNX_VALUE_UNSET) {
            FAIL(ERR_CONFIG, "\"%.200s\" is to be a constant, but is no input of the file",
                 constant->name);
        }
        TRY(onnx_model_read_tensor(model, constant->path, &importer->values[value].is.tensor));
        importer->values[value].kind = ONNX_VALUE_TENSOR;
    }
    return OK;
}

static enum status find_image(struct importer *importer, const struct onnx_input **out)
{
    const struct onnx_model *model = importer->model;
    const struct onnx_input *image = NULL;
    for (int i = 0; i < model->n_inputs; i++) {
        const int value = onnx_value_find(importer, model->inputs[i].name);
        if (importer->values[value].kind != ONNX_VALUE_UNSET || importer->values[value].uses == 0) {
            continue;
        }
        if (image != NULL) {
            FAIL(ERR_UNSUPPORTED, "it has the inputs \"%.200s\" and \"%.200s\", expected one",
                 image->name, model->inputs[i].name);
        }
        image = &model->inputs[i];
    }
    if (image == NULL) {
        FAIL(ERR_UNSUPPORTED, "its output depends on no input");
    }
    *out = image;
    return OK;
}

// Size `i` of the image input; `given` is for a file that leaves it open.
static enum status read_size(const struct onnx_input *image, int i, int given, const char *what,
                             int *out)
{
    const int64_t size = i >= image->rank ? 1 : image->dims[i] > 0 ? image->dims[i] : given;
    if (size < 1 || size > 1 << 24) {
        FAIL(ERR_UNSUPPORTED, "its input \"%.200s\" has %s %lld%s", image->name, what,
             (long long)size, size == 0 ? ": the file leaves it open, say it" : "");
    }
    *out = (int)size;
    return OK;
}

static enum status add_input(struct importer *importer)
{
    const struct onnx_input *image;
    TRY(find_image(importer, &image));
    importer->integer_input = image->elem_type == ELEM_UINT8;
    if (!image->is_tensor || (!onnx_type_is_float(image->elem_type) && !importer->integer_input) ||
        image->rank < 1 || image->rank > 4) {
        FAIL(ERR_UNSUPPORTED,
             "its input \"%.200s\" has ONNX's type %d and %d dimensions; expected floating-point "
             "numbers or pixels [n, c, h, w], [n, c, h], [n, c] or [n]",
             image->name, image->elem_type, image->rank);
    }
    const struct onnx_import_options *options = importer->options;
    struct onnx_draft draft = {.node = node_default(NODE_INPUT)};
    TRY(read_size(image, 1, 0, "channels", &draft.node.c));
    TRY(read_size(image, 2, options->h, "height", &draft.node.h));
    TRY(read_size(image, 3, options->w, "width", &draft.node.w));
    importer->batch = image->dims[0];
    const struct onnx_call call = {.importer = importer};
    int input;
    TRY(onnx_draft_add(&call, &draft, NULL, 0, &input));
    CHECK(input == 0);
    struct onnx_value *value = &importer->values[onnx_value_find(importer, image->name)];
    value->kind = ONNX_VALUE_VIEW;
    value->integer = importer->integer_input;
    value->is.view = onnx_map_view(importer, input, image->rank);
    importer->drafts[input].n_views = 1;
    if (options->report != NULL) {
        options->report->input_rank = image->rank;
        options->report->batch = (int)(image->dims[0] <= INT32_MAX ? image->dims[0] : 0);
    }
    return OK;
}

// Whether every input is there and known.
static enum status look_at_inputs(const struct onnx_call *call, bool *known)
{
    *known = true;
    for (int i = 0; i < call->node->n_inputs; i++) {
        const struct onnx_value *value = onnx_call_value(call, i);
        if (value == NULL) {
            continue;
        }
        if (value->kind == ONNX_VALUE_UNSET) {
            FAIL(ERR_INPUT, "it reads \"%.200s\" before that is made", value->name);
        }
        *known = *known && value->kind == ONNX_VALUE_TENSOR;
        if (value->integer && strcmp(call->node->op, "Cast") != 0) {
            FAIL(ERR_UNSUPPORTED, "it computes with integers; only a Cast of pixels is read");
        }
        if (value->quantized && strcmp(call->node->op, "DequantizeLinear") != 0) {
            FAIL(ERR_UNSUPPORTED, "it computes with integers that QuantizeLinear makes; only "
                                  "DequantizeLinear is read there");
        }
    }
    return OK;
}

static enum status import_node(struct onnx_call *call)
{
    const struct onnx_node *node = call->node;
    if (node->domain[0] != '\0' && strcmp(node->domain, "ai.onnx") != 0) {
        FAIL(ERR_UNSUPPORTED, "it is an operator of \"%.100s\"; only ONNX's own are read",
             node->domain);
    }
    const struct onnx_op *op = onnx_find_op(node->op);
    if (op == NULL) {
        FAIL(ERR_UNSUPPORTED, "this operator is not read");
    }
    bool known;
    TRY(look_at_inputs(call, &known));
    enum status (*function)(struct onnx_call *) = known ? op->fold : op->import;
    if (function == NULL) {
        FAIL(ERR_UNSUPPORTED, known ? "this operator is not read with constants only"
                                    : "this operator is read with constants only");
    }
    TRY(function(call));
    for (int i = 0; i < node->n_outputs; i++) {
        const int value =
            node->outputs[i][0] != '\0' ? onnx_value_find(call->importer, node->outputs[i]) : -1;
        if (value >= 0 && call->importer->values[value].uses > 0 &&
            call->importer->values[value].kind == ONNX_VALUE_UNSET) {
            FAIL(ERR_UNSUPPORTED, "its output %d is used", i);
        }
    }
    return OK;
}

static enum status import_nodes(struct importer *importer)
{
    const struct onnx_model *model = importer->model;
    for (int i = 0; i < model->n_nodes; i++) {
        struct onnx_call call = {.importer = importer, .node = &model->nodes[i], .number = i};
        if (!is_needed(importer, call.node)) {
            continue;
        }
        const enum status status = import_node(&call);
        if (status == ERR_INPUT || status == ERR_UNSUPPORTED) {
            return status_context(status, "node %d, \"%.200s\" (%.100s)", i, call.node->name,
                                  call.node->op);
        }
        TRY(status);
    }
    return OK;
}

static enum status run(struct importer *importer, struct onnx_model *model, struct network *out)
{
    TRY(open_values(importer));
    TRY(name_values(importer));
    TRY(count_uses(importer));
    TRY(read_constants(importer, model));
    TRY(add_input(importer));
    TRY(import_nodes(importer));
    return onnx_emit(importer, out);
}

enum status onnx_import(const char *path, const struct onnx_import_options *options,
                        struct network *out)
{
    static const struct onnx_import_options defaults;
    struct onnx_model model;
    TRY(onnx_model_open(path, &model));
    struct importer importer = {.model = &model, .options = options != NULL ? options : &defaults};
    const size_t most =
        importer.options->most_bytes > 0 ? importer.options->most_bytes : MOST_BYTES;
    importer.bytes_left = most > model.message_bytes ? most - model.message_bytes : 0;
    if (importer.options->report != NULL) {
        struct onnx_import_report *report = importer.options->report;
        *report = (struct onnx_import_report){.opset = model.opset, .file_nodes = model.n_nodes};
        snprintf(report->producer, sizeof report->producer, "%s", model.producer);
    }
    struct network network = {0};
    const enum status status = run(&importer, &model, &network);
    free(importer.drafts);
    arena_close(&importer.arena);
    onnx_model_close(&model);
    if (status != OK) {
        network_close(&network);
        return status == ERR_INPUT || status == ERR_UNSUPPORTED ? status_context(status, "%s", path)
                                                                : status;
    }
    *out = network;
    return OK;
}
