#include "run/run_inputs.h"

#include "core/config.h"
#include "core/file.h"
#include "core/hash.h"
#include "data/dataset_checksum.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#define AT(field) .offset = offsetof(struct run_input_data, field)
static const struct option data_table[] = {
    {"images", "", OPTION_INT64, AT(images)},
    {"shape", "", OPTION_STRING, AT(shape)},
    {"classes", "", OPTION_INT, AT(classes)},
    {"checksum", "", OPTION_STRING, AT(checksum)},
    {.key = NULL},
};
#undef AT
#define AT(field) .offset = offsetof(struct run_input_weights, field)
static const struct option weights_table[] = {
    {"bytes", "", OPTION_INT64, AT(bytes)},
    {"checksum", "", OPTION_STRING, AT(checksum)},
    {.key = NULL},
};
#undef AT
#define AT(field) .offset = offsetof(struct run_input, field)
static const struct option input_table[] = {
    {"name", "", OPTION_STRING, AT(name)},
    {"weights", "", OPTION_OBJECT, AT(weights), .table = weights_table},
    {"teacher", "", OPTION_OBJECT, AT(teacher), .table = weights_table},
    {"train", "", OPTION_OBJECT, AT(train), .table = data_table},
    {"test", "", OPTION_OBJECT, AT(test), .table = data_table},
    {.key = NULL},
};
#undef AT
#define AT(field) .offset = offsetof(struct run_inputs, field)
static const struct option inputs_table[] = {
    {"networks", "", OPTION_LIST, AT(networks), .table = input_table,
     .element_bytes = sizeof(struct run_input)},
    {"policy", "", OPTION_STRING, AT(policy)},
    {.key = NULL},
};
#undef AT

static enum status write_checksum(uint64_t hash, struct arena *arena, const char **out)
{
    *out = arena_format(arena, "%016" PRIx64, hash);
    return *out != NULL ? OK : ERR_MEMORY;
}

enum status run_input_of_data(const struct dataset *dataset, struct arena *arena,
                              struct run_input_data *out)
{
    uint64_t hash;
    *out = (struct run_input_data){.images = dataset->n, .classes = dataset->classes};
    out->shape = arena_format(arena, "%dx%dx%d", dataset->h, dataset->w, dataset->c);
    TRY(out->shape != NULL ? OK : ERR_MEMORY);
    TRY(dataset_checksum(dataset, &hash));
    return write_checksum(hash, arena, &out->checksum);
}

static enum status hash_file(const char *path, uint64_t *hash, size_t *bytes)
{
    void *mapped;
    TRY(file_map(path, &mapped, bytes));
    *hash = hash_words(HASH_BEGIN, mapped, *bytes);
    file_unmap(mapped, *bytes);
    return OK;
}

enum status run_input_of_weights(const char *path, const struct network *weights,
                                 struct arena *arena, struct run_input_weights *out)
{
    uint64_t hash;
    size_t bytes;
    TRY(hash_file(path, &hash, &bytes));
    // Those of an ONNX file may lie beside it.
    hash = hash_words(hash, weights->params, weights->graph.n_floats * sizeof(float));
    *out = (struct run_input_weights){.bytes = (int64_t)bytes};
    return write_checksum(hash, arena, &out->checksum);
}

enum status run_input_of_file(const char *path, struct arena *arena, const char **checksum)
{
    uint64_t hash;
    size_t bytes;
    TRY(hash_file(path, &hash, &bytes));
    return write_checksum(hash, arena, checksum);
}

enum status run_inputs_write(const struct run_inputs *inputs, const char *path)
{
    struct text text = {0};
    TRY(config_text(inputs_table, inputs, &text));
    const enum status code = file_write(path, text.bytes, text.length);
    text_close(&text);
    return code;
}

enum status run_inputs_read(const char *path, struct arena *arena, struct run_inputs *out)
{
    struct json *document;
    TRY(json_read_file(path, &document));
    const enum status code = config_read(document, path, inputs_table, out, arena);
    json_close(document);
    return code;
}

// "network resnet20: ", or nothing where there is only one.
static enum status fail_input(const char *path, const struct run_input *input, const char *what,
                              const char *theirs, const char *ours, const char *advice)
{
    FAIL(ERR_CONFIG,
         "%s%s%s%s: this run began with %s (%s), and here are %s; %s, or choose another run folder "
         "with --run-dir",
         input->name[0] != '\0' ? "network " : "", input->name, input->name[0] != '\0' ? ", " : "",
         what, theirs, path, ours, advice);
}

static enum status compare_data(const char *path, const struct run_input *input, const char *what,
                                const struct run_input_data *theirs,
                                const struct run_input_data *ours)
{
    char texts[2][160];
    const struct run_input_data *both[] = {theirs, ours};
    if (theirs->images == ours->images && theirs->classes == ours->classes &&
        strcmp(theirs->shape, ours->shape) == 0 && strcmp(theirs->checksum, ours->checksum) == 0) {
        return OK;
    }
    for (int i = 0; i < 2; i++) {
        snprintf(texts[i], sizeof texts[i], "%lld of %s, %d classes, checksum %s",
                 (long long)both[i]->images, both[i]->shape, both[i]->classes, both[i]->checksum);
    }
    return fail_input(path, input, what, texts[0], texts[1], "give data.path where those lie now");
}

static enum status compare_weights(const char *path, const struct run_input *input,
                                   const char *what, const char *advice,
                                   const struct run_input_weights *theirs,
                                   const struct run_input_weights *ours)
{
    char texts[2][96];
    const struct run_input_weights *both[] = {theirs, ours};
    if (strcmp(theirs->checksum, ours->checksum) == 0) {
        return OK;
    }
    for (int i = 0; i < 2; i++) {
        if (both[i]->checksum[0] == '\0') {
            snprintf(texts[i], sizeof texts[i], "none");
        } else {
            snprintf(texts[i], sizeof texts[i], "those of a file of %lld bytes, checksum %s",
                     (long long)both[i]->bytes, both[i]->checksum);
        }
    }
    return fail_input(path, input, what, texts[0], texts[1], advice);
}

static enum status compare_input(const char *path, const struct run_input *theirs,
                                 const struct run_input *ours)
{
    TRY(compare_data(path, ours, "training images", &theirs->train, &ours->train));
    TRY(compare_data(path, ours, "test images", &theirs->test, &ours->test));
    TRY(compare_weights(path, ours, "weights", "give `weights` the file that it began with",
                        &theirs->weights, &ours->weights));
    return compare_weights(path, ours, "teacher", "give `teacher` the file that it began with",
                           &theirs->teacher, &ours->teacher);
}

enum status run_inputs_compare(const char *path, const struct run_inputs *recorded,
                               const struct run_inputs *ours)
{
    const int n = ours->networks->n;
    if (recorded->networks->n != n) {
        FAIL(ERR_INPUT, "%s: expected %d networks, got %d", path, n, recorded->networks->n);
    }
    for (int i = 0; i < n; i++) {
        TRY(compare_input(path, option_list_at(recorded->networks, i),
                          option_list_at(ours->networks, i)));
    }
    if (strcmp(recorded->policy, ours->policy) != 0) {
        FAIL(ERR_CONFIG,
             "--policy: this run began with another trained agent (%s); give that one, or choose "
             "another run folder with --run-dir",
             path);
    }
    return OK;
}
