// A small environment opened from the text of its options, with rows to write to.
#pragma once
#include "core/arena.h"
#include "envs/env_list.h"

enum { ENV_CASE_SLOTS = 4 };
struct env_case {
    struct arena arena;
    void *options;
    struct env *env;
    int slot;
    bool shares; // the environment is another case's
    bool waits;  // pending ends are left to the test; else they are evaluated at once
    struct env_spec spec;
    struct env_row row; // with guards behind each array, see env_case_check
    float reward;
    enum env_end end;
};
// json: its options, such as "{\"arms\": 3}".
void env_case_open(struct env_case *c, const char *name, const char *json, uint64_t seed);
// Any environment.
void env_case_open_job(struct env_case *c, const struct env_ops *ops, const struct env_job *job);
// Another slot of the same environment. Closed first.
void env_case_share(struct env_case *c, const struct env_case *of, int slot);
void env_case_close(struct env_case *c);

// Reset and step that check what env.h promises of the row.
void env_case_reset(struct env_case *c, int task, int64_t episode);
void env_case_start(struct env_case *c, const struct env_start *start);
void env_case_step(struct env_case *c, int choice);
// Of pending ones, all in one environment: evaluates them at once, and they have ended.
void env_case_evaluate(struct env_case *const *cases, int n);
int env_case_draw(const struct env_case *c, struct rng *rng); // a legal choice
struct env_outcome env_case_outcome(const struct env_case *c);
// Plays the largest legal choice of each step.
struct env_outcome env_case_play_greedily(struct env_case *c, const struct env_start *start);
// Episodes keep other budgets than the task's own: of an environment that designs networks and
// whose first task has a MACs budget of about half.
void env_case_check_budgets(struct env_case *c);
