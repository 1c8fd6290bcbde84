// Attributes of a node, by name and kind.
#include "onnx/import.h"

#include <string.h>

const struct onnx_attribute *onnx_find_attribute(const struct onnx_node *node, const char *name)
{
    for (int i = 0; i < node->n_attributes; i++) {
        if (strcmp(node->attributes[i].name, name) == 0) {
            return &node->attributes[i];
        }
    }
    return NULL;
}

static enum status find_of_kind(const struct onnx_node *node, const char *name,
                                enum onnx_attribute_kind kind, const char *expected,
                                const struct onnx_attribute **out)
{
    const struct onnx_attribute *attribute = onnx_find_attribute(node, name);
    if (attribute != NULL && attribute->kind != kind) {
        FAIL(ERR_INPUT, "attribute \"%s\" is not %s", name, expected);
    }
    *out = attribute;
    return OK;
}

enum status onnx_attribute_int(const struct onnx_node *node, const char *name, int64_t fallback,
                               int64_t *out)
{
    const struct onnx_attribute *attribute;
    TRY(find_of_kind(node, name, ONNX_ATTRIBUTE_INT, "a whole number", &attribute));
    *out = attribute != NULL ? attribute->i : fallback;
    return OK;
}

enum status onnx_attribute_float(const struct onnx_node *node, const char *name, double fallback,
                                 double *out)
{
    const struct onnx_attribute *attribute;
    TRY(find_of_kind(node, name, ONNX_ATTRIBUTE_FLOAT, "a number", &attribute));
    *out = attribute != NULL ? (double)attribute->f : fallback;
    return OK;
}

enum status onnx_attribute_text(const struct onnx_node *node, const char *name,
                                const char *fallback, const char **out)
{
    const struct onnx_attribute *attribute;
    TRY(find_of_kind(node, name, ONNX_ATTRIBUTE_STRING, "a text", &attribute));
    *out = attribute != NULL ? attribute->s : fallback;
    return OK;
}

enum status onnx_attribute_ints(const struct onnx_node *node, const char *name, int most,
                                int64_t *out, int *n)
{
    const struct onnx_attribute *attribute;
    TRY(find_of_kind(node, name, ONNX_ATTRIBUTE_INTS, "a list of whole numbers", &attribute));
    *n = -1;
    if (attribute == NULL) {
        return OK;
    }
    if (attribute->n > most) {
        FAIL(ERR_UNSUPPORTED, "attribute \"%s\" has %d numbers, at most %d are read", name,
             attribute->n, most);
    }
    for (int i = 0; i < attribute->n; i++) {
        out[i] = attribute->ints[i];
    }
    *n = attribute->n;
    return OK;
}

enum status onnx_attribute_or_input(const struct onnx_call *call, const char *name, int i, int most,
                                    int64_t *out, int *n)
{
    const struct onnx_tensor *tensor;
    TRY(onnx_call_optional_tensor(call, i, name, &tensor));
    if (tensor != NULL) {
        return onnx_read_integers(tensor, name, most, out, n);
    }
    return onnx_attribute_ints(call->node, name, most, out, n);
}
