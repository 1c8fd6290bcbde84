// What is known of a task's candidates without trying any. Suggestions are those of
// prune_suggest.h; what a step loses is the guessed error (error_curve.h) of its group.
#pragma once
#include "envs/candidate_env.h"

extern const struct candidate_env_ops prune_candidate_ops;
