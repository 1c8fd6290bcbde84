// IDX files, plain and compressed: exact bytes back, classes, and headers that lie.
#include "data_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { H = 5, W = 4, N = 12, IMAGE_BYTES = 16 + N * H * W, LABEL_BYTES = 8 + N };

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

// An IDX file of images [n][h][w] in `bytes`, values of a repeatable noise.
static void make_images(uint8_t *bytes, uint32_t n, uint32_t h, uint32_t w, uint64_t seed)
{
    files_noise(bytes, IMAGE_BYTES, seed);
    put_u32(bytes, 0x0803);
    put_u32(bytes + 4, n);
    put_u32(bytes + 8, h);
    put_u32(bytes + 12, w);
}

static void make_labels(uint8_t *bytes, uint32_t n, int classes)
{
    put_u32(bytes, 0x0801);
    put_u32(bytes + 4, n);
    for (int i = 0; i < N; i++) {
        bytes[8 + i] = (uint8_t)(i * 7 % classes);
    }
}

// All four files, plain or compressed.
static void write_set(const char *folder, const char *prefix, bool compressed, int test_classes)
{
    uint8_t images[IMAGE_BYTES], labels[LABEL_BYTES];
    for (int part = 0; part < 2; part++) {
        char name[64];
        const char *word = part == 0 ? "train" : "t10k";
        void (*write)(const char *, const char *, const void *, size_t) =
            compressed ? files_write_gz : files_write;
        make_images(images, N, H, W, (uint64_t)part);
        make_labels(labels, N, part == 0 ? 10 : test_classes);
        snprintf(name, sizeof name, "%s%s-images-idx3-ubyte%s", prefix, word,
                 compressed ? ".gz" : "");
        write(folder, name, images, sizeof images);
        snprintf(name, sizeof name, "%s%s-labels-idx1-ubyte%s", prefix, word,
                 compressed ? ".gz" : "");
        write(folder, name, labels, sizeof labels);
    }
}

static void expect_set(const struct dataset_options *options)
{
    for (enum dataset_part part = DATASET_TRAIN; part <= DATASET_TEST; part++) {
        struct dataset dataset;
        assert_ok(dataset_open(options, part, &dataset));
        uint8_t images[IMAGE_BYTES];
        make_images(images, N, H, W, (uint64_t)part);
        assert_int_equal(dataset.n, N);
        assert_int_equal(dataset.h, H);
        assert_int_equal(dataset.w, W);
        assert_int_equal(dataset.c, 1);
        assert_int_equal(dataset.classes, 10);
        assert_memory_equal(dataset.images, images + 16, N * H * W);
        for (int i = 0; i < N; i++) {
            assert_int_equal(dataset.labels[i], i * 7 % 10);
        }
        dataset_close(&dataset);
    }
}

static void test_reads_back_exactly(void **state)
{
    static const char *const prefixes[] = {"", "logmel-"};
    for (int i = 0; i < 4; i++) {
        char folder[FILES_PATH], name[16];
        snprintf(name, sizeof name, "set%d", i);
        write_set(files_path(folder, *state, name), prefixes[i / 2], i % 2 == 1, 10);
        const struct dataset_options by_format = files_options("idx", folder);
        expect_set(&by_format);
        const struct dataset_options by_name = files_options("mnist", folder);
        expect_set(&by_name);
        const struct dataset_options by_files = files_options("my-digits", folder);
        expect_set(&by_files);
    }
}

static void test_rows_of_compressed_file(void **state)
{
    write_set(*state, "", true, 10);
    struct dataset_options options = files_options("idx", *state);
    const int wanted[] = {5, 0};
    const struct int_list list = {.n = 2, .values = wanted};
    options.classes = &list;
    struct dataset dataset;
    assert_ok(dataset_open(&options, DATASET_TRAIN, &dataset));
    uint8_t images[IMAGE_BYTES];
    make_images(images, N, H, W, 0);
    static const int rows[] = {0, 5, 10}; // where i * 7 % 10 is 0 or 5
    assert_int_equal(dataset.n, 3);
    assert_int_equal(dataset.classes, 2);
    for (int i = 0; i < 3; i++) {
        assert_memory_equal(dataset.images + i * H * W, images + 16 + rows[i] * H * W, H * W);
        assert_int_equal(dataset.labels[i], rows[i] != 5);
    }
    dataset_close(&dataset);
    options.classes = &(const struct int_list){.n = 0};
    options.share = 0.5; // of 1 or 2 images of each class: one
    assert_ok(dataset_open(&options, DATASET_TRAIN, &dataset));
    assert_int_equal(dataset.n, 10);
    for (int i = 0; i < dataset.n; i++) { // each is one of the file's images, with its label
        int row = 0;
        while (row < N &&
               memcmp(images + 16 + row * H * W, dataset.images + i * H * W, H * W) != 0) {
            row++;
        }
        assert_true(row < N);
        assert_int_equal(dataset.labels[i], row * 7 % 10);
    }
    dataset_close(&dataset);
}

// A test part that lacks classes has as many as the training part; one with more is wrong.
static void test_classes_of_training_part(void **state)
{
    char folder[FILES_PATH];
    write_set(files_path(folder, *state, "fewer"), "", false, 4);
    struct dataset_options options = files_options("idx", folder);
    struct dataset dataset;
    assert_ok(dataset_open(&options, DATASET_TEST, &dataset));
    assert_int_equal(dataset.classes, 10);
    dataset_close(&dataset);
    write_set(files_path(folder, *state, "more"), "", false, 12);
    options = files_options("idx", folder);
    files_expect_failure(&options, DATASET_TEST, ERR_INPUT, "t10k-labels", "row 5 is 11", NULL);
    options = files_options("mnist", folder);
    files_expect_failure(&options, DATASET_TEST, ERR_INPUT, "t10k-labels", "0 to 9", NULL);
}

static void test_wrong_headers(void **state)
{
    const char *const file = "train-images-idx3-ubyte";
    const struct dataset_options options = files_options("idx", *state);
    uint8_t bytes[IMAGE_BYTES + 1];
    write_set(*state, "", false, 10);
    make_images(bytes, N, H, W, 0);
    bytes[2] = 0x0D; // floats
    files_write(*state, file, bytes, IMAGE_BYTES);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, file, "00000803", "00000d03", NULL);
    make_images(bytes, N, H, W, 0);
    bytes[3] = 1;
    files_write(*state, file, bytes, IMAGE_BYTES);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, file, "00000801", NULL);
    make_images(bytes, N + 1, H, W, 0);
    files_write(*state, file, bytes, IMAGE_BYTES);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, file, "276", "256", NULL);
    make_images(bytes, N, H, W, 0);
    files_write(*state, file, bytes, IMAGE_BYTES + 1);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, file, "256", "257", NULL);
    make_images(bytes, 0, H, W, 0);
    files_write(*state, file, bytes, 16);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, file, "got 0", NULL);
    make_images(bytes, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0);
    files_write(*state, file, bytes, IMAGE_BYTES);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, file, "2^63", NULL);
    make_images(bytes, N - 1, H, W, 0);
    files_write(*state, file, bytes, IMAGE_BYTES - H * W);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "train-labels", "11", "12", NULL);
}

// Compressed files that promise more, or hold more, than they should.
static void test_compressed_liars(void **state)
{
    const char *const file = "train-images-idx3-ubyte.gz";
    const struct dataset_options options = files_options("idx", *state);
    uint8_t bytes[IMAGE_BYTES + 1];
    write_set(*state, "", true, 10);
    make_images(bytes, 0x7FFFFFFF, 28, 28, 0);
    files_write_gz(*state, file, bytes, IMAGE_BYTES);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, file, "promises", NULL);
    make_images(bytes, N, H, W, 0);
    files_write_gz(*state, file, bytes, IMAGE_BYTES + 1);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, file, "end of the file", NULL);
    files_write_gz(*state, file, bytes, IMAGE_BYTES - 1);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, file, "1 more bytes", NULL);
    // 32 MiB of zeros behind a header for 12 small images: refused after those.
    const size_t large = 32 << 20;
    uint8_t *bomb = calloc(1, large);
    assert_non_null(bomb);
    memcpy(bomb, bytes, IMAGE_BYTES);
    files_write_gz(*state, file, bomb, large);
    free(bomb);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, file, "end of the file", NULL);
    // A checksum that does not fit.
    files_write_gz(*state, file, bytes, IMAGE_BYTES);
    char path[FILES_PATH];
    size_t n;
    uint8_t *packed = files_read(files_path(path, *state, file), &n);
    packed[n - 8] ^= 1;
    files_write(*state, file, packed, n);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, file, "damaged", NULL);
    packed[n - 8] ^= 1;
    for (size_t cut = 0; cut < n; cut++) {
        files_write(*state, file, packed, cut);
        files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, file, NULL);
    }
    free(packed);
}

static void test_damaged_files(void **state)
{
    char folder[FILES_PATH];
    write_set(files_path(folder, *state, "plain"), "", false, 10);
    struct dataset_options options = files_options("idx", folder);
    assert_true(files_damage(&options, folder, "train-images-idx3-ubyte", 400) > 200);
    assert_true(files_damage(&options, folder, "t10k-labels-idx1-ubyte", 400) > 200);
    assert_true(files_damage(&options, folder, "train-labels-idx1-ubyte", 400) > 200);
    write_set(files_path(folder, *state, "packed"), "", true, 10);
    options = files_options("idx", folder);
    assert_true(files_damage(&options, folder, "train-images-idx3-ubyte.gz", 400) > 200);
    assert_true(files_damage(&options, folder, "t10k-labels-idx1-ubyte.gz", 400) > 200);
}

// EMNIST's archive: several sets in one folder, "test" for "t10k", labels that begin with 1.
static void test_emnist_names(void **state)
{
    static const char *const sets[] = {"emnist-letters", "emnist-digits"};
    uint8_t images[IMAGE_BYTES], labels[LABEL_BYTES];
    for (int i = 0; i < 4; i++) {
        char name[96];
        make_images(images, N, H, W, (uint64_t)i);
        make_labels(labels, N, 10);
        for (int k = 0; k < N; k++) {
            labels[8 + k] = (uint8_t)(1 + k % 3);
        }
        const char *part = i % 2 == 0 ? "train" : "test";
        snprintf(name, sizeof name, "%s-%s-images-idx3-ubyte.gz", sets[i / 2], part);
        files_write_gz(*state, name, images, sizeof images);
        snprintf(name, sizeof name, "%s-%s-labels-idx1-ubyte.gz", sets[i / 2], part);
        files_write_gz(*state, name, labels, sizeof labels);
    }
    struct dataset d, test;
    struct dataset_options options = files_options("emnist-digits", *state);
    assert_ok(dataset_open(&options, DATASET_TRAIN, &d)); // class 0 is empty: a warning
    make_images(images, N, H, W, 2);
    assert_memory_equal(d.images, images + 16, N * H * W);
    assert_int_equal(d.classes, 4);
    dataset_close(&d);
    options.first_label = 1;
    assert_ok(dataset_describe(&options, DATASET_TRAIN, &d));
    assert_ok(dataset_describe(&options, DATASET_TEST, &test));
    assert_true(d.classes == 3 && d.labels[0] == 0 && d.images == NULL);
    assert_ok(dataset_check_test(&d, &test));
    test.w++;
    assert_int_equal(dataset_check_test(&d, &test), ERR_INPUT);
    test.w--;
    test.classes = 4;
    assert_int_equal(dataset_check_test(&d, &test), ERR_INPUT);
    dataset_close(&test);
    dataset_close(&d);
    options.name = "idx";
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "emnist-letters", "emnist-digits",
                         "data.name", NULL);
}

// A common archive of MNIST: each file in a folder of its name, or beside one.
static void test_folders_of_the_files_names(void **state)
{
    uint8_t images[IMAGE_BYTES], labels[LABEL_BYTES];
    const struct dataset_options options = files_options("mnist", *state);
    struct dataset d;
    make_images(images, N, H, W, 5);
    make_labels(labels, N, 10);
    files_write(*state, "train-images-idx3-ubyte/train-images-idx3-ubyte", images, sizeof images);
    files_write(*state, "train-labels-idx1-ubyte/train-labels-idx1-ubyte", labels, sizeof labels);
    assert_ok(dataset_open(&options, DATASET_TRAIN, &d));
    assert_memory_equal(d.images, images + 16, N * H * W);
    dataset_close(&d);
    make_images(images, N, H, W, 6); // the regular file is taken
    files_write(*state, "train-images.idx3-ubyte", images, sizeof images);
    files_write(*state, "train-labels.idx1-ubyte", labels, sizeof labels);
    assert_ok(dataset_open(&options, DATASET_TRAIN, &d));
    assert_memory_equal(d.images, images + 16, N * H * W);
    dataset_close(&d);
}

// Said in one line, once; that labels may begin with 1 only where it looks like that.
static void test_classes_without_images(void **state)
{
    static const struct {
        uint8_t labels[N];
        int first_label;
        const char *says; // NULL: nothing
    } cases[] = {
        {{0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3}, 0, NULL},
        {{1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4},
         0,
         "idx: 1 of 5 classes have no training image: 0; if the labels begin with 1, set "
         "data.first_label to 1\n"},
        {{1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4}, 1, NULL},
        {{0, 3, 0, 3, 0, 3, 0, 3, 0, 3, 0, 3},
         0,
         "idx: 2 of 4 classes have no training image: 1, 2\n"},
        {{0, 12, 0, 12, 0, 12, 0, 12, 0, 12, 0, 12},
         0,
         "idx: 11 of 13 classes have no training image: 1, 2, 3, 4, 5, 6, 7, 8 ...\n"},
    };
    uint8_t images[IMAGE_BYTES], labels[LABEL_BYTES];
    char said[2048];
    make_images(images, N, H, W, 1);
    make_labels(labels, N, 1);
    files_write(*state, "train-images-idx3-ubyte", images, sizeof images);
    struct dataset_options options = files_options("idx", *state);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memcpy(labels + 8, cases[i].labels, N);
        files_write(*state, "train-labels-idx1-ubyte", labels, sizeof labels);
        options.first_label = cases[i].first_label;
        files_capture_open(&options, *state, said, sizeof said);
        if (cases[i].says == NULL) {
            assert_string_equal(said, "");
        } else {
            assert_non_null(strstr(said, cases[i].says));
        }
        files_capture_open(&options, *state, said, sizeof said);
        assert_string_equal(said, ""); // as it has been said
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads_back_exactly, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_rows_of_compressed_file, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_classes_of_training_part, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_headers, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_compressed_liars, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_damaged_files, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_emnist_names, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_folders_of_the_files_names, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(test_classes_without_images, files_setup, files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
