// CIFAR-10 and CIFAR-100 files: exact bytes back, label choices, and files that are not right.
#include "core/file.h"
#include "data_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIXELS = 3072, ROWS = 7 };

// A row file of `n` rows with `label_bytes` bytes of label; labels [n][label_bytes].
static void write_rows(const char *folder, const char *name, int n, int label_bytes,
                       const uint8_t *labels, uint64_t seed)
{
    const size_t row = (size_t)label_bytes + PIXELS;
    uint8_t *bytes = malloc((size_t)n * row);
    assert_non_null(bytes);
    files_noise(bytes, (size_t)n * row, seed);
    for (int i = 0; i < n; i++) {
        memcpy(bytes + (size_t)i * row, labels + i * label_bytes, (size_t)label_bytes);
    }
    files_write(folder, name, bytes, (size_t)n * row);
    free(bytes);
}

static const uint8_t some_labels[ROWS] = {3, 0, 9, 3, 5, 1, 9};

static void write_cifar10(const char *folder)
{
    char name[64];
    for (int i = 1; i <= 5; i++) {
        snprintf(name, sizeof name, "data_batch_%d.bin", i);
        write_rows(folder, name, ROWS, 1, some_labels, (uint64_t)i);
    }
    write_rows(folder, "test_batch.bin", ROWS, 1, some_labels, 6);
}

// Rows (coarse, fine): coarse = fine % 20, all 100 classes twice in training, once in test.
static void write_cifar100(const char *folder)
{
    uint8_t labels[400];
    for (int i = 0; i < 200; i++) {
        const int fine = i * 37 % 100;
        labels[2 * i] = (uint8_t)(fine % 20);
        labels[2 * i + 1] = (uint8_t)fine;
    }
    write_rows(folder, "train.bin", 200, 2, labels, 7);
    write_rows(folder, "test.bin", 100, 2, labels, 8);
}

static void test_reads_back_exactly(void **state)
{
    write_cifar10(*state);
    const struct dataset_options options = files_options("cifar10", *state);
    struct dataset train, test;
    assert_ok(dataset_open(&options, DATASET_TRAIN, &train));
    assert_ok(dataset_open(&options, DATASET_TEST, &test));
    assert_int_equal(train.n, 5 * ROWS);
    assert_int_equal(test.n, ROWS);
    assert_int_equal(train.h * 10000 + train.w * 100 + train.c, 323203);
    assert_int_equal(train.classes, 10);
    assert_string_equal(train.name, "cifar10");
    for (int file = 0; file < 5; file++) {
        char name[64], path[FILES_PATH];
        snprintf(name, sizeof name, "data_batch_%d.bin", file + 1);
        size_t n;
        uint8_t *bytes = files_read(files_path(path, *state, name), &n);
        for (int i = 0; i < ROWS; i++) {
            const uint8_t *row = bytes + (size_t)i * (1 + PIXELS);
            const uint8_t *image = train.images + (size_t)(file * ROWS + i) * PIXELS;
            assert_int_equal(train.labels[file * ROWS + i], row[0]);
            for (int p = 0; p < PIXELS; p++) { // [y][x][c] against [c][y][x]
                assert_int_equal(image[p], row[1 + p % 3 * 1024 + p / 3]);
            }
        }
        free(bytes);
    }
    dataset_close(&train);
    dataset_close(&test);
    dataset_close(&test); // a second time is fine
}

static void test_official_folder_names(void **state)
{
    char folder[FILES_PATH];
    write_cifar10(files_path(folder, *state, "cifar-10-batches-bin"));
    write_cifar100(files_path(folder, *state, "cifar-100-binary"));
    struct dataset_options options = files_options("cifar10", "");
    options.data_root = *state;
    struct dataset dataset;
    assert_ok(dataset_open(&options, DATASET_TEST, &dataset));
    assert_int_equal(dataset.n, ROWS);
    dataset_close(&dataset);
    options.name = "cifar100";
    assert_ok(dataset_open(&options, DATASET_TEST, &dataset));
    assert_int_equal(dataset.n, 100);
    dataset_close(&dataset);
    options = files_options("cifar10", *state); // the folder above the official one
    assert_ok(dataset_open(&options, DATASET_TEST, &dataset));
    dataset_close(&dataset);
}

static void test_coarse_and_fine(void **state)
{
    write_cifar100(*state);
    struct dataset_options options = files_options("cifar100", *state);
    struct dataset fine, coarse;
    assert_ok(dataset_open(&options, DATASET_TRAIN, &fine));
    options.labels = LABELS_COARSE;
    assert_ok(dataset_open(&options, DATASET_TRAIN, &coarse));
    assert_int_equal(fine.classes, 100);
    assert_int_equal(coarse.classes, 20);
    assert_int_equal(coarse.n, 200);
    for (int i = 0; i < fine.n; i++) {
        assert_int_equal(fine.labels[i], i * 37 % 100);
        assert_int_equal(coarse.labels[i], i * 37 % 100 % 20);
    }
    assert_memory_equal(fine.images, coarse.images, (size_t)fine.n * PIXELS);
    dataset_close(&fine);
    dataset_close(&coarse);
}

static void test_superclass(void **state)
{
    write_cifar100(*state);
    struct dataset_options options = files_options("cifar100", *state);
    struct dataset all, part;
    options.superclass = 13;
    for (enum dataset_part p = DATASET_TRAIN; p <= DATASET_TEST; p++) {
        assert_ok(dataset_open(&options, p, &part));
        options.superclass = -1;
        assert_ok(dataset_open(&options, p, &all));
        options.superclass = 13;
        assert_int_equal(part.classes, 5);
        assert_int_equal(part.n, p == DATASET_TRAIN ? 10 : 5);
        int next = 0;
        for (int i = 0; i < all.n; i++) {
            if (all.labels[i] % 20 == 13) { // fine 13, 33, 53, 73, 93 become 0 .. 4
                assert_int_equal(part.labels[next], all.labels[i] / 20);
                assert_memory_equal(part.images + (size_t)next * PIXELS,
                                    all.images + (size_t)i * PIXELS, PIXELS);
                next++;
            }
        }
        assert_int_equal(next, part.n);
        dataset_close(&all);
        dataset_close(&part);
    }
    options.labels = LABELS_COARSE;
    files_expect_failure(&options, DATASET_TRAIN, ERR_CONFIG, "superclass", NULL);
    options = files_options("cifar10", *state);
    options.superclass = 3;
    files_expect_failure(&options, DATASET_TRAIN, ERR_CONFIG, "cifar100", NULL);
}

static void test_wrong_files(void **state)
{
    write_cifar10(*state);
    const struct dataset_options options = files_options("cifar10", *state);
    char path[FILES_PATH];
    size_t n;
    uint8_t *bytes = files_read(files_path(path, *state, "data_batch_3.bin"), &n);
    files_write(*state, "data_batch_3.bin", bytes, n - 1);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "data_batch_3.bin", "3073", "21510",
                         NULL);
    bytes[4 * 3073] = 10;
    files_write(*state, "data_batch_3.bin", bytes, n);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "data_batch_3.bin", "row 4", "10",
                         NULL);
    files_write(*state, "data_batch_3.bin", bytes, 0);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "data_batch_3.bin", NULL);
    assert_int_equal(remove(path), 0);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "data_batch_3.bin", NULL);
    files_write(*state, "data_batch_3.bin/inside", "x", 1); // a folder in its place
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "data_batch_3.bin", NULL);
    free(bytes);
}

static void test_damaged_files(void **state)
{
    write_cifar10(*state);
    write_cifar100(*state);
    struct dataset_options options = files_options("cifar10", *state);
    assert_true(files_damage(&options, *state, "data_batch_2.bin", 100) > 0);
    assert_true(files_damage(&options, *state, "test_batch.bin", 100) > 0);
    options = files_options("cifar100", *state);
    assert_true(files_damage(&options, *state, "train.bin", 40) > 0);
    options.superclass = 7;
    assert_true(files_damage(&options, *state, "train.bin", 40) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads_back_exactly, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_official_folder_names, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_coarse_and_fine, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_superclass, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_files, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_damaged_files, files_setup, files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
