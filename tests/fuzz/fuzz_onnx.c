// Any bytes as an ONNX file: they are read or refused.
#include "onnx/onnx.h"

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
    const struct onnx_import_options options = {.h = 32, .w = 32, .most_bytes = 16 << 20};
    if (onnx_import(path, &options, &network) == OK) {
        network_close(&network);
    }
    close(file);
    return 0;
}
