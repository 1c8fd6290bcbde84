// Weights that a config names, of a base network or for a training to begin with.
#pragma once
#include "run/run_config.h"
#include "run/run_inputs.h"

// Which, and what is to be done with them.
struct weights_source {
    const char *name; // of the network, for messages
    const char *path; // as load_find_file takes it
    const struct network_hints *hints;
    const char *train_rows; // as network_config has them
    bool restore_batchnorm;
    bool trained; // they will be trained on, so that a new last layer does where classes differ
    uint64_t seed;
    // NULL, or gets what the file was, before anything is measured on this machine.
    struct run_input_weights *record;
};
struct weights_source run_weights_source(const struct network_config *config);

// As a network for this data set, with what is known of the rows that they were trained on, a new
// head (by seed) where they are trained on and the data set has another number of classes, and the
// BatchNorms that their file has folded away where that is wanted. Those are measured on images of
// `data` by `backend`; NULL: they are not, which is enough to know sizes and costs.
enum status run_load_weights(const struct weights_source *source, const struct dataset *data,
                             struct backend *backend, struct arena *arena, struct network *out);
// The BatchNorms alone, of a network that was read from the file `path`; nothing where it needs
// none.
enum status run_restore_batchnorm(const char *path, const struct dataset *data,
                                  struct backend *backend, struct arena *arena,
                                  struct network *network);
// What the config says of the rows that given weights were trained on goes before what their file
// says. train_rows: as network_config has them.
enum status run_set_rows(const char *train_rows, struct row_set *rows);
// Whether that is text that run_set_rows can take; ERR_INPUT says what is wrong.
enum status run_check_rows(const char *train_rows);
// A base network as a file of ours, which says all that the config says of it.
enum status run_save_weights(const struct network_config *config, struct backend *backend,
                             const char *path);
