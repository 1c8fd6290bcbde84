// The "sweep" object of a config: options and the values that they take in turn.
#pragma once
#include "core/json.h"
#include "core/option.h"

// Its members besides options of the config and those of sweep_config_table; NULL-ended.
extern const char *const config_sweep_others[];

// Takes "sweep" out of the document, which may have none, and adds to `faults` what is wrong with
// it: an option that `table` has not, or a value that it does not take.
// *elsewhere: it names the config that it is about, so that the document lacks most of one.
enum status config_sweep_check(struct json *document, const char *source,
                               const struct option *table, struct arena *arena,
                               struct option_faults *faults, bool *elsewhere);
