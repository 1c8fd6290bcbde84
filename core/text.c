// A growing piece of text.
#include "core/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Makes room for `more` bytes and the ending NUL.
static bool reserve(struct text *text, size_t more)
{
    if (text->failed || more > SIZE_MAX / 4 - text->length) {
        text->failed = true;
        return false;
    }
    const size_t need = text->length + more + 1;
    if (need <= text->capacity) {
        return true;
    }
    size_t capacity = text->capacity > 0 ? text->capacity : 128;
    while (capacity < need) {
        capacity *= 2;
    }
    char *bytes = realloc(text->bytes, capacity);
    if (bytes == NULL) {
        text->failed = true;
        return false;
    }
    text->bytes = bytes;
    text->capacity = capacity;
    return true;
}

void text_add(struct text *text, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CHECK(length >= 0);
    if (reserve(text, (size_t)length)) {
        vsnprintf(text->bytes + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
}

void text_add_bytes(struct text *text, const char *bytes, size_t n)
{
    if (reserve(text, n)) {
        if (n > 0) {
            memcpy(text->bytes + text->length, bytes, n);
        }
        text->length += n;
        text->bytes[text->length] = '\0';
    }
}

void text_close(struct text *text)
{
    free(text->bytes);
    *text = (struct text){0};
}
