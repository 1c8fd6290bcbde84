// Any bytes as a safetensors file: a network comes out, or an error.
#include "fuzz_file.h"
#include "nn/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct network network;
    // What a file may leave out, so that those of PyTorch get further.
    const struct network_info rest = {
        .architecture = "convnet", .h = 8, .w = 8, .c = 3, .classes = 4, .std = {1.0F, 1.0F, 1.0F}};
    if (network_load(fuzz_file(bytes, n), &rest, &network) == OK) {
        network_close(&network);
    }
    return 0;
}
