// Which data set a network file is for.
#pragma once
#include "data/dataset.h"

// What is to be opened for the network in `path`, named in its metadata as `named` ("": it does not
// say). What `options` leave out, name and place, the file says, else the config of the run whose
// folder it lies in (config.json beside it or one folder up), with a line in the log. Strings and
// lists in *out live in `arena` or where those of `options` do. ERR_CONFIG when nobody names a data
// set.
enum status load_data_options(const char *path, const char *named,
                              const struct dataset_options *options, struct arena *arena,
                              struct dataset_options *out);
