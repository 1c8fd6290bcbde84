// Metadata of a network file: what is read, what may be left out, how an option can say it instead.
#include "nn/network_info.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status fail_missing(const struct safetensors_file *file, const char *key,
                                const char *example)
{
    FAIL(ERR_INPUT,
         "%s: its metadata has no \"%s\"; say it with --%s %s (in a config, as the network's "
         "\"%s\")",
         file->path, key, key, example, key);
}

static enum status fail_value(const struct safetensors_file *file, const char *key,
                              const char *value, const char *expected)
{
    FAIL(ERR_INPUT, "%s: metadata \"%s\" is \"%.100s\", expected %s", file->path, key, value,
         expected);
}

// A text of less than `bytes` bytes; NULL in the file: what `fallback` says ("" if nobody does).
static enum status read_text(const struct safetensors_file *file, const char *key,
                             const char *fallback, char *out, size_t bytes)
{
    const char *value = safetensors_metadata(file, key);
    if (value == NULL) {
        value = fallback != NULL ? fallback : "";
    }
    if (strlen(value) >= bytes) {
        return fail_value(file, key, value, "a shorter name");
    }
    snprintf(out, bytes, "%s", value);
    return OK;
}

// A whole number of at least 1 at *text, which moves behind it.
static bool parse_count(const char **text, int *out)
{
    char *end;
    if (**text < '0' || **text > '9') {
        return false;
    }
    errno = 0;
    const long value = strtol(*text, &end, 10);
    if (errno != 0 || value < 1 || value > INT_MAX) {
        return false;
    }
    *text = end;
    *out = (int)value;
    return true;
}

bool network_info_parse_input(const char *text, struct network_info *out)
{
    return parse_count(&text, &out->h) && *text++ == 'x' && parse_count(&text, &out->w) &&
           *text++ == 'x' && parse_count(&text, &out->c) && *text == '\0';
}

static enum status read_input(const struct safetensors_file *file, const struct graph *graph,
                              const struct network_info *fallback, struct network_info *out)
{
    const char *value = safetensors_metadata(file, "input");
    if (graph != NULL) {
        out->h = graph->nodes[0].h;
        out->w = graph->nodes[0].w;
        out->c = graph->nodes[0].c;
        return OK;
    }
    if (value == NULL) {
        if (fallback == NULL || fallback->h == 0) {
            return fail_missing(file, "input", "32x32x3");
        }
        out->h = fallback->h;
        out->w = fallback->w;
        out->c = fallback->c;
        return OK;
    }
    if (!network_info_parse_input(value, out)) {
        return fail_value(file, "input", value, "height x width x channels such as 32x32x3");
    }
    return OK;
}

static enum status read_classes(const struct safetensors_file *file, const struct graph *graph,
                                const struct network_info *fallback, struct network_info *out)
{
    const char *value = safetensors_metadata(file, "classes");
    if (graph != NULL) {
        out->classes = graph->nodes[graph_output_node(graph)].c;
        return OK;
    }
    if (value == NULL) {
        if (fallback == NULL || fallback->classes == 0) {
            return fail_missing(file, "classes", "10");
        }
        out->classes = fallback->classes;
        return OK;
    }
    const char *rest = value;
    if (!parse_count(&rest, &out->classes) || *rest != '\0') {
        return fail_value(file, "classes", value, "a whole number of at least 1");
    }
    return OK;
}

static const char *skip_spaces(const char *text)
{
    return text + strspn(text, " \t");
}

bool network_info_parse_numbers(const char *text, float *out, int n)
{
    text = skip_spaces(text);
    const bool bracket = *text == '[';
    text += bracket ? 1 : 0;
    for (int i = 0; i < n; i++) {
        char *end;
        text = skip_spaces(text);
        out[i] = strtof(text, &end);
        if (end == text || !isfinite(out[i])) {
            return false;
        }
        text = skip_spaces(end);
        if (i + 1 < n && *text++ != ',') {
            return false;
        }
    }
    if (bracket && *text++ != ']') {
        return false;
    }
    return *skip_spaces(text) == '\0';
}

// One number per channel. `given`: fallback knows them.
static enum status read_channels(const struct safetensors_file *file, const char *key,
                                 const float *fallback, bool given, int n, float *out)
{
    const char *value = safetensors_metadata(file, key);
    if (value == NULL) {
        if (!given) {
            return fail_missing(file, key, n == 1 ? "0.5" : "0.5,0.5,0.5");
        }
        memcpy(out, fallback, (size_t)n * sizeof *out);
        return OK;
    }
    if (!network_info_parse_numbers(value, out, n)) {
        char expected[64];
        snprintf(expected, sizeof expected, "%d number%s, one per channel", n, n == 1 ? "" : "s");
        return fail_value(file, key, value, expected);
    }
    return OK;
}

enum status network_info_parse_samples(const char *text, bool *floats)
{
    *floats = strcmp(text, NETWORK_SAMPLES_FLOATS) == 0;
    if (!*floats && strcmp(text, NETWORK_SAMPLES_BYTES) != 0) {
        FAIL(ERR_INPUT,
             "samples: expected \"" NETWORK_SAMPLES_BYTES "\" or \"" NETWORK_SAMPLES_FLOATS
             "\", got \"%.100s\"",
             text);
    }
    return OK;
}

// What the network reads: bytes, unless the file says something else, or says nothing of its input
// at all and `fallback` does.
static enum status read_samples(const struct safetensors_file *file,
                                const struct network_info *fallback, bool *floats)
{
    const char *value = safetensors_metadata(file, "samples");
    if (value != NULL) {
        const enum status status = network_info_parse_samples(value, floats);
        return status == OK ? OK : status_context(status, "%s: metadata", file->path);
    }
    *floats = safetensors_metadata(file, "mean") == NULL && fallback != NULL && fallback->floats;
    return OK;
}

enum status network_info_check(const struct network_info *info)
{
    if (info->h < 1 || info->w < 1 || info->c < 1 || info->c > NETWORK_MAX_CHANNELS) {
        FAIL(ERR_INPUT,
             "an input of %dx%dx%d is not possible: expected sizes of at least 1 and at "
             "most %d channels",
             info->h, info->w, info->c, NETWORK_MAX_CHANNELS);
    }
    if (info->classes < 1) {
        FAIL(ERR_INPUT, "%d classes are not possible: expected at least 1", info->classes);
    }
    for (int i = 0; i < info->c; i++) {
        if (!isfinite(info->mean[i]) || !isfinite(info->std[i]) || info->std[i] <= 0.0F) {
            FAIL(ERR_INPUT,
                 "channel %d is normalised with mean %g and std %g: expected finite "
                 "numbers and a std above 0",
                 i, (double)info->mean[i], (double)info->std[i]);
        }
    }
    return OK;
}

enum status network_info_read(const struct safetensors_file *file, const struct graph *graph,
                              const struct network_info *fallback, struct network_info *out)
{
    struct network_info info = {0};
    const struct network_info *other = fallback;
    TRY(read_text(file, "architecture", other != NULL ? other->architecture : NULL,
                  info.architecture, sizeof info.architecture));
    if (graph == NULL && info.architecture[0] == '\0') {
        return fail_missing(file, "architecture", "resnet20");
    }
    TRY(read_text(file, "dataset", other != NULL ? other->dataset : NULL, info.dataset,
                  sizeof info.dataset));
    TRY(read_input(file, graph, other, &info));
    TRY(read_classes(file, graph, other, &info));
    TRY(read_samples(file, other, &info.floats));
    if (info.c > NETWORK_MAX_CHANNELS) {
        FAIL(ERR_INPUT, "%s: an input of %d channels is not possible: expected at most %d",
             file->path, info.c, NETWORK_MAX_CHANNELS);
    }
    bool given = other != NULL;
    for (int i = 0; i < info.c; i++) {
        given = given && other->std[i] > 0.0F; // zeros: not said
    }
    TRY(read_channels(file, "mean", given ? other->mean : NULL, given, info.c, info.mean));
    TRY(read_channels(file, "std", given ? other->std : NULL, given, info.c, info.std));
    const bool said =
        safetensors_metadata(file, "mean") != NULL && safetensors_metadata(file, "std") != NULL;
    info.guessed = !said && given && other->guessed;
    const char *format = safetensors_metadata(file, "format");
    const bool ours = format != NULL && strcmp(format, "dikdik") == 0;
    snprintf(info.format, sizeof info.format, "%s", ours ? "dikdik" : "pt");
    const enum status status = network_info_check(&info);
    if (status != OK) {
        return status_context(status, "%s", file->path);
    }
    *out = info;
    return OK;
}

enum status network_info_rows(const struct safetensors_file *file, struct row_set *out)
{
    const char *value = safetensors_metadata(file, "train_rows");
    if (value == NULL) {
        *out = (struct row_set){0};
        return OK;
    }
    const enum status status = row_set_parse(value, out);
    return status == OK ? OK : status_context(status, "%s: metadata \"train_rows\"", file->path);
}

enum status network_read_origin(const char *path, struct network_origin *out)
{
    struct safetensors_file file = {0};
    struct network_origin origin = {.dataset = "", .complete = true};
    TRY(safetensors_open_header(path, &file));
    static const char *const keys[] = {"architecture", "input", "classes", "mean", "std"};
    const bool graph = safetensors_metadata(&file, "graph") != NULL;
    for (size_t i = graph ? 3 : 0; i < sizeof keys / sizeof keys[0]; i++) {
        origin.complete = origin.complete && safetensors_metadata(&file, keys[i]) != NULL;
    }
    enum status status = read_text(&file, "dataset", NULL, origin.dataset, sizeof origin.dataset);
    if (status == OK) {
        status = network_info_rows(&file, &origin.train_rows);
    }
    safetensors_close(&file);
    TRY(status);
    *out = origin;
    return OK;
}

void network_info_numbers(struct text *out, const float *values, int n)
{
    for (int i = 0; i < n; i++) {
        char shortest[40];
        for (int digits = 1; digits <= 9; digits++) { // 9 are always enough for a float
            snprintf(shortest, sizeof shortest, "%.*g", digits, (double)values[i]);
            if (strtof(shortest, NULL) == values[i]) {
                break;
            }
        }
        text_add(out, "%s%s", i > 0 ? "," : "", shortest);
    }
}
