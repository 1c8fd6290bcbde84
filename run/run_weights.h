// Weights that a config names for a base network. Inside run/ only.
#pragma once
#include "run/run_config.h"

// As a network for this data set, with what is known of the rows that they were trained on.
enum status run_load_weights(const struct network_config *config, const struct dataset *data,
                             struct arena *arena, struct network *out);
