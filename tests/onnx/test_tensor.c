// Tensors as views: element types, and other shapes without copies.
#include "onnx/tensor.h"
#include "test_unit.h"

static struct onnx_tensor tensor_of(enum onnx_type type, const void *data, int rank,
                                    const int64_t *dims)
{
    struct onnx_tensor tensor = {.type = type, .rank = rank, .data = data};
    memcpy(tensor.dims, dims, (size_t)rank * sizeof *dims);
    onnx_row_major(dims, rank, tensor.strides);
    return tensor;
}

static void test_types(void **state)
{
    (void)state;
    static const uint16_t half[] = {0x3C00, 0xC100, 0x0001, 0x7C00}, bfloat[] = {0x3F80, 0xC040};
    static const int8_t small[] = {-128, 127};
    static const uint8_t bytes[] = {255, 7};
    static const uint16_t words[] = {65535, 1};
    static const uint32_t wide[] = {UINT32_MAX, 1};
    static const double reals[] = {0.1, -1e300};
    static const struct {
        enum onnx_type type;
        const void *data;
        double values[2];
    } cases[] = {
        {ONNX_F16, half, {1.0, -2.5}},    {ONNX_BF16, bfloat, {1.0, -3.0}},
        {ONNX_I8, small, {-128, 127}},    {ONNX_U8, bytes, {255, 7}},
        {ONNX_U16, words, {65535, 1}},    {ONNX_U32, wide, {4294967295.0, 1}},
        {ONNX_F64, reals, {0.1, -1e300}}, {ONNX_F16, half + 2, {0x1p-24, 1.0 / 0.0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct onnx_tensor tensor = tensor_of(cases[i].type, cases[i].data, 1, &(int64_t){2});
        struct onnx_walk walk;
        onnx_walk_begin(&walk, &tensor);
        assert_true(onnx_walk_real(&walk) == cases[i].values[0]);
        onnx_walk_next(&walk);
        assert_true(onnx_walk_real(&walk) == cases[i].values[1]);
        if (cases[i].type == ONNX_F64) {
            assert_true(onnx_walk_integer(&walk) == INT64_MIN); // out of range, not undefined
        }
        onnx_walk_next(&walk);
        assert_true(walk.done);
    }
}

static void expect(const struct onnx_tensor *tensor, int n, const int64_t *values)
{
    struct onnx_walk walk;
    onnx_walk_begin(&walk, tensor);
    for (int i = 0; i < n; i++, onnx_walk_next(&walk)) {
        assert_false(walk.done);
        assert_int_equal(onnx_walk_integer(&walk), values[i]);
    }
    assert_true(walk.done);
}

static void test_views(void **state)
{
    (void)state;
    static const int64_t data[] = {0, 1, 2, 3, 4, 5};
    static const int swap[] = {1, 0};
    const struct onnx_tensor tensor = tensor_of(ONNX_I64, data, 2, (const int64_t[]){2, 3});
    struct onnx_tensor turned, view;
    onnx_tensor_permute(&tensor, swap, &turned);
    expect(&turned, 6, (const int64_t[]){0, 3, 1, 4, 2, 5});
    assert_false(onnx_tensor_is_contiguous(&turned));
    assert_true(onnx_tensor_reshape(&tensor, (const int64_t[]){3, 1, 2}, 3, &view));
    expect(&view, 6, data);
    assert_true(onnx_tensor_reshape(&turned, (const int64_t[]){1, 3, 2, 1}, 4, &view));
    expect(&view, 6, (const int64_t[]){0, 3, 1, 4, 2, 5});
    assert_false(onnx_tensor_reshape(&turned, (const int64_t[]){6}, 1, &view));
    assert_true(onnx_tensor_broadcast(&tensor, (const int64_t[]){2, 2, 3}, 3, &view));
    expect(&view, 12, (const int64_t[]){0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5});
    assert_false(onnx_tensor_broadcast(&tensor, (const int64_t[]){3, 3}, 2, &view));
}

static void test_counts(void **state)
{
    (void)state;
    int64_t count;
    assert_true(onnx_count_dims((const int64_t[]){3, 0, 5}, 3, &count));
    assert_int_equal(count, 0);
    assert_true(onnx_count_dims(NULL, 0, &count));
    assert_int_equal(count, 1);
    assert_false(onnx_count_dims((const int64_t[]){-1, 2}, 2, &count));
    assert_false(onnx_count_dims((const int64_t[]){1 << 20, 1 << 20, 1 << 30}, 3, &count));
    assert_false(onnx_count_dims((const int64_t[]){INT64_MAX, INT64_MAX}, 2, &count));
    assert_false(onnx_count_dims((const int64_t[]){ONNX_BATCH, 1}, 2, &count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_types), cmocka_unit_test(test_views),
                                       cmocka_unit_test(test_counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
