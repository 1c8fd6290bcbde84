// A supernet's file: safetensors with every shared tensor. Metadata: "format", "space", "options"
// (JSON), "kernel_transform" and "norm_per_width" where they are true, and what a network's file
// says of data and input.
#include "core/config.h"
#include "nn/network_info.h"
#include "nn/network_metadata.h"
#include "search_space/supernet_layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SUPERNET_FORMAT "dikdik-supernet-1"
#define YES "true"

static void fill_tensors(const struct supernet *s, struct safetensor *tensors)
{
    for (int t = 0; t < s->n_tensors; t++) {
        const struct supernet_tensor *from = &s->tensors[t];
        tensors[t] = (struct safetensor){.name = from->name,
                                         .dtype = "F32",
                                         .n_dims = from->n_dims,
                                         .data = s->params + from->offset,
                                         .bytes = from->count * sizeof(float)};
        for (int d = 0; d < from->n_dims; d++) {
            tensors[t].dims[d] = from->dims[d];
        }
    }
}

static enum status write_file(const struct supernet *s, const struct network_metadata *described,
                              const char *path)
{
    struct safetensors_entry metadata[NETWORK_METADATA_MOST + 5] = {
        {"format", SUPERNET_FORMAT},
        {"space", s->space.type->name},
        {"options", s->options_text},
    };
    int n = 3;
    if (s->kernel_transform) {
        metadata[n++] = (struct safetensors_entry){"kernel_transform", YES};
    }
    if (s->norm_per_width) {
        metadata[n++] = (struct safetensors_entry){"norm_per_width", YES};
    }
    for (int i = 0; i < described->n; i++) {
        metadata[n++] = described->entries[i];
    }
    struct safetensor *tensors = calloc((size_t)s->n_tensors, sizeof *tensors);
    if (tensors == NULL) {
        FAIL(ERR_MEMORY, "out of memory while writing %s", path);
    }
    fill_tensors(s, tensors);
    const enum status status = safetensors_write(path, tensors, s->n_tensors, metadata, n);
    free(tensors);
    return status;
}

enum status supernet_save(const struct supernet *s, const char *path)
{
    struct network_metadata metadata = {0};
    enum status status = network_metadata_make(&s->info, &s->train_rows, &metadata);
    if (status == OK) {
        status = write_file(s, &metadata, path);
    }
    network_metadata_close(&metadata);
    return status;
}

// ---- reading
static enum status fail_metadata(const struct safetensors_file *file, const char *key,
                                 const char *got, const char *expected)
{
    FAIL(ERR_INPUT, "%s: metadata \"%s\" is \"%.100s\", expected %s", file->path, key,
         got != NULL ? got : "", expected);
}

static enum status read_flag(const struct safetensors_file *file, const char *key, bool *out)
{
    const char *text = safetensors_metadata(file, key);
    if (text != NULL && strcmp(text, YES) != 0) {
        return fail_metadata(file, key, text, "\"" YES "\", or nothing");
    }
    *out = text != NULL;
    return OK;
}

static enum status read_type(const struct safetensors_file *file, const struct nas_space_type **out)
{
    const char *format = safetensors_metadata(file, "format");
    if (format == NULL || strcmp(format, SUPERNET_FORMAT) != 0) {
        FAIL(ERR_INPUT,
             "%s: is no supernet of this program (metadata \"format\": expected "
             "\"" SUPERNET_FORMAT "\", got \"%.100s\")",
             file->path, format != NULL ? format : "");
    }
    const char *name = safetensors_metadata(file, "space");
    const int kind = name != NULL ? option_choice_find(nas_space_names, name) : -1;
    if (kind < 0) {
        return fail_metadata(file, "space", name, "the name of a space of architectures");
    }
    *out = nas_spaces[kind];
    return OK;
}

// The options' values, in the supernet's arena.
static enum status read_options(const struct safetensors_file *file,
                                const struct nas_space_type *type, struct arena *arena, void **out)
{
    static const struct option none[] = {{.key = NULL}};
    const char *text = safetensors_metadata(file, "options");
    struct json *document;
    if (text == NULL) {
        return fail_metadata(file, "options", NULL, "the space's options as a JSON object");
    }
    void *values = arena_alloc(arena, 1, type->options_bytes + 1);
    if (values == NULL) {
        return ERR_MEMORY;
    }
    TRY(json_parse(text, strlen(text), "metadata \"options\"", &document));
    const enum status status =
        config_read(document, "metadata \"options\"", type->options != NULL ? type->options : none,
                    values, arena);
    json_close(document);
    *out = type->options != NULL ? values : NULL;
    return status;
}

// Space and layout, as the metadata say.
static enum status read_space(const struct safetensors_file *file, struct supernet *s)
{
    struct network_info info;
    struct supernet_options options = {.info = &info};
    void *values = NULL;
    TRY(read_type(file, &options.type));
    TRY(network_info_read(file, NULL, NULL, &info));
    TRY(network_info_rows(file, &s->train_rows));
    TRY(read_flag(file, "kernel_transform", &options.kernel_transform));
    TRY(read_flag(file, "norm_per_width", &options.norm_per_width));
    enum status status = read_options(file, options.type, &s->arena, &values);
    options.options = values;
    if (status == OK) {
        status = supernet_open_space(&options, s);
    }
    return status == OK ? OK : safetensors_refuse(status, file->path);
}

static bool same_shape(const struct supernet_tensor *a, const struct safetensor *b)
{
    bool same = a->n_dims == b->n_dims;
    for (int d = 0; d < a->n_dims && same; d++) {
        same = a->dims[d] == b->dims[d];
    }
    return same;
}

static enum status check_tensors(const struct safetensors_file *file, const struct supernet *s)
{
    for (int t = 0; t < s->n_tensors; t++) {
        const struct safetensor *tensor = safetensors_find(file, s->tensors[t].name);
        if (tensor == NULL || !same_shape(&s->tensors[t], tensor)) {
            FAIL(ERR_INPUT,
                 "%s: tensor \"%s\" is %s; the supernet of space %s has it as %dx%dx%dx%d",
                 file->path, s->tensors[t].name, tensor == NULL ? "missing" : "of another shape",
                 s->space.type->name, s->tensors[t].dims[0], s->tensors[t].dims[1],
                 s->tensors[t].dims[2], s->tensors[t].dims[3]);
        }
    }
    if (file->n_tensors != s->n_tensors) {
        FAIL(ERR_INPUT, "%s: holds %d tensors, the supernet of space %s has %d", file->path,
             file->n_tensors, s->space.type->name, s->n_tensors);
    }
    return OK;
}

static enum status read_values(const struct safetensors_file *file, struct supernet *s)
{
    for (int t = 0; t < s->n_tensors; t++) {
        const struct supernet_tensor *tensor = &s->tensors[t];
        float *values = s->params + tensor->offset;
        const enum status status =
            safetensors_read_f32(safetensors_find(file, tensor->name), values);
        if (status != OK) {
            return status_context(status, "%s", file->path);
        }
        for (size_t i = 0; i < tensor->count; i++) {
            if (!isfinite(values[i]) || (tensor->role == PARAM_VAR && values[i] < 0.0F)) {
                FAIL(ERR_INPUT,
                     "%s: tensor \"%s\" holds %g at element %zu, expected finite "
                     "numbers, and variances of at least 0",
                     file->path, tensor->name, (double)values[i], i);
            }
        }
    }
    return OK;
}

// Memory for values is asked for when the file was seen to hold just these.
static enum status read_supernet(struct safetensors_file *file, bool values, struct supernet *s)
{
    TRY(read_space(file, s));
    TRY(check_tensors(file, s));
    if (!values) {
        return OK;
    }
    TRY(safetensors_load(file));
    TRY(supernet_alloc(s));
    return read_values(file, s);
}

static enum status load(const char *path, bool values, struct supernet *out)
{
    struct safetensors_file file = {0};
    struct supernet supernet = {0};
    TRY(safetensors_open_header(path, &file));
    const enum status status = read_supernet(&file, values, &supernet);
    safetensors_close(&file);
    if (status != OK) {
        supernet_close(&supernet);
        return status;
    }
    *out = supernet;
    return OK;
}

enum status supernet_load(const char *path, struct supernet *out)
{
    return load(path, true, out);
}

enum status supernet_load_layout(const char *path, struct supernet *out)
{
    return load(path, false, out);
}
