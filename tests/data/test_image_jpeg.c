// JPEG from memory: ends of all kinds, scales, and the orientation that EXIF notes.
#include "data/image_format.h"
#include "data_files.h"
#include "image_bytes.h"

#include <math.h>

enum { SIDE = 16, PIXELS = SIDE * SIDE };

// A picture that no turn leaves as it is, smooth enough for JPEG: [h][w][3].
static void make_slopes(int h, int w, uint8_t *out)
{
    for (int i = 0; i < h * w; i++) {
        out[3 * i] = (uint8_t)(20 + 200 * (i % w) / w);
        out[3 * i + 1] = (uint8_t)(20 + 200 * (i / w) / h);
        out[3 * i + 2] = (uint8_t)(40 + 60 * (i % w) / w + 60 * (i / w) / h);
    }
}

// The stored picture of an upright one, by what the standard says: which side of the upright one
// its first row and its first column are.
static void store(int orientation, int h, int w, const uint8_t *upright, uint8_t *out)
{
    static const char *const sides[] = {"TL", "TR", "BR", "BL", "LT", "RT", "RB", "LB"};
    const char *rows = &sides[orientation - 1][0], *columns = &sides[orientation - 1][1];
    const bool on_its_side = *rows == 'L' || *rows == 'R';
    const int stored_h = on_its_side ? w : h, stored_w = on_its_side ? h : w;
    for (int r = 0; r < stored_h; r++) {
        for (int c = 0; c < stored_w; c++) {
            const int along[2] = {r, c};
            int y = 0, x = 0;
            for (int axis = 0; axis < 2; axis++) {
                switch (axis == 0 ? *rows : *columns) {
                case 'T':
                    y = along[axis];
                    break;
                case 'B':
                    y = h - 1 - along[axis];
                    break;
                case 'L':
                    x = along[axis];
                    break;
                default:
                    x = w - 1 - along[axis];
                    break;
                }
            }
            memcpy(out + 3 * (r * stored_w + c), upright + 3 * (y * w + x), 3);
        }
    }
}

static void test_orientation(void **state)
{
    (void)state;
    enum { H = 24, W = 40 };
    static uint8_t upright[H * W * 3], stored[H * W * 3];
    make_slopes(H, W, upright);
    for (int k = 0; k < 16; k++) {
        const int orientation = k / 2 + 1;
        const int h = orientation >= 5 ? W : H, w = orientation >= 5 ? H : W;
        struct text jpeg = {.bytes = NULL}, file = {.bytes = NULL}, exif = {.bytes = NULL};
        store(orientation, H, W, upright, stored);
        exif_make(orientation, k % 2 == 1, &exif);
        jpeg_make(JPEG_RGB, h, w, stored, false, 100, &jpeg);
        jpeg_add_exif(&jpeg, &exif);
        image_expect(&jpeg, &image_on_white, H, W, upright, 6, false);
        struct png_bytes png = {.h = h, .w = w, .depth = 8, .type = 2, .rows = stored};
        png_add_chunk(&png.chunks, "eXIf", exif.bytes, exif.length);
        png_make(&png, &file);
        image_expect(&file, &image_on_white, H, W, upright, 0, false);
        text_close(&exif);
    }
}

// Blocks that lie are passed over: every byte of a good one, changed to values that hurt.
static void test_hostile_exif(void **state)
{
    (void)state;
    static const uint8_t values[] = {0, 1, 2, 9, 0x7F, 0x80, 0xFE, 0xFF};
    for (int k = 0; k < 2; k++) {
        struct text exif = {.bytes = NULL};
        exif_make(6, k == 1, &exif);
        assert_int_equal(image_exif_orientation((const uint8_t *)exif.bytes, exif.length), 6);
        for (size_t n = 0; n <= exif.length; n++) {
            uint8_t *copy = malloc(n + 1);
            assert_non_null(copy);
            uint8_t *end = copy + n; // the block ends at the allocation's end
            memcpy(copy + 1, exif.bytes, n);
            const int found = image_exif_orientation(copy + 1, n);
            assert_int_equal(found, n >= 34 ? 6 : 1);
            for (size_t v = 0; n == exif.length && v < sizeof values; v++) {
                for (uint8_t *at = copy + 1; at <= end; at++) {
                    const uint8_t before = *at;
                    *at = values[v];
                    assert_in_range(image_exif_orientation(copy + 1, n), 1, 8);
                    *at = before;
                }
            }
            free(copy);
        }
        text_close(&exif);
    }
}

// ---- JPEG

static void test_jpeg_ends(void **state)
{
    (void)state;
    uint8_t pixels[PIXELS * 3], junk[50]; // few bytes are taken for the end of the pixels' data
    files_noise(pixels, sizeof pixels, 7);
    memset(junk, 0x12, sizeof junk);
    for (int progressive = 0; progressive < 2; progressive++) {
        struct text whole = {.bytes = NULL};
        struct arena arena = {.newest = NULL};
        struct image image;
        jpeg_make(JPEG_RGB, SIDE, SIDE, pixels, progressive != 0, 90, &whole);
        assert_ok(image_decode_copy(&whole, &image_on_white, &arena, &image));
        assert_false(image.untidy);
        // No end mark, half of one, junk before it, junk behind it.
        for (int k = 0; k < 4; k++) {
            struct text file = {.bytes = NULL};
            text_add_bytes(&file, whole.bytes, whole.length - (k == 0 ? 2 : k == 1 ? 1 : 0));
            if (k >= 2) {
                bytes_insert(&file, file.length - (k == 2 ? 2 : 0), junk, sizeof junk);
            }
            image_expect(&file, &image_on_white, SIDE, SIDE, image.rgb, 0, k < 3);
        }
        for (size_t n = 3; n <= whole.length - 3; n++) {
            struct text cut = {.bytes = NULL};
            text_add_bytes(&cut, whole.bytes, n);
            image_expect_refusal(&cut, "JPEG");
        }
        // The same with an end mark put behind the cut: the pixels are missing all the same.
        for (size_t n = whole.length / 2; n <= whole.length - 3; n++) {
            struct text cut = {.bytes = NULL};
            text_add_bytes(&cut, whole.bytes, n);
            text_add_bytes(&cut, "\xFF\xD9", 2);
            if (progressive) { // between two scans nothing is known to be missing
                assert_true(image_decode_copy(&cut, &image_on_white, &arena, &image) <= ERR_INPUT);
                text_close(&cut);
            } else {
                image_expect_refusal(&cut, "JPEG");
            }
        }
        arena_close(&arena);
        text_close(&whole);
    }
}

static void test_grey_and_cmyk(void **state)
{
    (void)state;
    uint8_t grey[PIXELS], expected[PIXELS * 3], inks[PIXELS * 4];
    struct text file = {.bytes = NULL};
    for (int i = 0; i < PIXELS * 3; i++) {
        grey[i / 3] = expected[i] = (uint8_t)(i / 3);
    }
    jpeg_make(JPEG_GREY, SIDE, SIDE, grey, false, 100, &file);
    image_expect(&file, &image_on_white, SIDE, SIDE, expected, 3, false);
    files_noise(inks, sizeof inks, 8);
    jpeg_make(JPEG_CMYK, SIDE, SIDE, inks, false, 90, &file);
    image_expect_refusal(&file, "CMYK");
}

// At half, a quarter, an eighth, and never below what is asked for; each pixel is about the mean of
// those it stands for.
static void test_decoding_at_the_scale_needed(void **state)
{
    (void)state;
    enum { H = 64, W = 96 };
    static const struct {
        int h, w, eighths, orientation;
    } cases[] = {{0, 0, 8, 1},  {64, 96, 8, 1}, {33, 16, 8, 1}, {32, 48, 4, 1},
                 {17, 8, 4, 1}, {16, 24, 2, 1}, {8, 12, 1, 1},  {1, 1, 1, 1},
                 {99, 9, 8, 1}, {48, 32, 4, 6}, {24, 17, 4, 6}, {24, 16, 2, 6}};
    static uint8_t pixels[H * W * 3], expected[H * W * 3];
    make_slopes(H, W, pixels);
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const int step = 8 / cases[k].eighths, h = H / step, w = W / step;
        const bool turned = cases[k].orientation == 6;
        for (int i = 0; i < h * w * 3; i++) {
            const int y = i / 3 / w, x = i / 3 % w;
            int sum = 0;
            for (int j = 0; j < step * step; j++) {
                sum += pixels[((y * step + j / step) * W + x * step + j % step) * 3 + i % 3];
            }
            // turned clockwise: (y, x) comes to (x, h - 1 - y)
            expected[turned ? (x * h + h - 1 - y) * 3 + i % 3 : i] =
                (uint8_t)lround((double)sum / (step * step));
        }
        struct text file = {.bytes = NULL}, exif = {.bytes = NULL};
        struct image_request request = {.h = cases[k].h, .w = cases[k].w};
        jpeg_make(JPEG_RGB, H, W, pixels, k % 2 == 1, 100, &file);
        exif_make(cases[k].orientation, false, &exif);
        jpeg_add_exif(&file, &exif);
        image_expect(&file, &request, turned ? w : h, turned ? h : w, expected, 6, false);
        text_close(&exif);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orientation),
        cmocka_unit_test(test_hostile_exif),
        cmocka_unit_test(test_jpeg_ends),
        cmocka_unit_test(test_grey_and_cmyk),
        cmocka_unit_test(test_decoding_at_the_scale_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
