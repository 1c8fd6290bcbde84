// Files among a folder's images that are damaged or no images: all are told together, or left out.
#include "core/file.h"
#include "core/log.h"
#include "data_files.h"
#include "image_bytes.h"

#include <dirent.h>
#include <stdio.h>

enum { SIDE = 8, PICTURE = 24, BYTES = SIDE * SIDE * 3 };

static struct dataset_options folder_options(const char *folder)
{
    struct dataset_options options = files_options("folder", folder);
    options.size = SIDE;
    options.threads = 3;
    return options;
}

// A JPEG (or its first `share` of the bytes) or a PNG of noise.
static void write_picture(const char *folder, const char *name, uint64_t seed, enum jpeg_kind kind,
                          double share)
{
    static uint8_t pixels[PICTURE * PICTURE * 4];
    struct text file = {.bytes = NULL};
    files_noise(pixels, sizeof pixels, seed);
    if (strstr(name, ".png") != NULL) {
        struct png_bytes png = {.h = PICTURE, .w = PICTURE, .depth = 8, .type = 2, .rows = pixels};
        png_make(&png, &file);
    } else {
        jpeg_make(kind, PICTURE, PICTURE, pixels, false, 90, &file);
    }
    files_write(folder, name, file.bytes, (size_t)((double)file.length * share));
    text_close(&file);
}

static const struct {
    const char *name, *bytes; // bytes NULL: a picture
    size_t n;
    enum jpeg_kind kind;
    double share;       // of the picture's bytes
    const char *reason; // NULL: it is good
} files[] = {
    {"a/01.jpg", NULL, 0, JPEG_RGB, 1, NULL},
    {"a/02.jpg", NULL, 0, JPEG_RGB, 0.7, "a JPEG cut short"},
    {"a/03.jpg", BYTES_OF(""), JPEG_RGB, 0, "empty"},
    {"a/04.jpg", NULL, 0, JPEG_CMYK, 1, "a JPEG in CMYK"},
    {"a/05.png", NULL, 0, JPEG_RGB, 1, NULL},
    {"a/06.png", NULL, 0, JPEG_RGB, 0.5, "a damaged PNG: cut short"},
    {"a/07.gif", BYTES_OF("GIF89a\1\0\1\0\x80"), JPEG_RGB, 0, "a GIF file"},
    {"a/08.jpg", BYTES_OF("RIFF\x20\0\0\0WEBPVP8 "), JPEG_RGB, 0, "a WebP file"},
    {"a/09.ppm", BYTES_OF("P6 4 4 255\n\1\2\3"), JPEG_RGB, 0, "a PPM or PGM cut short"},
    {"b/10.bmp", BYTES_OF("BM\0\0"), JPEG_RGB, 0, "a damaged BMP"},
    {"b/11.jpg", NULL, 0, JPEG_GREY, 1, NULL},
    {"b/12.jpg", BYTES_OF("<html>not found"), JPEG_RGB, 0, "a web page"},
    {"b/13.jpg", BYTES_OF("\0\0\0\0\0\0\0\0"), JPEG_RGB, 0, "zeros"},
};
enum { N_FILES = sizeof files / sizeof files[0], N_GOOD = 3, N_NAMED = 8 };

static void write_all(const char *folder)
{
    for (int i = 0; i < N_FILES; i++) {
        char name[64];
        snprintf(name, sizeof name, "train/%s", files[i].name);
        if (files[i].bytes != NULL) {
            files_write(folder, name, files[i].bytes, files[i].n);
        } else {
            write_picture(folder, name, (uint64_t)i, files[i].kind, files[i].share);
        }
    }
}

static void test_all_are_named_together(void **state)
{
    write_all(*state);
    const struct dataset_options options = folder_options(*state);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "/train: 10 of 13 files",
                         "data.skip_bad", " ...", NULL);
    char message[1024];
    snprintf(message, sizeof message, "%s", status_message());
    for (int i = 0, named = 0; i < N_FILES; i++) {
        char words[128];
        snprintf(words, sizeof words, "%s (%s", files[i].name,
                 files[i].reason != NULL ? files[i].reason : "");
        named += files[i].reason != NULL;
        const bool expected = files[i].reason != NULL && named <= N_NAMED;
        if ((strstr(message, words) != NULL) != expected) {
            fail_msg("'%s' in '%s'", words, message);
        }
    }
}

static void test_left_out(void **state)
{
    static const int32_t rows[N_GOOD] = {0, 4, 10}, labels[N_GOOD] = {0, 0, 1};
    write_all(*state);
    struct dataset_options options = folder_options(*state);
    struct dataset dataset;
    options.skip_bad = true;
    assert_ok(dataset_open(&options, DATASET_TRAIN, &dataset));
    assert_int_equal(dataset.n, N_GOOD);
    assert_int_equal(dataset.part_rows, N_FILES); // rows keep their numbers
    assert_memory_equal(dataset.rows, rows, sizeof rows);
    assert_memory_equal(dataset.labels, labels, sizeof labels);
    dataset_close(&dataset);
    char path[FILES_PATH];
    assert_int_equal(remove(files_path(path, *state, "train/b/11.jpg")), 0);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "train/b", "none of its files", NULL);
}

// Damage in the middle of a file that ends as it should is met when it is decoded; skip_bad looks.
static void test_damage_in_the_middle(void **state)
{
    char path[FILES_PATH];
    size_t n;
    write_picture(*state, "train/a/1.png", 1, JPEG_RGB, 1);
    write_picture(*state, "train/a/2.png", 1, JPEG_RGB, 1);
    uint8_t *bytes = files_read(files_path(path, *state, "train/a/2.png"), &n);
    bytes[n / 2] ^= 0x10;
    files_write(*state, "train/a/2.png", bytes, n);
    free(bytes);
    struct dataset_options options = folder_options(*state);
    struct dataset dataset;
    assert_ok(dataset_describe(&options, DATASET_TRAIN, &dataset));
    assert_int_equal(dataset.n, 2);
    dataset_close(&dataset);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "train/a/2.png: a damaged PNG", NULL);
    options.skip_bad = true;
    assert_ok(dataset_open(&options, DATASET_TRAIN, &dataset));
    assert_int_equal(dataset.n, 1);
    dataset_close(&dataset);
}

// A second look at the same files takes what the first one found; a changed file is looked at.
static void test_kept_verdicts(void **state)
{
    char cache[FILES_PATH], path[FILES_PATH], name[64];
    DIR *folder;
    write_picture(*state, "train/a/1.jpg", 1, JPEG_RGB, 1);
    write_picture(*state, "train/a/2.jpg", 2, JPEG_RGB, 0.5);
    struct dataset_options options = folder_options(*state);
    struct dataset dataset;
    options.skip_bad = true;
    assert_int_equal(setenv("XDG_CACHE_HOME", files_path(cache, *state, "cache"), 1), 0);
    for (int pass = 0; pass < 4; pass++) {
        assert_ok(dataset_describe(&options, DATASET_TRAIN, &dataset));
        // What is kept, is believed, once damaged not, and for another file not.
        static const int expected[] = {1, 2, 1, 2};
        assert_int_equal(dataset.n, expected[pass]);
        dataset_close(&dataset);
        folder = opendir(files_path(path, *state, "cache/dikdik"));
        assert_non_null(folder);
        int n = 0;
        for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
            if (entry->d_name[0] != '.') {
                snprintf(name, sizeof name, "%.63s", entry->d_name);
                n++;
            }
        }
        closedir(folder);
        assert_int_equal(n, pass < 3 ? 1 : 2);
        if (pass == 0) {
            files_write(path, name, BYTES_OF("dikdik pictures 1\n\0\0"));
        } else if (pass == 1) {
            files_write(path, name, BYTES_OF("dikdik pictures 1\n\0\7"));
        } else if (pass == 2) {
            write_picture(*state, "train/a/2.jpg", 2, JPEG_RGB, 1);
        }
    }
    assert_int_equal(unsetenv("XDG_CACHE_HOME"), 0);
}

static int count(const char *text, const char *word)
{
    int n = 0;
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        n++;
    }
    return n;
}

static void test_untidy_files_are_counted(void **state)
{
    static const char junk[64] = "junk";
    char said[2048], path[FILES_PATH], name[32];
    for (int i = 0; i < 6; i++) {
        size_t n;
        snprintf(name, sizeof name, "train/a/%d.jpg", i);
        write_picture(*state, name, 1, JPEG_RGB, 1);
        struct text file = {.bytes = NULL};
        uint8_t *bytes = files_read(files_path(path, *state, name), &n);
        text_add_bytes(&file, (const char *)bytes, i < 2 ? n : n - 2);
        if (i >= 4) { // junk, then the end mark
            text_add_bytes(&file, junk, sizeof junk);
            text_add_bytes(&file, "\xFF\xD9", 2);
        }
        files_write(*state, name, file.bytes, file.length);
        text_close(&file);
        free(bytes);
    }
    files_write(*state, "train/a/Thumbs.db", "x", 1);
    files_write(*state, "train/a/.DS_Store", "x", 1);
    files_write(*state, "train/labels.txt", "x", 1);
    struct dataset_options options = folder_options(*state);
    for (int k = 0; k < 2; k++) {
        options.skip_bad = k == 1;
        files_capture_open(&options, *state, said, sizeof said);
        // Opened again, the folder is not spoken of again.
        assert_int_equal(count(said, "warning"), 1 - k);
        assert_int_equal(count(said, "4 of 6 files"), 1 - k);
        assert_int_equal(count(said, "passed over"), 1 - k);
        assert_int_equal(count(said, "3 (labels.txt, .DS_Store, Thumbs.db)"), 1 - k);
    }
    files_write(*state, "train/a/7.jpg", "", 0);
    files_capture_open(&options, *state, said, sizeof said);
    assert_int_equal(count(said, "left out 1 of 7 files: a/7.jpg (empty)"), 1);
    assert_int_equal(count(said, "in 4 of 7 files"), 1);
}

// Rows are fetched in any order, as often as wanted, by several threads, and are the same bytes.
static void test_streamed_rows(void **state)
{
    enum { N = 40, ROWS = 200 };
    char name[32];
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "train/%c/%d.%s", 'a' + i % 3, i, i % 2 == 0 ? "jpg" : "png");
        write_picture(*state, name, (uint64_t)i, JPEG_RGB, 1);
    }
    const struct dataset_options options = folder_options(*state);
    struct dataset whole, streamed;
    static uint8_t fetched[ROWS * BYTES];
    int32_t rows[ROWS];
    assert_ok(dataset_open(&options, DATASET_TRAIN, &whole));
    assert_ok(dataset_describe(&options, DATASET_TRAIN, &streamed));
    assert_null(streamed.images);
    assert_true(whole.n == N && streamed.n == N);
    for (int i = 0; i < ROWS; i++) {
        rows[i] = (i * 7 + i / 5) % whole.n;
    }
    for (int pass = 0; pass < 2; pass++) {
        memset(fetched, 0, sizeof fetched);
        assert_ok(dataset_fetch_many(&streamed, rows, ROWS, fetched));
        for (int i = 0; i < ROWS; i++) {
            assert_memory_equal(fetched + i * BYTES, whole.images + (size_t)rows[i] * BYTES, BYTES);
        }
    }
    dataset_close(&whole);
    dataset_close(&streamed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_are_named_together, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_left_out, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_damage_in_the_middle, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_kept_verdicts, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_untidy_files_are_counted, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_streamed_rows, files_setup, files_teardown),
    };
    unsetenv("HOME"); // nothing is kept but where a test says so
    unsetenv("XDG_CACHE_HOME");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
