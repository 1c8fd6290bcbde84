// What a task's candidates are rewarded with where more than accuracy counts (MTNAS: one reward of
// several objectives, with targets of the task's own):
//   reward = a * quality - sum over costs of w * excess(cost / target)
// quality is the accuracy, or what else the environment rewards accuracy by. The excess of a share
// x, by `form`:
//   absolute  |x - 1|        TuNAS (Bender et al. 2020, "Can weight sharing outperform random
//                            architecture search?", its beta being -w): meets the target
//   hinge     max(0, x - 1)  below the target nothing is gained: a limit that may be exceeded
//   linear    x              the weighted sum: the target is the unit
// Weights and targets are part of what the agent sees, so that one policy holds for all of them.
#pragma once
#include "core/option.h"
#include "search_space/nas_space.h"

#include <stdbool.h>

enum objective_form { OBJECTIVE_ABSOLUTE, OBJECTIVE_HINGE, OBJECTIVE_LINEAR };
// What episodes draw for themselves instead of the task's own.
enum objective_draws { OBJECTIVE_DRAWS_NOTHING, OBJECTIVE_DRAWS_TARGETS, OBJECTIVE_DRAWS_WEIGHTS };

// Config rows "tasks[].objective.*".
struct objective_options {
    double accuracy;           // a, its weight
    double weight[COST_KINDS]; // w; 0 = this cost does not count
    double target[COST_KINDS]; // a share of the whole when <= 1, else a number
    enum objective_form form;
    enum objective_draws draws;
};
extern const struct option objective_option_table[];

// What the task's candidates can cost; 0 where nothing is known of a cost.
struct objective_range {
    struct nas_cost least, whole;
};
struct objective {
    double accuracy;
    double weight[COST_KINDS]; // 0 or above
    double target[COST_KINDS]; // in the cost's own unit, above 0 where the weight is
    enum objective_form form;
    enum objective_draws draws;
    struct objective_range range;
};
// `task`: its name, for messages. ERR_CONFIG where a cost is weighted that nothing is known of, or
// nothing is weighted at all.
enum status objective_make(const struct objective_options *options,
                           const struct objective_range *range, const char *task,
                           struct objective *out);
// Whether both reward every candidate alike: only then are candidates of two tasks as good.
bool objective_same(const struct objective *a, const struct objective *b);
// What episode number `episode` is played for: the task's own objective, or with
//   targets  each target uniform in its logarithm, from the least possible cost to the task's own
//   weights  each weight of a cost times 1/8 to 8, uniform in its logarithm
// The same for the same seed and episode, whoever plays it.
void objective_of_episode(const struct objective *own, uint64_t seed, int64_t episode,
                          struct objective *out);
// quality: the reward before costs are weighed. Exactly the quality when nothing but accuracy is
// weighted, by 1.
double objective_reward(const struct objective *objective, double quality,
                        const struct nas_cost *cost);

enum {
    OBJECTIVE_WEIGHT, // each cost's weight w as 1 + log10(w / (a + sum of w)) / 4, at least 0
    OBJECTIVE_TARGET = OBJECTIVE_WEIGHT + COST_KINDS, // target / whole, at most 1; 1 without
    OBJECTIVE_IS_HINGE = OBJECTIVE_TARGET + COST_KINDS,
    OBJECTIVE_IS_LINEAR,
    OBJECTIVE_FEATURES
};
// obs [OBJECTIVE_FEATURES] out, each in [0, 1].
void objective_features(const struct objective *objective, float *obs);
