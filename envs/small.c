// What the small environments share.
#include "envs/small.h"

#include "core/status.h"

int small_slots(const struct env_job *job)
{
    return job->slots > 0 ? job->slots : 1;
}

int small_tasks(const struct double_list *scales)
{
    return scales->n > 0 ? scales->n : 1;
}

double small_scale(const struct double_list *scales, int task)
{
    CHECK(task >= 0 && task < small_tasks(scales));
    return scales->n > 0 ? scales->values[task] : 1.0;
}

void small_offer(const struct env_row *row, int n)
{
    *row->choices = n;
    for (int i = 0; i < n; i++) {
        row->position[i] = n > 1 ? (float)i / (float)(n - 1) : 0.0F;
        row->legal[i] = 1;
    }
}
