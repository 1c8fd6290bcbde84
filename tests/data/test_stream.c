// Streamed parts: the same rows, batches and numbers as from memory, for every reader, from several
// threads; and what ends badly ends with a message.
#include "core/file.h"
#include "core/hdf5_file.h"
#include "data/dataset_checksum.h"
#include "data/loader.h"
#include "data_files.h"
#include "image_files.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { H = 8, W = 6, N = 60 };

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

static void write_idx(const char *folder, bool compressed)
{
    static uint8_t images[16 + N * H * W], labels[8 + N];
    void (*write)(const char *, const char *, const void *, size_t) =
        compressed ? files_write_gz : files_write;
    files_noise(images, sizeof images, 1);
    put_u32(images, 0x0803);
    put_u32(images + 4, N);
    put_u32(images + 8, H);
    put_u32(images + 12, W);
    put_u32(labels, 0x0801);
    put_u32(labels + 4, N);
    for (int i = 0; i < N; i++) {
        labels[8 + i] = (uint8_t)(i % 10);
    }
    write(folder, compressed ? "train-images-idx3-ubyte.gz" : "train-images-idx3-ubyte", images,
          sizeof images);
    write(folder, compressed ? "train-labels-idx1-ubyte.gz" : "train-labels-idx1-ubyte", labels,
          sizeof labels);
}

static void write_cifar(const char *folder)
{
    enum { ROW = 3073, ROWS = 12 };
    static uint8_t rows[ROW * ROWS];
    for (int f = 1; f <= 5; f++) {
        char name[32];
        files_noise(rows, sizeof rows, (uint64_t)f);
        for (int i = 0; i < ROWS; i++) {
            rows[i * ROW] = (uint8_t)(i % 10);
        }
        snprintf(name, sizeof name, "data_batch_%d.bin", f);
        files_write(folder, name, rows, sizeof rows);
    }
}

static void write_folder(const char *folder)
{
    uint8_t pixels[8 * 8 * 3];
    for (int i = 0; i < N; i++) {
        char name[64];
        files_noise(pixels, sizeof pixels, (uint64_t)i);
        snprintf(name, sizeof name, "train/class%d/%d.png", i % 3, i);
        image_write_png(folder, name, IMAGE_RGB, 8, 8, pixels);
    }
}

static void write_hdf5(const char *folder)
{
    static uint8_t images[N * H * W];
    int64_t labels[N];
    char path[FILES_PATH];
    assert_ok(file_make_folders(folder));
    files_noise(images, sizeof images, 1);
    for (int i = 0; i < N; i++) {
        labels[i] = i % 4;
    }
    const struct hdf5_item items[] = {
        {"images", {.type = HDF5_U8, .n_dims = 3, .dims = {N, H, W}, .count = N * H * W}, images},
        {"labels", {.type = HDF5_I64, .n_dims = 1, .dims = {N}, .count = N}, labels}};
    assert_ok(hdf5_write(files_path(path, folder, "train.h5"), items, 2));
}

// Options for a data set of each format, its files made.
static struct dataset_options make_set(const char *folder, const char *format, char *path)
{
    static const int size = 8;
    files_path(path, folder, format);
    if (strcmp(format, "idx") == 0 || strcmp(format, "gz") == 0) {
        write_idx(path, format[0] == 'g');
    } else if (strcmp(format, "cifar10") == 0) {
        write_cifar(path);
    } else if (strcmp(format, "folder") == 0) {
        write_folder(path);
    } else if (strcmp(format, "hdf5") == 0) {
        write_hdf5(path);
    }
    struct dataset_options options = files_options(format[0] == 'g' ? "idx" : format, path);
    options.size = size;
    options.count = N;
    options.threads = 3;
    return options;
}

static const char *const formats[] = {"idx", "gz", "cifar10", "folder", "hdf5", "shapes"};
enum { N_FORMATS = sizeof formats / sizeof formats[0] };

static void open_both(const struct dataset_options *options, struct dataset *memory,
                      struct dataset *streamed)
{
    assert_ok(dataset_open(options, DATASET_TRAIN, memory));
    assert_non_null(memory->images);
    assert_ok(dataset_describe(options, DATASET_TRAIN, streamed));
    assert_null(streamed->images);
    assert_false(streamed->measured);
    streamed->most_bytes = 1;
    assert_ok(dataset_load(streamed));
    assert_null(streamed->images);
    assert_true(streamed->streamed && !memory->streamed);
}

static void test_rows_in_any_order(void **state)
{
    for (int f = 0; f < N_FORMATS; f++) {
        char path[FILES_PATH];
        const struct dataset_options options = make_set(*state, formats[f], path);
        struct dataset memory, streamed;
        open_both(&options, &memory, &streamed);
        static const int32_t rows[] = {N - 1, 3, 4, 5, 0, 17, 17, 2};
        enum { ROWS = sizeof rows / sizeof rows[0] };
        const size_t bytes = dataset_image_bytes(&memory);
        uint8_t *images = malloc(ROWS * bytes);
        assert_non_null(images);
        for (int many = 0; many < 2; many++) {
            memset(images, 0, ROWS * bytes);
            assert_ok(many ? dataset_fetch_many(&streamed, rows, ROWS, images)
                           : dataset_fetch(&streamed, rows, ROWS, images));
            for (int i = 0; i < ROWS; i++) {
                assert_memory_equal(images + (size_t)i * bytes,
                                    memory.images + (size_t)rows[i] * bytes, bytes);
            }
        }
        assert_memory_equal(memory.mean, streamed.mean, sizeof memory.mean);
        assert_memory_equal(memory.std, streamed.std, sizeof memory.std);
        assert_true(memory.measured && streamed.measured);
        free(images);
        dataset_close(&memory);
        dataset_close(&streamed);
    }
}

struct reader_thread {
    const struct dataset *streamed, *memory;
    int first;
    bool same;
};

static void *read_all_rows(void *argument)
{
    struct reader_thread *t = argument;
    const size_t bytes = dataset_image_bytes(t->memory);
    uint8_t *image = malloc(bytes);
    t->same = image != NULL;
    for (int i = 0; i < 2 * N && t->same; i++) {
        const int32_t row = (t->first + i * 7) % N;
        t->same = dataset_fetch(t->streamed, &row, 1, image) == OK &&
                  memcmp(image, t->memory->images + (size_t)row * bytes, bytes) == 0;
    }
    free(image);
    return NULL;
}

static void test_several_threads(void **state)
{
    for (int f = 0; f < N_FORMATS; f++) {
        char path[FILES_PATH];
        const struct dataset_options options = make_set(*state, formats[f], path);
        struct dataset memory, streamed;
        open_both(&options, &memory, &streamed);
        struct reader_thread work[4];
        pthread_t threads[4];
        for (int i = 0; i < 4; i++) {
            work[i] = (struct reader_thread){&streamed, &memory, i * 13, false};
            assert_int_equal(pthread_create(&threads[i], NULL, read_all_rows, &work[i]), 0);
        }
        for (int i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
            assert_true(work[i].same);
        }
        dataset_close(&memory);
        dataset_close(&streamed);
    }
}

// Batches are those from memory, whatever the number of threads and of ranks, from any start.
static void test_batches(void **state)
{
    for (int f = 0; f < N_FORMATS; f++) {
        char path[FILES_PATH];
        struct dataset_options options = make_set(*state, formats[f], path);
        for (options.threads = 1; options.threads <= 5; options.threads += 2) {
            struct dataset memory, streamed;
            open_both(&options, &memory, &streamed);
            const struct loader_options order = {.batch = 16,
                                                 .rank = 1,
                                                 .ranks = 2,
                                                 .shuffle = true,
                                                 .crop_pad = 2,
                                                 .flip = true,
                                                 .seed = 5,
                                                 .first_batch = 2};
            struct loader *a, *b;
            assert_ok(loader_open(&memory, NULL, 0, &order, &a));
            assert_ok(loader_open(&streamed, NULL, 0, &order, &b));
            for (int i = 0; i < 13; i++) {
                struct batch x, y;
                assert_ok(loader_next(a, &x));
                assert_ok(loader_next(b, &y));
                assert_true(x.n == y.n && x.epoch == y.epoch && x.number == y.number);
                assert_memory_equal(x.labels, y.labels, (size_t)x.n * sizeof *x.labels);
                assert_memory_equal(x.images, y.images, (size_t)x.n * dataset_image_bytes(&memory));
            }
            const struct loader_times times = loader_times(b);
            assert_true(times.waited >= 0 && times.busy > 0);
            loader_close(a);
            loader_close(b);
            dataset_close(&memory);
            dataset_close(&streamed);
        }
    }
}

static void test_chosen_rows_and_samples(void **state)
{
    for (int f = 0; f < N_FORMATS; f++) {
        char path[FILES_PATH];
        struct dataset_options options = make_set(*state, formats[f], path);
        options.share = 0.5;
        struct dataset memory, streamed;
        open_both(&options, &memory, &streamed);
        assert_true(memory.n < N && memory.n == streamed.n && memory.rows != NULL);
        struct arena arena = {0};
        uint8_t *x, *y;
        assert_ok(dataset_sample(&memory, NULL, memory.n, 20, 3, &arena, &x));
        assert_ok(dataset_sample(&streamed, NULL, memory.n, 20, 3, &arena, &y));
        assert_memory_equal(x, y, 20 * dataset_image_bytes(&memory));
        arena_close(&arena);
        dataset_close(&memory);
        dataset_close(&streamed);
    }
}

// A compressed file above the limit goes to a file that has no name and is gone afterwards.
static void test_large_gz_goes_to_a_file(void **state)
{
    enum { MANY = 30000, SIDE = 8 };
    uint8_t *images = calloc(16 + MANY * SIDE * SIDE, 1), *labels = calloc(8 + MANY, 1);
    assert_true(images != NULL && labels != NULL);
    files_noise(images, 16 + MANY * SIDE * SIDE, 9);
    put_u32(images, 0x0803);
    put_u32(images + 4, MANY);
    put_u32(images + 8, SIDE);
    put_u32(images + 12, SIDE);
    put_u32(labels, 0x0801);
    put_u32(labels + 4, MANY);
    files_write_gz(*state, "train-images-idx3-ubyte.gz", images, 16 + MANY * SIDE * SIDE);
    files_write_gz(*state, "train-labels-idx1-ubyte.gz", labels, 8 + MANY);
    struct dataset_options options = files_options("idx", *state);
    options.memory = 1; // MiB, of 1.9
    struct dataset streamed;
    char temporary[FILES_PATH];
    files_write(*state, "tmp/none", "", 0);
    setenv("TMPDIR", files_path(temporary, *state, "tmp"), 1);
    assert_ok(dataset_open(&options, DATASET_TRAIN, &streamed));
    assert_true(streamed.streamed);
    const int32_t rows[] = {MANY - 1, 12345};
    uint8_t got[2 * SIDE * SIDE];
    assert_ok(dataset_fetch(&streamed, rows, 2, got));
    for (int i = 0; i < 2; i++) {
        assert_memory_equal(got + i * SIDE * SIDE, images + 16 + rows[i] * SIDE * SIDE,
                            SIDE * SIDE);
    }
    dataset_close(&streamed);
    setenv("TMPDIR", "/nowhere/at/all", 1);
    files_expect_failure(&options, DATASET_TRAIN, ERR_IO, "/nowhere/at/all", "TMPDIR", NULL);
    unsetenv("TMPDIR");
    free(images);
    free(labels);
}

// A file that is damaged is met while batches are made: those before it come, then the error.
// What cannot be unpacked is not tried again by the next one who asks, from wherever it stopped.
static void test_a_failed_first_read_stays_failed(void **state)
{
    enum { MANY = 4, SIDE = 8, BYTES = 16 + MANY * SIDE * SIDE + 5 }; // five too many
    uint8_t images[BYTES] = {0}, labels[8 + MANY] = {0}, got[SIDE * SIDE];
    put_u32(images, 0x0803);
    put_u32(images + 4, MANY);
    put_u32(images + 8, SIDE);
    put_u32(images + 12, SIDE);
    put_u32(labels, 0x0801);
    put_u32(labels + 4, MANY);
    files_write_gz(*state, "train-images-idx3-ubyte.gz", images, BYTES);
    files_write_gz(*state, "train-labels-idx1-ubyte.gz", labels, 8 + MANY);
    const struct dataset_options options = files_options("idx", *state);
    struct dataset described;
    char first[512];
    assert_ok(dataset_describe(&options, DATASET_TRAIN, &described));
    assert_fails(dataset_fetch(&described, &(int32_t){0}, 1, got), ERR_INPUT, "images");
    snprintf(first, sizeof first, "%s", status_message());
    assert_fails(dataset_fetch(&described, &(int32_t){1}, 1, got), ERR_INPUT, "images");
    assert_string_equal(status_message(), first);
    dataset_close(&described);
}

static void test_error_while_streaming(void **state)
{
    char path[FILES_PATH];
    const struct dataset_options options = make_set(*state, "folder", path);
    struct dataset streamed;
    assert_ok(dataset_describe(&options, DATASET_TRAIN, &streamed));
    streamed.streamed = streamed.measured = true;
    files_write(path, "train/class1/22.png", "no picture", 10); // row of the second class
    const struct loader_options order = {.batch = 4, .ranks = 1};
    struct loader *loader;
    assert_ok(loader_open(&streamed, NULL, 0, &order, &loader));
    struct batch batch;
    int come = 0;
    enum status status;
    while ((status = loader_next(loader, &batch)) == OK) {
        come++;
    }
    assert_int_equal(status, ERR_INPUT);
    assert_non_null(strstr(status_message(), "22.png"));
    assert_true(come >= 5 && come < 15); // 20 images are before it
    loader_close(loader);
    dataset_close(&streamed);
}

// What tells data sets apart is the same before the images are read, from memory and streamed.
static void test_checksums(void **state)
{
    for (int f = 0; f < N_FORMATS; f++) {
        char path[FILES_PATH];
        const struct dataset_options options = make_set(*state, formats[f], path);
        struct dataset described, memory, streamed;
        uint64_t sums[3];
        open_both(&options, &memory, &streamed);
        assert_ok(dataset_describe(&options, DATASET_TRAIN, &described));
        assert_ok(dataset_checksum(&described, &sums[0]));
        assert_ok(dataset_checksum(&memory, &sums[1]));
        assert_ok(dataset_checksum(&streamed, &sums[2]));
        assert_true(sums[0] == sums[1] && sums[0] == sums[2]);
        assert_true(memory.decoded == (strcmp(formats[f], "folder") == 0));
        streamed.labels[N / 2] ^= 1;
        assert_ok(dataset_checksum(&streamed, &sums[2]));
        assert_true(sums[0] != sums[2]);
        dataset_close(&described);
        dataset_close(&memory);
        dataset_close(&streamed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_in_any_order, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_several_threads, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_batches, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_chosen_rows_and_samples, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_large_gz_goes_to_a_file, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_a_failed_first_read_stays_failed, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(test_error_while_streaming, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_checksums, files_setup, files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
