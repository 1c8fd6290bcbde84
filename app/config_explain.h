// What an option of a config means.
#pragma once
#include "core/status.h"

#include <stdbool.h>

// Prints type, range, choices, default and meaning of the option, or of all whose paths end so.
// ERR_CONFIG suggests the nearest where there is none.
enum status config_explain(const char *path, bool json);
