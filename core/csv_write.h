// Comma-separated values as RFC 4180 has them; lines end with \n. The caller adds commas.
#pragma once
#include "core/text.h"

// In quotes where it must be.
void csv_add_field(struct text *text, const char *value);
// As JSON has it; nothing where it is not finite.
void csv_add_number(struct text *text, double value);
