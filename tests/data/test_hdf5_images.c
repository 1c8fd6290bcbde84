// Images in HDF5: both layouts, exact bytes back, and files of the wrong type or shape.
#include "core/hdf5_file.h"
#include "data_files.h"

#include <stdio.h>
#include <string.h>

enum { N = 9, H = 4, W = 3, C = 2, BYTES = N * H * W * C };

struct content {
    uint8_t images[BYTES];
    int64_t labels[N];
};

static struct content make_content(uint64_t seed)
{
    struct content content;
    files_noise(content.images, BYTES, seed);
    for (int i = 0; i < N; i++) {
        content.labels[i] = i * 2 % 7;
    }
    return content;
}

static struct hdf5_item item(const char *name, enum hdf5_type type, int n_dims, const int64_t *dims,
                             const void *data)
{
    struct hdf5_item made = {.name = name, .data = data};
    made.array.type = type;
    made.array.n_dims = n_dims;
    made.array.count = 1;
    for (int i = 0; i < n_dims; i++) {
        made.array.dims[i] = dims[i];
        made.array.count *= (size_t)dims[i];
    }
    return made;
}

static const int64_t image_dims[] = {N, H, W, C};
static const int64_t label_dims[] = {N};

// FOLDER/NAME with `images` and `labels`.
static void write_part(const char *folder, const char *name, const struct content *content)
{
    char path[FILES_PATH];
    const struct hdf5_item items[] = {
        item("images", HDF5_U8, 4, image_dims, content->images),
        item("labels", HDF5_I64, 1, label_dims, content->labels),
    };
    assert_ok(hdf5_write(files_path(path, folder, name), items, 2));
}

static void write_folder(const char *folder)
{
    const struct content train = make_content(0), test = make_content(1);
    write_part(folder, "train.h5", &train);
    write_part(folder, "test.h5", &test);
}

static void expect_content(const struct dataset_options *options)
{
    for (enum dataset_part part = DATASET_TRAIN; part <= DATASET_TEST; part++) {
        const struct content content = make_content((uint64_t)part);
        struct dataset dataset;
        assert_ok(dataset_open(options, part, &dataset));
        assert_int_equal(dataset.n, N);
        assert_int_equal(dataset.h, H);
        assert_int_equal(dataset.w, W);
        assert_int_equal(dataset.c, C);
        assert_int_equal(dataset.classes, 7);
        assert_memory_equal(dataset.images, content.images, BYTES);
        for (int i = 0; i < N; i++) {
            assert_int_equal(dataset.labels[i], content.labels[i]);
        }
        dataset_close(&dataset);
    }
}

static void test_folder(void **state)
{
    write_folder(*state);
    const struct dataset_options options = files_options("hdf5", *state);
    expect_content(&options);
    const struct dataset_options by_files = files_options("my-own", *state);
    expect_content(&by_files);
}

static void test_one_file(void **state)
{
    const struct content train = make_content(0), test = make_content(1);
    uint8_t test_labels[N]; // another integer type
    for (int i = 0; i < N; i++) {
        test_labels[i] = (uint8_t)test.labels[i];
    }
    const struct hdf5_item items[] = {
        item("train_images", HDF5_U8, 4, image_dims, train.images),
        item("train_labels", HDF5_I64, 1, label_dims, train.labels),
        item("test_images", HDF5_U8, 4, image_dims, test.images),
        item("test_labels", HDF5_U8, 1, label_dims, test_labels),
    };
    char path[FILES_PATH];
    assert_ok(hdf5_write(files_path(path, *state, "both.h5"), items, 4));
    const struct dataset_options options = files_options("hdf5", path);
    expect_content(&options);
    const struct dataset_options by_files = files_options("", path);
    expect_content(&by_files);
}

static void test_grey_images(void **state)
{
    const struct content content = make_content(0);
    const int64_t dims[] = {N, H, W * C};
    const struct hdf5_item items[] = {
        item("images", HDF5_U8, 3, dims, content.images),
        item("labels", HDF5_I64, 1, label_dims, content.labels),
    };
    char path[FILES_PATH];
    assert_ok(hdf5_write(files_path(path, *state, "train.h5"), items, 2));
    const struct dataset_options options = files_options("hdf5", *state);
    struct dataset dataset;
    assert_ok(dataset_open(&options, DATASET_TRAIN, &dataset));
    assert_int_equal(dataset.w, W * C);
    assert_int_equal(dataset.c, 1);
    assert_memory_equal(dataset.images, content.images, BYTES);
    dataset_close(&dataset);
    files_expect_failure(&options, DATASET_TEST, ERR_INPUT, "test.h5", NULL);
}

static void test_chosen_classes(void **state)
{
    write_folder(*state);
    struct dataset_options options = files_options("hdf5", *state);
    const int wanted[] = {4};
    const struct int_list list = {.n = 1, .values = wanted};
    options.classes = &list;
    struct dataset dataset;
    assert_ok(dataset_open(&options, DATASET_TRAIN, &dataset));
    const struct content content = make_content(0);
    assert_int_equal(dataset.n, 1); // i * 2 % 7 is 4 for i = 2 only
    assert_memory_equal(dataset.images, content.images + 2 * H * W * C, H * W * C);
    assert_int_equal(dataset.labels[0], 0);
    assert_true(dataset.rows[0] == 2 && dataset.part_rows == N);
    assert_null(dataset.groups);
    dataset_close(&dataset);
}

// `groups` beside the labels: any integers.
static void test_groups(void **state)
{
    static const int64_t numbers[N] = {7, -3, 7, INT64_MAX, -3, 0, 7, 0, INT64_MAX};
    static const int32_t expected[N] = {2, 0, 2, 3, 0, 1, 2, 1, 3};
    const struct content content = make_content(0);
    const int64_t fewer[] = {N - 1};
    struct hdf5_item items[] = {
        item("train_images", HDF5_U8, 4, image_dims, content.images),
        item("train_labels", HDF5_I64, 1, label_dims, content.labels),
        item("train_groups", HDF5_I64, 1, label_dims, numbers),
    };
    char path[FILES_PATH];
    assert_ok(hdf5_write(files_path(path, *state, "both.h5"), items, 3));
    struct dataset_options options = files_options("hdf5", path);
    struct dataset dataset;
    assert_ok(dataset_open(&options, DATASET_TRAIN, &dataset));
    assert_int_equal(dataset.n_groups, 4);
    assert_memory_equal(dataset.groups, expected, sizeof expected);
    dataset_close(&dataset);
    options.group_pattern = "(.)";
    files_expect_failure(&options, DATASET_TRAIN, ERR_CONFIG, "data.group_pattern", "hdf5", NULL);
    options.group_pattern = "";
    items[2] = item("train_groups", HDF5_I64, 1, fewer, numbers);
    assert_ok(hdf5_write(path, items, 3));
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "train_groups", "expected 9", NULL);
    const float floats[N] = {0};
    items[2] = item("train_groups", HDF5_F32, 1, label_dims, floats);
    assert_ok(hdf5_write(path, items, 3));
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "train_groups", "integers", NULL);
}

// Writes train.h5 with these two arrays and expects a message with the words.
static void expect_refusal(const char *folder, struct hdf5_item images, struct hdf5_item labels,
                           const char *word, const char *other)
{
    char path[FILES_PATH];
    const struct hdf5_item items[] = {images, labels};
    assert_ok(hdf5_write(files_path(path, folder, "train.h5"), items, 2));
    const struct dataset_options options = files_options("hdf5", folder);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "train.h5", word, other, NULL);
}

static void test_wrong_types_and_shapes(void **state)
{
    struct content content = make_content(0);
    const float floats[BYTES] = {0};
    const int64_t flat[] = {BYTES}, fewer[] = {N - 1};
    const struct hdf5_item images = item("images", HDF5_U8, 4, image_dims, content.images);
    const struct hdf5_item labels = item("labels", HDF5_I64, 1, label_dims, content.labels);
    expect_refusal(*state, item("images", HDF5_F32, 4, image_dims, floats), labels, "images",
                   "uint8");
    expect_refusal(*state, item("images", HDF5_U8, 1, flat, content.images), labels, "images",
                   "1 dimensions");
    expect_refusal(*state, images, item("labels", HDF5_F32, 1, label_dims, floats), "labels",
                   "integers");
    expect_refusal(*state, images, item("labels", HDF5_I64, 1, fewer, content.labels), "8", "9");
    expect_refusal(*state, item("pictures", HDF5_U8, 4, image_dims, content.images), labels,
                   "images", "pictures");
    content.labels[6] = -1;
    expect_refusal(*state, images, labels, "row 6", "-1");
    content.labels[6] = 1 << 20;
    expect_refusal(*state, images, labels, "row 6", "1048576");
    files_write(*state, "train.h5", "not HDF5 at all", 15);
    const struct dataset_options options = files_options("hdf5", *state);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "train.h5", NULL);
}

static void test_damaged_files(void **state)
{
    write_folder(*state);
    const struct dataset_options options = files_options("hdf5", *state);
    assert_true(files_damage(&options, *state, "train.h5", 30) >= 15);
    assert_true(files_damage(&options, *state, "test.h5", 20) >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_folder, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_one_file, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_grey_images, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_chosen_classes, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_groups, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_types_and_shapes, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_damaged_files, files_setup, files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
