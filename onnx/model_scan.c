// The wire format of protobuf: fields of a tag (number << 3 | kind) and a value, one after another.
// https://protobuf.dev/programming-guides/encoding/
#include "onnx/model_scan.h"

#include <protobuf-c/protobuf-c.h>
#include <string.h>

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct field {
    uint32_t number;
    int wire;
    const uint8_t *begin; // of its tag
    const uint8_t *value; // WIRE_BYTES: behind the length
    size_t value_bytes;   // WIRE_BYTES
};

static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && *at < end; shift += 7) {
        const uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 127U) << shift;
        if (byte < 128) {
            *out = value;
            return true;
        }
    }
    return false;
}

// The field at *at, which moves behind it; false: it reaches beyond the end, or is none.
static bool read_field(const uint8_t **at, const uint8_t *end, struct field *out)
{
    struct field field = {.begin = *at};
    uint64_t tag, length = 0;
    if (!read_varint(at, end, &tag) || tag >> 3 == 0 || tag >> 3 > UINT32_MAX >> 3) {
        return false;
    }
    field.number = (uint32_t)(tag >> 3);
    field.wire = (int)(tag & 7);
    const size_t left = (size_t)(end - *at);
    switch (field.wire) {
    case WIRE_VARINT:
        if (!read_varint(at, end, &length)) {
            return false;
        }
        break;
    case WIRE_64:
    case WIRE_32:
        length = field.wire == WIRE_64 ? 8 : 4;
        if (left < length) {
            return false;
        }
        *at += length;
        break;
    case WIRE_BYTES:
        if (!read_varint(at, end, &length) || length > (size_t)(end - *at)) {
            return false;
        }
        field.value = *at;
        field.value_bytes = (size_t)length;
        *at += length;
        break;
    default:
        return false;
    }
    *out = field;
    return true;
}

// Index of the field with this number, -1 for one that the definitions do not have.
static int find_field(const ProtobufCMessageDescriptor *descriptor, uint32_t number)
{
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        if (descriptor->fields[i].id == number) {
            return (int)i;
        }
    }
    return -1;
}

// NOLINTNEXTLINE(misc-no-recursion): at most ONNX_MOST_DEPTH deep
static enum status scan(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes,
                        size_t n, int depth)
{
    if (depth > ONNX_MOST_DEPTH) {
        FAIL(ERR_INPUT, "its messages are nested more than %d deep", ONNX_MOST_DEPTH);
    }
    const uint8_t *at = bytes, *end = bytes + n;
    uint64_t seen = 0;
    while (at < end) {
        struct field field;
        if (!read_field(&at, end, &field)) {
            FAIL(ERR_INPUT, "a field of a %s is damaged or reaches beyond the end",
                 descriptor->short_name);
        }
        const int index = find_field(descriptor, field.number);
        if (index < 0 || descriptor->fields[index].type != PROTOBUF_C_TYPE_MESSAGE ||
            field.wire != WIRE_BYTES) {
            continue;
        }
        const ProtobufCFieldDescriptor *known = &descriptor->fields[index];
        const uint64_t bit = UINT64_C(1) << (index & 63);
        if (known->label != PROTOBUF_C_LABEL_REPEATED && (seen & bit) != 0) {
            FAIL(ERR_INPUT, "field %u of a %s comes twice", field.number, descriptor->short_name);
        }
        seen |= bit;
        TRY(scan(known->descriptor, field.value, field.value_bytes, depth + 1));
    }
    return OK;
}

enum status onnx_scan_message(const void *descriptor, const uint8_t *bytes, size_t n)
{
    return scan(descriptor, bytes, n, 0);
}

// ---- stripping: fields are copied as they are, but for the way down to raw data
enum { MOST_TENSORS = 1 << 17, MOST_BYTES = 288 << 20 };
enum { MODEL_GRAPH = 7, GRAPH_INITIALIZER = 5, TENSOR_RAW_DATA = 9, PADDED_LENGTH_BYTES = 5 };

struct strip {
    uint8_t *out, *at;
    struct onnx_raw *raws;
    int n_raws;
};

static void copy_bytes(struct strip *strip, const uint8_t *from, const uint8_t *to)
{
    if (to > from) {
        memcpy(strip->at, from, (size_t)(to - from));
        strip->at += to - from;
    }
}

// A tag and room for its length, which is known only later: varints may be longer than needed.
static uint8_t *begin_part(struct strip *strip, const struct field *field)
{
    *strip->at++ = (uint8_t)(field->number << 3 | WIRE_BYTES);
    uint8_t *length = strip->at;
    strip->at += PADDED_LENGTH_BYTES;
    return length;
}

static void end_part(struct strip *strip, uint8_t *length)
{
    uint64_t bytes = (uint64_t)(strip->at - length - PADDED_LENGTH_BYTES);
    for (int i = 0; i < PADDED_LENGTH_BYTES; i++) {
        length[i] = (uint8_t)((bytes & 127) | (i + 1 < PADDED_LENGTH_BYTES ? 128 : 0));
        bytes >>= 7;
    }
}

static void strip_tensor(struct strip *strip, const struct field *tensor)
{
    uint8_t *length = begin_part(strip, tensor);
    const uint8_t *at = tensor->value, *end = at + tensor->value_bytes;
    struct onnx_raw *raw = &strip->raws[strip->n_raws++];
    struct field field;
    while (at < end && read_field(&at, end, &field)) {
        if (field.number == TENSOR_RAW_DATA && field.wire == WIRE_BYTES) {
            *raw = (struct onnx_raw){field.value, field.value_bytes}; // the last one counts
        } else {
            copy_bytes(strip, field.begin, at);
        }
    }
    end_part(strip, length);
}

static void strip_graph(struct strip *strip, const struct field *graph)
{
    uint8_t *length = begin_part(strip, graph);
    const uint8_t *at = graph->value, *end = at + graph->value_bytes;
    struct field field;
    while (at < end && read_field(&at, end, &field)) {
        if (field.number == GRAPH_INITIALIZER && field.wire == WIRE_BYTES) {
            strip_tensor(strip, &field);
        } else {
            copy_bytes(strip, field.begin, at);
        }
    }
    end_part(strip, length);
}

// How many initialisers there are, and how many bytes the copy needs at most.
static void measure(const uint8_t *bytes, size_t n, size_t *n_tensors, size_t *n_bytes)
{
    *n_tensors = 0;
    *n_bytes = n;
    const uint8_t *at = bytes, *end = bytes + n;
    struct field field;
    while (at < end && read_field(&at, end, &field)) {
        if (field.number != MODEL_GRAPH || field.wire != WIRE_BYTES) {
            continue;
        }
        *n_bytes += PADDED_LENGTH_BYTES;
        const uint8_t *inner = field.value, *inner_end = inner + field.value_bytes;
        struct field part;
        while (inner < inner_end && read_field(&inner, inner_end, &part)) {
            if (part.number != GRAPH_INITIALIZER || part.wire != WIRE_BYTES) {
                continue;
            }
            ++*n_tensors;
            *n_bytes += PADDED_LENGTH_BYTES;
            const uint8_t *deep = part.value, *deep_end = deep + part.value_bytes;
            struct field leaf;
            while (deep < deep_end && read_field(&deep, deep_end, &leaf)) {
                if (leaf.number == TENSOR_RAW_DATA && leaf.wire == WIRE_BYTES) {
                    *n_bytes -= leaf.value_bytes;
                }
            }
        }
    }
}

enum status onnx_strip_model(const uint8_t *bytes, size_t n, struct arena *arena, uint8_t **out,
                             size_t *out_bytes, struct onnx_raw **raws, int *n_raws)
{
    size_t n_tensors, most_bytes;
    measure(bytes, n, &n_tensors, &most_bytes);
    if (n_tensors > MOST_TENSORS || most_bytes > MOST_BYTES) {
        FAIL(ERR_UNSUPPORTED,
             "it has %zu initialisers and %zu bytes besides their raw data, at most %d and %d are "
             "read; keep the weights as raw or external data",
             n_tensors, most_bytes, MOST_TENSORS, MOST_BYTES);
    }
    struct strip strip = {0};
    ARENA_NEW(arena, strip.out, most_bytes);
    ARENA_NEW(arena, strip.raws, n_tensors);
    strip.at = strip.out;
    const uint8_t *at = bytes, *end = bytes + n;
    struct field field;
    while (at < end && read_field(&at, end, &field)) {
        if (field.number == MODEL_GRAPH && field.wire == WIRE_BYTES) {
            strip_graph(&strip, &field);
        } else {
            copy_bytes(&strip, field.begin, at);
        }
    }
    CHECK((size_t)(strip.at - strip.out) <= most_bytes);
    *out = strip.out;
    *out_bytes = (size_t)(strip.at - strip.out);
    *raws = strip.raws;
    *n_raws = strip.n_raws;
    return OK;
}
