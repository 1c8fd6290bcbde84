// The environment `tabular`, opened: table, tasks, episodes under way. Inside envs/tabular/ only,
// but for the options.
#pragma once
#include "core/option.h"
#include "envs/env_list.h"
#include "envs/objective.h"
#include "envs/tabular/tabular_table.h"

enum tabular_search_on { TABULAR_ON_PROXY, TABULAR_ON_FINAL };
enum tabular_reward { TABULAR_REWARD_ACCURACY, TABULAR_REWARD_ERROR };
struct tabular_task_options {
    const char *data;    // "" = the table's only one
    double macs, params; // most; a share of the largest network's up to 1; 0 = no limit
    struct objective_options objective;
};
struct tabular_options {
    enum tabular_kind table;
    enum tabular_search_on search_on;
    enum tabular_reward reward;
    const char *path;                // folder of the table's files; "" = under $DIKDIK_DATA
    const struct object_list *tasks; // struct tabular_task_options; none = each data set, no limit
};

enum { TABULAR_MACS, TABULAR_PARAMS, TABULAR_COSTS };
struct tabular_task {
    const char *name; // arena
    int data;
    int model; // tasks of one data set and objective have one number, from 0 without gaps
    int64_t most[TABULAR_COSTS];       // INT64_MAX = no limit
    double share[TABULAR_COSTS];       // of the largest network's; 1 = no limit
    double best;                       // greatest final result within the limits
    int16_t least[TABULAR_MOST_STEPS]; // the known candidate that uses least of the limits
    struct objective objective;
};
struct tabular_episode {
    int task, step;
    int64_t most[TABULAR_COSTS]; // the task's, times the episode's own factor
    double factor;
    struct objective objective; // what it is played for
    bool imagined;
    int16_t steps[TABULAR_MOST_STEPS];
    int32_t result[TABULAR_MOST_STEPS]; // of the finished one, in canonical form
};
struct tabular {
    struct env base;
    const struct tabular_options *options; // borrowed
    uint64_t seed;
    struct arena arena;
    struct tabular_table table;
    int n_tasks;
    struct tabular_task *tasks;       // arena, as all here
    int *n_choices;                   // [steps]
    float *position;                  // [operations]
    const float **positions;          // [steps]
    bool *categorical;                // [steps]
    struct tabular_episode *episodes; // [slots]
};

enum status tabular_open_tasks(struct tabular *self);
// Whether the table knows this candidate (by number) in the task, and it keeps these limits.
bool tabular_has(const struct tabular *self, const struct tabular_task *task, const int64_t *most,
                 int number);
extern const struct candidate_env_ops tabular_candidate_ops;
