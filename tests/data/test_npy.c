// Arrays that NumPy saved: every type, byte order, version of the header and shape becomes the same
// numbers; what cannot be read is told with what to do.
#include "core/rng.h"
#include "data_files.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 6, C = 3, LENGTH = 8, VALUES = N * C * LENGTH, MOST_BYTES = 16384 };

struct array {
    char bytes[MOST_BYTES];
    size_t n;
};

// A file of version 1 to 3 with this dictionary, padded as NumPy pads it.
static void begin(struct array *array, int version, const char *descr, const char *order,
                  const char *shape)
{
    char header[256];
    const int start = version == 1 ? 10 : 12;
    int length =
        snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }",
                 descr, order, shape);
    while ((start + length + 1) % 64 != 0) {
        header[length++] = ' ';
    }
    header[length++] = '\n';
    memcpy(array->bytes, "\x93NUMPY", 6);
    array->bytes[6] = (char)version;
    array->bytes[7] = 0;
    for (int i = 8; i < start; i++) {
        array->bytes[i] = (char)(length >> (8 * (i - 8)));
    }
    memcpy(array->bytes + start, header, (size_t)length);
    array->n = (size_t)start + (size_t)length;
}

// The bits of `value` as the type says.
static uint64_t bits_of(const char *type, double value)
{
    if (type[0] != 'f') {
        return (uint64_t)(int64_t)value;
    }
    if (type[1] == '8') {
        uint64_t bits;
        memcpy(&bits, &value, sizeof bits);
        return bits;
    }
    const float single = (float)value;
    uint32_t bits;
    memcpy(&bits, &single, sizeof bits);
    if (type[1] == '4') {
        return bits;
    }
    if (value == 0) { // f2, for numbers that it holds exactly
        return 0;
    }
    const uint32_t exponent = (bits >> 23 & 255) - 127 + 15;
    return (bits >> 31) << 15 | exponent << 10 | (bits >> 13 & 1023);
}

static void put(struct array *array, const char *descr, double value)
{
    const int bytes = descr[2] - '0';
    const uint64_t bits = bits_of(descr + 1, value);
    for (int i = 0; i < bytes; i++) {
        const int from = descr[0] == '>' ? bytes - 1 - i : i;
        array->bytes[array->n++] = (char)(bits >> (8 * from));
    }
}

static void save(const char *folder, const char *name, const struct array *array)
{
    files_write(folder, name, array->bytes, array->n);
}

static void save_numbers(const char *folder, const char *name, const char *descr, const char *shape,
                         const int *values, int n)
{
    struct array array;
    begin(&array, 1, descr, "False", shape);
    for (int i = 0; i < n; i++) {
        put(&array, descr, values[i]);
    }
    save(folder, name, &array);
}

static const int labels[N] = {0, 1, 2, 0, 1, 2};

static double sample(const char *type, int i)
{
    const int wide = i * 37 % 101;
    return type[0] == 'u' ? wide : type[0] == 'i' ? wide - 50 : (wide - 50) / 4.0;
}

static void save_samples(const char *folder, int version, const char *descr, const char *shape)
{
    struct array array;
    begin(&array, version, descr, "False", shape);
    for (int i = 0; i < VALUES; i++) {
        put(&array, descr, sample(descr + 1, i));
    }
    save(folder, "train_x.npy", &array);
}

static void test_types_and_byte_orders(void **state)
{
    static const char *const types[] = {"|u1", "|i1", "<i2", ">i2", "<u2", ">u2",
                                        "<u4", "<i4", ">i4", "<i8", ">u8", "<f2",
                                        ">f2", "<f4", ">f4", "<f8", ">f8"};
    save_numbers(*state, "train_y.npy", "|u1", "(6,)", labels, N);
    struct dataset_options options = files_options("npy", *state);
    options.channels = CHANNELS_FIRST;
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        const char *type = types[t] + 1;
        save_samples(*state, 1 + (int)t % 3, types[t], "(6, 3, 8)");
        struct dataset d;
        assert_ok(dataset_open(&options, DATASET_TRAIN, &d));
        assert_true(d.n == N && d.h == 1 && d.w == LENGTH && d.c == C && d.classes == 3);
        assert_int_equal(d.type, strcmp(type, "u1") == 0                              ? SAMPLE_U8
                                 : strcmp(type, "i1") == 0 || strcmp(type, "i2") == 0 ? SAMPLE_I16
                                                                                      : SAMPLE_F32);
        static const int32_t rows[] = {4, 1};
        float floats[2 * C * LENGTH];
        uint8_t bytes[2 * C * LENGTH];
        assert_ok(dataset_fetch(&d, rows, 2, d.type == SAMPLE_U8 ? (void *)bytes : floats));
        double sum[C] = {0};
        for (int i = 0; i < 2 * C * LENGTH; i++) {
            const int row = rows[i / (C * LENGTH)], x = i % (C * LENGTH) / C, c = i % C;
            const double expected = sample(type, (row * C + c) * LENGTH + x);
            const double got = d.type == SAMPLE_U8 ? bytes[i] : (double)floats[i];
            if (got != expected) {
                fail_msg("%s: sample %d is %g, expected %g", types[t], i, got, expected);
            }
        }
        for (int i = 0; i < VALUES; i++) {
            sum[i / LENGTH % C] += sample(type, i) / (d.type == SAMPLE_U8 ? 255 : 1);
        }
        for (int c = 0; c < C; c++) {
            assert_true(fabs((double)d.mean[c] - sum[c] / (N * LENGTH)) < 1e-5);
        }
        dataset_close(&d);
    }
}

// What the shape and the type say of where the channels are.
static void test_shapes(void **state)
{
    static const struct {
        const char *descr, *shape;
        enum dataset_channels channels;
        int h, w, c;
        bool planar;
    } cases[] = {
        {"<i2", "(6, 3, 8)", CHANNELS_AUTO, 1, 8, 3, true},
        {"<f4", "(6, 8, 3)", CHANNELS_AUTO, 1, 8, 3, false},
        {"|u1", "(6, 3, 8)", CHANNELS_AUTO, 3, 8, 1, false},
        {"<f4", "(6, 3, 8)", CHANNELS_NONE, 3, 8, 1, false},
        {"|u1", "(6, 3, 8)", CHANNELS_LAST, 1, 3, 8, false},
        {"|u1", "(6, 3, 4, 2)", CHANNELS_AUTO, 4, 2, 3, true},
        {"|u1", "(6, 2, 4, 3)", CHANNELS_AUTO, 2, 4, 3, false},
        {"|u1", "(6, 4, 6, 1)", CHANNELS_AUTO, 4, 6, 1, false},
        {"|u1", "(6, 1, 4, 6)", CHANNELS_AUTO, 4, 6, 1, false},
        {"<f4", "(6, 2, 1, 12)", CHANNELS_AUTO, 1, 12, 2, true},
        {"<f4", "(6, 1, 12, 2)", CHANNELS_LAST, 1, 12, 2, false},
    };
    save_numbers(*state, "train_y.npy", "|u1", "(6,)", labels, N);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dataset_options options = files_options("npy", *state);
        struct dataset d;
        options.channels = cases[i].channels;
        save_samples(*state, 1, cases[i].descr, cases[i].shape);
        assert_ok(dataset_describe(&options, DATASET_TRAIN, &d));
        if (d.h != cases[i].h || d.w != cases[i].w || d.c != cases[i].c) {
            fail_msg("%s %s: %d x %d x %d", cases[i].descr, cases[i].shape, d.h, d.w, d.c);
        }
        const int32_t row = 0;
        float floats[24];
        uint8_t bytes[24];
        assert_ok(dataset_fetch(&d, &row, 1, d.type == SAMPLE_U8 ? (void *)bytes : floats));
        // The second value in memory: of the next channel, or of the next place.
        const double second = d.type == SAMPLE_U8 ? bytes[1] : (double)floats[1];
        const int from = cases[i].planar ? cases[i].h * cases[i].w : 1;
        assert_true(second == sample(cases[i].descr + 1, from));
        dataset_close(&d);
    }
}

static void test_labels_and_groups(void **state)
{
    static const char *const types[] = {"|i1", "|b1", "<u2", ">i4", "<i8", "<u8"};
    static const int ones[N] = {1, 0, 1, 0, 1, 0}, subjects[N] = {30, 7, 7, 30, 1, 7};
    static const int32_t groups[N] = {2, 1, 1, 2, 0, 1};
    save_samples(*state, 1, "<i2", "(6, 3, 8)");
    save_numbers(*state, "train_subject_u8.npy", "|u1", "(6,)", subjects, N);
    const struct dataset_options options = files_options("npy", *state);
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        save_numbers(*state, "train_y.npy", types[t], t % 2 == 0 ? "(6,)" : "(6, 1)", ones, N);
        struct dataset d;
        assert_ok(dataset_open(&options, DATASET_TRAIN, &d));
        assert_int_equal(d.classes, 2);
        for (int i = 0; i < N; i++) {
            assert_int_equal(d.labels[i], ones[i]);
        }
        assert_int_equal(d.n_groups, 3);
        assert_memory_equal(d.groups, groups, sizeof groups);
        dataset_close(&d);
    }
}

// Labels that begin with 1 are shifted when that is said.
static void test_first_label(void **state)
{
    static const int from_one[N] = {1, 2, 3, 1, 2, 3};
    save_samples(*state, 1, "<i2", "(6, 3, 8)");
    save_numbers(*state, "train_y.npy", "<i4", "(6,)", from_one, N);
    struct dataset_options options = files_options("npy", *state);
    struct dataset d;
    assert_ok(dataset_describe(&options, DATASET_TRAIN, &d));
    assert_int_equal(d.classes, 4);
    dataset_close(&d);
    options.first_label = 1;
    assert_ok(dataset_describe(&options, DATASET_TRAIN, &d));
    assert_true(d.classes == 3 && d.labels[0] == 0 && d.labels[5] == 2);
    dataset_close(&d);
    options.first_label = 2;
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "row 0 is 1", "expected 2", NULL);
}

static void expect_header_refusal(const char *folder, int version, const char *descr,
                                  const char *order, const char *shape, const char *word)
{
    struct array array;
    begin(&array, version, descr, order, shape);
    memset(array.bytes + array.n, 0, VALUES * 2);
    array.n += VALUES * 2;
    save(folder, "train_x.npy", &array);
    const struct dataset_options options = files_options("npy", folder);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "train_x.npy", word, NULL);
}

static void test_refusals(void **state)
{
    save_numbers(*state, "train_y.npy", "|u1", "(6,)", labels, N);
    expect_header_refusal(*state, 1, "<i2", "True", "(6, 3, 8)", "np.ascontiguousarray");
    expect_header_refusal(*state, 1, "<i2", "Maybe", "(6, 3, 8)", "fortran_order");
    expect_header_refusal(*state, 4, "<i2", "False", "(6, 3, 8)", "version 4.0");
    expect_header_refusal(*state, 1, "<c8", "False", "(6, 3, 8)", "'<c8'");
    expect_header_refusal(*state, 1, "|O", "False", "(6, 3, 8)", "type '|O'");
    expect_header_refusal(*state, 1, "<i2", "False", "(6, 24)", "2 dimensions");
    expect_header_refusal(*state, 1, "<i2", "False", "(6, x)", "no shape");
    expect_header_refusal(*state, 1, "<i2", "False", "(7, 3, 8)", "336");
    expect_header_refusal(*state, 2, "<i2", "False", "(4294967296, 4294967296, 8)", "2^63");
    expect_header_refusal(*state, 1, "<i2", "False", "(2, 65, 72)", "bytes of values");
    files_write(*state, "train_x.npy", "PK\3\4 something else", 18);
    struct dataset_options options = files_options("npy", *state);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "NUMPY", NULL);
    files_expect_failure(&options, DATASET_TEST, ERR_INPUT, "test_x", NULL);
    save_samples(*state, 1, "|u1", "(6, 2, 6, 2)");
    files_expect_failure(&options, DATASET_TRAIN, ERR_CONFIG, "[2, 6, 2]", "data.channels", NULL);
    save_samples(*state, 1, "<i2", "(6, 3, 8)");
    static const int one_hot[2 * N] = {1, 0, 0, 1};
    save_numbers(*state, "train_y.npy", "|u1", "(6, 2)", one_hot, 2 * N);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "train_y.npy", "argmax", NULL);
    save_numbers(*state, "train_y.npy", "<f4", "(6,)", labels, N);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "floating-point", NULL);
    save_numbers(*state, "train_y.npy", "|u1", "(5,)", labels, N - 1);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "expected 6", "got 5", NULL);
    save_numbers(*state, "train_y_too.npy", "|u1", "(6,)", labels, N);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "train_y.npy", "train_y_too.npy",
                         NULL);
    char file[FILES_PATH];
    options.path = files_path(file, *state, "train_x.npy");
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "expected a folder", NULL);
}

static void test_not_finite(void **state)
{
    struct array array;
    begin(&array, 1, "<f4", "False", "(6, 3, 8)");
    for (int i = 0; i < VALUES; i++) {
        put(&array, "<f4", i == 9 ? (double)NAN : 1.0);
    }
    save(*state, "train_x.npy", &array);
    save_numbers(*state, "train_y.npy", "|u1", "(6,)", labels, N);
    const struct dataset_options options = files_options("npy", *state);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "channel 1", "finite", NULL);
}

// More classes and channels than images usually have.
static void test_many_classes_and_channels(void **state)
{
    enum { MANY = 64 };
    static const int far[N] = {0, 65534, 3, 4, 5, 6}, too_far[N] = {0, 65535, 3, 4, 5, 6};
    struct array array;
    begin(&array, 1, "<i2", "False", "(6, 64, 2)");
    for (int i = 0; i < N * MANY * 2; i++) {
        put(&array, "<i2", i);
    }
    save(*state, "train_x.npy", &array);
    save_numbers(*state, "train_y.npy", "<i4", "(6,)", far, N);
    struct dataset_options options = files_options("npy", *state);
    options.channels = CHANNELS_FIRST;
    options.share = 0.999;
    struct dataset d;
    assert_ok(dataset_open(&options, DATASET_TRAIN, &d));
    assert_true(d.c == MANY && d.w == 2 && d.classes == 65535);
    assert_true(d.mean[63] > 0 && d.std[63] > 0);
    struct arena arena = {0};
    struct dataset_split split;
    assert_ok(dataset_split(&d, 0, 1, &arena, &split));
    assert_int_equal(split.n_train, N);
    arena_close(&arena);
    dataset_close(&d);
    save_numbers(*state, "train_y.npy", "<i4", "(6,)", too_far, N);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "65535", "65534", NULL);
}

static void test_damaged_files(void **state)
{
    save_samples(*state, 2, "|u1", "(6, 3, 8)");
    save_numbers(*state, "train_y.npy", "|u1", "(6,)", labels, N);
    save_numbers(*state, "test_y.npy", "|u1", "(6,)", labels, N);
    struct array array;
    begin(&array, 1, "|u1", "False", "(6, 3, 8)");
    memset(array.bytes + array.n, 1, VALUES);
    array.n += VALUES;
    save(*state, "test_x.npy", &array);
    const struct dataset_options options = files_options("npy", *state);
    assert_true(files_damage(&options, *state, "train_x.npy", 60) >= 25);
    assert_true(files_damage(&options, *state, "train_y.npy", 60) >= 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_types_and_byte_orders, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_shapes, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_labels_and_groups, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_first_label, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_refusals, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_not_finite, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_many_classes_and_channels, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(test_damaged_files, files_setup, files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
