// Kernels in pieces: all pieces together give the very bytes of the whole kernel, on every backend.
#include "compute/op_cut.h"
#include "op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const int counts[] = {2, 3, 5};
enum { N_COUNTS = sizeof counts / sizeof counts[0] };

// The op's case in pieces, against whole. drop: an output that is NULL when a kernel is cut, -1
// none.
static void expect_same(const struct bench *bench, const struct op *op, int drop)
{
    struct op_case c;
    struct case_result whole, cut;
    case_open(&c, op);
    if (drop >= 0) {
        case_drop(&c.out[drop]);
    }
    if (op->sum) {
        memset(c.out[0].values, 3, c.out[0].count * case_type_bytes(c.out[0].type));
    }
    case_run(bench->backend, &c, &whole);
    for (int i = 0; i < N_COUNTS; i++) {
        char text[256];
        op_describe(op, text, sizeof text);
        c.most_pieces = counts[i];
        const int pieces = op_cut_count(op, counts[i]);
        if (pieces != counts[i]) {
            fail_msg("%s is cut into %d pieces, not %d", text, pieces, counts[i]);
        }
        case_run(bench->backend, &c, &cut);
        const size_t bytes = c.out[0].count * case_type_bytes(c.out[0].type);
        if (memcmp(whole.out[0].values, cut.out[0].values, bytes) != 0) {
            fail_msg("%s gives other bytes in %d pieces", text, pieces);
        }
        case_result_close(&cut);
    }
    case_result_close(&whole);
    case_close(&c);
}

static struct op window_op(enum op_kind kind, int h, int in_c, int out_c, int kernel, int stride,
                           int above, int below)
{
    const int left = kernel > 1;
    return (struct op){
        .kind = kind,
        .n = 1,
        .in_h = h,
        .in_w = 19,
        .in_c = in_c,
        .out_h = (h + above + below - kernel) / stride + 1,
        .out_w = (19 + left - kernel) / stride + 1,
        .out_c = out_c,
        .kernel = {kernel, kernel},
        .stride = {stride, stride},
        .dilation = {1, 1},
        .pad = {above, left, below, 0},
        .groups = 1,
        .bias = true,
    };
}

static void test_convolutions(void **state)
{
    static const int shapes[][5] = {{1, 1, 0, 0, 33}, {3, 1, 1, 1, 33}, {3, 2, 1, 1, 65},
                                    {5, 1, 0, 2, 29}, {3, 3, 2, 0, 98}, {2, 2, 0, 1, 64}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const int *s = shapes[i];
        struct op op = window_op(OP_CONV, s[4], 24, 40, s[0], s[1], s[2], s[3]);
        op.act = case_activation(1);
        expect_same(*state, &op, -1);
        op.sum = true;
        expect_same(*state, &op, -1);
        op.sum = false;
        op.groups = 4;
        op.in_c = op.out_c = 80;
        expect_same(*state, &op, -1);
    }
}

static void test_dilated(void **state)
{
    struct op op = window_op(OP_CONV, 40, 16, 24, 3, 1, 3, 3);
    op.dilation[0] = 3;
    op.out_h = 40 + 6 - 7 + 1;
    expect_same(*state, &op, -1);
}

static void test_int8(void **state)
{
    const struct bench *bench = *state;
    if (!bench->backend->int8) {
        print_message("skipped: no 8-bit convolutions here\n");
        return;
    }
    static const int channels[][2] = {{16, 16}, {7, 13}, {40, 48}};
    for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++) {
        struct op op = window_op(OP_CONV, 61, channels[i][0], channels[i][1], 3, 1, 1, 1);
        op.pad[3] = 1;
        op.out_w = op.in_w;
        op.in_type = op.out_type = DTYPE_U8;
        op.act = case_activation(1);
        expect_same(bench, &op, -1);
        op.sum = true;
        expect_same(bench, &op, -1);
    }
}

// A linear layer is cut by its outputs.
static void test_linear(void **state)
{
    struct op op = {.kind = OP_CONV,
                    .n = 1,
                    .in_h = 4,
                    .in_w = 3,
                    .in_c = 64,
                    .out_h = 1,
                    .out_w = 1,
                    .out_c = 901,
                    .kernel = {4, 3},
                    .stride = {1, 1},
                    .dilation = {1, 1},
                    .groups = 1,
                    .bias = true};
    expect_same(*state, &op, -1);
    const struct bench *bench = *state;
    if (bench->backend->int8) {
        op.in_type = DTYPE_U8;
        expect_same(bench, &op, -1);
    }
}

static void test_pools(void **state)
{
    for (int kind = 0; kind < 2; kind++) {
        const enum op_kind pool = kind == 0 ? OP_POOL_MAX : OP_POOL_AVG;
        struct op op = window_op(pool, 41, 37, 37, 3, 1, 1, 1);
        expect_same(*state, &op, -1);
        op.exclude_pad = true;
        expect_same(*state, &op, -1);
        op = window_op(pool, 90, 60, 60, 3, 2, 0, 0);
        op.out_h++; // rounded up: the last window ends behind the input
        expect_same(*state, &op, -1);
        op.in_type = DTYPE_U8;
        op.out_type = pool == OP_POOL_MAX ? DTYPE_U8 : DTYPE_F32;
        expect_same(*state, &op, -1);
    }
}

static struct op map_op(enum op_kind kind)
{
    return (struct op){.kind = kind,
                       .n = 1,
                       .in_h = 41,
                       .in_w = 17,
                       .in_c = 36,
                       .out_h = 41,
                       .out_w = 17,
                       .out_c = 36,
                       .groups = 4};
}

static void test_maps(void **state)
{
    struct op op = map_op(OP_NORMALIZE);
    op.in_type = DTYPE_U8;
    expect_same(*state, &op, -1);
    op = map_op(OP_QUANTIZE);
    op.out_type = DTYPE_U8;
    op.out_h = op.out_w = op.out_c = 0; // may stay unset
    expect_same(*state, &op, -1);
    op = map_op(OP_SCALE_SHIFT);
    expect_same(*state, &op, 1);
    op = map_op(OP_ADD);
    expect_same(*state, &op, -1);
    op.out_type = DTYPE_S8;
    expect_same(*state, &op, -1);
    op = map_op(OP_MULTIPLY);
    expect_same(*state, &op, -1);
    op.broadcast = true;
    expect_same(*state, &op, -1);
    op = map_op(OP_SHUFFLE);
    expect_same(*state, &op, -1);
    op = map_op(OP_SOFTMAX);
    expect_same(*state, &op, -1);
    op = map_op(OP_COPY_CHANNELS);
    op.out_c = 50;
    op.from = 3;
    op.to = 11;
    op.count = 29;
    expect_same(*state, &op, -1);
}

static void test_padding(void **state)
{
    static const int frames[][3] = {{0, 0, 1}, {7, 9, 1}, {-3, 20, 1}, {1, -2, 2}, {0, 0, 3}};
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        struct op op = map_op(OP_PAD);
        op.in_h = 101;
        op.stride[0] = op.stride[1] = frames[i][2];
        op.pad[0] = frames[i][0];
        op.pad[2] = frames[i][1];
        op.out_h = (op.in_h + op.pad[0] + op.pad[2] - 1) / op.stride[0] + 1;
        op.out_w = (op.in_w - 1) / op.stride[1] + 1;
        op.out_c = op.in_c + 90;
        op.to = 5;
        expect_same(*state, &op, -1);
    }
}

// What mixes rows, has several images, or is too small stays whole.
static void test_whole(void **state)
{
    (void)state;
    struct op op = window_op(OP_CONV, 33, 24, 40, 3, 1, 1, 1);
    assert_int_equal(op_cut_count(&op, 1), 1);
    op.n = 2;
    assert_int_equal(op_cut_count(&op, 4), 1);
    op = window_op(OP_CONV, 5, 4, 4, 3, 1, 1, 1);
    assert_int_equal(op_cut_count(&op, 4), 1);
    op = map_op(OP_RESIZE);
    assert_int_equal(op_cut_count(&op, 4), 1);
    op = window_op(OP_POOL_AVG, 19, 64, 64, 19, 1, 0, 0);
    assert_int_equal(op_cut_count(&op, 4), 1);
    op = window_op(OP_POOL_MAX, 41, 37, 37, 3, 1, 1, 1);
    op.training = true;
    assert_int_equal(op_cut_count(&op, 4), 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolutions), cmocka_unit_test(test_dilated),
        cmocka_unit_test(test_int8),         cmocka_unit_test(test_linear),
        cmocka_unit_test(test_pools),        cmocka_unit_test(test_maps),
        cmocka_unit_test(test_padding),      cmocka_unit_test(test_whole),
    };
    return bench_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
