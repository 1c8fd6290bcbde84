// DenseNet-40 (Huang et al. 2017): growth 12, first convolution 24 wide, three dense blocks without
// bottlenecks, transitions that keep the width.
#include "nn/zoo_family.h"

#define GROWTH 12
#define BLOCKS 3

// BatchNorm, activation, convolution; what came in is put before what came out.
static enum status add_layer(struct zoo_cursor *cursor)
{
    const struct conv_attributes attributes = zoo_square(GROWTH, 3, 1);
    const int before = cursor->node;
    TRY(zoo_batchnorm(cursor, "bn1"));
    TRY(zoo_act(cursor, "relu", ACTIVATION_RELU));
    TRY(zoo_conv(cursor, "conv1", &attributes));
    return zoo_concat_after(cursor, "concat", before);
}

static enum status add_transition(struct zoo_cursor *cursor)
{
    const struct conv_attributes attributes =
        zoo_square(cursor->graph->nodes[cursor->node].c, 1, 1);
    TRY(zoo_batchnorm(cursor, "bn1"));
    TRY(zoo_act(cursor, "relu", ACTIVATION_RELU));
    TRY(zoo_conv(cursor, "conv1", &attributes));
    return zoo_halve(cursor, "avgpool", NODE_AVG_POOL);
}

enum status zoo_build_densenet(struct graph *graph, const struct zoo_request *request)
{
    const int layers = (request->depth - 4) / BLOCKS;
    const struct conv_attributes stem = zoo_square(2 * GROWTH, 3, 1);
    struct zoo_cursor cursor = zoo_begin(graph);
    TRY(zoo_conv(&cursor, "conv1", &stem));
    for (int b = 1; b <= BLOCKS; b++) {
        for (int l = 0; l < layers; l++) {
            zoo_prefix(&cursor, "dense%d.%d.", b, l);
            TRY(add_layer(&cursor));
        }
        if (b < BLOCKS) {
            zoo_prefix(&cursor, "trans%d.", b);
            TRY(add_transition(&cursor));
        }
    }
    zoo_prefix(&cursor, "%s", "");
    TRY(zoo_batchnorm(&cursor, "bn"));
    TRY(zoo_act(&cursor, "relu", ACTIVATION_RELU));
    TRY(zoo_global_pool(&cursor, "avgpool"));
    return zoo_linear(&cursor, "fc", request->classes);
}
