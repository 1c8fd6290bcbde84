// Options that are comma-separated lists of words.
#pragma once
#include "core/status.h"

bool list_has(const char *list, const char *word);
int list_count(const char *list);
// ERR_CONFIG unless every entry is one of the two.
enum status list_check(const char *option, const char *list, const char *first, const char *second);
