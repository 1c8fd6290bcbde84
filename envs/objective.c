#include "envs/objective.h"

#include "core/rng.h"
#include "search_space/cost.h"

#include <math.h>

static const double weight_spread = 8; // drawn weights are within this factor
static const char *const forms[] = {[OBJECTIVE_ABSOLUTE] = "absolute",
                                    [OBJECTIVE_HINGE] = "hinge",
                                    [OBJECTIVE_LINEAR] = "linear",
                                    NULL};
static const char *const draws[] = {[OBJECTIVE_DRAWS_NOTHING] = "nothing",
                                    [OBJECTIVE_DRAWS_TARGETS] = "targets",
                                    [OBJECTIVE_DRAWS_WEIGHTS] = "weights",
                                    NULL};

#define AT(field) .offset = offsetof(struct objective_options, field)
#define WEIGHT(kind, name)                                                                         \
    {                                                                                              \
        name, "weight of this cost in the reward; 0: it does not count", OPTION_DOUBLE,            \
            AT(weight[kind]), .least = 0, .most = 1000                                             \
    }
#define TARGET(kind, name)                                                                         \
    {                                                                                              \
        name,                                                                                      \
            "the cost that is wanted: a share of the greatest network's when <= 1, else a number", \
            OPTION_DOUBLE, AT(target[kind]), .fallback = 1, .least = 1e-6, .most = 1e15            \
    }
const struct option objective_option_table[] = {
    {"accuracy", "weight of the accuracy in the reward", OPTION_DOUBLE, AT(accuracy), .fallback = 1,
     .least = 0, .most = 1000},
    WEIGHT(COST_MACS, "macs"),
    WEIGHT(COST_PARAMS, "params"),
    WEIGHT(COST_BYTES, "bytes"),
    TARGET(COST_MACS, "macs_target"),
    TARGET(COST_PARAMS, "params_target"),
    TARGET(COST_BYTES, "bytes_target"),
    {"form",
     "how a cost counts, as a share of its target: absolute: its distance from 1 (TuNAS); hinge: "
     "what is above 1; linear: the share itself",
     OPTION_CHOICE, AT(form), .fallback_text = "absolute", .choices = forms},
    {"draws",
     "what every episode draws for itself, so that the policy learns the whole front: targets, "
     "from "
     "the least possible cost to the task's own; or weights, 1/8 to 8 times the task's own",
     OPTION_CHOICE, AT(draws), .fallback_text = "nothing", .choices = draws},
    {.key = NULL},
};
#undef AT

static double target_of(double asked, int64_t whole)
{
    return asked <= 1 ? asked * (double)whole : asked;
}

enum status objective_make(const struct objective_options *options,
                           const struct objective_range *range, const char *task,
                           struct objective *out)
{
    struct objective made = {.accuracy = options->accuracy,
                             .form = options->form,
                             .draws = options->draws,
                             .range = *range};
    double all = options->accuracy;
    for (int kind = 0; kind < COST_KINDS; kind++) {
        made.weight[kind] = options->weight[kind];
        made.target[kind] = target_of(options->target[kind], range->whole.of[kind]);
        all += options->weight[kind];
        if (options->weight[kind] > 0 && range->whole.of[kind] <= 0) {
            FAIL(ERR_CONFIG,
                 "task \"%s\": objective.%s is %g, but this environment does not know what "
                 "candidates cost in %s; leave it at 0",
                 task, cost_names[kind], options->weight[kind], cost_names[kind]);
        }
    }
    if (!(all > 0)) {
        FAIL(ERR_CONFIG, "task \"%s\": all weights of its objective are 0; one must be above",
             task);
    }
    *out = made;
    return OK;
}

static bool counts_costs(const struct objective *objective)
{
    for (int kind = 0; kind < COST_KINDS; kind++) {
        if (objective->weight[kind] > 0) {
            return true;
        }
    }
    return false;
}

bool objective_same(const struct objective *a, const struct objective *b)
{
    bool same = a->accuracy == b->accuracy;
    for (int kind = 0; kind < COST_KINDS; kind++) {
        const bool counts = a->weight[kind] > 0 || b->weight[kind] > 0;
        same = same && a->weight[kind] == b->weight[kind] &&
               (!counts ||
                (a->target[kind] == b->target[kind] && a->form == b->form && a->draws == b->draws));
    }
    return same;
}

static double between(struct rng *rng, double low, double high)
{
    return low * pow(high / low, (double)rng_uniform(rng));
}

void objective_of_episode(const struct objective *own, uint64_t seed, int64_t episode,
                          struct objective *out)
{
    struct rng rng = rng_make(seed, RNG_TARGET, (uint64_t)episode, 0);
    *out = *own;
    for (int kind = 0; kind < COST_KINDS && own->draws != OBJECTIVE_DRAWS_NOTHING; kind++) {
        if (!(own->weight[kind] > 0)) {
            continue;
        }
        if (own->draws == OBJECTIVE_DRAWS_WEIGHTS) {
            out->weight[kind] *= between(&rng, 1 / weight_spread, weight_spread);
        } else {
            const double least = fmax((double)own->range.least.of[kind], 1);
            out->target[kind] = between(&rng, fmin(least, own->target[kind]), own->target[kind]);
        }
    }
}

static double excess(enum objective_form form, double share)
{
    switch (form) {
    case OBJECTIVE_ABSOLUTE:
        return fabs(share - 1);
    case OBJECTIVE_HINGE:
        return fmax(share - 1, 0);
    case OBJECTIVE_LINEAR:
        return share;
    }
    return share;
}

double objective_reward(const struct objective *objective, double quality,
                        const struct nas_cost *cost)
{
    double reward = objective->accuracy * quality;
    for (int kind = 0; kind < COST_KINDS; kind++) {
        if (objective->weight[kind] > 0) {
            reward -= objective->weight[kind] *
                      excess(objective->form, (double)cost->of[kind] / objective->target[kind]);
        }
    }
    return reward;
}

void objective_features(const struct objective *objective, float *obs)
{
    double all = objective->accuracy;
    for (int kind = 0; kind < COST_KINDS; kind++) {
        all += objective->weight[kind];
    }
    for (int kind = 0; kind < COST_KINDS; kind++) {
        const bool counts = objective->weight[kind] > 0;
        const double share = objective->weight[kind] / all;
        const double whole = (double)objective->range.whole.of[kind];
        obs[OBJECTIVE_WEIGHT + kind] = counts ? (float)fmax(1 + log10(share) / 4, 0) : 0;
        obs[OBJECTIVE_TARGET + kind] = counts ? (float)fmin(objective->target[kind] / whole, 1) : 1;
    }
    const bool counts = counts_costs(objective);
    obs[OBJECTIVE_IS_HINGE] = counts && objective->form == OBJECTIVE_HINGE ? 1 : 0;
    obs[OBJECTIVE_IS_LINEAR] = counts && objective->form == OBJECTIVE_LINEAR ? 1 : 0;
}
