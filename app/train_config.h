// The config of a training run: what a JSON file and the command line of `dikdik train` say.
#pragma once
#include "core/text.h"
#include "run/load.h"
#include "train/train.h"

struct model_config {
    struct network_hints hints;
    const char *weights;    // file to start from; "" = new weights by seed
    const char *train_rows; // that they were trained on; "" = as their file says
    bool restore_batchnorm;
    const char *teacher; // file to distil from; "" = none
};
struct train_config {
    const char *name;
    uint64_t seed;
    struct model_config model;
    struct dataset_options data;
    struct train_recipe train;
    struct backend_config backend;
    // Of the command line only.
    const char *run_dir; // "" = runs/<name>
    int progress_json;   // descriptor for lines of progress; 0 = none
    bool json;
};
extern const struct option train_config_table[];  // rows of a config file
extern const struct option train_command_table[]; // the same and those of the command line

// The resolved config as it is kept in the run folder: JSON, pretty.
enum status train_config_text(const struct train_config *config, struct text *out);
// What shapes the result, as JSON: two runs with the same text, data and weights give the same
// network. Name, backend and the places of data and weights are not in it.
enum status train_config_identity(const struct train_config *config, struct text *out);

// A config that has been read from the file `path`: its names filled in, and checked as far as that
// goes without data. Strings live in `arena`.
enum status train_config_resolve(struct train_config *config, const char *path,
                                 struct arena *arena);
