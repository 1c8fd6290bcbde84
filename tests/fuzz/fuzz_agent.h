// The agent whose policy files and trajectories are fuzzed.
#pragma once
#include "agent/agent.h"
#include "transport/trajectory.h"

enum { FUZZ_TASKS = 3 };
void fuzz_agent(const struct trajectory_shape *shape, struct agent *out);
