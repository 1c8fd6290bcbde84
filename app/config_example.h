// Configs to begin with, with comments.
#pragma once

enum config_example { EXAMPLE_NONE, EXAMPLE_PRUNE, EXAMPLE_NAS, EXAMPLE_SWEEP };
extern const char *const config_example_names[]; // NULL-ended
extern const char *const config_examples[];      // their texts, by the same index
