// The file's input, and what turns it into the network's.
#include "onnx/export_internal.h"

// One value per channel, as [1, c, 1, 1].
static const char *export_channels(struct exporter *e, const char *suffix, const float *values)
{
    const struct node *input = &e->graph.nodes[0];
    const int64_t dims[4] = {1, input->c, 1, 1};
    return export_floats(e, input->name, suffix, dims, 4, values);
}

// (x - mean) / std
static const char *normalise(struct exporter *e, const char *in)
{
    const struct network_info *info = &e->network->info;
    const struct node *input = &e->graph.nodes[0];
    float deviations[NETWORK_MAX_CHANNELS];
    for (int c = 0; c < input->c; c++) {
        deviations[c] = info->std[c] > 0.0F ? info->std[c] : 1.0F;
    }
    const char *centred = export_name(e, input->name, ".centred");
    const char *out = export_name(e, input->name, ".normalised");
    EXPORT_OP(e, "Sub", centred, in, export_channels(e, ".mean", info->mean));
    EXPORT_OP(e, "Div", out, centred, export_channels(e, ".std", deviations));
    return out;
}

static const char *shares_of_bytes(struct exporter *e, const char *in)
{
    const char *base = e->graph.nodes[0].name;
    const char *number = export_name(e, base, ".float");
    const char *out = export_name(e, base, ".share");
    EXPORT_OP(e, "Cast", number, in);
    onnx_message_int(&e->message, "to", ONNX_ELEMENTS_FLOAT);
    EXPORT_OP(e, "Div", out, number, export_float(e, base, ".white", 255.0F));
    return out;
}

void export_input_values(struct exporter *e)
{
    const struct node *input = &e->graph.nodes[0];
    const enum onnx_pixels pixels = e->options->pixels;
    const int dims[3] = {input->c, input->h, input->w};
    const char *value = export_name(e, input->name, "");
    onnx_message_input(&e->message, value,
                       pixels == ONNX_PIXELS_BYTES ? ONNX_ELEMENTS_UINT8 : ONNX_ELEMENTS_FLOAT,
                       dims, 3);
    if (pixels == ONNX_PIXELS_BYTES) {
        value = shares_of_bytes(e, value);
    }
    if (pixels != ONNX_PIXELS_NORMALISED) {
        value = normalise(e, value);
    }
    e->values[0].exact = value;
    e->values[0].map = e->quants[0].on ? export_quantize(e, value, e->quants[0]) : value;
}
