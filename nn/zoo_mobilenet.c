// MobileNet-V1 (Howard et al. 2017) and V2 (Sandler et al. 2018) at width 1. Small images get
// stride 1 where an ImageNet network would shrink them before it has looked at them.
#include "nn/zoo_family.h"

static struct conv_attributes depthwise(int c, int stride)
{
    struct conv_attributes attributes = zoo_square(c, 3, stride);
    attributes.groups = GRAPH_DEPTHWISE;
    return attributes;
}

enum status zoo_build_mobilenet_v1(struct graph *graph, const struct zoo_request *request)
{
    static const struct {
        int out_c, stride;
    } layers[] = {{64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
                  {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};
    const int n_layers = (int)(sizeof layers / sizeof layers[0]);
    const bool imagenet = request->h >= ZOO_IMAGENET_HEIGHT;
    struct zoo_cursor cursor = zoo_begin(graph);
    zoo_prefix(&cursor, "model.0.");
    const struct zoo_unit stem = {"0", "1", "2", zoo_square(32, 3, imagenet ? 2 : 1),
                                  ACTIVATION_RELU};
    TRY(zoo_conv_unit(&cursor, &stem));
    for (int i = 0; i < n_layers; i++) {
        const int in_c = graph->nodes[cursor.node].c;
        zoo_prefix(&cursor, "model.%d.", i + 1);
        const struct zoo_unit spatial = {"0", "1", "2", depthwise(in_c, layers[i].stride),
                                         ACTIVATION_RELU};
        const struct zoo_unit pointwise = {"3", "4", "5", zoo_square(layers[i].out_c, 1, 1),
                                           ACTIVATION_RELU};
        TRY(zoo_conv_unit(&cursor, &spatial));
        TRY(zoo_conv_unit(&cursor, &pointwise));
    }
    zoo_prefix(&cursor, "%s", "");
    TRY(zoo_global_pool(&cursor, "model.14"));
    return zoo_linear(&cursor, "fc", request->classes);
}

// Inverted residual: widen (unless expand is 1), filter each channel, narrow without activation.
static enum status add_inverted_residual(struct zoo_cursor *cursor, int expand, int out_c,
                                         int stride)
{
    const int input = cursor->node, in_c = cursor->graph->nodes[input].c;
    const struct zoo_unit widen = {"conv.0.0", "conv.0.1", "conv.0.2",
                                   zoo_square(in_c * expand, 1, 1), ACTIVATION_RELU6};
    const struct zoo_unit filter_first = {"conv.0.0", "conv.0.1", "conv.0.2",
                                          depthwise(in_c, stride), ACTIVATION_RELU6};
    const struct zoo_unit filter = {"conv.1.0", "conv.1.1", "conv.1.2",
                                    depthwise(in_c * expand, stride), ACTIVATION_RELU6};
    const struct zoo_unit narrow_second = {"conv.1", "conv.2", NULL, zoo_square(out_c, 1, 1),
                                           ACTIVATION_NONE};
    const struct zoo_unit narrow = {"conv.2", "conv.3", NULL, zoo_square(out_c, 1, 1),
                                    ACTIVATION_NONE};
    if (expand == 1) {
        TRY(zoo_conv_unit(cursor, &filter_first));
        TRY(zoo_conv_unit(cursor, &narrow_second));
    } else {
        TRY(zoo_conv_unit(cursor, &widen));
        TRY(zoo_conv_unit(cursor, &filter));
        TRY(zoo_conv_unit(cursor, &narrow));
    }
    return stride == 1 && in_c == out_c ? zoo_add(cursor, "add", input) : OK;
}

enum status zoo_build_mobilenet_v2(struct graph *graph, const struct zoo_request *request)
{
    // Table 2 of the paper; small images: stride 1 in the second stage too.
    static const struct {
        int expand, out_c, repeat, stride, small_stride;
    } stages[] = {{1, 16, 1, 1, 1}, {6, 24, 2, 2, 1},  {6, 32, 3, 2, 2}, {6, 64, 4, 2, 2},
                  {6, 96, 3, 1, 1}, {6, 160, 3, 2, 2}, {6, 320, 1, 1, 1}};
    const int n_stages = (int)(sizeof stages / sizeof stages[0]);
    const bool imagenet = request->h >= ZOO_IMAGENET_HEIGHT;
    struct zoo_cursor cursor = zoo_begin(graph);
    int feature = 0;
    zoo_prefix(&cursor, "features.%d.", feature++);
    const struct zoo_unit stem = {"0", "1", "2", zoo_square(32, 3, imagenet ? 2 : 1),
                                  ACTIVATION_RELU6};
    TRY(zoo_conv_unit(&cursor, &stem));
    for (int s = 0; s < n_stages; s++) {
        const int stride = imagenet ? stages[s].stride : stages[s].small_stride;
        for (int r = 0; r < stages[s].repeat; r++) {
            zoo_prefix(&cursor, "features.%d.", feature++);
            TRY(add_inverted_residual(&cursor, stages[s].expand, stages[s].out_c,
                                      r == 0 ? stride : 1));
        }
    }
    zoo_prefix(&cursor, "features.%d.", feature);
    const struct zoo_unit head = {"0", "1", "2", zoo_square(1280, 1, 1), ACTIVATION_RELU6};
    TRY(zoo_conv_unit(&cursor, &head));
    zoo_prefix(&cursor, "%s", "");
    TRY(zoo_global_pool(&cursor, "avgpool"));
    TRY(zoo_dropout(&cursor, "classifier.0", 0.2F));
    return zoo_linear(&cursor, "classifier.1", request->classes);
}
