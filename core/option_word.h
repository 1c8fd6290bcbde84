// What people type after an option, as JSON. Only the command line's reader uses it.
#pragma once
#include "core/option.h"
#include "core/text.h"

// Text needs no quotes, .5 is 0.5, a list may be 80,120 and a map a=1,b=2. What is not a value of
// this kind becomes text that reading it will refuse.
void option_word_to_json(enum option_kind kind, const char *word, struct text *out);
