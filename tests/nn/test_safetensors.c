// Safetensors: what is written reads back; what is damaged or hostile is refused, never believed.
#include "core/rng.h"
#include "nn/safetensors.h"
#include "nn_files.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Writes a file of this header and `data_bytes` zeros; the length is the header's unless given.
static void write_raw(const char *path, const char *header, size_t data_bytes,
                      const uint64_t *length)
{
    const size_t n = strlen(header);
    const uint64_t said = length != NULL ? *length : n;
    unsigned char *bytes = calloc(8 + n + data_bytes + 1, 1);
    assert_non_null(bytes);
    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(said >> (8 * i) & 255);
    }
    memcpy(bytes + 8, header, n);
    nn_files_write(path, bytes, 8 + n + data_bytes);
    free(bytes);
}

#define ENTRY(name, dtype, shape, begin, end)                                                      \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" #begin        \
    "," #end "]}"

static enum status write_sample(const char *path)
{
    static const float weights[6] = {1.5F, -2.0F, 0.0F, 3.25F, 1e-30F, 7.0F};
    static const int64_t steps = 42;
    static const unsigned char flags[3] = {1, 0, 1};
    const struct safetensor tensors[] = {
        {.name = "layer.weight",
         .dtype = "F32",
         .n_dims = 2,
         .dims = {2, 3},
         .data = weights,
         .bytes = sizeof weights},
        {.name = "odd \"name\"\\\n",
         .dtype = "U8",
         .n_dims = 1,
         .dims = {3},
         .data = flags,
         .bytes = 3},
        {.name = "empty", .dtype = "F32", .n_dims = 2, .dims = {0, 5}, .data = weights},
        {.name = "steps", .dtype = "I64", .n_dims = 0, .data = &steps, .bytes = 8},
    };
    const struct safetensors_entry metadata[] = {{"format", "dikdik"},
                                                 {"note", "a \"b\"\t\xc3\xa9"}};
    return safetensors_write(path, tensors, 4, metadata, 2);
}

static void test_round_trip(void **state)
{
    char path[NN_PATH];
    nn_files_path(path, state, "sample.safetensors");
    assert_int_equal(write_sample(path), OK);
    struct safetensors_file file;
    assert_int_equal(safetensors_open(path, &file), OK);
    assert_string_equal(file.path, path);
    assert_int_equal(file.n_tensors, 4);
    assert_int_equal(file.n_metadata, 2);
    assert_string_equal(safetensors_metadata(&file, "format"), "dikdik");
    assert_string_equal(safetensors_metadata(&file, "note"), "a \"b\"\t\xc3\xa9");
    assert_null(safetensors_metadata(&file, "absent"));
    const struct safetensor *weights = safetensors_find(&file, "layer.weight");
    assert_non_null(weights);
    assert_string_equal(weights->dtype, "F32");
    assert_true(weights->n_dims == 2 && weights->dims[0] == 2 && weights->dims[1] == 3);
    assert_int_equal(((const unsigned char *)weights->data - (unsigned char *)file.data) % 8, 0);
    float values[6];
    assert_int_equal(safetensors_read_f32(weights, values), OK);
    assert_true(values[0] == 1.5F && values[3] == 3.25F && values[5] == 7.0F);
    const struct safetensor *odd = safetensors_find(&file, "odd \"name\"\\\n");
    assert_non_null(odd);
    assert_int_equal(odd->bytes, 3);
    assert_int_equal(((const unsigned char *)odd->data)[2], 1);
    assert_fails(safetensors_read_f32(odd, values), ERR_INPUT, "dtype U8");
    const struct safetensor *steps = safetensors_find(&file, "steps");
    int64_t step;
    memcpy(&step, steps->data, sizeof step);
    assert_true(steps->n_dims == 0 && step == 42);
    assert_int_equal(safetensors_find(&file, "empty")->bytes, 0);
    assert_null(safetensors_find(&file, "layer"));
    safetensors_close(&file);
    safetensors_close(&file);
}

static void test_half_precision(void **state)
{
    (void)state;
    static const struct {
        uint16_t bits;
        float value;
    } halves[] = {
        {0x3c00, 1.0F},      {0xc000, -2.0F},        {0x7bff, 65504.0F},        {0x0001, 0x1p-24F},
        {0x0400, 0x1p-14F},  {0x03ff, 0x1.ff8p-15F}, {0x3555, 0.333251953125F}, {0x7c00, INFINITY},
        {0xfc00, -INFINITY}, {0x8000, -0.0F}};
    for (size_t i = 0; i < sizeof halves / sizeof halves[0]; i++) {
        const struct safetensor tensor = {
            .name = "h", .dtype = "F16", .data = &halves[i].bits, .bytes = 2};
        float value;
        assert_int_equal(safetensors_read_f32(&tensor, &value), OK);
        assert_memory_equal(&value, &halves[i].value, sizeof value);
    }
    const uint16_t not_a_number = 0x7e01, brain = 0xc049; // -3.140625
    struct safetensor tensor = {.name = "h", .dtype = "F16", .data = &not_a_number, .bytes = 2};
    float value;
    assert_int_equal(safetensors_read_f32(&tensor, &value), OK);
    assert_true(isnan(value));
    tensor = (struct safetensor){.name = "b", .dtype = "BF16", .data = &brain, .bytes = 2};
    assert_int_equal(safetensors_read_f32(&tensor, &value), OK);
    assert_true(value == -3.140625F);
    const double wide = 0.1;
    tensor = (struct safetensor){.name = "d", .dtype = "F64", .data = &wide, .bytes = 8};
    assert_int_equal(safetensors_read_f32(&tensor, &value), OK);
    assert_true(value == 0.1F);
}

static void test_good_headers(void **state)
{
    static const struct {
        const char *header;
        size_t data_bytes;
    } cases[] = {
        {"{}", 0},
        {"{}      ", 0},
        {"{\"__metadata__\":{}}", 0},
        {"{" ENTRY("b", "F32", "2", 4, 12) "," ENTRY("a", "U8", "4", 0, 4) "}\n ", 12},
        {"{" ENTRY("a", "F64", "", 0, 8) "," ENTRY("e", "F64", "0", 8, 8) "}", 8},
        {"{" ENTRY("e", "F16", "3,0", 0, 0) "," ENTRY("a", "BF16", "1,2", 0, 4) "}", 4},
    };
    char path[NN_PATH];
    nn_files_path(path, state, "good.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct safetensors_file file;
        write_raw(path, cases[i].header, cases[i].data_bytes, NULL);
        if (safetensors_open(path, &file) != OK) {
            fail_msg("case %zu: %s", i, status_message());
        }
        for (int t = 1; t < file.n_tensors; t++) { // in the order of their data
            assert_true(file.tensors[t - 1].at <= file.tensors[t].at);
        }
        safetensors_close(&file);
    }
}

static void test_hostile_headers(void **state)
{
    static const struct {
        const char *header;
        size_t data_bytes;
        const char *part; // of the message
    } cases[] = {
        {"[]", 0, "does not begin with '{'"},
        {" {}", 0, "does not begin with '{'"},
        {"{", 0, "line 1"},
        {"{} x", 0, "line 1"},
        {"{" ENTRY("a", "U8", "1", 0, 1) "," ENTRY("a", "U8", "1", 1, 2) "}", 2,
         "'a' is there twice"},
        {"{\"a\":7}", 0, "\"a\" is a number, expected an object"},
        {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "\"a\" has no \"dtype\""},
        {"{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, "has no \"shape\""},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, "has no \"data_offsets\""},
        {"{\"a\":{\"dtype\":8,\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "\"dtype\" is a number"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":1,\"data_offsets\":[0,1]}}", 1,
         "\"shape\" is a number"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":1}}", 1, "4 keys"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1, "holds 1 values"},
        {"{" ENTRY("a", "F31", "1", 0, 4) "}", 4, "unknown dtype \"F31\""},
        {"{" ENTRY("a", "float32_of_a_long_name", "1", 0, 4) "}", 4, "unknown dtype"},
        {"{" ENTRY("a", "F32", "-1", 0, 4) "}", 4, "holds -1, expected a whole number"},
        {"{" ENTRY("a", "F32", "0.5", 0, 4) "}", 4, "holds 0.5"},
        {"{" ENTRY("a", "F32", "1e300", 0, 4) "}", 4, "expected a whole number"},
        {"{" ENTRY("a", "F32", "\"1\"", 0, 4) "}", 4, "holds a string"},
        {"{" ENTRY("a", "U8", "1,1,1,1,1,1,1,1,1", 0, 1) "}", 1, "9 dimensions"},
        {"{" ENTRY("a", "F32", "4294967296,4294967296", 0, 0) "}", 0, "more than 2^63 bytes"},
        {"{" ENTRY("a", "F64", "2305843009213693952", 0, 0) "}", 0, "expected a whole number"},
        {"{" ENTRY("a", "F32", "4503599627370496,512", 0, 0) "}", 0, "more than 2^63 bytes"},
        {"{" ENTRY("a", "F32", "1", 0, 3) "}", 3, "need 4 bytes, got data_offsets [0, 3]"},
        {"{" ENTRY("a", "F32", "1", 4, 0) "}", 4, "do not lie in the 4 bytes"},
        {"{" ENTRY("a", "F32", "1", 0, 4) "}", 3, "do not lie in the 3 bytes"},
        {"{" ENTRY("a", "F32", "1", 9007199254740988, 9007199254740992) "}", 4, "do not lie"},
        {"{" ENTRY("a", "F32", "1", -4, 0) "}", 4, "holds -4"},
        {"{" ENTRY("a", "F32", "1", 0, 4) "}", 5, "cover 4 bytes of data, but the file holds 5"},
        {"{" ENTRY("a", "F32", "1", 1, 5) "}", 5, "begins at byte 1 of the data, expected 0"},
        {"{" ENTRY("a", "U8", "4", 0, 4) "," ENTRY("b", "U8", "4", 2, 6) "}", 6, "overlaps"},
        {"{" ENTRY("a", "U8", "4", 0, 4) "," ENTRY("b", "U8", "4", 0, 4) "}", 4, "overlaps"},
        {"{" ENTRY("a", "U8", "1", 0, 1) "," ENTRY("b", "U8", "1", 2, 3) "}", 3,
         "no tensor covers"},
        {"{" ENTRY("a", "U8", "4", 0, 4) "," ENTRY("e", "U8", "0", 2, 2) "}", 4, "expected"},
        {"{\"__metadata__\":[]}", 0, "__metadata__ is a list"},
        {"{\"__metadata__\":{\"k\":1}}", 0, "\"k\" is a number, expected a string"},
        {"{\"__metadata__\":{\"k\":null}}", 0, "\"k\" is null"},
        {"{\"__metadata__\":{\"k\":\"\\u0000\"}}", 0, "line 1"},
    };
    char path[NN_PATH];
    nn_files_path(path, state, "hostile.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct safetensors_file file;
        write_raw(path, cases[i].header, cases[i].data_bytes, NULL);
        const enum status status = safetensors_open(path, &file);
        if (status != ERR_INPUT || strstr(status_message(), cases[i].part) == NULL ||
            strstr(status_message(), path) == NULL) {
            fail_msg("%s: status %d, message %s", cases[i].header, (int)status,
                     status != OK ? status_message() : "");
        }
    }
}

static void test_header_lengths(void **state)
{
    static const struct {
        uint64_t length;
        const char *part;
    } cases[] = {
        {0, "does not begin with '{'"},
        {1, "line 1"},
        {3, "but only 2 follow"},
        {UINT64_C(1) << 23, "but only 2 follow"},
        {(UINT64_C(16) << 20) + 1, "at most 16777216"},
        {UINT64_C(1) << 63, "at most 16777216"},
        {UINT64_MAX, "at most 16777216"},
        {UINT64_MAX - 7, "at most 16777216"},
    };
    char path[NN_PATH];
    struct safetensors_file file;
    nn_files_path(path, state, "length.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_raw(path, "{}", 0, &cases[i].length);
        assert_fails(safetensors_open(path, &file), ERR_INPUT, cases[i].part);
    }
    for (size_t n = 0; n < 8; n++) {
        nn_files_write(path, "\2\0\0\0\0\0\0\0", n);
        assert_fails(safetensors_open(path, &file), ERR_INPUT, path);
    }
    nn_files_path(path, state, "absent.safetensors");
    assert_fails(safetensors_open(path, &file), ERR_INPUT, "absent.safetensors");
    assert_fails(safetensors_open(*state, &file), ERR_INPUT, "folder");
}

// What the header cost before it was seen to be none: text, values and nothing else of the file.
static void test_large_headers(void **state)
{
    char path[NN_PATH];
    struct safetensors_file file;
    const size_t n = ((size_t)16 << 20) - 16;
    char *header = malloc(n + 1);
    assert_non_null(header);
    nn_files_path(path, state, "large.safetensors");
    memset(header, ' ', n);
    header[n] = '\0';
    memcpy(header, "{\"a\":[", 6);
    for (size_t i = 6; i + 3 < n; i += 2) {
        memcpy(header + i, "1,", 2);
    }
    memcpy(header + n - 4, "1]}", 3);
    write_raw(path, header, 0, NULL);
    assert_fails(safetensors_open(path, &file), ERR_INPUT, "more than 1048576 values");
    memset(header, '[', n - 1);
    header[0] = '{';
    write_raw(path, header, 0, NULL);
    assert_fails(safetensors_open(path, &file), ERR_INPUT, "line 1");
    free(header);
}

// Cut short after its header was read: an error, where a mapped file would end the program.
static void test_shrinking(void **state)
{
    char path[NN_PATH];
    struct safetensors_file file;
    nn_files_path(path, state, "shrinking.safetensors");
    assert_int_equal(write_sample(path), OK);
    assert_int_equal(safetensors_open_header(path, &file), OK);
    assert_null(file.tensors[0].data);
    assert_int_equal(truncate(path, (off_t)file.data_at + 3), 0);
    assert_fails(safetensors_load(&file), ERR_INPUT, "cut short");
    assert_non_null(strstr(status_message(), path));
    safetensors_close(&file);
}

static void test_truncation(void **state)
{
    char path[NN_PATH];
    size_t n;
    nn_files_path(path, state, "whole.safetensors");
    assert_int_equal(write_sample(path), OK);
    unsigned char *whole = nn_files_read(path, &n);
    nn_files_path(path, state, "cut.safetensors");
    for (size_t length = 0; length < n; length++) {
        struct safetensors_file file;
        nn_files_write(path, whole, length);
        assert_fails(safetensors_open(path, &file), ERR_INPUT, path);
    }
    unsigned char *longer = malloc(n + 1);
    assert_non_null(longer);
    memcpy(longer, whole, n);
    longer[n] = 0;
    struct safetensors_file file;
    nn_files_write(path, longer, n + 1);
    assert_fails(safetensors_open(path, &file), ERR_INPUT, "but the file holds");
    free(longer);
    free(whole);
}

// Random damage: an error that names the file, or a file whose every tensor lies inside it.
static void test_flipped_bytes(void **state)
{
    char path[NN_PATH];
    size_t n;
    nn_files_path(path, state, "flipped.safetensors");
    assert_int_equal(write_sample(path), OK);
    unsigned char *whole = nn_files_read(path, &n);
    unsigned char *damaged = malloc(n);
    assert_non_null(damaged);
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    int refused = 0;
    for (int trial = 0; trial < 1000; trial++) {
        memcpy(damaged, whole, n);
        for (uint32_t flips = 1 + rng_below(&rng, 3); flips > 0; flips--) {
            damaged[rng_below(&rng, (uint32_t)n)] ^= (unsigned char)(1 + rng_below(&rng, 255));
        }
        nn_files_write(path, damaged, n);
        struct safetensors_file file;
        const enum status status = safetensors_open(path, &file);
        if (status != OK) {
            assert_int_equal(status, ERR_INPUT);
            assert_non_null(strstr(status_message(), path));
            refused++;
            continue;
        }
        size_t sum = 0;
        for (int t = 0; t < file.n_tensors; t++) {
            const unsigned char *bytes = file.tensors[t].data;
            for (size_t i = 0; i < file.tensors[t].bytes; i++) {
                sum += bytes[i]; // read through the sanitizer
            }
        }
        assert_true(sum < n * 256);
        safetensors_close(&file);
    }
    assert_true(refused > 300 && refused < 1000);
    free(damaged);
    free(whole);
}

static enum status write_large(void *path)
{
    float *values = calloc(1 << 16, sizeof *values);
    const struct safetensor tensor = {.name = "large",
                                      .dtype = "F32",
                                      .n_dims = 1,
                                      .dims = {1 << 16},
                                      .data = values,
                                      .bytes = 4 << 16};
    const enum status status =
        values == NULL ? ERR_MEMORY : safetensors_write(path, &tensor, 1, NULL, 0);
    free(values);
    return status;
}

static void test_full_disk(void **state)
{
    char path[NN_PATH];
    size_t n, n_after;
    nn_files_path(path, state, "kept.safetensors");
    assert_int_equal(write_sample(path), OK);
    unsigned char *before = nn_files_read(path, &n);
    assert_int_equal(nn_files_with_full_disk(100000, write_large, path), ERR_IO);
    unsigned char *after = nn_files_read(path, &n_after);
    assert_int_equal(n_after, n);
    assert_memory_equal(after, before, n);
    assert_int_equal(nn_files_with_full_disk(1000000, write_large, path), OK);
    struct safetensors_file file;
    assert_int_equal(safetensors_open(path, &file), OK);
    assert_string_equal(file.tensors[0].name, "large");
    safetensors_close(&file);
    free(before);
    free(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_half_precision),
        cmocka_unit_test(test_good_headers),   cmocka_unit_test(test_hostile_headers),
        cmocka_unit_test(test_header_lengths), cmocka_unit_test(test_large_headers),
        cmocka_unit_test(test_shrinking),      cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_flipped_bytes),  cmocka_unit_test(test_full_disk),
    };
    return cmocka_run_group_tests(tests, nn_files_setup, nn_files_teardown);
}
