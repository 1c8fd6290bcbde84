#include "envs/prune/prune_hint.h"

#include "envs/prune/prune_study.h"

#include <math.h>
#include <string.h>

// Price level k is 2^((k - LEVELS / 2) / STEPS_PER_DOUBLING) errors for all of a limit; at level 0
// everything is free, at LEVELS nothing can be paid.
enum { LEVELS = 1024, STEPS_PER_DOUBLING = 16 };

double prune_error_at(const struct host_network *network, int first, int group, int width)
{
    return network->prior.readers[group] * (double)network->prior.error[first + width - 1];
}

enum status prune_corners_make(const struct host_network *network, int group, const int *choices,
                               int n_choices, struct arena *arena, struct prune_corners *out)
{
    struct prune_corner *corners;
    int first = 0, n = 0;
    ARENA_NEW(arena, corners, (size_t)n_choices);
    for (int g = 0; g < group; g++) {
        first += network->groups.groups[g].channels;
    }
    for (int i = 0; i < n_choices; i++) {
        struct prune_corner corner = {.width = choices[i],
                                      .error = prune_error_at(network, first, group, choices[i]),
                                      .gain = INFINITY};
        // Andrew's monotone chain: corners that lie above the line to the new one go.
        while (n > 0) {
            const struct prune_corner *last = &corners[n - 1];
            corner.gain = (last->error - corner.error) / (corner.width - last->width);
            if (corner.gain < last->gain) {
                break;
            }
            n--;
        }
        corner.gain = n > 0 ? corner.gain : (double)INFINITY;
        corners[n++] = corner;
    }
    *out = (struct prune_corners){.corners = corners, .n = n};
    return OK;
}

enum status prune_hint_open(const struct prune_study *study, struct arena *arena,
                            struct prune_hint *out)
{
    const size_t n = (size_t)study->network->groups.n;
    *out = (struct prune_hint){0};
    ARENA_NEW(arena, out->widths, n);
    ARENA_NEW(arena, out->from, n);
    ARENA_NEW(arena, out->trial, n);
    ARENA_NEW(arena, out->best, n);
    return OK;
}

// One solution under way.
struct attempt {
    const struct prune_hint *hint;
    const struct prune_study *study;
    const int64_t *limits;
    int first;       // step that is the first undecided one
    int sweeps;      // what a group's channels cost depends on its neighbours' widths
    const int *from; // [groups.n] widths before the first sweep, and what they cost
    int64_t from_totals[COST_KINDS];
    int *widths;
    int64_t totals[COST_KINDS];
};

static void set_width(struct attempt *a, int group, int width)
{
    if (a->widths[group] == width) {
        return;
    }
    for (int k = 0; k < COST_KINDS; k++) {
        if (a->limits[k] != INT64_MAX) {
            a->totals[k] =
                cost_model_with(a->study->models[k], a->widths, a->totals[k], group, width);
        }
    }
    a->widths[group] = width;
}

// What a channel of the group costs on average, the other groups as they are.
static double channel_cost(const struct attempt *a, int group, const struct prune_corners *corners)
{
    const int low = corners->corners[0].width, high = corners->corners[corners->n - 1].width;
    double cost = 0;
    for (int k = 0; k < COST_KINDS; k++) {
        if (a->hint->weights[k] > 0) {
            const struct cost_model *model = a->study->models[k];
            const int64_t from = cost_model_with(model, a->widths, 0, group, low);
            const int64_t to = cost_model_with(model, a->widths, 0, group, high);
            cost += a->hint->weights[k] * (double)(to - from);
        }
    }
    return high > low ? cost / (high - low) : 0;
}

// The last corner whose channels still gain what they cost.
static int corner_at(const struct prune_corners *corners, double cost)
{
    int low = 0, high = corners->n;
    while (high - low > 1) {
        const int middle = low + (high - low) / 2;
        if (corners->corners[middle].gain >= cost) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool limits_hold(const struct attempt *a)
{
    for (int k = 0; k < COST_KINDS; k++) {
        if (a->limits[k] != INT64_MAX && a->totals[k] > a->limits[k]) {
            return false;
        }
    }
    return true;
}

// Every undecided group chooses at this price, one after the other.
static bool try_level(struct attempt *a, int level)
{
    const double price = exp2((level - 0.5 * LEVELS) / STEPS_PER_DOUBLING);
    memcpy(a->widths, a->from, (size_t)a->study->network->groups.n * sizeof *a->widths);
    memcpy(a->totals, a->from_totals, sizeof a->totals);
    for (int i = 0; i < a->sweeps; i++) {
        for (int s = a->first; s < a->study->n_steps; s++) {
            const struct prune_corners *corners = &a->study->corners[s];
            const int group = a->study->steps[s];
            int at = level == 0 ? corners->n - 1 : 0;
            if (level > 0 && level < LEVELS) {
                at = corner_at(corners, price * channel_cost(a, group, corners));
            }
            set_width(a, group, corners->corners[at].width);
        }
    }
    return limits_hold(a);
}

// A level that holds is kept, with its widths in hint->widths.
static bool keep_level(struct prune_hint *hint, struct attempt *a, int level)
{
    if (!try_level(a, level)) {
        return false;
    }
    memcpy(hint->widths, a->widths, (size_t)a->study->network->groups.n * sizeof *hint->widths);
    hint->level = level;
    return true;
}

// The least level between one that does not hold and one that does.
static void bisect(struct prune_hint *hint, struct attempt *a, int low, int high)
{
    while (high - low > 1) {
        const int middle = low + (high - low) / 2;
        if (keep_level(hint, a, middle)) {
            high = middle;
        } else {
            low = middle;
        }
    }
}

// From hint->from.
static struct attempt begin(const struct prune_hint *hint, const struct prune_study *study,
                            const int64_t *limits, int first, int sweeps)
{
    struct attempt a = {.hint = hint,
                        .study = study,
                        .limits = limits,
                        .first = first,
                        .sweeps = sweeps,
                        .from = hint->from,
                        .widths = hint->trial};
    for (int k = 0; k < COST_KINDS; k++) {
        a.from_totals[k] = limits[k] != INT64_MAX ? cost_model_total(study->models[k], a.from) : 0;
    }
    return a;
}

// The share that the limits leave of every group, if costs grow with the product of two widths.
static double guess_share(const struct prune_study *study, const int64_t *limits)
{
    double share = 1;
    for (int k = 0; k < COST_KINDS; k++) {
        if (limits[k] != INT64_MAX) {
            share = fmin(share, sqrt((double)limits[k] / (double)study->full[k]));
        }
    }
    return share;
}

static void begin_at(const struct prune_hint *hint, const struct prune_study *study,
                     const struct wall *wall, double share)
{
    const struct groups *groups = &study->network->groups;
    memcpy(hint->from, wall_widths(wall), (size_t)groups->n * sizeof *hint->from);
    for (int s = 0; s < study->n_steps; s++) {
        const int channels = groups->groups[study->steps[s]].channels;
        hint->from[study->steps[s]] = (int)fmax(lround(share * channels), 1);
    }
}

static double error_of(const struct prune_study *study, int step, int width)
{
    const int group = study->steps[step];
    return prune_error_at(study->network, study->first[step], group, width);
}

// From hint->from; returns the sum of errors.
static double solve(struct prune_hint *hint, const struct prune_study *study, const int64_t *limits)
{
    enum { SWEEPS = 2 };
    struct attempt a = begin(hint, study, limits, 0, SWEEPS);
    if (!keep_level(hint, &a, 0)) {
        CHECK(keep_level(hint, &a, LEVELS)); // the wall has seen that the least widths hold
        bisect(hint, &a, 0, LEVELS);
    }
    double error = 0;
    for (int s = 0; s < study->n_steps; s++) {
        error += error_of(study, s, hint->widths[study->steps[s]]);
    }
    return error;
}

// Where several limits hold at once, one of them often decides alone: all are priced, then each
// alone. Where groups share their costs there are several ways to be content with each other: the
// first sweep sees the neighbours whole, then as wide as the limits leave everything. The best of
// all these is kept.
void prune_hint_reset(struct prune_hint *hint, const struct prune_study *study,
                      const struct wall *wall, const int64_t *limits)
{
    const size_t bytes = (size_t)study->network->groups.n * sizeof *hint->widths;
    int n_limits = 0;
    for (int k = 0; k < COST_KINDS; k++) {
        n_limits += limits[k] != INT64_MAX;
    }
    const double shares[2] = {1, guess_share(study, limits)};
    struct prune_hint best = *hint;
    double least = INFINITY;
    for (int way = 0; way < (n_limits > 1 ? 2 + 2 * COST_KINDS : 2); way++) {
        if (way >= 2 && limits[way / 2 - 1] == INT64_MAX) {
            continue;
        }
        for (int k = 0; k < COST_KINDS; k++) {
            const bool counts = limits[k] != INT64_MAX && (way / 2 == 0 || way / 2 == k + 1);
            hint->weights[k] = counts ? 1 / (double)limits[k] : 0;
        }
        begin_at(hint, study, wall, shares[way % 2]);
        const double error = solve(hint, study, limits);
        if (error < least) {
            least = error;
            best = *hint;
            memcpy(hint->best, hint->widths, bytes);
        }
    }
    *hint = best;
    memcpy(hint->widths, hint->best, bytes);
}

void prune_hint_update(struct prune_hint *hint, const struct prune_study *study,
                       const struct wall *wall, const int64_t *limits, int step)
{
    const int decided = study->steps[step - 1];
    hint->widths[decided] = wall_widths(wall)[decided];
    memcpy(hint->from, hint->widths, (size_t)study->network->groups.n * sizeof *hint->from);
    struct attempt a = begin(hint, study, limits, step, 1);
    const int before = hint->level;
    int reach = 1;
    if (keep_level(hint, &a, before)) { // cheaper?
        int holds = before;
        while (holds > 0) {
            const int level = holds > reach ? holds - reach : 0;
            if (!keep_level(hint, &a, level)) {
                bisect(hint, &a, level, holds);
                return;
            }
            holds = level;
            reach *= 2;
        }
        return;
    }
    int fails = before;
    while (fails < LEVELS) {
        const int level = fails + reach < LEVELS ? fails + reach : LEVELS;
        if (keep_level(hint, &a, level)) {
            bisect(hint, &a, fails, level);
            return;
        }
        fails = level;
        reach *= 2;
    }
    CHECK(!"not even the least widths hold");
}

// The step that gains the most for its cost, or -1; *width: what it takes.
static int best_raise(const struct attempt *a, const struct wall *wall, int *width)
{
    int best = -1;
    double most = -1;
    for (int s = 0; s < a->study->n_steps; s++) {
        const int group = a->study->steps[s];
        const int *choices, n = wall_choices(wall, group, &choices);
        int next = 0;
        while (next < n && choices[next] <= a->widths[group]) {
            next++;
        }
        if (next == n) {
            continue;
        }
        struct attempt raised = *a;
        double cost = 0;
        for (int k = 0; k < COST_KINDS; k++) {
            raised.totals[k] =
                cost_model_with(a->study->models[k], a->widths, a->totals[k], group, choices[next]);
            cost += a->hint->weights[k] * (double)(raised.totals[k] - a->totals[k]);
        }
        const double saved =
            error_of(a->study, s, a->widths[group]) - error_of(a->study, s, choices[next]);
        if (limits_hold(&raised) && saved / fmax(cost, 1e-300) > most) {
            most = saved / fmax(cost, 1e-300);
            best = s;
            *width = choices[next];
        }
    }
    return best;
}

void prune_hint_fill(const struct prune_hint *hint, const struct prune_study *study,
                     const struct wall *wall, const int64_t *limits, int *widths)
{
    struct attempt a = {.hint = hint, .study = study, .limits = limits, .widths = widths};
    for (int k = 0; k < COST_KINDS; k++) {
        a.totals[k] = cost_model_total(study->models[k], widths);
    }
    int step, width = 0;
    while ((step = best_raise(&a, wall, &width)) >= 0) {
        set_width(&a, study->steps[step], width);
    }
}
