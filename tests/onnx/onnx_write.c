#include "onnx_write.h"

#include "core/file.h"

#include <onnx.pb-c.h>
#include <stdlib.h>
#include <string.h>

static void *take(struct onnx_writer *writer, size_t count, size_t size)
{
    void *memory = arena_alloc(&writer->arena, count, size);
    CHECK(memory != NULL);
    return memory;
}

static char *copy(struct onnx_writer *writer, const char *text)
{
    char *made = arena_copy_text(&writer->arena, text);
    CHECK(made != NULL);
    return made;
}

#define MAKE(writer, type, init) make((writer), sizeof(type), (ProtobufCMessageInit)(init))
static void *make(struct onnx_writer *writer, size_t size, ProtobufCMessageInit init)
{
    ProtobufCMessage *message = take(writer, 1, size);
    init(message);
    return message;
}

// list [n] with one more place at its end.
static void *grow(struct onnx_writer *writer, void *list, size_t n, size_t size)
{
    char *longer = take(writer, n + 1, size);
    if (n > 0) {
        memcpy(longer, list, n * size);
    }
    return longer;
}

#define APPEND(writer, list, count, item)                                                          \
    do {                                                                                           \
        (list) = grow((writer), (list), (count), sizeof *(list));                                  \
        (list)[(count)++] = (item);                                                                \
    } while (0)

static Onnx__GraphProto *graph_of(struct onnx_writer *writer)
{
    return ((Onnx__ModelProto *)writer->model)->graph;
}

void writer_open(struct onnx_writer *writer, int opset)
{
    *writer = (struct onnx_writer){0};
    Onnx__ModelProto *model = MAKE(writer, Onnx__ModelProto, onnx__model_proto__init);
    Onnx__OperatorSetIdProto *import =
        MAKE(writer, Onnx__OperatorSetIdProto, onnx__operator_set_id_proto__init);
    import->has_version = 1;
    import->version = opset;
    APPEND(writer, model->opset_import, model->n_opset_import, import);
    model->has_ir_version = 1;
    model->ir_version = 8;
    model->producer_name = copy(writer, "test");
    model->graph = MAKE(writer, Onnx__GraphProto, onnx__graph_proto__init);
    writer->model = model;
}

void writer_close(struct onnx_writer *writer)
{
    arena_close(&writer->arena);
}

void writer_input(struct onnx_writer *writer, const char *name, int elem_type, const int *dims,
                  int rank)
{
    Onnx__ValueInfoProto *info = MAKE(writer, Onnx__ValueInfoProto, onnx__value_info_proto__init);
    Onnx__TypeProto *type = MAKE(writer, Onnx__TypeProto, onnx__type_proto__init);
    Onnx__TypeProto__Tensor *tensor =
        MAKE(writer, Onnx__TypeProto__Tensor, onnx__type_proto__tensor__init);
    Onnx__TensorShapeProto *shape =
        MAKE(writer, Onnx__TensorShapeProto, onnx__tensor_shape_proto__init);
    for (int i = 0; i < rank; i++) {
        Onnx__TensorShapeProto__Dimension *dim = MAKE(writer, Onnx__TensorShapeProto__Dimension,
                                                      onnx__tensor_shape_proto__dimension__init);
        if (dims[i] > 0) {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dim->dim_value = dims[i];
        } else {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dim->dim_param = copy(writer, "n");
        }
        APPEND(writer, shape->dim, shape->n_dim, dim);
    }
    tensor->has_elem_type = 1;
    tensor->elem_type = elem_type;
    tensor->shape = shape;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    info->name = copy(writer, name);
    info->type = type;
    APPEND(writer, graph_of(writer)->input, graph_of(writer)->n_input, info);
}

void writer_output(struct onnx_writer *writer, const char *name)
{
    Onnx__ValueInfoProto *info = MAKE(writer, Onnx__ValueInfoProto, onnx__value_info_proto__init);
    info->name = copy(writer, name);
    APPEND(writer, graph_of(writer)->output, graph_of(writer)->n_output, info);
}

static Onnx__TensorProto *add_tensor(struct onnx_writer *writer, const char *name, int type,
                                     const int *dims, int rank, size_t *count)
{
    Onnx__TensorProto *tensor = MAKE(writer, Onnx__TensorProto, onnx__tensor_proto__init);
    tensor->name = copy(writer, name);
    tensor->has_data_type = 1;
    tensor->data_type = type;
    *count = 1;
    for (int i = 0; i < rank; i++) {
        APPEND(writer, tensor->dims, tensor->n_dims, dims[i]);
        *count *= (size_t)dims[i];
    }
    APPEND(writer, graph_of(writer)->initializer, graph_of(writer)->n_initializer, tensor);
    return tensor;
}

static void set_raw(struct onnx_writer *writer, Onnx__TensorProto *tensor, const void *bytes,
                    size_t n)
{
    tensor->has_raw_data = 1;
    tensor->raw_data.len = n;
    tensor->raw_data.data = take(writer, n, 1);
    memcpy(tensor->raw_data.data, bytes, n);
}

void writer_floats(struct onnx_writer *writer, const char *name, const int *dims, int rank,
                   const float *values)
{
    size_t count;
    Onnx__TensorProto *tensor = add_tensor(writer, name, 1, dims, rank, &count);
    float *made = take(writer, count, sizeof *made);
    for (size_t i = 0; i < count; i++) {
        made[i] = values != NULL ? values[i] : 0.01F * (float)(i + 1);
    }
    set_raw(writer, tensor, made, count * sizeof *made);
}

void writer_halves(struct onnx_writer *writer, const char *name, const int *dims, int rank,
                   const uint16_t *bits)
{
    size_t count;
    Onnx__TensorProto *tensor = add_tensor(writer, name, 10, dims, rank, &count);
    set_raw(writer, tensor, bits, count * sizeof *bits);
}

void writer_ints(struct onnx_writer *writer, const char *name, const int64_t *values, int n)
{
    size_t count;
    Onnx__TensorProto *tensor = add_tensor(writer, name, 7, &n, 1, &count);
    for (int i = 0; i < n; i++) {
        APPEND(writer, tensor->int64_data, tensor->n_int64_data, values[i]);
    }
}

void writer_int(struct onnx_writer *writer, const char *name, int64_t value)
{
    size_t count;
    set_raw(writer, add_tensor(writer, name, 7, NULL, 0, &count), &value, sizeof value);
}

static void add_entry(struct onnx_writer *writer, Onnx__TensorProto *tensor, const char *key,
                      const char *value)
{
    if (value != NULL) {
        Onnx__StringStringEntryProto *entry =
            MAKE(writer, Onnx__StringStringEntryProto, onnx__string_string_entry_proto__init);
        entry->key = copy(writer, key);
        entry->value = copy(writer, value);
        APPEND(writer, tensor->external_data, tensor->n_external_data, entry);
    }
}

void writer_external(struct onnx_writer *writer, const char *name, const int *dims, int rank,
                     const char *location, const char *offset, const char *length)
{
    size_t count;
    Onnx__TensorProto *tensor = add_tensor(writer, name, 1, dims, rank, &count);
    tensor->has_data_location = 1;
    tensor->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    add_entry(writer, tensor, "location", location);
    add_entry(writer, tensor, "offset", offset);
    add_entry(writer, tensor, "length", length);
}

static void append_names(struct onnx_writer *writer, const char *names, char ***list, size_t *n)
{
    char *rest = copy(writer, names), *saved = NULL;
    for (char *at = strtok_r(rest, " ", &saved); at != NULL; at = strtok_r(NULL, " ", &saved)) {
        APPEND(writer, *list, *n, strcmp(at, "-") == 0 ? copy(writer, "") : at);
    }
}

void writer_node(struct onnx_writer *writer, const char *op, const char *inputs,
                 const char *outputs)
{
    Onnx__NodeProto *node = MAKE(writer, Onnx__NodeProto, onnx__node_proto__init);
    node->op_type = copy(writer, op);
    append_names(writer, inputs, &node->input, &node->n_input);
    append_names(writer, outputs, &node->output, &node->n_output);
    APPEND(writer, graph_of(writer)->node, graph_of(writer)->n_node, node);
}

static Onnx__NodeProto *last_node(struct onnx_writer *writer)
{
    return graph_of(writer)->node[graph_of(writer)->n_node - 1];
}

void writer_name(struct onnx_writer *writer, const char *name)
{
    last_node(writer)->name = copy(writer, name);
}

static Onnx__AttributeProto *add_attribute(struct onnx_writer *writer, const char *name,
                                           Onnx__AttributeProto__AttributeType type)
{
    Onnx__AttributeProto *attribute =
        MAKE(writer, Onnx__AttributeProto, onnx__attribute_proto__init);
    attribute->name = copy(writer, name);
    attribute->has_type = 1;
    attribute->type = type;
    APPEND(writer, last_node(writer)->attribute, last_node(writer)->n_attribute, attribute);
    return attribute;
}

void writer_attribute_int(struct onnx_writer *writer, const char *name, int64_t value)
{
    Onnx__AttributeProto *attribute =
        add_attribute(writer, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    attribute->has_i = 1;
    attribute->i = value;
}

void writer_attribute_float(struct onnx_writer *writer, const char *name, float value)
{
    Onnx__AttributeProto *attribute =
        add_attribute(writer, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    attribute->has_f = 1;
    attribute->f = value;
}

void writer_attribute_text(struct onnx_writer *writer, const char *name, const char *value)
{
    Onnx__AttributeProto *attribute =
        add_attribute(writer, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    attribute->has_s = 1;
    attribute->s.len = strlen(value);
    attribute->s.data = (uint8_t *)copy(writer, value);
}

void writer_attribute_ints(struct onnx_writer *writer, const char *name, const int64_t *values,
                           int n)
{
    Onnx__AttributeProto *attribute =
        add_attribute(writer, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    for (int i = 0; i < n; i++) {
        APPEND(writer, attribute->ints, attribute->n_ints, values[i]);
    }
}

void *writer_bytes(struct onnx_writer *writer, size_t *n)
{
    const Onnx__ModelProto *model = writer->model;
    *n = onnx__model_proto__get_packed_size(model);
    uint8_t *bytes = take(writer, *n, 1);
    onnx__model_proto__pack(model, bytes);
    return bytes;
}

void writer_save(struct onnx_writer *writer, const char *path)
{
    size_t n;
    const void *bytes = writer_bytes(writer, &n);
    remove(path);
    CHECK(file_write(path, bytes, n) == OK);
    writer_close(writer);
}
