// What a file says about itself in metadata_props, under the keys that our own export writes.
#include "nn/network_info.h"
#include "onnx/model.h"
#include "onnx/onnx.h"

#include <stdio.h>
#include <string.h>

const char *onnx_model_fact(const struct onnx_model *model, const char *key)
{
    for (int i = 0; i < model->n_facts; i++) {
        if (strcmp(model->facts[i].key, key) == 0) {
            return model->facts[i].value;
        }
    }
    return NULL;
}

bool onnx_model_normalisation(const struct onnx_model *model, int channels, float *mean, float *std)
{
    const char *values = onnx_model_fact(model, "input_values");
    const char *means = onnx_model_fact(model, "mean"), *stds = onnx_model_fact(model, "std");
    if (values == NULL || strcmp(values, "normalised") != 0 || means == NULL || stds == NULL ||
        !network_info_parse_numbers(means, mean, channels) ||
        !network_info_parse_numbers(stds, std, channels)) {
        return false;
    }
    bool positive = true;
    for (int i = 0; i < channels; i++) {
        positive = positive && std[i] > 0.0F;
    }
    return positive;
}

static void copy_fact(const struct onnx_model *model, const char *key, char *out, size_t bytes)
{
    const char *value = onnx_model_fact(model, key);
    bool usable = value != NULL && strlen(value) < bytes;
    for (const char *c = value; usable && *c != '\0'; c++) {
        usable = *c > ' ' && *c < 127; // a name, on one line
    }
    if (usable) {
        snprintf(out, bytes, "%s", value);
    }
}

void onnx_model_names(const struct onnx_model *model, struct network_info *info)
{
    copy_fact(model, "architecture", info->architecture, sizeof info->architecture);
    copy_fact(model, "dataset", info->dataset, sizeof info->dataset);
}

enum status onnx_read_origin(const char *path, struct network_origin *out)
{
    struct onnx_model model;
    struct network_info info = {0};
    TRY(onnx_model_open(path, &model));
    onnx_model_names(&model, &info);
    *out = (struct network_origin){.complete = onnx_model_fact(&model, "input_values") != NULL};
    snprintf(out->dataset, sizeof out->dataset, "%s", info.dataset);
    onnx_model_close(&model);
    return OK;
}
