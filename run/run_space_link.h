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
// What is known of a task where the environment knows the truth: its name (borrowed) and the best
// score there is; and a choice [n] in words. False: it does not.
bool run_space_link_truth(const struct run_space_link *link, int task, const char **name,
                          double *best);
bool run_space_link_words(const struct run_space_link *link, const int32_t *result, int n,
                          char *out, size_t bytes);
const struct candidate_space *run_space_link_space(const struct run_space_link *link);
void run_space_link_close(struct run_space_link *link); // NULL is fine
