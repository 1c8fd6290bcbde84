// A way through the decisions of a space, within a task's limits. No data, no arithmetic on images.
#pragma once
#include "envs/nas/nas_study.h"

struct nas_walk {
    const struct nas_study *study;      // borrowed
    struct nas_cost own;                // the task's limits; INT64_MAX = none
    struct nas_cost limits;             // those of this walk
    struct objective objective;         // what it is played for
    int16_t choice[NAS_MOST_DECISIONS]; // decided; canonical once all are
    int step;                           // decided so far; n_decisions at the end
};
// The task's limits and objective on this space. ERR_CONFIG: a budget that is no number, or that
// even the least network exceeds; names the task, the least possible and what was asked.
enum status nas_walk_open(const struct nas_study *study, const struct nas_task *task,
                          struct nas_walk *out);
// Nothing decided. budget: as env_start has it; a limit below what is possible at all becomes that.
void nas_walk_reset(struct nas_walk *walk, double budget);
// legal [n_choices of the next step]
enum status nas_walk_legal(const struct nas_walk *walk, uint8_t *legal);
void nas_walk_decide(struct nas_walk *walk, int choice); // must be legal
