// Class folders of JPEG and PNG files: classes and order, decoding, crop and resizing, bad files.
#include "data_files.h"
#include "image_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { SIDE = 8, BYTES = SIDE * SIDE * 3 };

static struct dataset_options folder_options(const char *folder)
{
    struct dataset_options options = files_options("folder", folder);
    options.size = SIDE;
    return options;
}

// [SIDE][SIDE][3] that no other seed has.
static void make_pixels(uint8_t pixels[BYTES], uint64_t seed)
{
    files_noise(pixels, BYTES, seed);
}

static void open_part(const struct dataset_options *options, enum dataset_part part,
                      struct dataset *out)
{
    assert_ok(dataset_open(options, part, out));
}

// Opens a set with one image and compares it with [SIDE][SIDE][3].
static void expect_image(const char *folder, const uint8_t *expected, int tolerance)
{
    const struct dataset_options options = folder_options(folder);
    struct dataset dataset;
    open_part(&options, DATASET_TRAIN, &dataset);
    assert_int_equal(dataset.n, 1);
    for (int i = 0; i < BYTES; i++) {
        if (abs(dataset.images[i] - expected[i]) > tolerance) {
            fail_msg("byte %d: expected %d, got %d", i, expected[i], dataset.images[i]);
        }
    }
    dataset_close(&dataset);
}

static void test_classes_and_order(void **state)
{
    static const char *const files[] = {"train/bee/2.png",  "train/bee/10.PNG",  "train/ant/x.png",
                                        "train/Cow/a.jpg",  "test/bee/1.png",    "test/Cow/2.png",
                                        "train/ant/.h.png", "train/ant/note.txt"};
    uint8_t pixels[8][BYTES];
    for (int i = 0; i < 8; i++) {
        make_pixels(pixels[i], (uint64_t)i);
        image_write_png(*state, files[i], IMAGE_RGB, SIDE, SIDE, pixels[i]);
    }
    files_write(*state, "train/readme.txt", "not a class", 11);
    const struct dataset_options options = folder_options(*state);
    struct dataset train, test;
    open_part(&options, DATASET_TRAIN, &train);
    open_part(&options, DATASET_TEST, &test);
    // In byte order: Cow, ant, bee; in bee 10.PNG, 2.png. The content, not the name, is decoded.
    static const int order[] = {3, 2, 1, 0}, labels[] = {0, 1, 2, 2};
    assert_int_equal(train.n, 4);
    assert_int_equal(train.classes, 3);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(train.labels[i], labels[i]);
        assert_memory_equal(train.images + i * BYTES, pixels[order[i]], BYTES);
    }
    assert_int_equal(test.n, 2);
    assert_int_equal(test.classes, 3);
    assert_int_equal(test.labels[0], 0);
    assert_int_equal(test.labels[1], 2);
    assert_memory_equal(test.images, pixels[5], BYTES);
    dataset_close(&train);
    dataset_close(&test);
    image_write_png(*state, "test/dog/1.png", IMAGE_RGB, SIDE, SIDE, pixels[0]);
    files_expect_failure(&options, DATASET_TEST, ERR_INPUT, "/test:", "dog", NULL);
}

static void test_kinds_of_images(void **state)
{
    uint8_t grey[SIDE * SIDE], rgb[BYTES], rgba[SIDE * SIDE * 4], expected[BYTES];
    char folder[FILES_PATH];
    for (int i = 0; i < SIDE * SIDE; i++) {
        grey[i] = (uint8_t)(3 * i);
        for (int c = 0; c < 3; c++) {
            rgb[3 * i + c] = (uint8_t)(40 + i + 50 * c);
            rgba[4 * i + c] = rgb[3 * i + c];
            expected[3 * i + c] = i % 2 == 0 ? rgb[3 * i + c] : 255;
        }
        rgba[4 * i + 3] = i % 2 == 0 ? 255 : 0;
    }
    image_write_png(files_path(folder, *state, "a"), "train/k/1.png", IMAGE_RGBA, SIDE, SIDE, rgba);
    expect_image(folder, expected, 0); // transparent pixels are white
    image_write_jpeg(files_path(folder, *state, "b"), "train/k/1.jpg", IMAGE_RGB, SIDE, SIDE, rgb,
                     0);
    expect_image(folder, rgb, 8);
    image_write_jpeg(files_path(folder, *state, "c"), "train/k/1.jpeg", IMAGE_RGB, SIDE, SIDE, rgb,
                     1);
    expect_image(folder, rgb, 8);
    for (int i = 0; i < BYTES; i++) {
        expected[i] = grey[i / 3];
    }
    image_write_png(files_path(folder, *state, "d"), "train/k/1.png", IMAGE_GREY, SIDE, SIDE, grey);
    expect_image(folder, expected, 0);
    image_write_jpeg(files_path(folder, *state, "e"), "train/k/1.jpg", IMAGE_GREY, SIDE, SIDE, grey,
                     0);
    expect_image(folder, expected, 8);
}

// A wide and a high image whose middle square is known, and whose edges would show.
static void test_centre_crop(void **state)
{
    enum { LONG = 14, MARGIN = (LONG - SIDE) / 2 };
    uint8_t middle[BYTES], image[LONG * SIDE * 3];
    char folder[FILES_PATH];
    make_pixels(middle, 1);
    memset(image, 255, sizeof image);
    for (int y = 0; y < SIDE; y++) {
        memcpy(image + (y * LONG + MARGIN) * 3, middle + y * SIDE * 3, SIDE * 3);
    }
    image_write_png(files_path(folder, *state, "wide"), "train/k/1.png", IMAGE_RGB, SIDE, LONG,
                    image);
    expect_image(folder, middle, 0);
    memset(image, 255, sizeof image);
    memcpy(image + MARGIN * SIDE * 3, middle, BYTES);
    image_write_png(files_path(folder, *state, "high"), "train/k/1.png", IMAGE_RGB, LONG, SIDE,
                    image);
    expect_image(folder, middle, 0);
}

// A ramp stays a ramp in the inside, at any ratio; every pixel counts when an image shrinks.
static void test_resizing(void **state)
{
    static const int sides[] = {4, 5, 12, 16, 37, 100};
    for (int s = 0; s < 6; s++) {
        const int side = sides[s];
        char folder[FILES_PATH], name[16];
        uint8_t *image = malloc((size_t)side * (size_t)side * 3);
        assert_non_null(image);
        for (int i = 0; i < side * side; i++) {
            image[3 * i] = (uint8_t)(10 + 200 * (i % side) / side);     // over x
            image[3 * i + 1] = (uint8_t)(10 + 200 * (i / side) / side); // over y
            image[3 * i + 2] = (uint8_t)((i % side + i / side) % 2 * 255);
        }
        snprintf(name, sizeof name, "%d", side);
        image_write_png(files_path(folder, *state, name), "train/k/1.png", IMAGE_RGB, side, side,
                        image);
        free(image);
        const struct dataset_options options = folder_options(folder);
        struct dataset dataset;
        open_part(&options, DATASET_TRAIN, &dataset);
        for (int i = 0; i < SIDE * SIDE; i++) {
            const int x = i % SIDE, y = i / SIDE;
            if (x == 0 || y == 0 || x == SIDE - 1 || y == SIDE - 1) {
                continue;
            }
            // Centres of pixels: source (x + 0.5) * side / SIDE - 0.5, rounded down twice.
            const double at_x = 10 + 200 * ((x + 0.5) / SIDE - 0.5 / side);
            const double at_y = 10 + 200 * ((y + 0.5) / SIDE - 0.5 / side);
            assert_true(abs(dataset.images[3 * i] - (int)at_x) <= 2);
            assert_true(abs(dataset.images[3 * i + 1] - (int)at_y) <= 2);
            if (side >= 16) { // a fine chequer-board becomes grey
                assert_in_range(dataset.images[3 * i + 2], 125, 131);
            }
        }
        dataset_close(&dataset);
    }
}

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

// A JPEG and a PNG whose headers promise far more pixels than allowed.
static void test_oversized_images(void **state)
{
    uint8_t pixels[BYTES];
    char path[FILES_PATH];
    size_t n;
    make_pixels(pixels, 1);
    const struct dataset_options options = folder_options(*state);
    image_write_jpeg(*state, "train/k/huge.jpg", IMAGE_RGB, SIDE, SIDE, pixels, 0);
    uint8_t *bytes = files_read(files_path(path, *state, "train/k/huge.jpg"), &n);
    size_t at = 2;
    while (bytes[at + 1] != 0xC0) { // to the frame header, over the segments before it
        at += 2 + (size_t)bytes[at + 2] * 256 + bytes[at + 3];
    }
    memset(bytes + at + 5, 0xFD, 4); // height and width
    files_write(*state, "train/k/huge.jpg", bytes, n);
    free(bytes);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "k/huge.jpg", "pixels", "65021", NULL);
    assert_int_equal(remove(path), 0);
    // The start of a PNG of 20000 x 20000: signature, IHDR with its checksum, and an empty IDAT.
    uint8_t png[57] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n',
                       0,    0,   0,   13,  'I',  'H',  'D',  'R'};
    put_u32(png + 16, 20000);
    put_u32(png + 20, 20000);
    png[24] = 8;
    png[25] = 2;
    put_u32(png + 29, (uint32_t)crc32(0, png + 12, 17));
    memcpy(png + 37, "IDAT", 4);
    put_u32(png + 41, (uint32_t)crc32(0, png + 37, 4));
    memcpy(png + 49, "IEND", 4);
    put_u32(png + 53, (uint32_t)crc32(0, png + 49, 4));
    files_write(*state, "train/k/huge.png", png, sizeof png);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "k/huge.png", "pixels", "20000", NULL);
}

static void test_wrong_folders(void **state)
{
    uint8_t pixels[BYTES];
    char path[FILES_PATH];
    make_pixels(pixels, 1);
    const struct dataset_options options = folder_options(*state);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "folder", "train/CLASS", NULL);
    files_write(*state, "train/loose.txt", "x", 1);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "train", "found no folder",
                         "loose.txt", NULL);
    image_write_png(*state, "train/full/1.png", IMAGE_RGB, SIDE, SIDE, pixels);
    files_write(*state, "train/void/readme", "x", 1);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "train:", "1 (void)", "readme", NULL);
    assert_int_equal(remove(files_path(path, *state, "train/void/readme")), 0);
    assert_int_equal(remove(files_path(path, *state, "train/void")), 0);
    files_expect_failure(&options, DATASET_TEST, ERR_INPUT, "no test", "no val", "1 (full)", NULL);
    files_write(*state, "train/full/2.jpg", "GIF89a", 6);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "full/2.jpg", "a GIF file", NULL);
    files_write(*state, "train/full/2.jpg", "", 0);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "full/2.jpg", NULL);
}

// Groups are what the pattern finds in CLASS/NAME.
static void test_groups_by_name(void **state)
{
    static const char *const files[] = {"train/bus/t1_1.png", "train/bus/t1_2.png",
                                        "train/bus/t2_1.png", "train/car/t1_1.png",
                                        "train/car/t3_1.png", "test/bus/t9_1.png"};
    static const struct {
        const char *pattern;
        int n, groups[5];
    } cases[] = {
        {"/([^_]*)_", 3, {0, 0, 1, 0, 2}},           // by track, whatever the class
        {"^[^_]*", 4, {0, 0, 1, 2, 3}},              // the whole match: by track of a class
        {"_(1|2)\\.png$", 2, {0, 1, 0, 0, 0}},       // anything that a pattern can say
        {"^(bus|car)/.*_(1|2)", 2, {0, 0, 0, 1, 1}}, // the first of several
    };
    uint8_t pixels[BYTES];
    make_pixels(pixels, 1);
    for (int i = 0; i < 6; i++) {
        image_write_png(*state, files[i], IMAGE_RGB, SIDE, SIDE, pixels);
    }
    struct dataset_options options = folder_options(*state);
    struct dataset dataset;
    open_part(&options, DATASET_TRAIN, &dataset);
    assert_null(dataset.groups);
    assert_true(dataset.rows == NULL && dataset.part_rows == 5);
    dataset_close(&dataset);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        options.group_pattern = cases[i].pattern;
        open_part(&options, DATASET_TRAIN, &dataset);
        assert_int_equal(dataset.n_groups, cases[i].n);
        assert_memory_equal(dataset.groups, cases[i].groups, sizeof cases[i].groups);
        dataset_close(&dataset);
    }
    options.group_pattern = "/(t[12])_";
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "data.group_pattern", "car/t3_1.png",
                         NULL);
    options.group_pattern = "t1(x)?"; // matches, but its group takes no part in that
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "bus/t1_1.png", NULL);
    options.group_pattern = "(t1";
    files_expect_failure(&options, DATASET_TRAIN, ERR_CONFIG, "data.group_pattern", "(t1", NULL);
    options.group_pattern = "^";
    open_part(&options, DATASET_TRAIN, &dataset);
    struct dataset_split split;
    assert_fails(dataset_split(&dataset, 0.5, 1, &dataset.arena, &split), ERR_CONFIG, "one group");
    dataset_close(&dataset);
    options = files_options("shapes", "");
    options.group_pattern = "(.)";
    files_expect_failure(&options, DATASET_TRAIN, ERR_CONFIG, "data.group_pattern", "shapes", NULL);
}

static void test_damaged_images(void **state)
{
    enum { LARGE = 40 };
    static uint8_t pixels[LARGE * LARGE * 3];
    files_noise(pixels, sizeof pixels, 3);
    const struct dataset_options options = folder_options(*state);
    image_write_png(*state, "train/k/1.png", IMAGE_RGB, LARGE, LARGE, pixels);
    image_write_png(*state, "test/k/1.png", IMAGE_RGB, LARGE, LARGE, pixels);
    assert_true(files_damage(&options, *state, "train/k/1.png", 300) >= 150 + 150 / 2);
    assert_int_equal(remove(files_path((char[FILES_PATH]){0}, *state, "train/k/1.png")), 0);
    for (int progressive = 0; progressive < 2; progressive++) {
        image_write_jpeg(*state, "train/k/1.jpg", IMAGE_RGB, LARGE, LARGE, pixels, progressive);
        assert_true(files_damage(&options, *state, "train/k/1.jpg", 300) >= 150);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_classes_and_order, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_kinds_of_images, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_centre_crop, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_resizing, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_oversized_images, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_folders, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_groups_by_name, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_damaged_images, files_setup, files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
