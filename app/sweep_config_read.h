// The command line of `dikdik sweep`: config, options of the sweep, and what it runs through.
#pragma once
#include "app/command_line.h"
#include "experiments/sweep_plan.h"

extern const struct cli sweep_cli;

struct sweep_line {
    struct sweep_options options;
    struct sweep_plan plan;
    const char *path; // of the config
    bool help;        // it was asked for and has been printed; nothing else is set then
};
// argv[0] is the command's name. Every run's config is read as the run itself will read it, but
// for what a run of this sweep must give first. ERR_CONFIG. All lives in `arena`.
enum status sweep_config_read(int argc, char **argv, struct arena *arena, struct sweep_line *out);

// ERR_CONFIG where a run has begun or ended with a config that would give another result.
enum status sweep_config_check_begun(const struct sweep_plan *plan);
