// What the "sweep" object of a config and the command line of `dikdik sweep` say about a sweep
// itself; the options that it runs through are its axes (sweep_axis.h).
#pragma once
#include "core/option.h"

enum sweep_kind { SWEEP_GRID, SWEEP_RANDOM, SWEEP_HALVING };
enum sweep_command { SWEEP_RUN, SWEEP_SEARCH };

// What is told of a task's result, as report.json calls it.
#define SWEEP_FIGURES(X)                                                                           \
    X(SCORE, score)                                                                                \
    X(ACCURACY_FOUND, accuracy_found)                                                              \
    X(ACCURACY_TEST, accuracy_test)                                                                \
    X(REGRET, regret)                                                                              \
    X(MACS, macs)                                                                                  \
    X(PARAMS, params)                                                                              \
    X(BYTES, bytes)
enum sweep_figure {
#define X(id, name) FIGURE_##id,
    SWEEP_FIGURES(X)
#undef X
        FIGURE_COUNT
};
extern const char *const sweep_figure_names[FIGURE_COUNT + 2]; // and "auto"; NULL-ended
extern const char *const sweep_kind_names[];                   // NULL-ended, as the next
extern const char *const sweep_command_names[];

struct sweep_options {
    enum sweep_kind kind;
    int draws;                    // settings that are drawn; 0 = of halving, the whole grid
    uint64_t draw_seed;           // of draws and of the bootstrap
    const struct int_list *rungs; // of halving: evaluations, ascending
    enum sweep_command command;
    int figure; // enum sweep_figure; FIGURE_COUNT = auto
    int parallel, cores;
    int bootstrap; // resamples
    const char *slurm_options;
    // Of the command line only.
    const char *sweep_dir;
    bool slurm, dry_run, json;
    int member; // of a job array; -1 = none
};
// Of the "sweep" object: the config that it is about, where that is a file of its own; its path
// counts from the folder of the file that says it.
#define SWEEP_CONFIG_KEY "config"
extern const struct option sweep_config_table[];  // rows of the "sweep" object
extern const struct option sweep_command_table[]; // the same and those of the command line

// ERR_CONFIG: options that do not go together.
enum status sweep_options_check(const struct sweep_options *options);
