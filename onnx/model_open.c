// Opening a file: mapped, looked over, unpacked, and turned into plain structs.
#include "core/file.h"
#include "onnx/model_message.h"

#include <limits.h>
#include <onnx.pb-c.h>
#include <string.h>

enum { MOST_NODES = 1 << 17, MOST_NAMES = 1 << 18 };

static const char *text(const char *maybe)
{
    return maybe != NULL ? maybe : "";
}

enum status onnx_model_map(struct onnx_model *model, const char *path, const struct onnx_file **out)
{
    for (const struct onnx_file *file = model->files; file != NULL; file = file->next) {
        if (strcmp(file->path, path) == 0) {
            *out = file;
            return OK;
        }
    }
    struct onnx_file *file;
    ARENA_NEW(&model->arena, file, 1);
    file->path = arena_copy_text(&model->arena, path);
    if (file->path == NULL) {
        return ERR_MEMORY;
    }
    TRY(file_map(path, &file->bytes, &file->n));
    file->next = model->files;
    model->files = file;
    *out = file;
    return OK;
}

// What is there, where the file does not say the kind (before 2018).
static enum onnx_attribute_kind guess_kind(const Onnx__AttributeProto *proto)
{
    const struct {
        bool there;
        enum onnx_attribute_kind kind;
    } guesses[] = {
        {proto->has_f != 0, ONNX_ATTRIBUTE_FLOAT},    {proto->has_i != 0, ONNX_ATTRIBUTE_INT},
        {proto->has_s != 0, ONNX_ATTRIBUTE_STRING},   {proto->t != NULL, ONNX_ATTRIBUTE_TENSOR},
        {proto->n_floats > 0, ONNX_ATTRIBUTE_FLOATS}, {proto->n_ints > 0, ONNX_ATTRIBUTE_INTS},
    };
    for (size_t i = 0; i < sizeof guesses / sizeof guesses[0]; i++) {
        if (guesses[i].there) {
            return guesses[i].kind;
        }
    }
    return ONNX_ATTRIBUTE_OTHER;
}

static enum onnx_attribute_kind attribute_kind(const Onnx__AttributeProto *proto)
{
    if (!proto->has_type) {
        return guess_kind(proto);
    }
    switch (proto->type) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
        return ONNX_ATTRIBUTE_FLOAT;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
        return ONNX_ATTRIBUTE_INT;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING:
        return ONNX_ATTRIBUTE_STRING;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
        return ONNX_ATTRIBUTE_TENSOR;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
        return ONNX_ATTRIBUTE_FLOATS;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
        return ONNX_ATTRIBUTE_INTS;
    default:
        return ONNX_ATTRIBUTE_OTHER;
    }
}

static enum status convert_attribute(struct onnx_model *model, const Onnx__AttributeProto *proto,
                                     struct onnx_attribute *out)
{
    out->name = text(proto->name);
    out->kind = attribute_kind(proto);
    out->f = proto->f;
    out->i = proto->i;
    if (out->kind == ONNX_ATTRIBUTE_STRING) {
        char *copy;
        ARENA_NEW(&model->arena, copy, proto->s.len + 1);
        if (proto->s.len > 0) {
            memcpy(copy, proto->s.data, proto->s.len);
        }
        out->s = copy;
    } else if (out->kind == ONNX_ATTRIBUTE_TENSOR) {
        if (proto->t == NULL) {
            FAIL(ERR_INPUT, "attribute \"%.100s\" is to be a tensor, but holds none", out->name);
        }
        struct onnx_tensor *tensor;
        ARENA_NEW(&model->arena, tensor, 1);
        TRY(onnx_model_tensor(model, proto->t, (struct onnx_raw){0}, tensor));
        out->tensor = tensor;
    } else if (out->kind == ONNX_ATTRIBUTE_FLOATS || out->kind == ONNX_ATTRIBUTE_INTS) {
        const size_t n = out->kind == ONNX_ATTRIBUTE_INTS ? proto->n_ints : proto->n_floats;
        if (n > INT_MAX) {
            FAIL(ERR_INPUT, "attribute \"%.100s\" has %zu numbers", out->name, n);
        }
        out->n = (int)n;
        out->ints = proto->ints;
        out->floats = proto->floats;
    }
    return OK;
}

static enum status convert_names(struct onnx_model *model, char **names, size_t n,
                                 const char ***out)
{
    const char **copies;
    ARENA_NEW(&model->arena, copies, n);
    for (size_t i = 0; i < n; i++) {
        copies[i] = text(names[i]);
    }
    *out = copies;
    return OK;
}

static enum status convert_node(struct onnx_model *model, const Onnx__NodeProto *proto,
                                struct onnx_node *out)
{
    out->op = text(proto->op_type);
    out->name = text(proto->name);
    out->domain = text(proto->domain);
    if (proto->n_input > MOST_NAMES || proto->n_output > MOST_NAMES ||
        proto->n_attribute > MOST_NAMES) {
        FAIL(ERR_INPUT, "it has %zu inputs, %zu outputs and %zu attributes, at most %d are read",
             proto->n_input, proto->n_output, proto->n_attribute, MOST_NAMES);
    }
    out->n_inputs = (int)proto->n_input;
    out->n_outputs = (int)proto->n_output;
    out->n_attributes = (int)proto->n_attribute;
    TRY(convert_names(model, proto->input, proto->n_input, &out->inputs));
    TRY(convert_names(model, proto->output, proto->n_output, &out->outputs));
    ARENA_NEW(&model->arena, out->attributes, proto->n_attribute);
    for (size_t i = 0; i < proto->n_attribute; i++) {
        TRY(convert_attribute(model, proto->attribute[i], &out->attributes[i]));
    }
    return OK;
}

static void convert_input(const Onnx__ValueInfoProto *proto, struct onnx_input *out)
{
    out->name = text(proto->name);
    const Onnx__TypeProto *type = proto->type;
    if (type == NULL || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE ||
        type->tensor_type == NULL) {
        return;
    }
    const Onnx__TensorShapeProto *shape = type->tensor_type->shape;
    out->elem_type = type->tensor_type->elem_type;
    if (shape == NULL || shape->n_dim > ONNX_MAX_RANK) {
        return;
    }
    out->is_tensor = true;
    out->rank = (int)shape->n_dim;
    for (int i = 0; i < out->rank; i++) {
        const Onnx__TensorShapeProto__Dimension *dim = shape->dim[i];
        const bool said = dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        out->dims[i] = said && dim->dim_value > 0 ? dim->dim_value : 0;
    }
}

static enum status convert_lists(struct onnx_model *model, const Onnx__GraphProto *graph,
                                 const struct onnx_raw *raws, int n_raws)
{
    const size_t n = graph->n_initializer;
    CHECK((size_t)n_raws == n);
    ARENA_NEW(&model->arena, model->initializers, n);
    model->n_initializers = (int)n;
    for (size_t i = 0; i < n; i++) {
        const Onnx__TensorProto *proto = graph->initializer[i];
        model->initializers[i].name = text(proto->name);
        TRY(onnx_model_tensor(model, proto, raws[i], &model->initializers[i].tensor));
    }
    ARENA_NEW(&model->arena, model->inputs, graph->n_input);
    model->n_inputs = (int)graph->n_input;
    for (size_t i = 0; i < graph->n_input; i++) {
        convert_input(graph->input[i], &model->inputs[i]);
    }
    ARENA_NEW(&model->arena, model->outputs, graph->n_output);
    model->n_outputs = (int)graph->n_output;
    for (size_t i = 0; i < graph->n_output; i++) {
        model->outputs[i] = text(graph->output[i]->name);
    }
    ARENA_NEW(&model->arena, model->nodes, graph->n_node);
    model->n_nodes = (int)graph->n_node;
    for (size_t i = 0; i < graph->n_node; i++) {
        const enum status status = convert_node(model, graph->node[i], &model->nodes[i]);
        if (status != OK) {
            return status_context(status, "node %zu, \"%.200s\" (%.100s)", i, model->nodes[i].name,
                                  model->nodes[i].op);
        }
    }
    return OK;
}

static enum status convert(struct onnx_model *model, const struct onnx_raw *raws, int n_raws)
{
    const Onnx__ModelProto *proto = model->message;
    const Onnx__GraphProto *graph = proto->graph;
    if (graph == NULL) {
        FAIL(ERR_INPUT, "it has no graph; is this an ONNX file?");
    }
    if (graph->n_node > MOST_NODES || graph->n_input > MOST_NAMES || graph->n_output > MOST_NAMES) {
        FAIL(ERR_UNSUPPORTED, "it has %zu nodes, %zu inputs and %zu outputs, at most %d are read",
             graph->n_node, graph->n_input, graph->n_output, MOST_NODES);
    }
    if (graph->n_sparse_initializer > 0) {
        FAIL(ERR_UNSUPPORTED, "it has sparse initialisers");
    }
    for (size_t i = 0; i < proto->n_opset_import; i++) {
        const char *domain = text(proto->opset_import[i]->domain);
        if (domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0) {
            model->opset = proto->opset_import[i]->version;
        }
    }
    model->producer = arena_format(&model->arena, "%.100s %.100s", text(proto->producer_name),
                                   text(proto->producer_version));
    if (model->producer == NULL) {
        return ERR_MEMORY;
    }
    ARENA_NEW(&model->arena, model->facts, proto->n_metadata_props);
    for (size_t i = 0; i < proto->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *entry = proto->metadata_props[i];
        model->facts[model->n_facts++] = (struct onnx_fact){text(entry->key), text(entry->value)};
    }
    return convert_lists(model, graph, raws, n_raws);
}

static enum status read_model(struct onnx_model *model, const struct onnx_file *file)
{
    TRY(onnx_scan_message(&onnx__model_proto__descriptor, file->bytes, file->n));
    struct arena scratch = {0};
    uint8_t *bytes = NULL;
    size_t n = 0;
    struct onnx_raw *raws = NULL;
    int n_raws = 0;
    enum status status;
    TRY_GOTO(status, onnx_strip_model(file->bytes, file->n, &scratch, &bytes, &n, &raws, &n_raws),
             done);
    model->message =
        onnx_unpack_message(&onnx__model_proto__descriptor, bytes, n, &model->message_bytes);
    if (model->message == NULL) {
        status = status_fail(ERR_INPUT, __FILE__, __LINE__,
                             "it cannot be unpacked: it is damaged, or would take too much memory");
        goto done;
    }
    status = convert(model, raws, n_raws);
done:
    arena_close(&scratch);
    return status;
}

enum status onnx_model_open(const char *path, struct onnx_model *out)
{
    struct onnx_model model = {0};
    model.path = arena_copy_text(&model.arena, path);
    const struct onnx_file *file = NULL;
    enum status status =
        model.path != NULL ? onnx_model_map(&model, model.path, &file) : ERR_MEMORY;
    if (status == OK) {
        status = read_model(&model, file);
        if (status == ERR_INPUT || status == ERR_UNSUPPORTED) {
            (void)status_context(status, "%s", path);
        }
    }
    if (status != OK) {
        onnx_model_close(&model);
        return status;
    }
    *out = model;
    return OK;
}

void onnx_model_close(struct onnx_model *model)
{
    onnx_release_message(model->message);
    for (struct onnx_file *file = model->files; file != NULL; file = file->next) {
        file_unmap(file->bytes, file->n);
    }
    arena_close(&model->arena);
    *model = (struct onnx_model){0};
}

static enum status copy_elements(struct onnx_model *model, struct onnx_tensor *tensor)
{
    const size_t n = (size_t)onnx_tensor_count(tensor) * onnx_type_bytes(tensor->type);
    unsigned char *copy;
    ARENA_NEW(&model->arena, copy, n);
    if (n > 0 && tensor->data != NULL) {
        memcpy(copy, tensor->data, n);
    }
    tensor->data = copy;
    return OK;
}

enum status onnx_model_read_tensor(struct onnx_model *model, const char *path,
                                   struct onnx_tensor *out)
{
    const struct onnx_file *file;
    TRY(onnx_model_map(model, path, &file));
    enum status status = onnx_scan_message(&onnx__tensor_proto__descriptor, file->bytes, file->n);
    struct onnx_tensor tensor = {0};
    if (status == OK) {
        size_t taken;
        void *message =
            onnx_unpack_message(&onnx__tensor_proto__descriptor, file->bytes, file->n, &taken);
        status = message == NULL ? status_fail(ERR_INPUT, __FILE__, __LINE__, "it holds no tensor")
                                 : onnx_model_tensor(model, message, (struct onnx_raw){0}, &tensor);
        if (status == OK) {
            status = copy_elements(model, &tensor);
        }
        onnx_release_message(message);
    }
    if (status != OK) {
        return status_context(status, "%s", path);
    }
    *out = tensor;
    return OK;
}
