// Kinds that move pixels or channels: PAD, SHUFFLE, RESIZE.
#include "onnx/export_internal.h"

static bool is_plain_stride(const struct node *n)
{
    return n->stride[0] == 1 && n->stride[1] == 1;
}

// Every stride-th row and column, without those that negative padding cuts off. `in` has its frame
// already; extents: rows and columns without it.
static void write_cut(struct exporter *e, const struct node *n, const int *extents, const char *in,
                      const char *out)
{
    int64_t first[2], end[2];
    for (int axis = 0; axis < 2; axis++) {
        const int before = n->pad[axis], after = n->pad[axis + 2];
        first[axis] = before < 0 ? -before : 0;
        end[axis] = (int64_t)extents[axis] + (before > 0 ? before : 0) + after;
    }
    const int64_t axes[2] = {2, 3}, steps[2] = {n->stride[0], n->stride[1]};
    EXPORT_OP(e, "Slice", out, in, export_ints(e, out, ".from", first, 2),
              export_ints(e, out, ".to", end, 2), export_ints(e, out, ".axes", axes, 2),
              export_ints(e, out, ".steps", steps, 2));
}

static void write_frame(struct exporter *e, const int64_t *pads, const char *in, const char *out)
{
    EXPORT_OP(e, "Pad", out, in, export_ints(e, out, ".pads", pads, 8));
}

// A frame of zeros comes before the cut, zero channels alone behind it: then fewer values move.
enum status export_pad(struct exporter *e, int node, const char *out)
{
    const struct node *n = &e->graph.nodes[node], *input = &e->graph.nodes[n->inputs[0]];
    int64_t pads[8] = {0, n->pad_channels[0], 0, 0, 0, n->pad_channels[1], 0, 0};
    bool frames = false, cuts = !is_plain_stride(n);
    for (int side = 0; side < 4; side++) {
        pads[side / 2 * 4 + 2 + side % 2] = n->pad[side] > 0 ? n->pad[side] : 0;
        frames = frames || n->pad[side] > 0;
        cuts = cuts || n->pad[side] < 0;
    }
    const bool channels = pads[1] > 0 || pads[5] > 0;
    const int extents[2] = {input->h, input->w};
    const char *in = export_input(e, node, 0);
    if (frames && cuts) {
        const char *framed = export_name(e, n->name, ".framed");
        write_frame(e, pads, in, framed);
        write_cut(e, n, extents, framed, out);
    } else if (cuts && channels) {
        const char *cut = export_name(e, n->name, ".cut");
        write_cut(e, n, extents, in, cut);
        write_frame(e, pads, cut, out);
    } else if (cuts) {
        write_cut(e, n, extents, in, out);
    } else if (frames || channels) {
        write_frame(e, pads, in, out);
    } else {
        EXPORT_OP(e, "Identity", out, in);
    }
    return OK;
}

enum status export_shuffle(struct exporter *e, int node, const char *out)
{
    const struct node *n = &e->graph.nodes[node];
    const int64_t parts[5] = {0, n->groups, n->c / n->groups, n->h, n->w};
    const int64_t dims[4] = {0, n->c, n->h, n->w};
    static const int order[5] = {0, 2, 1, 3, 4};
    const char *split = export_name(e, n->name, ".split");
    const char *dealt = export_name(e, n->name, ".dealt");
    EXPORT_OP(e, "Reshape", split, export_input(e, node, 0),
              export_ints(e, split, ".shape", parts, 5));
    EXPORT_OP(e, "Transpose", dealt, split);
    onnx_message_ints(&e->message, "perm", order, 5);
    EXPORT_OP(e, "Reshape", out, dealt, export_ints(e, out, ".shape", dims, 4));
    return OK;
}

// A scale, if a float says it exactly: then nothing depends on how a runtime rounds.
static bool find_scale(int in, int out, float *scale)
{
    *scale = (float)out / (float)in;
    return (double)*scale * in == out;
}

// Sizes name the number of images too, which only the value itself tells.
static const char *write_sizes(struct exporter *e, const struct node *n, const char *in)
{
    const int64_t pixels[2] = {n->h, n->w};
    const char *images = export_name(e, n->name, ".images_channels");
    const char *sizes = export_name(e, n->name, ".sizes");
    EXPORT_OP(e, "Shape", images, in);
    onnx_message_int(&e->message, "start", 0);
    onnx_message_int(&e->message, "end", 2);
    EXPORT_OP(e, "Concat", sizes, images, export_ints(e, n->name, ".pixels", pixels, 2));
    onnx_message_int(&e->message, "axis", 0);
    return sizes;
}

static void write_scaled(struct exporter *e, int node, const char *out)
{
    const struct node *n = &e->graph.nodes[node], *input = &e->graph.nodes[n->inputs[0]];
    const char *in = export_input(e, node, 0);
    float scales[4] = {1.0F, 1.0F, 0.0F, 0.0F};
    const bool rows = find_scale(input->h, n->h, &scales[2]);
    const bool columns = find_scale(input->w, n->w, &scales[3]);
    const int64_t dims[1] = {4};
    if (rows && columns) {
        EXPORT_OP(e, "Resize", out, in, "", export_floats(e, out, ".scales", dims, 1, scales));
    } else {
        const char *sizes = write_sizes(e, n, in);
        EXPORT_OP(e, "Resize", out, in, "", "", sizes);
    }
}

enum status export_resize(struct exporter *e, int node, const char *out)
{
    static const char *const roundings[RESIZE_MODE_COUNT] = {"floor", "round_prefer_floor", "ceil",
                                                             NULL};
    static const char *const coordinates[RESIZE_COORDINATES_COUNT] = {
        "half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"};
    const struct node *n = &e->graph.nodes[node];
    write_scaled(e, node, out);
    onnx_message_text(&e->message, "coordinate_transformation_mode", coordinates[n->coordinates]);
    if (n->resize == RESIZE_LINEAR) {
        onnx_message_text(&e->message, "mode", "linear");
    } else {
        onnx_message_text(&e->message, "mode", "nearest");
        onnx_message_text(&e->message, "nearest_mode", roundings[n->resize]);
    }
    return OK;
}
