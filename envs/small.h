// What the small environments share: several tasks that are one game with rewards of different
// size, and rows whose choices lie evenly on the action axis.
#pragma once
#include "envs/env.h"

// Row "scales" of their options, at `field` of struct `owner`.
#define SMALL_SCALES_ROW(owner, field)                                                             \
    {                                                                                              \
        "scales", "tasks: task i is the same game with rewards times scales[i]; empty = one task", \
            OPTION_DOUBLE_LIST, .offset = offsetof(struct owner, field), .least = -1e9,            \
                                .most = 1e9                                                        \
    }
int small_tasks(const struct double_list *scales);
double small_scale(const struct double_list *scales, int task); // CHECKs that there is such a task

int small_slots(const struct env_job *job); // episodes at once
// Choice i of n at i / (n - 1), all legal.
void small_offer(const struct env_row *row, int n);
