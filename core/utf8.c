// UTF-8 (RFC 3629, section 4).
#include "core/utf8.h"

size_t utf8_length(const char *text, size_t available)
{
    if (available == 0) {
        return 0;
    }
    const unsigned char first = (unsigned char)text[0];
    if (first < 0x80) {
        return 1;
    }
    // The second byte's range is what excludes overlong forms, surrogates and what lies beyond.
    unsigned least = 0x80, most = 0xbf;
    size_t bytes = 0;
    if (first >= 0xc2 && first <= 0xdf) {
        bytes = 2;
    } else if (first >= 0xe0 && first <= 0xef) {
        bytes = 3;
        least = first == 0xe0 ? 0xa0 : 0x80;
        most = first == 0xed ? 0x9f : 0xbf;
    } else if (first >= 0xf0 && first <= 0xf4) {
        bytes = 4;
        least = first == 0xf0 ? 0x90 : 0x80;
        most = first == 0xf4 ? 0x8f : 0xbf;
    }
    if (bytes == 0 || available < bytes) {
        return 0;
    }
    const unsigned char second = (unsigned char)text[1];
    if (second < least || second > most) {
        return 0;
    }
    for (size_t i = 2; i < bytes; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return bytes;
}
