#include "envs/task_budget.h"

enum status task_budget_limit(const char *task, enum cost_kind kind, double asked, int64_t whole,
                              int64_t *limit)
{
    if (!(asked >= 0 && asked <= 1e15)) {
        FAIL(ERR_CONFIG,
             "task \"%s\": %s is %g; expected a share up to 1, a number above, or 0 for none", task,
             cost_names[kind], asked);
    }
    *limit = asked == 0 ? INT64_MAX : wall_budget(asked, whole);
    return OK;
}

int64_t task_budget_scale(int64_t own, int64_t least, double budget)
{
    const double limit = (double)own * budget;
    if (own == INT64_MAX || !(limit < (double)INT64_MAX)) {
        return INT64_MAX;
    }
    return limit > (double)least ? (int64_t)limit : least;
}
