// Which combinations of values a sweep tries. Inside experiments/sweep_plan.c only.
#pragma once
#include "experiments/sweep_axis.h"
#include "experiments/sweep_options.h"

struct sweep_settings {
    int n;
    const struct sweep_value **values; // [n, axes]; of the seed's axis its first. Arena
};
// All combinations, or draws among them that differ from each other: fewer than were asked for
// where there are no more.
enum status sweep_settings_make(const struct sweep_axes *axes, const struct sweep_options *options,
                                struct arena *arena, struct sweep_settings *out);
