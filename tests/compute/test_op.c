// What can be said about ops without a backend, and which ones are refused.
#include "compute/op.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct op conv = {
    .kind = OP_CONV,
    .n = 2,
    .in_h = 5,
    .in_w = 7,
    .in_c = 6,
    .out_h = 3,
    .out_w = 4,
    .out_c = 9,
    .kernel = {3, 3},
    .stride = {2, 2},
    .dilation = {1, 1},
    .pad = {1, 1, 1, 1},
    .groups = 3,
};

static void test_sizes(void **state)
{
    (void)state;
    assert_int_equal(dtype_bytes(DTYPE_F32), 4);
    assert_int_equal(dtype_bytes(DTYPE_U8), 1);
    assert_int_equal(dtype_bytes(DTYPE_S8), 1);
    assert_int_equal(op_macs(&conv), 2 * 3 * 4 * 9 * 2 * 3 * 3);
    struct op large = conv;
    large.n = 4096;
    large.out_h = large.out_w = 256;
    large.in_c = large.out_c = 1024;
    large.groups = 1;
    assert_true(op_macs(&large) == INT64_C(4096) * 256 * 256 * 1024 * 1024 * 9);
    for (int kind = 0; kind < OP_COUNT; kind++) {
        const struct op other = {.kind = (enum op_kind)kind, .n = 1, .groups = 1, .in_c = 1};
        assert_true(kind == OP_CONV || op_macs(&other) == 0);
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(op_kind_name(OP_NORMALIZE), "NORMALIZE");
    assert_string_equal(op_kind_name(OP_CONV), "CONV");
    assert_string_equal(op_kind_name(OP_ADAM), "ADAM");
    for (int kind = 0; kind < OP_COUNT; kind++) {
        for (int other = 0; other < kind; other++) {
            assert_string_not_equal(op_kind_name((enum op_kind)kind),
                                    op_kind_name((enum op_kind)other));
        }
    }
}

static void test_describe(void **state)
{
    (void)state;
    char text[256], small[8];
    op_describe(&conv, text, sizeof text);
    assert_string_equal(text, "CONV 2 x [5 x 7 x 6] f32 -> [3 x 4 x 9] f32, kernel 3 x 3, "
                              "stride 2, pad 1, groups 3");
    struct op uneven = conv;
    uneven.stride[1] = 1;
    uneven.dilation[0] = 2;
    uneven.pad[3] = 0;
    op_describe(&uneven, text, sizeof text);
    assert_non_null(
        strstr(text, "kernel 3 x 3, stride 2 x 1, dilation 2 x 1, pad 1 1 1 0, groups"));
    op_describe(&conv, small, sizeof small);
    assert_string_equal(small, "CONV 2 ");
    const struct op broken = {.kind = (enum op_kind)99, .in_type = (enum dtype)7};
    op_describe(&broken, text, sizeof text);
    assert_non_null(strstr(text, "unknown op"));
}

// One change to a good op, and what must be said about it; "" = it stays good.
struct change {
    size_t offset; // of an int in struct op
    int value;
    enum status status;
    const char *says;
};
#define CHANGE(field, value, status, says)                                                         \
    {                                                                                              \
        offsetof(struct op, field), value, status, says                                            \
    }

static void expect_changes(const struct op *good, const struct change *changes, size_t n)
{
    assert_int_equal(op_check(good), OK);
    for (size_t i = 0; i < n; i++) {
        struct op op = *good;
        memcpy((char *)&op + changes[i].offset, &changes[i].value, sizeof changes[i].value);
        const enum status status = op_check(&op);
        if (status != changes[i].status ||
            (status != OK && strstr(status_message(), changes[i].says) == NULL)) {
            fail_msg("change %zu: status %d, message \"%s\"", i, (int)status, status_message());
        }
        if (status != OK) { // names the op
            assert_non_null(strstr(status_message(), op_kind_name(good->kind)));
        }
    }
}
#define EXPECT_CHANGES(op, ...)                                                                    \
    do {                                                                                           \
        const struct change changes[] = {__VA_ARGS__};                                             \
        expect_changes((op), changes, sizeof changes / sizeof changes[0]);                         \
    } while (0)

static void test_conv(void **state)
{
    (void)state;
    struct op op = conv;
    for (int kind = OP_CONV; kind <= OP_CONV_BACKWARD_WEIGHTS; kind++) {
        op.kind = (enum op_kind)kind;
        EXPECT_CHANGES(
            &op, CHANGE(n, 1, OK, ""), CHANGE(n, 0, ERR_INPUT, "at least one element"),
            CHANGE(in_h, -5, ERR_INPUT, "at least one element"),
            CHANGE(in_h, 6, OK, ""), // 6 + 2 - 3 halves to 2, as does 5 + 2 - 3
            CHANGE(in_h, 7, ERR_INPUT, "output must be 4 x 4"),
            CHANGE(out_h, 4, ERR_INPUT, "output must be 3 x 4"),
            CHANGE(out_w, 3, ERR_INPUT, "output must be 3 x 4"),
            CHANGE(stride[0], 0, ERR_INPUT, "stride"), CHANGE(stride[1], -1, ERR_INPUT, "stride"),
            CHANGE(dilation[0], 0, ERR_INPUT, "dilation"), // 3 taps cover 5 rows
            CHANGE(dilation[0], 2, ERR_INPUT, "output must be 2 x 4"),
            CHANGE(pad[0], -1, ERR_INPUT, "padding"), CHANGE(pad[3], 3, ERR_INPUT, "padding"),
            CHANGE(pad[1], 2, OK, ""), // 7 + 3 - 3 halves to 3, as does 7 + 2 - 3
            CHANGE(pad[2], 2, OK, ""), CHANGE(pad[2], 3, ERR_INPUT, "padding"),
            CHANGE(kernel[0], 0, ERR_INPUT, "kernel"), CHANGE(kernel[0], 1, ERR_INPUT, "padding"),
            CHANGE(kernel[1], 1, ERR_INPUT, "padding"),
            CHANGE(kernel[1], 10, ERR_INPUT, "larger than the padded input"),
            CHANGE(groups, 2, ERR_INPUT, "groups"), CHANGE(groups, 0, ERR_INPUT, "groups"),
            CHANGE(groups, 6, ERR_INPUT, "groups"), CHANGE(out_c, 10, ERR_INPUT, "groups"),
            CHANGE(out_c, 0, ERR_INPUT, "channel"), CHANGE(act.kind, 99, ERR_INPUT, "activation"),
            CHANGE(act.kind, ACT_CLIP, ERR_INPUT, "low bound"),
            CHANGE(act.kind, ACT_LEAKY, ERR_INPUT, "slope"),
            CHANGE(out_type, DTYPE_U8, ERR_UNSUPPORTED, "element types"),
            CHANGE(in_type, 9, ERR_UNSUPPORTED, "element types"));
    }
    op = (struct op){.kind = OP_CONV,
                     .n = 2,
                     .in_h = 3,
                     .in_w = 1,
                     .in_c = 5,
                     .out_h = 3,
                     .out_w = 1,
                     .out_c = 4,
                     .kernel = {1, 1},
                     .stride = {1, 1},
                     .dilation = {1, 1},
                     .groups = 1,
                     .by_row = true};
    EXPECT_CHANGES(&op, CHANGE(out_c, 9, OK, ""), CHANGE(groups, 0, ERR_INPUT, "groups"),
                   CHANGE(kind, OP_CONV_BACKWARD_DATA, ERR_INPUT, "by row"),
                   CHANGE(in_type, DTYPE_U8, ERR_INPUT, "by row"));
    op.sum = true;
    assert_int_equal(op_check(&op), ERR_INPUT);
    op = conv;
    op.by_row = true;
    assert_int_equal(op_check(&op), ERR_INPUT);
    op = conv;
    op.in_type = DTYPE_U8;
    EXPECT_CHANGES(&op, CHANGE(out_type, DTYPE_S8, OK, ""), CHANGE(out_type, DTYPE_F32, OK, ""),
                   CHANGE(kind, OP_CONV_BACKWARD_DATA, ERR_UNSUPPORTED, "element types"),
                   CHANGE(in_c, 3 * 7281, OK, ""), // 65529 products
                   CHANGE(in_c, 3 * 7282, ERR_UNSUPPORTED, "overflow"));
}

// Extents rounded up, and windows that step over the input.
static void test_pool_extents(void **state)
{
    (void)state;
    struct op pool = conv;
    pool.kind = OP_POOL_MAX;
    pool.out_c = pool.in_c;
    pool.out_w = 5; // 7 + 2 columns, windows of 3 two apart: 4, and nothing is left over
    assert_int_equal(op_check(&pool), ERR_INPUT);
    pool.out_w = 4;
    pool.in_w = 6; // 6 + 2 - 3 halves to 2 and a half
    assert_int_equal(op_check(&pool), OK);
    pool.out_w = 3;
    assert_int_equal(op_check(&pool), OK);
    pool.kernel[0] = 2;
    pool.dilation[0] = 7;
    pool.in_h = 4;
    pool.pad[0] = pool.pad[2] = 3;
    pool.stride[0] = 1;
    pool.out_h = 3; // taps at -3 and 4, -2 and 5, -1 and 6
    assert_int_equal(op_check(&pool), ERR_UNSUPPORTED);
    assert_non_null(strstr(status_message(), "nothing but padding"));
}

static void test_pool_and_copies(void **state)
{
    (void)state;
    struct op pool = conv;
    pool.kind = OP_POOL_MAX;
    pool.out_c = pool.in_c;
    pool.training = true;
    EXPECT_CHANGES(&pool, CHANGE(out_c, 9, ERR_INPUT, "number of channels"),
                   CHANGE(pad[0], 3, ERR_INPUT, "padding"),
                   CHANGE(in_type, DTYPE_U8, ERR_UNSUPPORTED, "element types"),
                   CHANGE(kind, OP_POOL_AVG, OK, ""));
    pool.in_h = pool.in_w = pool.kernel[0] = pool.kernel[1] = 17;
    pool.out_h = pool.out_w = 1;
    memset(pool.pad, 0, sizeof pool.pad);
    assert_int_equal(op_check(&pool), ERR_INPUT);
    assert_non_null(strstr(status_message(), "256 taps"));
    pool.training = false;
    assert_int_equal(op_check(&pool), OK);

    const struct op pad = {.kind = OP_PAD,
                           .n = 1,
                           .in_h = 5,
                           .in_w = 4,
                           .in_c = 3,
                           .out_h = 3,
                           .out_w = 2,
                           .out_c = 8,
                           .stride = {2, 2},
                           .to = 5};
    EXPECT_CHANGES(&pad, CHANGE(stride[1], 0, ERR_INPUT, "stride"),
                   CHANGE(pad[0], -5, ERR_INPUT, "crops"),
                   CHANGE(pad[0], -1, ERR_INPUT, "output must be 2 x 2"), CHANGE(pad[2], 1, OK, ""),
                   CHANGE(to, 6, ERR_INPUT, "do not fit"), CHANGE(to, -1, ERR_INPUT, "do not fit"),
                   CHANGE(to, 0, OK, ""), CHANGE(out_c, 2, ERR_INPUT, "do not fit"),
                   CHANGE(out_h, 2, ERR_INPUT, "output must be 3 x 2"));
    const struct op copy = {.kind = OP_COPY_CHANNELS,
                            .n = 1,
                            .in_h = 5,
                            .in_w = 4,
                            .in_c = 7,
                            .out_h = 5,
                            .out_w = 4,
                            .out_c = 9,
                            .from = 2,
                            .to = 4,
                            .count = 5};
    EXPECT_CHANGES(&copy, CHANGE(from, 3, ERR_INPUT, "outside the input"),
                   CHANGE(from, -1, ERR_INPUT, "outside the input"),
                   CHANGE(to, 5, ERR_INPUT, "outside the output"),
                   CHANGE(count, 6, ERR_INPUT, "outside the input"), CHANGE(count, 0, OK, ""),
                   CHANGE(out_h, 4, ERR_INPUT, "height and width"));
}

static void test_others(void **state)
{
    (void)state;
    const struct op lstm = {.kind = OP_LSTM,
                            .n = 1,
                            .in_h = 5,
                            .in_w = 1,
                            .in_c = 3,
                            .out_h = 5,
                            .out_w = 1,
                            .out_c = 4};
    EXPECT_CHANGES(&lstm, CHANGE(in_w, 2, ERR_INPUT, "sequence"),
                   CHANGE(out_h, 4, ERR_INPUT, "steps"), CHANGE(out_c, 0, ERR_INPUT, "unit"));
    const struct op add = {.kind = OP_ADD,
                           .n = 1,
                           .in_h = 5,
                           .in_w = 4,
                           .in_c = 3,
                           .out_h = 5,
                           .out_w = 4,
                           .out_c = 3};
    EXPECT_CHANGES(&add, CHANGE(out_c, 4, ERR_INPUT, "one shape"),
                   CHANGE(in_type, DTYPE_U8, ERR_UNSUPPORTED, "element types"));
    struct op silu = add;
    silu.act.kind = ACT_SILU;
    EXPECT_CHANGES(&silu, CHANGE(kind, OP_ACT_BACKWARD, OK, ""), CHANGE(kind, OP_MULTIPLY, OK, ""),
                   CHANGE(out_type, DTYPE_S8, OK, ""));
    silu.kind = OP_BN_BACKWARD_REDUCE;
    assert_int_equal(op_check(&silu), ERR_UNSUPPORTED);
    assert_non_null(strstr(status_message(), "silu does not follow from y"));
    const struct op resize = {.kind = OP_RESIZE,
                              .n = 1,
                              .in_h = 5,
                              .in_w = 4,
                              .in_c = 3,
                              .out_h = 10,
                              .out_w = 1,
                              .out_c = 3,
                              .resize = RESIZE_LINEAR};
    EXPECT_CHANGES(&resize, CHANGE(out_c, 4, ERR_INPUT, "number of channels"),
                   CHANGE(out_h, 0, ERR_INPUT, "one pixel"),
                   CHANGE(resize, 9, ERR_INPUT, "resize mode 9"),
                   CHANGE(coordinates, -1, ERR_INPUT, "coordinates -1"),
                   CHANGE(out_type, DTYPE_U8, ERR_UNSUPPORTED, "element types"));
    struct op bytes = resize;
    bytes.in_type = bytes.out_type = DTYPE_U8;
    assert_int_equal(op_check(&bytes), ERR_UNSUPPORTED);
    bytes.resize = RESIZE_NEAREST_CEIL;
    assert_int_equal(op_check(&bytes), OK);
    const struct op shuffle = {
        .kind = OP_SHUFFLE, .n = 1, .in_h = 1, .in_w = 1, .in_c = 6, .groups = 3};
    EXPECT_CHANGES(&shuffle, CHANGE(groups, 4, ERR_INPUT, "parts"),
                   CHANGE(groups, 0, ERR_INPUT, "parts"),
                   CHANGE(out_type, DTYPE_S8, ERR_UNSUPPORTED, "element types"));
    struct op op = {.kind = (enum op_kind)OP_COUNT, .n = 1, .in_h = 1, .in_w = 1, .in_c = 1};
    assert_int_equal(op_check(&op), ERR_INPUT);
    op.kind = (enum op_kind) - 1;
    assert_int_equal(op_check(&op), ERR_INPUT);
}

// Real attributes out of range, NaN among them.
static void test_reals(void **state)
{
    (void)state;
    const float nan = NAN;
    const struct op base = {.n = 1, .in_h = 1, .in_w = 1, .in_c = 3, .temperature = 1.0F};
    const float bad_rates[] = {-0.1F, 1.0F, nan}, bad_shares[] = {-0.1F, 1.1F, nan};
    const float bad_clips[] = {-1.0F, -INFINITY, nan};
    for (int i = 0; i < 3; i++) {
        struct op op = base;
        op.kind = OP_DROPOUT;
        assert_int_equal(op_check(&op), OK);
        op.rate = bad_rates[i];
        assert_int_equal(op_check(&op), ERR_INPUT);
        op = base;
        op.kind = OP_SOFTMAX_XENT;
        assert_int_equal(op_check(&op), OK);
        op.target_share = bad_shares[i];
        assert_int_equal(op_check(&op), ERR_INPUT);
        op = base;
        op.kind = OP_BN_FINISH;
        assert_int_equal(op_check(&op), OK);
        op.momentum = bad_shares[i];
        assert_int_equal(op_check(&op), ERR_INPUT);
        op = base;
        op.kind = OP_ADAM;
        assert_int_equal(op_check(&op), OK);
        op.beta2 = bad_rates[i];
        assert_int_equal(op_check(&op), ERR_INPUT);
        op = base;
        op.kind = OP_RMSPROP;
        op.alpha = bad_shares[i];
        assert_int_equal(op_check(&op), ERR_INPUT);
        op = base;
        op.kind = OP_CLIP;
        assert_int_equal(op_check(&op), OK);
        op.clip = bad_clips[i];
        assert_int_equal(op_check(&op), ERR_INPUT);
        op = base;
        op.kind = OP_SGD;
        op.nesterov = bad_shares[i];
        assert_int_equal(op_check(&op), ERR_INPUT);
    }
    struct op op = base;
    op.kind = OP_SOFTMAX_XENT;
    op.target_share = 0.5F;
    op.temperature = 0.0F;
    assert_int_equal(op_check(&op), ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),           cmocka_unit_test(test_names),
        cmocka_unit_test(test_describe),        cmocka_unit_test(test_conv),
        cmocka_unit_test(test_pool_and_copies), cmocka_unit_test(test_pool_extents),
        cmocka_unit_test(test_others),          cmocka_unit_test(test_reals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
