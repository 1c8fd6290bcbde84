// Any bytes as a safetensors file: a network comes out, or an error.
#include "nn/network.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const int file = memfd_create("fuzz", MFD_CLOEXEC);
    if (file < 0 || write(file, bytes, n) != (ssize_t)n) {
        return -1;
    }
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    struct network network;
    // What a file may leave out, so that those of PyTorch get further.
    const struct network_info rest = {
        .architecture = "convnet", .h = 8, .w = 8, .c = 3, .classes = 4, .std = {1.0F, 1.0F, 1.0F}};
    if (network_load(path, &rest, &network) == OK) {
        network_close(&network);
    }
    close(file);
    return 0;
}
