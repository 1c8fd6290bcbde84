// A growing piece of text.
#pragma once
#include "core/status.h"

#include <stddef.h>

struct text {
    char *bytes; // owned, NUL-ended; NULL while empty
    size_t length, capacity;
    bool failed; // memory ran out: the text is incomplete
};
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_bytes(struct text *text, const char *bytes, size_t n);
void text_close(struct text *text);
