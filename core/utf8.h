// UTF-8, as far as readers and writers of text need it.
#pragma once
#include <stddef.h>

// Bytes of the well-formed character at `text` (1 to 4); 0 when it is cut off or not valid UTF-8
// (an overlong form, a surrogate, or beyond U+10FFFF).
size_t utf8_length(const char *text, size_t available);
