// How sure the policy is of each decision: of some episodes of every task, more of the early ones,
// the entropy of what it would have chosen from at each step, with the weights that it had when the
// episode came back. Rows of run.h5's table `decisions`.
#pragma once
#include "agent/agent.h"
#include "compute/backend.h"
#include "learner/run_rows.h"
#include "transport/trajectory.h"

struct decision_log {
    const struct agent *agent; // borrowed, as the next
    const struct trajectory_shape *shape;
    struct agent_player *player; // owned; NULL: there is no policy, or none with probabilities
};
enum status decision_log_open(const struct agent *agent, const struct trajectory_shape *shape,
                              struct backend *backend, struct decision_log *out);
void decision_log_close(struct decision_log *log); // a zeroed one is fine

// Whether the number-th episode of a task (from 0) is looked at: all of the first 16, then 8 of
// each doubling. Depends on nothing else, so a resumed run looks at the same ones.
bool decision_log_wants(int64_t number);
// One row per step into rows [shape.rows]; returns how many: 0 without a policy.
int decision_log_look(const struct decision_log *log, const struct trajectory *trajectory,
                      const float *weights, int64_t version, struct decision_row *rows);
