// What is wrong with a config, as far as that can be known without running it.
#pragma once
#include "core/option.h"

struct config_checked {
    struct option_faults faults; // "FILE: line N: PATH: what"
    struct option_faults absent; // what the config names and this machine has not
    const char *commands;        // it is for; borrowed
};
// Reads the file and looks into it: every option, then what options say together, then whether data
// and weights that lie here fit. Faults are no error. ERR_MEMORY, or what else is not the config's.
enum status config_check_file(const char *path, struct config_checked *out);
void config_checked_close(struct config_checked *checked);
