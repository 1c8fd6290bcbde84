// ResNets for small images (He et al. 2016, section 4.2): 6n + 2 layers in three stages, shortcuts
// without parameters (option A).
#include "nn/zoo_family.h"

static const struct {
    int width, stride;
} stages[] = {{16, 1}, {32, 2}, {64, 2}};

static enum status add_block(struct zoo_cursor *cursor, int width, int stride)
{
    struct graph *graph = cursor->graph;
    int shortcut = cursor->node;
    const int in_c = graph->nodes[shortcut].c;
    const struct zoo_unit first = {"conv1", "bn1", "relu1", zoo_square(width, 3, stride),
                                   ACTIVATION_RELU};
    const struct zoo_unit second = {"conv2", "bn2", NULL, zoo_square(width, 3, 1), ACTIVATION_NONE};
    TRY(zoo_conv_unit(cursor, &first));
    TRY(zoo_conv_unit(cursor, &second));
    if (stride != 1 || in_c != width) {
        struct zoo_cursor side = *cursor;
        side.node = shortcut;
        TRY(zoo_shortcut(&side, "shortcut", stride, (width - in_c) / 2,
                         width - in_c - (width - in_c) / 2));
        shortcut = side.node;
    }
    TRY(zoo_add(cursor, "add", shortcut));
    return zoo_act(cursor, "relu2", ACTIVATION_RELU);
}

enum status zoo_build_resnet(struct graph *graph, const struct zoo_request *request)
{
    const int blocks = (request->depth - 2) / 6;
    struct zoo_cursor cursor = zoo_begin(graph);
    const struct zoo_unit stem = {"conv1", "bn1", "relu1", zoo_square(stages[0].width, 3, 1),
                                  ACTIVATION_RELU};
    TRY(zoo_conv_unit(&cursor, &stem));
    for (int s = 0; s < 3; s++) {
        for (int b = 0; b < blocks; b++) {
            zoo_prefix(&cursor, "layer%d.%d.", s + 1, b);
            TRY(add_block(&cursor, stages[s].width, b == 0 ? stages[s].stride : 1));
        }
    }
    zoo_prefix(&cursor, "%s", "");
    TRY(zoo_global_pool(&cursor, "avgpool"));
    return zoo_linear(&cursor, "linear", request->classes);
}
