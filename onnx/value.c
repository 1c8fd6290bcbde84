// Values of the file: by name, and as inputs and outputs of a node.
#include "core/hash.h"
#include "onnx/import.h"

#include <stdlib.h>
#include <string.h>

static size_t slot_of(const struct importer *importer, const char *name)
{
    const size_t mask = importer->n_slots - 1;
    size_t slot = hash_bytes(HASH_BEGIN, name, strlen(name)) & mask;
    while (importer->slots[slot] >= 0 &&
           strcmp(importer->values[importer->slots[slot]].name, name) != 0) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

int onnx_value_find(const struct importer *importer, const char *name)
{
    return importer->slots[slot_of(importer, name)];
}

enum status onnx_value_add(struct importer *importer, const char *name, int *out)
{
    const size_t slot = slot_of(importer, name);
    if (importer->slots[slot] >= 0) {
        FAIL(ERR_INPUT, "value \"%.200s\" is written twice", name);
    }
    CHECK(importer->n_values < importer->capacity_values);
    importer->values[importer->n_values].name = name;
    importer->slots[slot] = importer->n_values;
    *out = importer->n_values++;
    return OK;
}

const struct onnx_value *onnx_call_value(const struct onnx_call *call, int i)
{
    const struct onnx_node *node = call->node;
    if (i >= node->n_inputs || node->inputs[i][0] == '\0') {
        return NULL;
    }
    const int value = onnx_value_find(call->importer, node->inputs[i]);
    CHECK(value >= 0); // the driver has looked
    return &call->importer->values[value];
}

enum status onnx_call_optional_tensor(const struct onnx_call *call, int i, const char *what,
                                      const struct onnx_tensor **out)
{
    const struct onnx_value *value = onnx_call_value(call, i);
    if (value != NULL && value->kind != ONNX_VALUE_TENSOR) {
        FAIL(ERR_UNSUPPORTED, "its %s, \"%.200s\", must be constant", what, value->name);
    }
    *out = value != NULL ? &value->is.tensor : NULL;
    return OK;
}

enum status onnx_call_tensor(const struct onnx_call *call, int i, const char *what,
                             const struct onnx_tensor **out)
{
    const struct onnx_tensor *tensor;
    TRY(onnx_call_optional_tensor(call, i, what, &tensor));
    if (tensor == NULL) {
        FAIL(ERR_INPUT, "its input %d, %s, is missing", i, what);
    }
    *out = tensor;
    return OK;
}

enum status onnx_call_view(const struct onnx_call *call, int i, const struct onnx_view **out)
{
    const struct onnx_value *value = onnx_call_value(call, i);
    if (value == NULL) {
        FAIL(ERR_INPUT, "its input %d is missing", i);
    }
    if (value->kind != ONNX_VALUE_VIEW) {
        FAIL(ERR_UNSUPPORTED, "its input %d, \"%.200s\", is a constant", i, value->name);
    }
    *out = &value->is.view;
    return OK;
}

// NULL in *out: the output was left out.
static enum status new_output(const struct onnx_call *call, int i, struct onnx_value **out)
{
    const struct onnx_node *node = call->node;
    *out = NULL;
    if (i >= node->n_outputs || node->outputs[i][0] == '\0') {
        return OK;
    }
    int value = onnx_value_find(call->importer, node->outputs[i]);
    CHECK(value >= 0); // the driver has made one for each
    struct onnx_value *found = &call->importer->values[value];
    CHECK(found->kind == ONNX_VALUE_UNSET);
    *out = found;
    return OK;
}

enum status onnx_set_tensor(const struct onnx_call *call, int i, const struct onnx_tensor *tensor)
{
    struct onnx_value *value;
    TRY(new_output(call, i, &value));
    if (value != NULL) {
        value->kind = ONNX_VALUE_TENSOR;
        value->is.tensor = *tensor;
    }
    return OK;
}

enum status onnx_set_view(const struct onnx_call *call, int i, const struct onnx_view *view)
{
    struct onnx_value *value;
    TRY(new_output(call, i, &value));
    if (value != NULL) {
        const struct onnx_view copy =
            *view; // which may be that of an input, another member of a union
        value->kind = ONNX_VALUE_VIEW;
        value->is.view = copy;
        call->importer->drafts[copy.draft].n_views++;
    }
    return OK;
}

enum status onnx_set_map(const struct onnx_call *call, int i, int draft, int rank)
{
    const struct onnx_view view = onnx_map_view(call->importer, draft, rank);
    return onnx_set_view(call, i, &view);
}

enum status onnx_unused_outputs(const struct onnx_call *call, int i, const char *what)
{
    for (; i < call->node->n_outputs; i++) {
        const char *name = call->node->outputs[i];
        if (name[0] == '\0') {
            continue;
        }
        const int value = onnx_value_find(call->importer, name);
        if (value >= 0 && call->importer->values[value].uses > 0) {
            FAIL(ERR_UNSUPPORTED, "its output \"%.200s\", %s, is used", name, what);
        }
    }
    return OK;
}

bool onnx_is_only_use(const struct onnx_call *call, int i)
{
    const struct onnx_value *value = onnx_call_value(call, i);
    return value != NULL && value->uses == 1 && value->kind == ONNX_VALUE_VIEW &&
           call->importer->drafts[value->is.view.draft].n_views == 1;
}

enum status onnx_read_integers(const struct onnx_tensor *tensor, const char *what, int most,
                               int64_t *out, int *n)
{
    const int64_t count = onnx_tensor_count(tensor);
    if (tensor->rank > 1 || count > most) {
        FAIL(ERR_UNSUPPORTED,
             "its %s are %lld numbers in %d dimensions, expected at most %d in one", what,
             (long long)count, tensor->rank, most);
    }
    int at = 0;
    struct onnx_walk walk;
    for (onnx_walk_begin(&walk, tensor); !walk.done; onnx_walk_next(&walk)) {
        out[at++] = onnx_walk_integer(&walk);
    }
    *n = at;
    return OK;
}

enum status onnx_new_tensor(struct importer *importer, enum onnx_type type, const int64_t *dims,
                            int rank, struct onnx_tensor *out, void **elements)
{
    struct onnx_tensor tensor = {.type = type, .rank = rank};
    int64_t count = 0;
    if (rank > ONNX_MAX_RANK || !onnx_count_dims(dims, rank, &count)) {
        FAIL(ERR_UNSUPPORTED, "it makes a tensor of more than %d dimensions or 2^31 elements",
             ONNX_MAX_RANK);
    }
    const size_t bytes = (size_t)count * onnx_type_bytes(type);
    if (bytes > importer->bytes_left) {
        FAIL(ERR_UNSUPPORTED, "its constants take more memory than the limit allows");
    }
    unsigned char *made;
    ARENA_NEW(&importer->arena, made, bytes);
    importer->bytes_left -= bytes;
    for (int i = 0; i < rank; i++) {
        tensor.dims[i] = dims[i];
    }
    onnx_row_major(dims, rank, tensor.strides);
    tensor.data = made;
    *elements = made;
    *out = tensor;
    return OK;
}

enum status onnx_reshaped(struct importer *importer, const struct onnx_tensor *tensor,
                          const int64_t *dims, int rank, struct onnx_tensor *out)
{
    if (onnx_tensor_reshape(tensor, dims, rank, out)) {
        return OK;
    }
    const bool integer = onnx_type_is_integer(tensor->type);
    const bool wide = tensor->type == ONNX_F64;
    struct onnx_tensor copy;
    void *elements;
    TRY(onnx_new_tensor(importer,
                        integer ? ONNX_I64
                        : wide  ? ONNX_F64
                                : ONNX_F32,
                        dims, rank, &copy, &elements));
    int64_t *integers = elements;
    double *doubles = elements;
    float *floats = elements;
    size_t at = 0;
    struct onnx_walk walk;
    for (onnx_walk_begin(&walk, tensor); !walk.done; onnx_walk_next(&walk), at++) {
        if (integer) {
            integers[at] = onnx_walk_integer(&walk);
        } else if (wide) {
            doubles[at] = onnx_walk_real(&walk);
        } else {
            floats[at] = (float)onnx_walk_real(&walk);
        }
    }
    *out = copy;
    return OK;
}
