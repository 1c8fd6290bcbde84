// ConvNet: three small convolutions, for tests and first steps. Samples of one row, such as those
// of sensors over time, are convolved along it, with kernels of as many weights.
#include "nn/zoo_family.h"

enum status zoo_build_convnet(struct graph *graph, const struct zoo_request *request)
{
    static const struct {
        const char *conv, *batchnorm, *act;
        int out_c, stride;
    } layers[] = {
        {"conv1", "bn1", "relu1", 16, 1},
        {"conv2", "bn2", "relu2", 32, 2},
        {"conv3", "bn3", "relu3", 64, 2},
    };
    struct zoo_cursor cursor = zoo_begin(graph);
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        const struct conv_attributes along = request->h == 1
                                                 ? zoo_line(layers[i].out_c, 9, layers[i].stride)
                                                 : zoo_square(layers[i].out_c, 3, layers[i].stride);
        const struct zoo_unit unit = {layers[i].conv, layers[i].batchnorm, layers[i].act, along,
                                      ACTIVATION_RELU};
        TRY(zoo_conv_unit(&cursor, &unit));
    }
    TRY(zoo_global_pool(&cursor, "avgpool"));
    return zoo_linear(&cursor, "linear", request->classes);
}
