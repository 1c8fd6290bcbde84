// VGG-16 with BatchNorm (Simonyan & Zisserman 2015, configuration D) and one linear layer, as is
// usual for small images. Names count the modules of `features`, pooling and activations included.
#include "nn/zoo_family.h"

#define POOL 0

enum status zoo_build_vgg(struct graph *graph, const struct zoo_request *request)
{
    static const int layers[] = {64,   64,  POOL, 128, 128,  POOL, 256, 256, 256,
                                 POOL, 512, 512,  512, POOL, 512,  512, 512, POOL};
    struct zoo_cursor cursor = zoo_begin(graph);
    int module = 0;
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        zoo_prefix(&cursor, "features.%d", module++);
        if (layers[i] == POOL) {
            TRY(zoo_halve(&cursor, "", NODE_MAX_POOL));
            continue;
        }
        struct conv_attributes attributes = zoo_square(layers[i], 3, 1);
        attributes.bias = true;
        TRY(zoo_conv(&cursor, "", &attributes));
        zoo_prefix(&cursor, "features.%d", module++);
        TRY(zoo_batchnorm(&cursor, ""));
        zoo_prefix(&cursor, "features.%d", module++);
        TRY(zoo_act(&cursor, "", ACTIVATION_RELU));
    }
    zoo_prefix(&cursor, "%s", "");
    TRY(zoo_global_pool(&cursor, "avgpool"));
    return zoo_linear(&cursor, "classifier", request->classes);
}
