// Any bytes as a data set of IDX files: images and labels, plain or compressed.
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const struct fuzz_part images = fuzz_take(&bytes, &n);
    fuzz_write("train-images-idx3-ubyte", images.bytes, images.n);
    fuzz_write("train-labels-idx1-ubyte", bytes, n);
    fuzz_write("t10k-images-idx3-ubyte", images.bytes, images.n);
    fuzz_write("t10k-labels-idx1-ubyte", bytes, n);
    fuzz_data_set("idx");
    return 0;
}
