// Any bytes as CIFAR-10's and CIFAR-100's binary files.
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const struct fuzz_part first = fuzz_take(&bytes, &n);
    static const char *const batches[] = {"data_batch_1.bin", "data_batch_2.bin",
                                          "data_batch_3.bin", "data_batch_4.bin",
                                          "data_batch_5.bin"};
    for (int i = 0; i < 5; i++) {
        fuzz_write(batches[i], i % 2 == 0 ? first.bytes : bytes, i % 2 == 0 ? first.n : n);
    }
    fuzz_write("test_batch.bin", bytes, n);
    fuzz_write("train.bin", first.bytes, first.n);
    fuzz_write("test.bin", bytes, n);
    fuzz_data_set("cifar10");
    fuzz_data_set("cifar100");
    return 0;
}
