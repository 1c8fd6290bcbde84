// Two tasks of one run on data of two kinds: sensor samples over time, 16-bit and of nine channels,
// and log-mel images of sounds. The config is the one that is delivered, its data small and made
// here.
#include "core/config.h"
#include "core/file.h"
#include "core/machine.h"
#include "run_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRAIN = 240, TEST = 60, CHANNELS = 9, LENGTH = 128, SIDE = 16 };

static void write_file(const struct program *p, const char *name, const void *bytes, size_t n)
{
    char path[PROGRAM_PATH_CHARS];
    assert_int_equal(file_write(program_path(p, name, path), bytes, n), OK);
}

static size_t npy_header(uint8_t *bytes, const char *descr, const char *shape)
{
    char header[128];
    const int length =
        snprintf(header, sizeof header,
                 "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }\n", descr, shape);
    memcpy(bytes, "\x93NUMPY\1\0", 8);
    bytes[8] = (uint8_t)length;
    bytes[9] = 0;
    memcpy(bytes + 10, header, (size_t)length);
    return 10 + (size_t)length;
}

// Each class has its own frequency; subjects have 20 rows each.
static void write_sensors(const struct program *p, const char *part, int n)
{
    static uint8_t bytes[256 + TRAIN * CHANNELS * LENGTH * 2];
    char name[64], shape[64];
    snprintf(shape, sizeof shape, "%d, %d, %d", n, CHANNELS, LENGTH);
    size_t at = npy_header(bytes, "<i2", shape);
    for (int i = 0; i < n * CHANNELS * LENGTH; i++) {
        const int row = i / (CHANNELS * LENGTH), x = i % LENGTH, period = 4 + 3 * (row % 6);
        const int value = (x + row) % period < period / 2 ? 2000 : -2000;
        bytes[at++] = (uint8_t)value;
        bytes[at++] = (uint8_t)(value >> 8);
    }
    snprintf(name, sizeof name, "sets/har/%s_x_i16.npy", part);
    write_file(p, name, bytes, at);
    for (int what = 0; what < 2; what++) {
        snprintf(shape, sizeof shape, "%d,", n);
        at = npy_header(bytes, "|u1", shape);
        for (int i = 0; i < n; i++) {
            bytes[at++] = (uint8_t)(what == 0 ? i % 6 : 1 + i / 20);
        }
        snprintf(name, sizeof name, "sets/har/%s_%s_u8.npy", part, what == 0 ? "y" : "subject");
        write_file(p, name, bytes, at);
    }
}

static size_t idx_header(uint8_t *bytes, int n, bool images)
{
    memset(bytes, 0, 16);
    bytes[2] = 8;
    bytes[3] = images ? 3 : 1;
    bytes[6] = (uint8_t)(n >> 8);
    bytes[7] = (uint8_t)n;
    bytes[11] = bytes[15] = SIDE;
    return images ? 16 : 8;
}

static void write_sounds(const struct program *p, const char *part, int n)
{
    static uint8_t bytes[16 + TRAIN * SIDE * SIDE];
    char name[64];
    size_t at = idx_header(bytes, n, true);
    for (int i = 0; i < n * SIDE * SIDE; i++) {
        const int row = i / (SIDE * SIDE), y = i / SIDE % SIDE;
        bytes[at++] = (uint8_t)(y == row % 10 + 3 ? 220 : 20 + (i * 7 + row) % 30);
    }
    snprintf(name, sizeof name, "sets/fsdd/logmel-%s-images-idx3-ubyte", part);
    write_file(p, name, bytes, at);
    at = idx_header(bytes, n, false);
    for (int i = 0; i < n; i++) {
        bytes[at++] = (uint8_t)(i % 10);
    }
    snprintf(name, sizeof name, "sets/fsdd/logmel-%s-labels-idx1-ubyte", part);
    write_file(p, name, bytes, at);
}

static void write_data(const struct program *p)
{
    char path[PROGRAM_PATH_CHARS];
    assert_int_equal(file_make_folders(program_path(p, "sets/har", path)), OK);
    assert_int_equal(file_make_folders(program_path(p, "sets/fsdd", path)), OK);
    write_sensors(p, "train", TRAIN);
    write_sensors(p, "test", TEST);
    write_sounds(p, "train", TRAIN);
    write_sounds(p, "t10k", TEST);
    setenv("DIKDIK_DATA", program_path(p, "sets", path), 1);
}

#define SMALLER                                                                                    \
    " --set scoring.images=24 --set scoring.calibration_images=64 --set search.evaluations=4"      \
    " --set finetune.epochs=1"

// The delivered config with smaller batches, which the few samples fill.
static void write_config(const struct program *p)
{
    struct arena arena = {0};
    char *text;
    size_t n;
    assert_int_equal(file_read(CONFIGS "/har-fsdd.json", 1 << 16, &arena, &text, &n), OK);
    char *batch = strstr(text, "\"batch\": 64");
    assert_non_null(batch);
    memcpy(batch, "\"batch\": 16", 11);
    program_write(p, "both.json", text);
    arena_close(&arena);
}

static void test_two_kinds_in_one_run(void **state)
{
    struct program *p = *state;
    write_data(p);
    write_config(p);
    const struct json *report =
        program_json(p, "run both.json --run-dir both --transport inline" SMALLER);
    const struct json *tasks = json_get(report, "tasks");
    assert_int_equal(json_count(tasks), 2);
    for (int i = 0; i < 2; i++) {
        const double chance = i == 0 ? 1 / 6.0 : 0.1;
        assert_true(program_number(json_at(tasks, i), "accuracy_test") > 2 * chance);
    }
    // The file knows what it reads, for which data, and goes out and in again.
    program_run(p, "inspect both/final/activities-macs0.5.safetensors");
    ASSERT_RUN(p, 0, "");
    assert_non_null(strstr(p->output, "input 1 x 128 x 9"));
    const double accuracy = program_number(
        program_json(p, "eval both/final/activities-macs0.5.safetensors"), "accuracy");
    program_run(p, "export both/final/activities-macs0.5.safetensors -o out.onnx "
                   "--input_values pixels");
    ASSERT_RUN(p, 0, "");
    assert_non_null(strstr(p->output, "same class for 100.00%"));
    assert_true(program_number(program_json(p, "eval out.onnx"), "accuracy") == accuracy);
    program_run(p, "export both/final/activities-macs0.5.safetensors -o bytes.onnx "
                   "--input_values bytes");
    ASSERT_RUN(p, 2, "floating-point samples");
    program_run(p, "import out.onnx -o in.safetensors --data har");
    ASSERT_RUN(p, 0, "");
    assert_true(program_number(program_json(p, "eval in.safetensors"), "accuracy") == accuracy);
    if (machine_has_vnni()) {
        program_json(p, "eval both/final/activities-macs0.5.safetensors --int8");
    }
    program_run(p, "eval both/final/activities-macs0.5.safetensors --data fsdd");
    ASSERT_RUN(p, 1, "1 x 128 x 9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_two_kinds_in_one_run, program_setup, program_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
