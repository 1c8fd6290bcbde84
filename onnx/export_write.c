// What all kinds need when they are exported: names, initialisers, and values in the form wanted.
#include "core/hash.h"
#include "onnx/export_internal.h"

#include <string.h>

// ---- names
enum status export_open_names(struct exporter *exporter, size_t most)
{
    struct export_names *names = &exporter->names;
    names->n_slots = 64;
    while (names->n_slots < 2 * most) {
        names->n_slots *= 2;
    }
    ARENA_NEW(&exporter->arena, names->slots, names->n_slots);
    return OK;
}

// The slot that holds the name, or the free one where it belongs.
static size_t find_slot(const struct export_names *names, const char *name)
{
    size_t at = (size_t)hash_bytes(HASH_BEGIN, name, strlen(name)) & (names->n_slots - 1);
    while (names->slots[at] != NULL && strcmp(names->slots[at], name) != 0) {
        at = (at + 1) & (names->n_slots - 1);
    }
    return at;
}

static enum status make_room(struct exporter *exporter)
{
    const struct export_names old = exporter->names;
    if (2 * (old.n + 1) < old.n_slots) {
        return OK;
    }
    TRY(export_open_names(exporter, old.n_slots));
    for (size_t i = 0; i < old.n_slots; i++) {
        if (old.slots[i] != NULL) {
            exporter->names.slots[find_slot(&exporter->names, old.slots[i])] = old.slots[i];
        }
    }
    return OK;
}

const char *export_name(struct exporter *exporter, const char *base, const char *suffix)
{
    struct arena *arena = &exporter->arena;
    const char *name = arena_format(arena, "%s%s", base, suffix);
    if (name == NULL || make_room(exporter) != OK) {
        exporter->message.failed = true;
        return "";
    }
    size_t slot = find_slot(&exporter->names, name);
    for (int number = 2; exporter->names.slots[slot] != NULL; number++) {
        name = arena_format(arena, "%s%s_%d", base, suffix, number);
        if (name == NULL) {
            exporter->message.failed = true;
            return "";
        }
        slot = find_slot(&exporter->names, name);
    }
    exporter->names.slots[slot] = name;
    exporter->names.n++;
    return name;
}

// ---- initialisers
static const char *add_copy(struct exporter *exporter, const char *name,
                            enum onnx_elements elements, const int64_t *dims, int rank,
                            const void *values, size_t bytes)
{
    void *copy = arena_alloc(&exporter->arena, bytes, 1);
    if (copy == NULL) {
        exporter->message.failed = true;
        return name;
    }
    memcpy(copy, values, bytes);
    onnx_message_tensor(&exporter->message, name, elements, dims, rank, copy, bytes);
    return name;
}

const char *export_floats(struct exporter *exporter, const char *base, const char *suffix,
                          const int64_t *dims, int rank, const float *values)
{
    size_t count = 1;
    for (int i = 0; i < rank; i++) {
        count *= (size_t)dims[i];
    }
    return add_copy(exporter, export_name(exporter, base, suffix), ONNX_ELEMENTS_FLOAT, dims, rank,
                    values, count * sizeof *values);
}

const char *export_float(struct exporter *exporter, const char *base, const char *suffix,
                         float value)
{
    return export_floats(exporter, base, suffix, NULL, 0, &value);
}

const char *export_ints(struct exporter *exporter, const char *base, const char *suffix,
                        const int64_t *values, int n)
{
    const int64_t dims[1] = {n};
    return add_copy(exporter, export_name(exporter, base, suffix), ONNX_ELEMENTS_INT64, dims, 1,
                    values, (size_t)n * sizeof *values);
}

const char *export_param(struct exporter *exporter, int node, int which)
{
    const int index = exporter->graph.nodes[node].params[which];
    if (index < 0) {
        return "";
    }
    const struct param *param = &exporter->graph.params[index];
    const char *name = export_name(exporter, param->name, "");
    int64_t dims[4];
    for (int i = 0; i < param->n_dims; i++) {
        dims[i] = param->dims[i];
    }
    onnx_message_tensor(&exporter->message, name, ONNX_ELEMENTS_FLOAT, dims, param->n_dims,
                        exporter->params + param->offset, param->count * sizeof(float));
    return name;
}

// ---- values
// The other form of a value, as integers where it was that before.
static const char *change_form(struct exporter *exporter, int node, bool flat)
{
    const struct node *n = &exporter->graph.nodes[node];
    const struct export_value *value = &exporter->values[node];
    const char *from = flat ? value->map : value->flat;
    const char *out = export_name(exporter, n->name, flat ? ".flat" : ".map");
    if (flat) {
        EXPORT_OP(exporter, "Flatten", out, from);
        onnx_message_int(&exporter->message, "axis", 1);
    } else {
        const int64_t dims[4] = {0, n->c, n->h, n->w}; // 0: as it is
        EXPORT_OP(exporter, "Reshape", out, from,
                  export_ints(exporter, n->name, ".map_shape", dims, 4));
    }
    return exporter->quants[node].on ? export_quantize(exporter, out, exporter->quants[node]) : out;
}

const char *export_read(struct exporter *exporter, int node, bool flat)
{
    struct export_value *value = &exporter->values[node];
    const char **form = flat ? &value->flat : &value->map;
    CHECK(value->map != NULL || value->flat != NULL);
    if (*form == NULL) {
        *form = change_form(exporter, node, flat);
    }
    return *form;
}

const char *export_input(struct exporter *exporter, int node, int i)
{
    return export_read(exporter, exporter->graph.nodes[node].inputs[i],
                       exporter->values[node].computed_flat);
}
