// The folder of a run: config.json (resolved) says which run it belongs to; what else lies in it is
// its kind's own.
#pragma once
#include "core/option.h"
#include "core/status.h"
#include "core/text.h"

// A kind of config: how the one in a folder is read back, and what of it shapes the result.
struct run_kind {
    const struct option *table; // rows of config.json
    size_t bytes;               // of the struct that they fill
    enum status (*identity)(const void *config, struct text *out);
};
// Not collective: for rank 0. Makes the folder and writes config.json with `text`, or checks that
// the one there belongs to the same run (ERR_CONFIG names the first option that differs).
enum status run_folder_claim(const char *path, const struct run_kind *kind, const void *config,
                             const char *text);
