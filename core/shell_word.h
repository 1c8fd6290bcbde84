// Words of command lines as a POSIX shell reads them.
#pragma once
#include "core/text.h"

// One word whatever is in it: in single quotes where it must be.
void shell_add_word(struct text *text, const char *word);
