// Axes of a sweep: the options that it runs through, each with its values. In a config's "sweep"
// object a member PATH is an axis: a list of values, "1..5" for integers, {"from": a, "to": b,
// "log": true, "integer": false} for what is drawn, or a single value, which is the same in all
// runs. "variants" is an axis of named bundles: {NAME: {PATH: value, ...}, ...}.
#pragma once
#include "core/json.h"

enum { SWEEP_MOST_AXES = 32, SWEEP_MOST_RUNS = 10000 };
struct sweep_value {
    const char *word; // as people read it: text without quotes, else JSON
    const char *json;
    // Of a variant: what it sets. [n_sets]
    int n_sets;
    const char *const *paths;
    const char *const *texts; // JSON
};
struct sweep_axis {
    const char *path; // "variant" for that of the variants
    const char *name; // its last part, where no other axis has that too; else the path
    int n;            // values; 0 = a range
    const struct sweep_value *values;
    double from, to; // of a range
    bool log, integer;
};
struct sweep_axes {
    int n;
    struct sweep_axis axes[SWEEP_MOST_AXES];
};
bool sweep_axis_is_seed(const struct sweep_axis *axis);
// What runs are called by and tables have a column for: seeds always, so that more can be added.
bool sweep_axis_varies(const struct sweep_axis *axis);

// Members of the "sweep" object that are none of its own options, appended to `out`. `source` names
// the file in errors. Texts live in `arena`.
enum status sweep_axes_read(const struct json *sweep, const char *source, struct arena *arena,
                            struct sweep_axes *out);
// PATH=a,b,... of the command line, in place of the axis of that path if there is one. A comma
// inside brackets or quotes parts nothing.
enum status sweep_axes_set(const char *assignment, struct arena *arena, struct sweep_axes *out);
// Puts the seeds last and gives every axis its name; to be called once all are there.
void sweep_axes_finish(struct sweep_axes *axes);
// A value by the JSON text of it.
enum status sweep_value_make(const char *json, struct arena *arena, struct sweep_value *out);
