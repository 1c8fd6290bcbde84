// Some thousand damaged files, each a small network with bytes changed, cut or doubled: every one
// is either read or refused. What goes wrong beyond that is for the sanitizers to see.
#include "core/rng.h"
#include "onnx/onnx.h"
#include "onnx_write.h"
#include "test_folder_group.h"
#include "test_unit.h"

enum { MUTATIONS = 4000, MOST_BYTES = 16384 };

// Every family of operators once.
static void *make_network(struct onnx_writer *writer, size_t *n)
{
    writer_open(writer, 17);
    writer_input(writer, "x", 1, DIMS(0, 3, 16, 16));
    writer_output(writer, "y");
    writer_floats(writer, "mean", DIMS(3, 1, 1), NULL);
    writer_floats(writer, "conv.weight", DIMS(8, 3, 3, 3), NULL);
    writer_floats(writer, "b", DIMS(8), NULL);
    writer_floats(writer, "gate.weight", DIMS(8, 8, 1, 1), NULL);
    writer_floats(writer, "fc.weight", DIMS(5, 16), NULL);
    writer_floats(writer, "low", NULL, 0, NULL);
    writer_ints(writer, "pads", INTS(0, 0, 1, 0, 0, 0, 0, 1));
    writer_ints(writer, "one", INTS(1));
    writer_ints(writer, "four", INTS(4));
    writer_ints(writer, "rest", INTS(-1));
    writer_int(writer, "zero", 0);
    writer_node(writer, "Sub", "x mean", "normal");
    writer_node(writer, "Conv", "normal conv.weight b", "a");
    writer_attribute_ints(writer, "pads", INTS(1, 1, 1, 1));
    writer_attribute_ints(writer, "strides", INTS(2, 2));
    writer_attribute_int(writer, "group", 1);
    writer_node(writer, "BatchNormalization", "a b b b b", "bn");
    writer_attribute_float(writer, "epsilon", 1e-3F);
    writer_node(writer, "Clip", "bn low", "r");
    writer_node(writer, "Pad", "r pads", "p");
    writer_node(writer, "MaxPool", "p", "m");
    writer_attribute_ints(writer, "kernel_shape", INTS(2, 2));
    writer_attribute_int(writer, "ceil_mode", 1);
    writer_attribute_text(writer, "auto_pad", "SAME_LOWER");
    writer_node(writer, "Slice", "m one four one", "s");
    writer_node(writer, "Split", "m", "u v");
    writer_attribute_int(writer, "axis", 1);
    writer_node(writer, "Concat", "v u", "c");
    writer_attribute_int(writer, "axis", 1);
    writer_node(writer, "Conv", "c gate.weight", "g");
    writer_node(writer, "Sigmoid", "g", "gs");
    writer_node(writer, "Add", "gs m", "sum");
    writer_node(writer, "ReduceMean", "sum", "mean1");
    writer_attribute_ints(writer, "axes", INTS(2, 3));
    writer_node(writer, "GlobalAveragePool", "m", "mean2");
    writer_node(writer, "Concat", "mean1 mean2", "both");
    writer_attribute_int(writer, "axis", 1);
    writer_node(writer, "Shape", "both", "shape");
    writer_node(writer, "Gather", "shape zero", "n0");
    writer_node(writer, "Reshape", "n0 one", "n1");
    writer_node(writer, "Concat", "n1 rest", "to");
    writer_attribute_int(writer, "axis", 0);
    writer_node(writer, "Reshape", "both to", "flat");
    writer_node(writer, "Dropout", "flat", "d");
    writer_node(writer, "Gemm", "d fc.weight", "y");
    writer_attribute_int(writer, "transB", 1);
    return writer_bytes(writer, n);
}

static size_t below(struct rng *rng, size_t n)
{
    return n > 0 ? (size_t)rng_below(rng, (uint32_t)n) : 0;
}

// One change of bytes [n], which have room for MOST_BYTES.
static size_t mutate(struct rng *rng, uint8_t *bytes, size_t n)
{
    static const uint8_t special[] = {0, 1, 127, 128, 255};
    const size_t at = below(rng, n), run = 1 + below(rng, 32), left = n - at;
    switch (below(rng, 6)) {
    case 0:
        bytes[at] ^= (uint8_t)(1U << below(rng, 8));
        return n;
    case 1:
        bytes[at] = special[below(rng, sizeof special)];
        return n;
    case 2: // a length or number that grows
        memset(bytes + at, 255, left < 9 ? left : below(rng, 9));
        return n;
    case 3:
        if (run >= left) {
            return at > 0 ? at : n; // cut short
        }
        memmove(bytes + at, bytes + at + run, left - run);
        return n - run;
    case 4:
        if (run > left || n + run > MOST_BYTES) {
            return n;
        }
        memmove(bytes + at + run, bytes + at, left);
        return n + run;
    default:
        bytes[at] = (uint8_t)below(rng, 256);
        return n;
    }
}

static void test_mutations(void **state)
{
    (void)state;
    struct onnx_writer writer;
    struct network network;
    size_t n;
    const void *whole = make_network(&writer, &n);
    assert_true(n < MOST_BYTES);
    const char *path = test_folder_path(&folder, "mutated.onnx");
    test_folder_write(path, whole, n);
    assert_ok(onnx_import(path, NULL, &network));
    network_close(&network);
    uint8_t *bytes = malloc(MOST_BYTES);
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    int read = 0;
    for (int i = 0; i < MUTATIONS; i++) {
        memcpy(bytes, whole, n);
        size_t size = n;
        for (size_t k = 0; k <= below(&rng, 3); k++) {
            size = mutate(&rng, bytes, size);
        }
        test_folder_write(path, bytes, size);
        if (onnx_import(path, NULL, &network) == OK) {
            network_close(&network);
            read++;
        }
    }
    assert_in_range(read, 1, MUTATIONS - 1);
    free(bytes);
    writer_close(&writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mutations)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
