// Options that are comma-separated lists of words.
#pragma once
#include "core/status.h"

extern const char *const list_dtypes[]; // f32, int8

bool list_has(const char *list, const char *word);
int list_count(const char *list);
// ERR_CONFIG unless every entry is one of known, which ends with NULL.
enum status list_check(const char *option, const char *list, const char *const *known);
