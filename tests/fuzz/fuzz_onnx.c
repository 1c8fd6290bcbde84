// Any bytes as an ONNX file: they are read or refused.
#include "fuzz_file.h"
#include "onnx/onnx.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct network network;
    const struct onnx_import_options options = {.h = 32, .w = 32, .most_bytes = 16 << 20};
    if (onnx_import(fuzz_file(bytes, n), &options, &network) == OK) {
        network_close(&network);
    }
    return 0;
}
