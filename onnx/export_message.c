// Building and packing a ModelProto. IR version 8 and opset 17: old enough for every runtime in
// use, new enough for HardSwish and per-channel DequantizeLinear.
#include "onnx/export_message.h"

#include "core/file.h"
#include "onnx/export.h"

#include <onnx.pb-c.h>
#include <string.h>

enum { IR_VERSION = 8 };

// protobuf-c's structs have no const.
static char *text_of(const char *text)
{
    return (char *)(uintptr_t)text;
}

static void *take(struct onnx_message *message, size_t count, size_t size)
{
    void *memory = arena_alloc(message->arena, count, size);
    message->failed = message->failed || memory == NULL;
    return memory;
}

#define MAKE(message, type, init) make((message), sizeof(type), (ProtobufCMessageInit)(init))
static void *make(struct onnx_message *message, size_t size, ProtobufCMessageInit init)
{
    ProtobufCMessage *made = take(message, 1, size);
    if (made != NULL) {
        init(made);
    }
    return made;
}

// list [n], longer by at least one place. Its capacity is the next power of two.
static void *grow(struct onnx_message *message, void *list, size_t n, size_t size)
{
    if (n > 0 && (n & (n - 1)) != 0) {
        return list;
    }
    void *longer = take(message, n > 0 ? 2 * n : 1, size);
    if (longer != NULL && n > 0) {
        memcpy(longer, list, n * size);
    }
    return longer;
}

#define APPEND(message, list, count, item)                                                         \
    do {                                                                                           \
        void *longer_ = grow((message), (list), (count), sizeof *(list));                          \
        if (longer_ != NULL) {                                                                     \
            (list) = longer_;                                                                      \
            (list)[(count)++] = (item);                                                            \
        }                                                                                          \
    } while (0)

static Onnx__ModelProto *model_of(const struct onnx_message *message)
{
    return message->model;
}

enum status onnx_message_open(struct onnx_message *message, struct arena *arena, const char *graph)
{
    *message = (struct onnx_message){.arena = arena};
    Onnx__ModelProto *model = MAKE(message, Onnx__ModelProto, onnx__model_proto__init);
    Onnx__OperatorSetIdProto *import =
        MAKE(message, Onnx__OperatorSetIdProto, onnx__operator_set_id_proto__init);
    Onnx__GraphProto *graph_proto = MAKE(message, Onnx__GraphProto, onnx__graph_proto__init);
    if (message->failed) {
        return ERR_MEMORY;
    }
    import->has_version = 1;
    import->version = ONNX_EXPORT_OPSET;
    import->domain = text_of("");
    model->has_ir_version = 1;
    model->ir_version = IR_VERSION;
    model->producer_name = text_of("dikdik");
    model->producer_version = text_of(DIKDIK_VERSION);
    model->graph = graph_proto;
    graph_proto->name = text_of(graph);
    APPEND(message, model->opset_import, model->n_opset_import, import);
    message->model = model;
    return OK;
}

void onnx_message_metadata(struct onnx_message *message, const char *key, const char *value)
{
    Onnx__ModelProto *model = model_of(message);
    Onnx__StringStringEntryProto *entry =
        MAKE(message, Onnx__StringStringEntryProto, onnx__string_string_entry_proto__init);
    if (entry != NULL) {
        entry->key = text_of(key);
        entry->value = text_of(value);
        APPEND(message, model->metadata_props, model->n_metadata_props, entry);
    }
}

// The number of images is a name, not a number.
static void add_dim(struct onnx_message *message, Onnx__TensorShapeProto *shape, int extent)
{
    Onnx__TensorShapeProto__Dimension *dim =
        MAKE(message, Onnx__TensorShapeProto__Dimension, onnx__tensor_shape_proto__dimension__init);
    if (dim == NULL) {
        return;
    }
    if (extent > 0) {
        dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        dim->dim_value = extent;
    } else {
        dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
        dim->dim_param = text_of("n");
    }
    APPEND(message, shape->dim, shape->n_dim, dim);
}

static Onnx__ValueInfoProto *make_value(struct onnx_message *message, const char *name,
                                        enum onnx_elements elements, const int *dims, int n_dims)
{
    Onnx__ValueInfoProto *info = MAKE(message, Onnx__ValueInfoProto, onnx__value_info_proto__init);
    Onnx__TypeProto *type = MAKE(message, Onnx__TypeProto, onnx__type_proto__init);
    Onnx__TypeProto__Tensor *tensor =
        MAKE(message, Onnx__TypeProto__Tensor, onnx__type_proto__tensor__init);
    Onnx__TensorShapeProto *shape =
        MAKE(message, Onnx__TensorShapeProto, onnx__tensor_shape_proto__init);
    if (message->failed) {
        return NULL;
    }
    add_dim(message, shape, 0);
    for (int i = 0; i < n_dims; i++) {
        add_dim(message, shape, dims[i]);
    }
    tensor->has_elem_type = 1;
    tensor->elem_type = (int32_t)elements;
    tensor->shape = shape;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    info->name = text_of(name);
    info->type = type;
    return info;
}

void onnx_message_input(struct onnx_message *message, const char *name, enum onnx_elements elements,
                        const int *dims, int n_dims)
{
    Onnx__GraphProto *graph = model_of(message)->graph;
    Onnx__ValueInfoProto *info = make_value(message, name, elements, dims, n_dims);
    if (info != NULL) {
        APPEND(message, graph->input, graph->n_input, info);
    }
}

void onnx_message_output(struct onnx_message *message, const char *name, const int *dims,
                         int n_dims)
{
    Onnx__GraphProto *graph = model_of(message)->graph;
    Onnx__ValueInfoProto *info = make_value(message, name, ONNX_ELEMENTS_FLOAT, dims, n_dims);
    if (info != NULL) {
        APPEND(message, graph->output, graph->n_output, info);
    }
}

void onnx_message_tensor(struct onnx_message *message, const char *name,
                         enum onnx_elements elements, const int64_t *dims, int rank,
                         const void *data, size_t bytes)
{
    Onnx__GraphProto *graph = model_of(message)->graph;
    Onnx__TensorProto *tensor = MAKE(message, Onnx__TensorProto, onnx__tensor_proto__init);
    if (tensor == NULL) {
        return;
    }
    tensor->name = text_of(name);
    tensor->has_data_type = 1;
    tensor->data_type = (int32_t)elements;
    for (int i = 0; i < rank; i++) {
        APPEND(message, tensor->dims, tensor->n_dims, dims[i]);
    }
    tensor->has_raw_data = 1;
    tensor->raw_data.data = (uint8_t *)(uintptr_t)data;
    tensor->raw_data.len = bytes;
    APPEND(message, graph->initializer, graph->n_initializer, tensor);
}

void onnx_message_node(struct onnx_message *message, const char *op, const char *output,
                       const char *const *inputs, int n_inputs)
{
    Onnx__GraphProto *graph = model_of(message)->graph;
    Onnx__NodeProto *node = MAKE(message, Onnx__NodeProto, onnx__node_proto__init);
    if (node == NULL) {
        return;
    }
    node->name = text_of(output);
    node->op_type = text_of(op);
    for (int i = 0; i < n_inputs; i++) {
        APPEND(message, node->input, node->n_input, text_of(inputs[i]));
    }
    APPEND(message, node->output, node->n_output, text_of(output));
    APPEND(message, graph->node, graph->n_node, node);
}

// Of the last node; NULL when memory ran out.
static Onnx__AttributeProto *add_attribute(struct onnx_message *message, const char *name,
                                           Onnx__AttributeProto__AttributeType type)
{
    Onnx__GraphProto *graph = model_of(message)->graph;
    Onnx__AttributeProto *attribute =
        MAKE(message, Onnx__AttributeProto, onnx__attribute_proto__init);
    if (attribute == NULL || graph->n_node == 0) {
        return NULL;
    }
    Onnx__NodeProto *node = graph->node[graph->n_node - 1];
    attribute->name = text_of(name);
    attribute->has_type = 1;
    attribute->type = type;
    APPEND(message, node->attribute, node->n_attribute, attribute);
    return attribute;
}

void onnx_message_int(struct onnx_message *message, const char *name, int64_t value)
{
    Onnx__AttributeProto *attribute =
        add_attribute(message, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    if (attribute != NULL) {
        attribute->has_i = 1;
        attribute->i = value;
    }
}

void onnx_message_float(struct onnx_message *message, const char *name, float value)
{
    Onnx__AttributeProto *attribute =
        add_attribute(message, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    if (attribute != NULL) {
        attribute->has_f = 1;
        attribute->f = value;
    }
}

void onnx_message_text(struct onnx_message *message, const char *name, const char *value)
{
    Onnx__AttributeProto *attribute =
        add_attribute(message, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    if (attribute != NULL) {
        attribute->has_s = 1;
        attribute->s.len = strlen(value);
        attribute->s.data = (uint8_t *)text_of(value);
    }
}

void onnx_message_ints(struct onnx_message *message, const char *name, const int *values, int n)
{
    Onnx__AttributeProto *attribute =
        add_attribute(message, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    for (int i = 0; i < n && attribute != NULL; i++) {
        APPEND(message, attribute->ints, attribute->n_ints, values[i]);
    }
}

// ---- writing: packed piece by piece, so that the weights are not copied
struct file_buffer {
    ProtobufCBuffer base;
    struct file_writer *writer;
};

static void append_bytes(ProtobufCBuffer *buffer, size_t n, const uint8_t *bytes)
{
    file_writer_bytes(((struct file_buffer *)(void *)buffer)->writer, bytes, n);
}

enum status onnx_message_write(const struct onnx_message *message, const char *path,
                               size_t *out_bytes)
{
    if (message->failed) {
        FAIL(ERR_MEMORY, "out of memory while writing %s", path);
    }
    const size_t bytes = onnx__model_proto__get_packed_size(model_of(message));
    if (bytes > INT32_MAX) {
        FAIL(ERR_UNSUPPORTED, "%s would have %zu bytes; an ONNX file ends at 2 GiB", path, bytes);
    }
    struct file_writer writer;
    TRY(file_writer_open(path, &writer));
    struct file_buffer buffer = {{append_bytes}, &writer};
    (void)onnx__model_proto__pack_to_buffer(model_of(message), &buffer.base);
    TRY(file_writer_commit(&writer));
    *out_bytes = bytes;
    return OK;
}
