// PPM, PGM and BMP from memory.
#include "data_files.h"
#include "image_bytes.h"

static void test_pnm(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        int h, w;
        uint8_t expected[12];
        const char *refusal;
    } cases[] = {
        {BYTES_OF("P5\n2 1\n255\n\x10\xFF"), 1, 2, {16, 16, 16, 255, 255, 255}, NULL},
        {BYTES_OF("P5 2 1 3 \0\2"), 1, 2, {0, 0, 0, 170, 170, 170}, NULL},
        {BYTES_OF("P5 1 2 65535\n\x80\x80\x01\x81"), 2, 1, {128, 128, 128, 1, 1, 1}, NULL},
        {BYTES_OF("P5 1 1 1000\n\x01\xF4"), 1, 1, {128, 128, 128}, NULL},
        {BYTES_OF("P6#a\n#b\n1 # c\n1\n255\n\1\2\3"), 1, 1, {1, 2, 3}, NULL},
        {BYTES_OF("P6 1 1 65535\n\1\1\2\2\377\377"), 1, 1, {1, 2, 255}, NULL},
        {BYTES_OF("P2\n# x\n2 2\n15\n0 15\n5 10\n"),
         2,
         2,
         {0, 0, 0, 255, 255, 255, 85, 85, 85, 170, 170, 170},
         NULL},
        {BYTES_OF("P3 1 1 255 7 8 9"), 1, 1, {7, 8, 9}, NULL},
        {BYTES_OF("P3 1 1 65535 0 32896 65535"), 1, 1, {0, 128, 255}, NULL},
        {BYTES_OF("P5\n2 1\n255\n\x10"), 0, 0, {0}, "cut short"},
        {BYTES_OF("P5 1 1 65535\n\x10"), 0, 0, {0}, "cut short"},
        {BYTES_OF("P3 1 1 255 77 88"), 0, 0, {0}, "cut short"},
        {BYTES_OF("P3 1 1 255 7 8 x"), 0, 0, {0}, "cut short"},
        {BYTES_OF("P2 2 1 15 3 16"), 0, 0, {0}, "above"},
        {BYTES_OF("P5 2 1 3 \0\4"), 0, 0, {0}, "above"},
        {BYTES_OF("P5 1 1 65536\n\0\0"), 0, 0, {0}, "greatest value"},
        {BYTES_OF("P5 1 1 0\n\0"), 0, 0, {0}, "greatest value"},
        {BYTES_OF("P5 0 1 255\n\0"), 0, 0, {0}, "pixels"},
        {BYTES_OF("P5 -1 1 255\n\0"), 0, 0, {0}, "damaged"},
        {BYTES_OF("P5 99999999999999999999 1 255\n\0"), 0, 0, {0}, "damaged"},
        {BYTES_OF("P6 10000 10000 255\n\0"), 0, 0, {0}, "cut short"},
        {BYTES_OF("P2 10000 10000 255\n0"), 0, 0, {0}, "cut short"},
        {BYTES_OF("P6 4294967297 1 255\n\0\0\0"), 0, 0, {0}, "pixels"},
        {BYTES_OF("P5 "), 0, 0, {0}, "damaged"},
        {BYTES_OF("P5 #"), 0, 0, {0}, "damaged"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text file = {.bytes = NULL};
        text_add_bytes(&file, cases[i].bytes, cases[i].n);
        if (cases[i].refusal != NULL) {
            image_expect_refusal(&file, cases[i].refusal);
        } else {
            image_expect(&file, &image_on_white, cases[i].h, cases[i].w, cases[i].expected, 0,
                         false);
        }
    }
}

static void put(char *at, uint32_t value, int n)
{
    for (int i = 0; i < n; i++) {
        at[i] = (char)(value >> 8 * i);
    }
}

// A BMP of 2 x 2: info_bytes of header, palette, rows of row_bytes from below.
static void make_bmp(int bits, int height, size_t info_bytes, const void *palette,
                     size_t palette_bytes, const void *rows, size_t row_bytes, struct text *out)
{
    char header[14 + 124] = "BM";
    const size_t pixels_at = 14 + info_bytes + palette_bytes;
    put(header + 10, (uint32_t)pixels_at, 4);
    put(header + 14, (uint32_t)info_bytes, 4);
    if (info_bytes == 12) {
        put(header + 18, 2, 2);
        put(header + 20, (uint32_t)height, 2);
        put(header + 24, (uint32_t)bits, 2);
    } else {
        put(header + 18, 2, 4);
        put(header + 22, (uint32_t)height, 4);
        put(header + 28, (uint32_t)bits, 2);
    }
    if (info_bytes > 40) { // masks of BGRA
        static const uint32_t masks[] = {0xFF0000, 0xFF00, 0xFF, 0xFF000000};
        put(header + 30, 3, 4);
        for (int i = 0; i < 4; i++) {
            put(header + 54 + 4 * i, masks[i], 4);
        }
    }
    text_add_bytes(out, header, 14 + info_bytes);
    if (palette_bytes > 0) {
        text_add_bytes(out, palette, palette_bytes);
    }
    text_add_bytes(out, rows, 2 * row_bytes);
}

static void test_bmp(void **state)
{
    (void)state;
    // Red, green / blue, white, from below.
    static const uint8_t of_24[] = {255, 0, 0, 255, 255, 255, 0, 0, 0, 0, 255, 0, 255, 0, 0, 0};
    static const uint8_t of_32[] = {255, 0, 0, 9, 255, 255, 255, 9, 0, 0, 255, 9, 0, 255, 0, 9};
    static const uint8_t of_8[] = {2, 3, 0, 0, 0, 1, 0, 0}, of_4[] = {0x23, 0, 0, 0, 0x01, 0, 0, 0};
    static const uint8_t palette[] = {0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 255, 255, 255, 0};
    static const uint8_t short_palette[] = {0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255, 255};
    static const uint8_t of_1[] = {0x40, 0, 0, 0, 0x80, 0, 0, 0};
    static const uint8_t colours[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};
    static const uint8_t flipped[] = {0, 0, 255, 255, 255, 255, 255, 0, 0, 0, 255, 0};
    static const uint8_t two[] = {0, 255, 0, 255, 0, 0, 255, 0, 0, 0, 255, 0};
    static const uint8_t faint[] = {255, 246, 246, 246, 255, 246, 246, 246, 255, 255, 255, 255};
    static const struct {
        int bits, height;
        size_t info_bytes;
        const uint8_t *palette;
        size_t palette_bytes;
        const uint8_t *rows;
        size_t row_bytes;
        const uint8_t *expected;
    } cases[] = {{24, 2, 40, NULL, 0, of_24, 8, colours},
                 {24, -2, 40, NULL, 0, of_24, 8, flipped},
                 {24, 2, 12, NULL, 0, of_24, 8, colours},
                 {32, 2, 40, NULL, 0, of_32, 8, colours},
                 {32, 2, 108, NULL, 0, of_32, 8, faint}, // alpha 9 of 255
                 {8, 2, 40, palette, sizeof palette, of_8, 4, colours},
                 {8, 2, 12, short_palette, sizeof short_palette, of_8, 4, colours},
                 {4, 2, 40, palette, sizeof palette, of_4, 4, colours},
                 {1, 2, 40, palette, sizeof palette, of_1, 4, two}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text file = {.bytes = NULL};
        make_bmp(cases[i].bits, cases[i].height, cases[i].info_bytes, cases[i].palette,
                 cases[i].palette_bytes, cases[i].rows, cases[i].row_bytes, &file);
        struct text cut = {.bytes = NULL};
        text_add_bytes(&cut, file.bytes, file.length - 1);
        image_expect_refusal(&cut, "BMP");
        image_expect(&file, &image_on_white, 2, 2, cases[i].expected, 0, false);
    }
}

static void test_bmp_refused(void **state)
{
    (void)state;
    static const uint8_t palette[16] = {255, 0, 0, 0};
    static const uint8_t beyond[] = {2, 4, 0, 0, 0, 1, 0, 0};
    static const struct {
        int bits, height;
        size_t info_bytes, at; // a header's word at `at` becomes `value`
        uint32_t value;
        const char *reason;
    } refusals[] = {{8, 2, 40, 0, 0, "beyond its palette"},
                    {8, INT32_MIN, 40, 0, 0, "pixels"},
                    {16, 2, 40, 0, 0, "16 bits"},
                    {8, 2, 40, 30, 1, "compressed"},
                    {8, 2, 40, 18, 0x7FFFFFFF, "pixels"},
                    {8, 2, 40, 18, 50000000, "cut short"},
                    {8, 2, 40, 10, 0xFFFFFFFF, "cut short"},
                    {8, 2, 40, 10, 20, "cut short"},
                    {8, 2, 40, 14, 0xFFFFFFF0, "header"}};
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct text file = {.bytes = NULL};
        make_bmp(refusals[i].bits, refusals[i].height, refusals[i].info_bytes, palette,
                 sizeof palette, beyond, 4, &file);
        if (refusals[i].at > 0) {
            put(file.bytes + refusals[i].at, refusals[i].value, 4);
        }
        image_expect_refusal(&file, refusals[i].reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pnm),
        cmocka_unit_test(test_bmp),
        cmocka_unit_test(test_bmp_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
