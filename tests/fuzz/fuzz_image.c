// Any bytes as a picture: JPEG, PNG, PPM, PGM, BMP.
#include "data/image_decode.h"
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const struct image_request requests[] = {{.h = 0}, {.h = 8, .w = 8}};
    for (int i = 0; i < 2; i++) {
        struct arena arena = {0};
        struct image image;
        if (image_decode_bytes(bytes, n, &requests[i], &arena, &image) == OK) {
            CHECK(image.h > 0 && image.w > 0 && image.rgb != NULL);
            uint8_t sum = 0; // every pixel, by the sanitizer's eyes
            for (size_t k = 0; k < 3 * (size_t)image.h * (size_t)image.w; k++) {
                sum = (uint8_t)(sum + image.rgb[k]);
            }
            CHECK(sum <= UINT8_MAX);
        }
        arena_close(&arena);
    }
    return 0;
}
