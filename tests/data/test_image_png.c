// PNG from memory: depths, transparency, passes, and files cut short.
#include "data_files.h"
#include "image_bytes.h"

#include <math.h>

enum { SIDE = 16, PIXELS = SIDE * SIDE };

// 16 bits are 8 bits to rounding; gAMA and sRGB change nothing.
static void test_png_of_16_bits(void **state)
{
    (void)state;
    static const uint8_t linear[] = {0, 1, 0x86, 0xA0}, intent[] = {0};
    static const int types[] = {0, 2, 4, 6}, channels[] = {1, 3, 2, 4};
    uint8_t rows[PIXELS * 8], expected[PIXELS * 3];
    for (int t = 0; t < 4; t++) {
        const int n = channels[t], colours = n < 3 ? 1 : 3;
        files_noise(rows, sizeof rows, (uint64_t)t);
        for (int i = 0; i < PIXELS; i++) {
            for (int c = 0; c < 3; c++) {
                const uint8_t *at = rows + (i * n + (colours == 1 ? 0 : c)) * 2;
                expected[3 * i + c] = (uint8_t)lround((at[0] * 256 + at[1]) / 257.0);
            }
            if (n != colours) { // opaque
                memset(rows + (i * n + colours) * 2, 255, 2);
            }
        }
        struct png_bytes png = {.h = SIDE, .w = SIDE, .depth = 16, .type = types[t], .rows = rows};
        struct text bytes = {.bytes = NULL};
        png_add_chunk(&png.chunks, "gAMA", linear, sizeof linear);
        png_add_chunk(&png.chunks, "sRGB", intent, sizeof intent);
        png_make(&png, &bytes);
        image_expect(&bytes, &image_on_white, SIDE, SIDE, expected, 0, false);
    }
}

static void test_transparency(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint8_t rgb[3];
    } grounds[] = {{"white", {255, 255, 255}},
                   {"black", {0, 0, 0}},
                   {"128", {128, 128, 128}},
                   {"#10C0ff", {16, 192, 255}}};
    static const uint8_t rgba[] = {10, 20, 30, 255, 10, 20, 30, 0, 10, 20, 30, 51};
    static const uint8_t grey_alpha[] = {40, 255, 40, 0, 40, 51};
    static const uint8_t palette[] = {10, 20, 30, 1, 2, 3}, of_palette[] = {255, 0};
    static const uint8_t indices[] = {0, 1, 0}, greys[] = {40, 41, 40}, of_grey[] = {0, 41};
    for (size_t g = 0; g < sizeof grounds / sizeof grounds[0]; g++) {
        struct image_request request = {.h = 0};
        const uint8_t *ground = request.ground;
        assert_ok(image_parse_ground(grounds[g].text, request.ground));
        assert_memory_equal(ground, grounds[g].rgb, 3);
        uint8_t expected[4][9];
        for (int c = 0; c < 3; c++) {
            const uint8_t ink = (uint8_t)(10 + 10 * c);
            const uint8_t rows[4][3] = {
                {ink, ground[c], (uint8_t)lround(0.2 * ink + 0.8 * ground[c])},
                {40, ground[c], (uint8_t)lround(0.2 * 40 + 0.8 * ground[c])},
                {ink, ground[c], ink},
                {40, ground[c], 40}};
            for (int k = 0; k < 12; k++) {
                expected[k / 3][k % 3 * 3 + c] = rows[k / 3][k % 3];
            }
        }
        struct png_bytes pngs[] = {{.type = 6, .rows = rgba},
                                   {.type = 4, .rows = grey_alpha},
                                   {.type = 3, .rows = indices},
                                   {.type = 0, .rows = greys}};
        png_add_chunk(&pngs[2].chunks, "PLTE", palette, sizeof palette);
        png_add_chunk(&pngs[2].chunks, "tRNS", of_palette, sizeof of_palette);
        png_add_chunk(&pngs[3].chunks, "tRNS", of_grey, sizeof of_grey);
        for (int k = 0; k < 4; k++) {
            struct text bytes = {.bytes = NULL};
            pngs[k].h = 1;
            pngs[k].w = 3;
            pngs[k].depth = 8;
            png_make(&pngs[k], &bytes);
            image_expect(&bytes, &request, 1, 3, expected[k], 0, false);
        }
    }
    static const char *const wrong[] = {"", "256", "-1", "grey", "#12345", "#12345g", "1 "};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint8_t ground[3];
        assert_fails(image_parse_ground(wrong[i], ground), ERR_CONFIG, "data.background");
    }
}

static void test_small_depths_and_passes(void **state)
{
    (void)state;
    static const struct {
        int depth;
        uint8_t row[2], grey[5];
    } cases[] = {{1, {0xA8}, {255, 0, 255, 0, 255}},
                 {2, {0x1B, 0x40}, {0, 85, 170, 255, 85}},
                 {4, {0x0F, 0x7A}, {0, 255, 119, 170, 0}}};
    for (int k = 0; k < 3; k++) {
        uint8_t expected[15];
        const int w = k < 2 ? 5 : 4;
        for (int i = 0; i < 15; i++) {
            expected[i] = cases[k].grey[i / 3];
        }
        struct png_bytes png = {.h = 1, .w = w, .depth = cases[k].depth, .rows = cases[k].row};
        struct text bytes = {.bytes = NULL};
        png_make(&png, &bytes);
        image_expect(&bytes, &image_on_white, 1, w, expected, 0, false);
    }
    uint8_t pixels[PIXELS * 3], rgba[PIXELS * 4];
    files_noise(pixels, sizeof pixels, 5);
    for (int i = 0; i < PIXELS; i++) {
        memcpy(rgba + 4 * i, pixels + 3 * i, 3);
        rgba[4 * i + 3] = 255;
    }
    for (int side = 1; side <= SIDE; side += 5) { // 1, 6, 11, 16: some passes are empty
        for (int alpha = 0; alpha < 2; alpha++) {
            struct png_bytes png = {.h = PIXELS / SIDE,
                                    .w = side,
                                    .depth = 8,
                                    .type = alpha ? 6 : 2,
                                    .interlaced = true,
                                    .rows = alpha ? rgba : pixels};
            struct text bytes = {.bytes = NULL};
            png_make(&png, &bytes);
            image_expect(&bytes, &image_on_white, PIXELS / SIDE, side, pixels, 0, false);
        }
    }
}

static void test_png_ends(void **state)
{
    (void)state;
    uint8_t pixels[PIXELS * 3];
    files_noise(pixels, sizeof pixels, 6);
    struct png_bytes png = {.h = SIDE, .w = SIDE, .depth = 8, .type = 2, .rows = pixels};
    struct text whole = {.bytes = NULL};
    png_make(&png, &whole);
    for (size_t n = 1; n < whole.length; n += n < whole.length - 40 ? 13 : 1) {
        struct text cut = {.bytes = NULL};
        text_add_bytes(&cut, whole.bytes, n);
        if (n >= whole.length - 12) { // the pixels' chunk is whole
            image_expect(&cut, &image_on_white, SIDE, SIDE, pixels, 0, true);
        } else if (n < whole.length - 12 - 8) { // checksums of both kinds may be missing
            image_expect_refusal(&cut, n < 8 ? "of no kind" : "PNG");
        } else {
            text_close(&cut);
        }
    }
    text_close(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png_of_16_bits),
        cmocka_unit_test(test_transparency),
        cmocka_unit_test(test_small_depths_and_passes),
        cmocka_unit_test(test_png_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
