// What to say of a key that an object of a config does not have.
#pragma once
#include "core/option.h"
#include "core/text.h"

// Adds a hint: the nearest key of `table`, the object's own, and where else under `root` (may be
// NULL) a key of just this name stands, "networks[].mean"; without either, all keys of the object.
void option_hint_unknown(const struct option *root, const struct option *table, const char *key,
                         struct text *out);
