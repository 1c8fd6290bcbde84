// The weights alone of a zoo network, as PyTorch would save them: for test_foreign_files.c, which
// cannot have the engine linked to it.
#include "nn/network.h"
#include "nn/safetensors.h"

#include <stdio.h>
#include <stdlib.h>

static enum status write_bare(const struct network *network, const char *path)
{
    const int n = network->graph.n_params;
    struct safetensor *tensors = calloc((size_t)n, sizeof *tensors);
    if (tensors == NULL) {
        FAIL(ERR_MEMORY, "no memory for %d tensors", n);
    }
    for (int i = 0; i < n; i++) {
        const struct param *param = &network->graph.params[i];
        tensors[i] = (struct safetensor){.name = param->name,
                                         .dtype = "F32",
                                         .n_dims = param->n_dims,
                                         .data = network->params + param->offset,
                                         .bytes = param->count * sizeof(float)};
        for (int d = 0; d < param->n_dims; d++) {
            tensors[i].dims[d] = param->dims[d];
        }
    }
    const enum status status = safetensors_write(path, tensors, n, NULL, 0);
    free(tensors);
    return status;
}

// write_bare FILE ARCHITECTURE HEIGHT
int main(int argc, char **argv)
{
    if (argc != 4) {
        return 1;
    }
    const int h = (int)strtol(argv[3], NULL, 10);
    struct network_info info = {.h = h,
                                .w = h,
                                .c = 3,
                                .classes = 10,
                                .mean = {0.5F, 0.5F, 0.5F},
                                .std = {1.0F, 1.0F, 1.0F}};
    struct network network;
    snprintf(info.architecture, sizeof info.architecture, "%s", argv[2]);
    if (network_create(&info, 1, &network) != OK) {
        return 1;
    }
    const enum status status = write_bare(&network, argv[1]);
    network_close(&network);
    return status == OK ? 0 : 1;
}
