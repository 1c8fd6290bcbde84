// Files from memory that are no pictures, promise too much, or were damaged at random.
#include "data_files.h"
#include "image_bytes.h"

enum { SIDE = 16, PIXELS = SIDE * SIDE };

static void test_foreign_files(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *reason;
    } cases[] = {
        {BYTES_OF(""), "empty"},
        {BYTES_OF("GIF89a\1\0\1\0"), "GIF"},
        {BYTES_OF("RIFF\0\0\0\0WEBPVP8 "), "WebP"},
        {BYTES_OF("II*\0\x08\0\0\0"), "TIFF"},
        {BYTES_OF("\0\0\0\x20"
                  "ftypavif"),
         "AVIF"},
        {BYTES_OF("version https://git-lfs.github.com/spec/v1\n"), "Git LFS"},
        {BYTES_OF("P4 8 1\n\xFF"), "PBM"},
        {BYTES_OF("<!DOCTYPE html>"), "web page"},
        {BYTES_OF("\0\0\0\0\0\0\0\0\0"), "zeros"},
        {BYTES_OF("a text"), "of no kind"},
        {BYTES_OF("\xFF\xD8\xFF"), "JPEG cut short"},
        {BYTES_OF("BM"), "BMP"},
        {BYTES_OF("\x89PNG\r\n\x1A\n"), "PNG cut short"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text file = {.bytes = NULL};
        text_add_bytes(&file, cases[i].bytes, cases[i].n);
        image_expect_refusal(&file, cases[i].reason);
    }
}

// Sizes that the limits allow, and the bytes cannot hold.
static void test_promises(void **state)
{
    (void)state;
    uint8_t pixels[PIXELS * 3];
    files_noise(pixels, sizeof pixels, 9);
    for (int progressive = 0; progressive < 2; progressive++) {
        for (int k = 0; k < 2; k++) {
            struct text file = {.bytes = NULL};
            jpeg_make(JPEG_RGB, SIDE, SIDE, pixels, progressive != 0, 90, &file);
            size_t at = 2;
            while ((uint8_t)file.bytes[at + 1] != (progressive ? 0xC2 : 0xC0)) {
                at += 2 + (size_t)(uint8_t)file.bytes[at + 2] * 256 + (uint8_t)file.bytes[at + 3];
            }
            memset(file.bytes + at + 5, k == 0 ? 0x20 : 0xFD, 4); // height and width
            image_expect_refusal(&file,
                                 k == 0 ? "cannot hold 8224 x 8224" : "65021 x 65021 pixels");
        }
    }
    struct png_bytes png = {.h = SIDE, .w = SIDE, .depth = 8, .type = 2, .rows = pixels};
    struct text file = {.bytes = NULL};
    png_make(&png, &file);
    memcpy(file.bytes + 16, "\0\0\x20\0\0\0\x20\0", 8);
    image_expect_refusal(&file, "cannot hold 8192 x 8192");
}

// Whatever is changed, a picture comes out or a reason.
static void test_random_damage(void **state)
{
    (void)state;
    enum { TRIALS = 400 };
    uint8_t pixels[PIXELS * 4];
    struct text files[6] = {{.bytes = NULL}};
    files_noise(pixels, sizeof pixels, 10);
    struct png_bytes png = {.h = SIDE, .w = SIDE, .depth = 8, .type = 6, .rows = pixels};
    png_make(&png, &files[0]);
    jpeg_make(JPEG_RGB, SIDE, SIDE, pixels, false, 90, &files[1]);
    jpeg_make(JPEG_RGB, SIDE, SIDE, pixels, true, 90, &files[2]);
    text_add_bytes(&files[3],
                   BYTES_OF("BM>\0\0\0\0\0\0\0\x36\0\0\0(\0\0\0\1\0\0\0\2\0\0\0\1\0\x18\0"
                            "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                            "\1\2\3\0\4\5\6\0"));
    text_add_bytes(&files[4], BYTES_OF("P3 2 2 255 1 2 3 4 5 6 7 8 9 10 11 12\n"));
    text_add_bytes(&files[5], BYTES_OF("P6 1 1 65535\n\1\1\2\2\377\377"));
    struct arena arena = {.newest = NULL};
    for (int k = 0; k < 6; k++) {
        struct image image;
        assert_ok(image_decode_copy(&files[k], &image_on_white, &arena, &image));
    }
    for (int k = 0; k < 6 * TRIALS; k++) {
        uint8_t noise[12];
        struct text file = {.bytes = NULL};
        struct image image;
        const struct image_request request = {.h = k % 20, .w = k % 20};
        files_noise(noise, sizeof noise, (uint64_t)k);
        const size_t n = files[k % 6].length;
        text_add_bytes(&file, files[k % 6].bytes, n);
        for (int j = 0; j < 1 + k % 3; j++) {
            file.bytes[(noise[3 * j] * 256U + noise[3 * j + 1]) % n] = (char)noise[3 * j + 2];
        }
        arena_reset(&arena);
        const enum status status = image_decode_copy(&file, &request, &arena, &image);
        assert_true(status == OK || status == ERR_INPUT);
        if (status == OK) {
            assert_true(image.h > 0 && image.w > 0);
        }
        text_close(&file);
    }
    arena_close(&arena);
    for (int k = 0; k < 6; k++) {
        text_close(&files[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_foreign_files),
        cmocka_unit_test(test_promises),
        cmocka_unit_test(test_random_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
