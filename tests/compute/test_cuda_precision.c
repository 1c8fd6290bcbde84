// Convolutions whose products are tf32 or bf16, sums float32: within stated bounds of the
// reference, of the greatest value, and not float32 by mistake.
#include "compute/cuda/cuda_emulator.h"
#include "op_case.h"
#include "test_device.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

// A factor has 11 (tf32) or 8 (bf16) binary digits, so a product is off by 2^-11 or 2^-8 of itself
// at most; errors of a sum's terms cancel more often than its terms do.
static const struct {
    enum backend_precision precision;
    double tolerance;
} bounds[] = {{PRECISION_TF32, 1e-3}, {PRECISION_BF16, 8e-3}};

static struct backend *open_precise(enum backend_precision precision)
{
    struct backend *backend = NULL;
    assert_int_equal(test_device_open(precision, &backend), OK);
    return backend;
}

static struct op conv_op(enum op_kind kind, int size, int in_c, int out_c, int kernel, int stride,
                         int groups)
{
    const int pad = kernel / 2, out = (size + 2 * pad - kernel) / stride + 1;
    return (struct op){.kind = kind,
                       .n = 2,
                       .in_h = size,
                       .in_w = size,
                       .in_c = in_c,
                       .out_h = out,
                       .out_w = out,
                       .out_c = out_c,
                       .kernel = {kernel, kernel},
                       .stride = {stride, stride},
                       .dilation = {1, 1},
                       .pad = {pad, pad, pad, pad},
                       .groups = groups,
                       .bias = true};
}

// The greatest difference, over the greatest value.
static double difference(const struct case_array *got, const struct case_array *want)
{
    const float *a = got->values, *b = want->values;
    double worst = 0.0, greatest = 1e-30;
    for (size_t i = 0; i < want->count; i++) {
        assert_true(isfinite(a[i]));
        worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
        greatest = fmax(greatest, fabs((double)b[i]));
    }
    return worst / greatest;
}

// Widths 1 to 64, odd ones too, in all directions; the same bits whichever way threads take turns.
static void test_bounds(void **state)
{
    (void)state;
    static const int shapes[][6] = {// size, inputs, outputs, kernel, stride, groups
                                    {8, 16, 16, 3, 1, 1},
                                    {7, 3, 10, 3, 1, 1},
                                    {9, 22, 33, 3, 2, 1},
                                    {4, 64, 64, 3, 1, 1},
                                    {5, 1, 1, 3, 1, 1},
                                    {6, 40, 17, 1, 1, 1},
                                    {6, 12, 24, 5, 1, 3},
                                    {1, 64, 10, 1, 1, 1},
                                    // More tiles than one, of rows; several blocks of channels.
                                    {33, 16, 16, 3, 1, 1},
                                    {20, 8, 40, 3, 2, 1},
                                    {18, 48, 36, 5, 1, 1}};
    enum { N_SHAPES = sizeof shapes / sizeof *shapes };
    struct backend *ref = NULL;
    const struct backend_options plain = {0};
    assert_int_equal(backend_open("ref", &plain, &ref), OK);
    for (int i = 0; i < 2; i++) {
        struct backend *backend = open_precise(bounds[i].precision);
        double worst = 0.0;
        for (int k = 0; k < 3 * N_SHAPES; k++) {
            const int *s = shapes[k / 3];
            struct op op =
                conv_op((enum op_kind)(OP_CONV + k % 3), s[0], s[1], s[2], s[3], s[4], s[5]);
            if (op.kind == OP_CONV) {
                static const enum activation_kind kinds[] = {ACT_NONE, ACT_RELU, ACT_SILU};
                op.act.kind = kinds[k / 3 % 3];
                op.sum = k / 3 % 2 == 1;
            }
            struct op_case c;
            struct case_result got, again, want;
            case_open(&c, &op);
            case_run(backend, &c, &got);
            emulator_set_reversed(true);
            case_run(backend, &c, &again);
            emulator_set_reversed(false);
            case_run(ref, &c, &want);
            const double error = difference(&got.out[0], &want.out[0]);
            if (error > bounds[i].tolerance) {
                fail_msg("shape %d, %s: off by %g", k / 3, op_kind_name(op.kind), error);
            }
            assert_memory_equal(got.out[0].values, again.out[0].values,
                                got.out[0].count * sizeof(float));
            worst = fmax(worst, error);
            case_result_close(&got);
            case_result_close(&again);
            case_result_close(&want);
            case_close(&c);
        }
        assert_true(worst > bounds[i].tolerance / 100.0);
        backend_close(backend);
    }
    backend_close(ref);
}

// What has only float32 says so.
static void test_refusal(void **state)
{
    (void)state;
    const struct backend_options options = {.precision = PRECISION_BF16};
    struct backend *backend = NULL;
    assert_int_equal(backend_open("cpu", &options, &backend), ERR_UNSUPPORTED);
    assert_non_null(strstr(status_message(), "float32 only"));
    assert_non_null(strstr(status_message(), "bf16"));
    assert_null(backend);
}

static void test_no_int8(void **state)
{
    (void)state;
    struct backend *backend = open_precise(PRECISION_FLOAT32);
    struct kernel *kernel = NULL;
    struct op op = conv_op(OP_CONV, 8, 16, 16, 3, 1, 1);
    op.in_type = DTYPE_U8;
    assert_false(backend->int8);
    assert_int_equal(kernel_open(backend, &op, &kernel), ERR_UNSUPPORTED);
    assert_non_null(strstr(status_message(), "8-bit"));
    backend_close(backend);
}

// Whatever this machine and build have: an answer that says what to do, or a device.
static void test_asked(void **state)
{
    (void)state;
    const struct backend_options options = {.device = -1};
    struct backend_facts facts;
    const enum status status = backend_ask("cuda", &options, &facts);
    if (status == OK) {
        assert_in_range(facts.n_devices, 1, BACKEND_MOST_DEVICES);
        assert_non_null(strstr(facts.numerics, "float32"));
        return;
    }
    assert_int_equal(status, ERR_UNSUPPORTED);
    assert_non_null(strstr(status_message(), "cpu"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        // A device is asked by a child, so before this process uses it.
        cmocka_unit_test(test_asked), cmocka_unit_test(test_bounds), cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_no_int8)};
    const int missing = test_device_missing();
    return missing != 0 ? missing : cmocka_run_group_tests(tests, NULL, NULL);
}
