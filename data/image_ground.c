// The colour under what is transparent, as users write it.
#include "data/image_decode.h"

#include <stdlib.h>
#include <string.h>

static bool parse_hex(const char *text, uint8_t ground[3])
{
    if (strlen(text) != 7 || text[0] != '#' || strspn(text + 1, "0123456789abcdefABCDEF") != 6) {
        return false;
    }
    const unsigned long rgb = strtoul(text + 1, NULL, 16);
    for (int c = 0; c < 3; c++) {
        ground[c] = (uint8_t)(rgb >> (16 - 8 * c));
    }
    return true;
}

enum status image_parse_ground(const char *text, uint8_t ground[3])
{
    const size_t length = strlen(text);
    const bool digits = length >= 1 && length <= 3 && strspn(text, "0123456789") == length;
    const long grey = strcmp(text, "white") == 0   ? 255
                      : strcmp(text, "black") == 0 ? 0
                      : digits                     ? strtol(text, NULL, 10)
                                                   : 256;
    if (grey <= 255) {
        memset(ground, (int)grey, 3);
        return OK;
    }
    if (!parse_hex(text, ground)) {
        FAIL(ERR_CONFIG,
             "data.background is '%.40s', expected white, black, a grey value of 0 to 255, or "
             "#rrggbb",
             text);
    }
    return OK;
}
