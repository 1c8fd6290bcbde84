// Trained weights that a config names. Inside run/ only.
#pragma once
#include "run/run_config.h"

// As a network for this data set, with what is known of the rows that they were trained on.
// ERR_CONFIG when they are of another architecture. Closed by the caller, also after an error.
enum status run_weights_load(const struct network_config *config, const struct dataset *data,
                             struct arena *arena, struct network *out);
