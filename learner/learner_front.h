// What a task's candidates come to in accuracy and costs together.
#pragma once
#include "learner/front.h"
#include "learner/learner.h"

// The front of a task. The reference of every volume is accuracy 0 at the dearest candidate's cost
// (candidate_task.whole), and it is given as a share of the box from there to accuracy 1 at no
// cost, so that it says the same on any task.
struct learner_front {
    int n;
    struct learner_candidate *candidates; // [n] most accurate first; no two are equal in all. arena
    bool known[CANDIDATE_COSTS];          // whether the cost counts: its whole is known
    int64_t whole[CANDIDATE_COSTS];
    double volume[CANDIDATE_COSTS]; // of accuracy and one cost alone; 0 where it does not count
    double volume_all;              // of accuracy and all costs that count
};
// Of the task's candidates and those of its model's other tasks that keep its budget, those that no
// other is better than, counting accuracy and the costs that are known. None where no cost is, or
// where there are no candidates. Made from the archive, so the same after a resume.
enum status learner_front(const struct learner *learner, int task, struct arena *arena,
                          struct learner_front *out);
