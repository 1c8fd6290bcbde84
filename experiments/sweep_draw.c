// Combinations of values.
#include "experiments/sweep_draw.h"

#include "core/log.h"
#include "core/rng.h"

#include <math.h>
#include <string.h>

// After so many draws that came before already, there is hardly another one.
enum { MOST_TRIES = 2000 };

static int64_t count_grid(const struct sweep_axes *axes)
{
    int64_t n = 1;
    for (int a = 0; a < axes->n && n <= SWEEP_MOST_RUNS; a++) {
        n *= sweep_axis_is_seed(&axes->axes[a]) ? 1 : axes->axes[a].n;
    }
    return n;
}

static enum status make_grid(const struct sweep_axes *axes, struct arena *arena,
                             struct sweep_settings *out)
{
    for (int a = 0; a < axes->n; a++) {
        if (axes->axes[a].n == 0) {
            FAIL(ERR_CONFIG,
                 "sweep: %s is a range, of which values are drawn: set \"draws\", with kind random "
                 "or halving, or list its values",
                 axes->axes[a].path);
        }
    }
    const int64_t n = count_grid(axes);
    if (n > SWEEP_MOST_RUNS) {
        FAIL(ERR_CONFIG, "sweep: more than %d combinations; draw some (kind random)",
             SWEEP_MOST_RUNS);
    }
    out->n = (int)n;
    ARENA_NEW(arena, out->values, (size_t)n * (size_t)(axes->n > 0 ? axes->n : 1));
    for (int i = 0; i < out->n; i++) {
        int rest = i;
        for (int a = axes->n - 1; a >= 0; a--) { // the last axis changes fastest
            const struct sweep_axis *axis = &axes->axes[a];
            const bool seed = sweep_axis_is_seed(axis);
            out->values[i * axes->n + a] = &axis->values[seed ? 0 : rest % axis->n];
            rest /= seed ? 1 : axis->n;
        }
    }
    return OK;
}

// Six digits, so that what is written in labels and tables is what was used.
static enum status draw_range(const struct sweep_axis *axis, struct rng *rng, struct arena *arena,
                              const struct sweep_value **out)
{
    const double share = ((double)rng_u32(rng) + 0.5) / 4294967296.0;
    const double above = axis->integer ? 1 : 0; // both ends of integers are drawn
    double value = axis->log ? axis->from * pow((axis->to + above) / axis->from, share)
                             : axis->from + share * (axis->to + above - axis->from);
    value = axis->integer ? fmin(floor(value), axis->to) : value;
    const char *text =
        axis->integer ? arena_format(arena, "%.0f", value) : arena_format(arena, "%.6g", value);
    struct sweep_value *made;
    TRY(text != NULL ? OK : ERR_MEMORY);
    ARENA_NEW(arena, made, 1);
    made->word = made->json = text;
    *out = made;
    return OK;
}

static bool is_new(const struct sweep_settings *settings, int n_axes)
{
    const struct sweep_value *const *newest =
        &settings->values[(size_t)settings->n * (size_t)n_axes];
    for (int i = 0; i < settings->n; i++) {
        bool same = true;
        for (int a = 0; a < n_axes && same; a++) {
            same = strcmp(settings->values[i * n_axes + a]->json, newest[a]->json) == 0;
        }
        if (same) {
            return false;
        }
    }
    return true;
}

static enum status draw_one(const struct sweep_axes *axes, struct rng *rng, struct arena *arena,
                            const struct sweep_value **out)
{
    for (int a = 0; a < axes->n; a++) {
        const struct sweep_axis *axis = &axes->axes[a];
        if (axis->n == 0) {
            TRY(draw_range(axis, rng, arena, &out[a]));
        } else {
            const uint32_t at = rng_below(rng, (uint32_t)axis->n);
            out[a] = &axis->values[sweep_axis_is_seed(axis) ? 0 : at];
        }
    }
    return OK;
}

enum status sweep_settings_make(const struct sweep_axes *axes, const struct sweep_options *options,
                                struct arena *arena, struct sweep_settings *out)
{
    *out = (struct sweep_settings){0};
    if (options->draws == 0) {
        return make_grid(axes, arena, out);
    }
    bool ranges = false;
    for (int a = 0; a < axes->n; a++) {
        if (sweep_axis_is_seed(&axes->axes[a]) && axes->axes[a].n == 0) {
            FAIL(ERR_CONFIG, "sweep: seed: expected a list or \"1..5\", as every setting is run "
                             "with every seed");
        }
        ranges = ranges || axes->axes[a].n == 0;
    }
    if (!ranges && count_grid(axes) <= options->draws) {
        return make_grid(axes, arena, out);
    }
    ARENA_NEW(arena, out->values, (size_t)options->draws * (size_t)(axes->n > 0 ? axes->n : 1));
    for (int draw = 0; out->n < options->draws && draw < options->draws + MOST_TRIES; draw++) {
        struct rng rng = rng_make(options->draw_seed, RNG_SWEEP, (uint64_t)draw, 0);
        TRY(draw_one(axes, &rng, arena, &out->values[(size_t)out->n * (size_t)axes->n]));
        out->n += is_new(out, axes->n) ? 1 : 0;
    }
    if (out->n < options->draws) {
        log_warning("sweep: only %d settings that differ were drawn, not %d", out->n,
                    options->draws);
    }
    return OK;
}
