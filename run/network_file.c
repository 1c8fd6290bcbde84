#include "run/network_file.h"

#include "core/file.h"
#include "core/log.h"
#include "core/text.h"
#include "nn/file_kind.h"
#include "nn/network_info.h"
#include "onnx/onnx.h"

#include <stdio.h>
#include <string.h>

static enum status check_list(const char *key, const struct double_list *list, int channels)
{
    if (list->n != 0 && list->n != channels) {
        FAIL(ERR_CONFIG, "%s: %d numbers were given, the input has %d channels", key, list->n,
             channels);
    }
    return OK;
}

static enum status check_most(const char *key, const struct double_list *list)
{
    if (list->n > NETWORK_MAX_CHANNELS) {
        FAIL(ERR_CONFIG, "%s: %d numbers were given, an input has at most %d channels", key,
             list->n, NETWORK_MAX_CHANNELS);
    }
    return OK;
}

static void copy_list(const struct double_list *list, float *out)
{
    for (int i = 0; i < list->n; i++) {
        out[i] = (float)list->values[i];
    }
}

static enum status read_input(const char *text, struct network_info *out)
{
    if (!network_info_parse_input(text, out) || out->c > NETWORK_MAX_CHANNELS) {
        FAIL(ERR_CONFIG, "input: expected height x width x channels such as 32x32x3, got \"%s\"",
             text);
    }
    return OK;
}

void network_file_info(const char *architecture, const struct dataset *data,
                       struct network_info *out)
{
    const struct network_data like = {.name = data->name,
                                      .h = data->h,
                                      .w = data->w,
                                      .c = data->c,
                                      .classes = data->classes,
                                      .floats = data->type != SAMPLE_U8,
                                      .mean = data->mean,
                                      .std = data->std};
    network_info_of_data(architecture, &like, out);
}

enum status network_file_create(const char *architecture, const struct dataset *data, uint64_t seed,
                                struct network *out)
{
    struct network_info info;
    network_file_info(architecture, data, &info);
    return network_create(&info, seed, out);
}

static enum status read_samples(const struct network_hints *hints, bool *floats)
{
    if (hints->samples == NULL || hints->samples[0] == '\0') {
        return OK;
    }
    return network_info_parse_samples(hints->samples, floats);
}

// What stands in for what a file does not say.
static enum status say_rest(const struct network_hints *hints, const struct dataset *data,
                            struct network_info *out)
{
    struct network_info info = {0};
    if (data != NULL) {
        network_file_info("", data, &info);
        info.guessed = true;
    }
    snprintf(info.architecture, sizeof info.architecture, "%s", hints->architecture);
    if (hints->input[0] != '\0') {
        TRY(read_input(hints->input, &info));
    }
    TRY(read_samples(hints, &info.floats));
    info.classes = hints->classes > 0 ? hints->classes : info.classes;
    TRY(check_most("mean", hints->mean));
    TRY(check_most("std", hints->std));
    copy_list(hints->mean, info.mean); // how many there must be, the file says: take_normalisation
    copy_list(hints->std, info.std);
    *out = info;
    return OK;
}

// What was said beside the file holds.
static enum status take_normalisation(const struct network_hints *hints, struct network_info *info)
{
    TRY(check_list("mean", hints->mean, info->c));
    TRY(check_list("std", hints->std, info->c));
    copy_list(hints->mean, info->mean);
    copy_list(hints->std, info->std);
    info->guessed = info->guessed && (hints->mean->n == 0 || hints->std->n == 0);
    return OK;
}

static void warn_of_guess(const char *path, const struct network_info *info)
{
    struct text mean = {0}, std = {0};
    network_info_numbers(&mean, info->mean, info->c);
    network_info_numbers(&std, info->std, info->c);
    if (!mean.failed && !std.failed) {
        log_warning("%s does not say how its input is normalised; taking mean %s and std %s of the "
                    "training images. Say it with --mean and --std (in a config, `mean` and `std` "
                    "of the network)",
                    path, mean.bytes, std.bytes);
    }
    text_close(&mean);
    text_close(&std);
}

// ---- formats
static bool has_ending(const char *path, const char *ending)
{
    const size_t length = strlen(path), n = strlen(ending);
    return length >= n && strcmp(path + length - n, ending) == 0;
}

enum network_format { NETWORK_SAFETENSORS, NETWORK_ONNX };

// What the file is, by its content and its name. ERR_INPUT for one that is neither, with what it is
// where that shows.
static enum status find_format(const char *path, enum network_format *out)
{
    struct file_reader reader;
    unsigned char head[FILE_KIND_HEAD] = {0};
    TRY(file_reader_open(path, &reader));
    const size_t n = reader.bytes < sizeof head ? reader.bytes : sizeof head;
    const enum status status = file_reader_take(&reader, 0, head, n);
    file_reader_close(&reader);
    TRY(status);
    // Safetensors begin with the length of a JSON object, in eight bytes.
    const bool safetensors = n > 8 && head[8] == '{' && head[7] == 0;
    const bool onnx = !safetensors && (file_kind_is_onnx(head, n) || has_ending(path, ".onnx"));
    const char *kind = safetensors || file_kind_is_onnx(head, n) ? NULL : file_kind(head, n);
    if (kind != NULL) {
        FAIL(ERR_INPUT, "%s is no network file but %s", path, kind);
    }
    *out = onnx ? NETWORK_ONNX : NETWORK_SAFETENSORS;
    return OK;
}

enum status network_file_origin(const char *path, struct network_origin *out)
{
    enum network_format format;
    TRY(find_format(path, &format));
    if (format == NETWORK_SAFETENSORS) {
        return network_read_origin(path, out);
    }
    return onnx_read_origin(path,
                            out); // whether another tool's file normalises, only its nodes tell
}

// ---- loading
static enum status load_onnx(const char *path, const struct network_info *rest, bool said,
                             struct network *out)
{
    struct onnx_import_report report = {0};
    const struct onnx_import_options options = {.h = rest->h,
                                                .w = rest->w,
                                                .mean = rest->std[0] > 0 ? rest->mean : NULL,
                                                .std = rest->std[0] > 0 ? rest->std : NULL,
                                                .floats = rest->floats,
                                                .report = &report};
    TRY(onnx_import(path, &options, out));
    if (report.normalization) {
        log_info("%s: normalises its input itself: that is the network's mean and std now", path);
    }
    if (out->info.dataset[0] == '\0') {
        snprintf(out->info.dataset, sizeof out->info.dataset, "%s", rest->dataset);
    }
    out->info.guessed = !report.normalization && !report.said && !said && rest->guessed;
    return OK;
}

enum status network_file_load(const char *path, const struct network_hints *hints,
                              const struct dataset *data, struct network *out)
{
    enum network_format format;
    struct network_info rest;
    struct network network;
    TRY(find_format(path, &format));
    TRY(say_rest(hints, data, &rest));
    const bool said = hints->mean->n > 0 && hints->std->n > 0;
    TRY(format == NETWORK_ONNX ? load_onnx(path, &rest, said, &network)
                               : network_load(path, &rest, &network));
    const enum status status = take_normalisation(hints, &network.info);
    if (status != OK) {
        network_close(&network);
        return status;
    }
    if (network.info.guessed) {
        warn_of_guess(path, &network.info);
    }
    *out = network;
    return OK;
}

enum status network_file_check(const char *path, const char *architecture,
                               const struct network *network)
{
    const char *found = network->info.architecture;
    if (architecture[0] != '\0' && found[0] != '\0' && strcmp(found, architecture) != 0) {
        FAIL(ERR_CONFIG, "%s holds a %s, the config says %s", path, found, architecture);
    }
    return OK;
}
