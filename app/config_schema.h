// The JSON Schema of configs.
#pragma once
#include "core/text.h"

// JSON Schema 2020-12 of everything that a config may say, from the option tables and what is
// required beyond them. out->failed: memory ran out.
void config_schema_write(struct text *out);
