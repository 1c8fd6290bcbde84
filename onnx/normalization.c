// A scale and shift directly behind the input is how the file normalises images:
// y = scale * x + shift = (x - mean) / std with std = 1 / scale, mean = -shift / scale.
#include "nn/network_info.h"
#include "onnx/emit.h"

#include <math.h>
#include <string.h>

// The only live draft that reads the input, if it is a scale and shift; else -1.
static int find_reader(const struct importer *importer)
{
    int reader = -1;
    for (int at = 1; at < importer->n_drafts; at++) {
        const struct onnx_draft *draft = &importer->drafts[at];
        for (int i = 0; i < draft->node.n_inputs && draft->live; i++) {
            if (draft->node.inputs[i] == 0) {
                if (reader >= 0) {
                    return -1;
                }
                reader = at;
            }
        }
    }
    return reader >= 0 && importer->drafts[reader].n_affine > 0 ? reader : -1;
}

static bool read_mean_and_std(const struct onnx_draft *draft, int c, float *mean, float *std)
{
    for (int i = 0; i < c; i++) {
        const int k = draft->n_affine > 1 ? i : 0;
        mean[i] = (float)(-draft->shift[k] / draft->scale[k]);
        std[i] = (float)(1.0 / draft->scale[k]);
        if (!(std[i] > 0.0F) || !isfinite(std[i]) || !isfinite(mean[i])) {
            return false;
        }
    }
    return true;
}

// Files take pixels either as 0 .. 255 or as 0 .. 1, and do not say which. Values of 0 .. 1 have a
// mean of at most 1 and a standard deviation of at most 0.5; 1 stands for none.
static bool takes_bytes(int c, const float *mean, const float *std)
{
    for (int i = 0; i < c; i++) {
        if (std[i] >= 2.0F || fabsf(mean[i]) >= 2.0F) {
            return true;
        }
    }
    return false;
}

// What the options say, else pixels / 255 as they are.
static void take_default(const struct importer *importer, int channels, struct network_info *info)
{
    const struct onnx_import_options *options = importer->options;
    for (int i = 0; i < NETWORK_MAX_CHANNELS; i++) {
        const bool given = options->mean != NULL && options->std != NULL && i < channels;
        info->mean[i] = given ? options->mean[i] : 0.0F;
        info->std[i] = given                                      ? options->std[i]
                       : importer->integer_input && !info->floats ? 1.0F / 255.0F
                                                                  : 1.0F;
    }
}

int onnx_take_normalization(const struct importer *importer, const int *outputs, int n_outputs,
                            struct network_info *info)
{
    const struct onnx_import_options *options = importer->options;
    const struct node *input = &importer->drafts[0].node;
    const int c = input->c <= NETWORK_MAX_CHANNELS ? input->c : NETWORK_MAX_CHANNELS;
    const float bytes = 255.0F;
    const char *samples = onnx_model_fact(importer->model, "samples");
    info->floats =
        !importer->integer_input &&
        (samples != NULL ? strcmp(samples, NETWORK_SAMPLES_FLOATS) == 0 : options->floats);
    take_default(importer, c, info);
    float said_mean[NETWORK_MAX_CHANNELS], said_std[NETWORK_MAX_CHANNELS];
    if (c == input->c && onnx_model_normalisation(importer->model, c, said_mean, said_std)) {
        memcpy(info->mean, said_mean, (size_t)c * sizeof *said_mean);
        memcpy(info->std, said_std, (size_t)c * sizeof *said_std);
        if (options->report != NULL) {
            options->report->said = true;
        }
        return -1;
    }
    int reader = find_reader(importer);
    for (int i = 0; i < n_outputs; i++) {
        reader = outputs[i] == reader ? -1 : reader;
    }
    float mean[NETWORK_MAX_CHANNELS], std[NETWORK_MAX_CHANNELS];
    if (reader < 0 || options->keep_normalization || c < input->c ||
        (input->h == 1 && input->w == 1) ||
        !read_mean_and_std(&importer->drafts[reader], c, mean, std)) {
        return -1;
    }
    const bool raw = !info->floats && (importer->integer_input || takes_bytes(c, mean, std));
    for (int i = 0; i < c; i++) {
        info->mean[i] = raw ? mean[i] / bytes : mean[i];
        info->std[i] = raw ? std[i] / bytes : std[i];
    }
    if (options->report != NULL) {
        options->report->normalization = true;
    }
    return reader;
}
