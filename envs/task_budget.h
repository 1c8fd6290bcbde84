// What a task's candidates may cost: as its config asks for it, and as single episodes scale it.
#pragma once
#include "search_space/wall.h"

// What the config's `asked` of a cost comes to, in the cost's own unit: a share of `whole` up to 1,
// a number above, INT64_MAX for 0, which is no budget. ERR_CONFIG, naming the task, if it is
// neither.
enum status task_budget_limit(const char *task, enum cost_kind kind, double asked, int64_t whole,
                              int64_t *limit);
// The limit of an episode with `budget` times its task's own one, but never below the least
// possible; no limit stays none.
int64_t task_budget_scale(int64_t own, int64_t least, double budget);
