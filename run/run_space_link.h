// The candidates of an environment that knows them, as the learner's process sees them
// (candidate_space.h): an environment of its own that scores nothing, on the memory of this host's
// workers.
#pragma once
#include "actors/rollout.h"
#include "learner/candidate_space.h"

struct run_space_link;
// rollout: borrowed, of an environment with env_ops.candidates; nothing else plays in it while the
// learner asks.
enum status run_space_link_open(struct rollout *rollout, int n_tasks, struct run_space_link **out);
// The choices of a candidate that was written down as env_outcome.result; false: it is none.
bool run_space_link_steps_of(const struct run_space_link *link, int task, const int32_t *result,
                             int n, int16_t *choices);
const struct candidate_space *run_space_link_space(const struct run_space_link *link);
void run_space_link_close(struct run_space_link *link); // NULL is fine
