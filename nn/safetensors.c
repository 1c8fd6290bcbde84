// Reading safetensors: nothing in the header is believed before it was checked against the file's
// size and the other tensors, and no tensor is read before all of the header was.
#include "nn/safetensors.h"

#include "core/json.h"
#include "nn/file_kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_BYTES 8
#define MOST_HEADER_BYTES ((uint64_t)16 << 20) // a hundred thousand tensors
#define METADATA_KEY "__metadata__"
#define MOST_EXACT ((double)((int64_t)1 << 53)) // of whole numbers in JSON

enum status safetensors_refuse(enum status code, const char *path)
{
    if (code == ERR_MEMORY) {
        return status_context(code, "reading %s", path);
    }
    FAIL(ERR_INPUT, "%s: %s", path, status_message());
}

// A whole number from 0 to 2^53.
static enum status read_count(const struct safetensors_file *file, const char *tensor,
                              const char *key, const struct json *value, int64_t *out)
{
    if (json_kind(value) != JSON_NUMBER) {
        FAIL(ERR_INPUT, "%s: tensor \"%.200s\": %s holds %s, expected a whole number", file->path,
             tensor, key, json_kind_name(json_kind(value)));
    }
    const double number = json_number(value);
    if (!(number >= 0.0 && number <= MOST_EXACT) || number != (double)(int64_t)number) {
        FAIL(ERR_INPUT,
             "%s: tensor \"%.200s\": %s holds %.17g, expected a whole number from 0 to "
             "2^53",
             file->path, tensor, key, number);
    }
    *out = (int64_t)number;
    return OK;
}

// The value of `key`, which must be there and of this kind.
static enum status get_field(const struct safetensors_file *file, const struct json *entry,
                             const char *key, enum json_kind kind, const struct json **out)
{
    const struct json *value = json_get(entry, key);
    if (value == NULL) {
        FAIL(ERR_INPUT, "%s: tensor \"%.200s\" has no \"%s\"", file->path, json_key(entry), key);
    }
    if (json_kind(value) != kind) {
        FAIL(ERR_INPUT, "%s: tensor \"%.200s\": \"%s\" is %s, expected %s", file->path,
             json_key(entry), key, json_kind_name(json_kind(value)), json_kind_name(kind));
    }
    *out = value;
    return OK;
}

static enum status read_dtype(const struct safetensors_file *file, const struct json *entry,
                              struct safetensor *tensor)
{
    const struct json *dtype;
    TRY(get_field(file, entry, "dtype", JSON_STRING, &dtype));
    if (safetensors_dtype_bytes(json_string(dtype)) == 0) {
        FAIL(ERR_INPUT,
             "%s: tensor \"%.200s\": unknown dtype \"%.40s\" (expected F32, F16, I64 "
             "or another of the format's)",
             file->path, tensor->name, json_string(dtype));
    }
    snprintf(tensor->dtype, sizeof tensor->dtype, "%s", json_string(dtype));
    return OK;
}

// Dimensions and the byte count that follows from them.
static enum status read_shape(const struct safetensors_file *file, const struct json *entry,
                              struct safetensor *tensor, uint64_t *bytes)
{
    const int most_dims = (int)(sizeof tensor->dims / sizeof tensor->dims[0]);
    const struct json *shape;
    TRY(get_field(file, entry, "shape", JSON_ARRAY, &shape));
    tensor->n_dims = json_count(shape);
    if (tensor->n_dims > most_dims) {
        FAIL(ERR_INPUT, "%s: tensor \"%.200s\" has %d dimensions, expected at most %d", file->path,
             tensor->name, tensor->n_dims, most_dims);
    }
    *bytes = safetensors_dtype_bytes(tensor->dtype);
    for (int d = 0; d < tensor->n_dims; d++) {
        TRY(read_count(file, tensor->name, "\"shape\"", json_at(shape, d), &tensor->dims[d]));
        const uint64_t dim = (uint64_t)tensor->dims[d];
        if (dim != 0 && *bytes > (uint64_t)INT64_MAX / dim) {
            FAIL(ERR_INPUT, "%s: tensor \"%.200s\": its shape gives more than 2^63 bytes",
                 file->path, tensor->name);
        }
        *bytes *= dim;
    }
    return OK;
}

// Where the tensor's bytes lie among those of all.
static enum status read_offsets(const struct safetensors_file *file, const struct json *entry,
                                struct safetensor *tensor, uint64_t shape_bytes)
{
    const struct json *offsets;
    TRY(get_field(file, entry, "data_offsets", JSON_ARRAY, &offsets));
    if (json_count(offsets) != 2) {
        FAIL(ERR_INPUT, "%s: tensor \"%.200s\": \"data_offsets\" holds %d values, expected 2",
             file->path, tensor->name, json_count(offsets));
    }
    int64_t begin, end;
    TRY(read_count(file, tensor->name, "\"data_offsets\"", json_at(offsets, 0), &begin));
    TRY(read_count(file, tensor->name, "\"data_offsets\"", json_at(offsets, 1), &end));
    if (begin > end || (uint64_t)end > file->data_bytes) {
        FAIL(ERR_INPUT,
             "%s: tensor \"%.200s\": data_offsets [%lld, %lld] do not lie in the %llu "
             "bytes of data that the file holds; it may be cut short",
             file->path, tensor->name, (long long)begin, (long long)end,
             (unsigned long long)file->data_bytes);
    }
    if ((uint64_t)(end - begin) != shape_bytes) {
        FAIL(ERR_INPUT,
             "%s: tensor \"%.200s\": dtype and shape need %llu bytes, got data_offsets "
             "[%lld, %lld] (%lld bytes)",
             file->path, tensor->name, (unsigned long long)shape_bytes, (long long)begin,
             (long long)end, (long long)(end - begin));
    }
    tensor->at = (size_t)begin;
    tensor->bytes = (size_t)shape_bytes;
    return OK;
}

static enum status read_tensor(struct safetensors_file *file, const struct json *entry,
                               struct safetensor *out)
{
    if (json_kind(entry) != JSON_OBJECT) {
        FAIL(ERR_INPUT, "%s: tensor \"%.200s\" is %s, expected an object", file->path,
             json_key(entry), json_kind_name(json_kind(entry)));
    }
    if (json_count(entry) > 3) {
        FAIL(ERR_INPUT, "%s: tensor \"%.200s\" has %d keys, expected dtype, shape and data_offsets",
             file->path, json_key(entry), json_count(entry));
    }
    uint64_t bytes = 0;
    out->name = arena_copy_text(&file->arena, json_key(entry));
    if (out->name == NULL) {
        return ERR_MEMORY;
    }
    TRY(read_dtype(file, entry, out));
    TRY(read_shape(file, entry, out, &bytes));
    return read_offsets(file, entry, out, bytes);
}

static enum status read_metadata(struct safetensors_file *file, const struct json *entries)
{
    if (json_kind(entries) != JSON_OBJECT) {
        FAIL(ERR_INPUT, "%s: " METADATA_KEY " is %s, expected an object", file->path,
             json_kind_name(json_kind(entries)));
    }
    ARENA_NEW(&file->arena, file->metadata, (size_t)json_count(entries));
    for (int i = 0; i < json_count(entries); i++) {
        const struct json *entry = json_at(entries, i);
        if (json_kind(entry) != JSON_STRING) {
            FAIL(ERR_INPUT, "%s: " METADATA_KEY ": \"%.200s\" is %s, expected a string", file->path,
                 json_key(entry), json_kind_name(json_kind(entry)));
        }
        struct safetensors_entry *out = &file->metadata[file->n_metadata++];
        out->key = arena_copy_text(&file->arena, json_key(entry));
        out->value = arena_copy_text(&file->arena, json_string(entry));
        if (out->key == NULL || out->value == NULL) {
            return ERR_MEMORY;
        }
    }
    return OK;
}

// By place in the file; an empty tensor before the one that begins at the same place.
static int compare_places(const void *a, const void *b)
{
    const struct safetensor *left = a, *right = b;
    if (left->at != right->at) {
        return left->at < right->at ? -1 : 1;
    }
    return (left->bytes > right->bytes) - (left->bytes < right->bytes);
}

// Sorts the tensors by place; together they must cover the data exactly.
static enum status check_coverage(struct safetensors_file *file)
{
    qsort(file->tensors, (size_t)file->n_tensors, sizeof *file->tensors, compare_places);
    size_t covered = 0;
    for (int i = 0; i < file->n_tensors; i++) {
        const struct safetensor *tensor = &file->tensors[i];
        if (tensor->at != covered) {
            FAIL(ERR_INPUT,
                 "%s: tensor \"%.200s\" begins at byte %zu of the data, expected %zu: %s",
                 file->path, tensor->name, tensor->at, covered,
                 tensor->at < covered ? "it overlaps another one"
                                      : "no tensor covers what lies before");
        }
        covered += tensor->bytes;
    }
    if (covered != file->data_bytes) {
        FAIL(ERR_INPUT, "%s: the tensors cover %zu bytes of data, but the file holds %zu",
             file->path, covered, file->data_bytes);
    }
    return OK;
}

static enum status read_entries(struct safetensors_file *file, const struct json *header)
{
    if (json_kind(header) != JSON_OBJECT) {
        FAIL(ERR_INPUT, "%s: the header is %s, expected an object", file->path,
             json_kind_name(json_kind(header)));
    }
    ARENA_NEW(&file->arena, file->tensors, (size_t)json_count(header));
    for (int i = 0; i < json_count(header); i++) {
        const struct json *entry = json_at(header, i);
        if (strcmp(json_key(entry), METADATA_KEY) == 0) {
            TRY(read_metadata(file, entry));
        } else {
            TRY(read_tensor(file, entry, &file->tensors[file->n_tensors]));
            file->n_tensors++;
        }
    }
    return check_coverage(file);
}

// The header's length, and whether it can be one.
static enum status read_header_bytes(const struct safetensors_file *file, size_t *out)
{
    unsigned char bytes[FILE_KIND_HEAD] = {0};
    if (file->reader.bytes < LENGTH_BYTES) {
        FAIL(ERR_INPUT, "%s: the file has %zu bytes, expected at least %d for the header's length",
             file->path, file->reader.bytes, LENGTH_BYTES);
    }
    const size_t rest = file->reader.bytes - LENGTH_BYTES;
    const size_t head = file->reader.bytes < sizeof bytes ? file->reader.bytes : sizeof bytes;
    TRY(file_reader_take(&file->reader, 0, bytes, head));
    const char *kind = bytes[LENGTH_BYTES] != '{' ? file_kind(bytes, head) : NULL;
    if (kind != NULL) {
        FAIL(ERR_INPUT, "%s: expected a safetensors file, got %s", file->path, kind);
    }
    uint64_t length = 0;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--) {
        length = length << 8 | bytes[i];
    }
    if (length > MOST_HEADER_BYTES) {
        FAIL(ERR_INPUT,
             "%s: the header's length is %llu bytes, expected at most %llu; this is no "
             "safetensors file",
             file->path, (unsigned long long)length, (unsigned long long)MOST_HEADER_BYTES);
    }
    if (length > rest) {
        FAIL(ERR_INPUT,
             "%s: the header's length is %llu bytes, but only %zu follow; the file is "
             "cut short or no safetensors file",
             file->path, (unsigned long long)length, rest);
    }
    if (length == 0 || bytes[LENGTH_BYTES] != '{') {
        FAIL(ERR_INPUT, "%s: the header does not begin with '{'; this is no safetensors file",
             file->path);
    }
    *out = (size_t)length;
    return OK;
}

static enum status parse_header(struct safetensors_file *file, char *text, size_t n)
{
    struct json *header;
    TRY(file_reader_take(&file->reader, LENGTH_BYTES, text, n));
    file->data_at = LENGTH_BYTES + n;
    file->data_bytes = file->reader.bytes - file->data_at;
    enum status status = json_parse(text, n, "header", &header);
    if (status != OK) {
        return safetensors_refuse(status, file->path);
    }
    status = read_entries(file, header);
    json_close(header);
    return status;
}

static enum status read_header(struct safetensors_file *file)
{
    size_t n = 0;
    TRY(file_reader_open(file->path, &file->reader));
    TRY(read_header_bytes(file, &n));
    char *text = malloc(n);
    if (text == NULL) {
        FAIL(ERR_MEMORY, "%s: out of memory for a header of %zu bytes", file->path, n);
    }
    const enum status status = parse_header(file, text, n);
    free(text);
    return status;
}

enum status safetensors_open_header(const char *path, struct safetensors_file *out)
{
    struct safetensors_file file = {0};
    file.path = arena_copy_text(&file.arena, path);
    const enum status status = file.path != NULL ? read_header(&file) : ERR_MEMORY;
    if (status != OK) {
        safetensors_close(&file);
        return status;
    }
    *out = file;
    return OK;
}

enum status safetensors_load(struct safetensors_file *file)
{
    CHECK(file->data == NULL);
    file->data = malloc(file->data_bytes + 1);
    if (file->data == NULL) {
        FAIL(ERR_MEMORY, "%s: out of memory for its %zu bytes", file->path, file->data_bytes);
    }
    TRY(file_reader_take(&file->reader, file->data_at, file->data, file->data_bytes));
    for (int i = 0; i < file->n_tensors; i++) {
        file->tensors[i].data = (const char *)file->data + file->tensors[i].at;
    }
    return OK;
}

enum status safetensors_open(const char *path, struct safetensors_file *out)
{
    TRY(safetensors_open_header(path, out));
    const enum status status = safetensors_load(out);
    if (status != OK) {
        safetensors_close(out);
    }
    return status;
}

void safetensors_close(struct safetensors_file *file)
{
    free(file->data);
    file_reader_close(&file->reader);
    arena_close(&file->arena);
    *file = (struct safetensors_file){0};
}

const struct safetensor *safetensors_find(const struct safetensors_file *file, const char *name)
{
    for (int i = 0; i < file->n_tensors; i++) {
        if (strcmp(file->tensors[i].name, name) == 0) {
            return &file->tensors[i];
        }
    }
    return NULL;
}

const char *safetensors_metadata(const struct safetensors_file *file, const char *key)
{
    for (int i = 0; i < file->n_metadata; i++) {
        if (strcmp(file->metadata[i].key, key) == 0) {
            return file->metadata[i].value;
        }
    }
    return NULL;
}
