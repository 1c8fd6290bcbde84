// Weights that a config names for a base network.
#pragma once
#include "run/run_config.h"

// As a network for this data set, with what is known of the rows that they were trained on, and the
// BatchNorms that its file has folded away where the config wants them back. Those are measured on
// images of `data` by `backend`; NULL: they are not, which is enough to know sizes and costs.
enum status run_load_weights(const struct network_config *config, const struct dataset *data,
                             struct backend *backend, struct arena *arena, struct network *out);
// What the config says of the rows that given weights were trained on goes before what their file
// says.
enum status run_set_rows(const struct network_config *config, struct row_set *rows);
// The same as a file of ours, which says all that the config says of it.
enum status run_save_weights(const struct network_config *config, struct backend *backend,
                             const char *path);
