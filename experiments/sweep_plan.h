// All runs of a sweep: which values each has, the config and the words of the command line that it
// is started with, and where it lives. Made from the config alone, so that the same command always
// means the same runs.
//
// A sweep's folder:
//   configs/LABEL.json       what a run is given
//   runs/LABEL/              its run folder
//   results/LABEL.json       what has come of it (sweep_record.h)
//   logs/LABEL.log           what it printed
//   sweep.h5, sweep.csv      all results (sweep_table.h)
//   job.sh                   batch script of --slurm
#pragma once
#include "experiments/sweep_axis.h"
#include "experiments/sweep_options.h"

struct sweep_run {
    const char *label;                       // "learning_rate=0.001,seed=3": of the axes that vary
    const char *folder;                      // SWEEP/runs/LABEL
    int setting;                             // runs of one setting differ in their seed alone
    const struct sweep_value *const *values; // [axes]
    const char *config;                      // JSON text
    uint64_t seed;
    int n_words;
    const char *const *words; // of the command line: "--policy=...", NULL-ended
    int after;                // the run whose policy it takes; -1 = none of this sweep
    char identity[20];        // what shapes its result, as a checksum
};
struct sweep_plan {
    const struct sweep_options *options; // borrowed
    const char *name, *folder;
    struct sweep_axes axes;
    int n_settings, n_runs;
    struct sweep_run *runs; // by setting, then by seed
};

// `file`: the document that was given, `path` where it lies; its "name", or else that of its file,
// is the sweep's. `base`: the config that all runs begin with, the same document or another.
// ERR_CONFIG: a run's config is not well-formed. All lives in `arena`.
enum status sweep_plan_make(const struct json *file, const struct json *base, const char *path,
                            const struct sweep_options *options, const struct sweep_axes *axes,
                            struct arena *arena, struct sweep_plan *out);
// A run's config with so many evaluations; 0 = as it is.
enum status sweep_plan_config(const struct sweep_run *run, int evaluations, struct text *out);
// The first of the runs of a setting, which lie one after the other.
const struct sweep_run *sweep_plan_first(const struct sweep_plan *plan, int setting);
// Word `key` of a run's command line, without "--key="; NULL = not said.
const char *sweep_plan_word(const struct sweep_run *run, const char *key);
