// The trained agent as a file of its run folder, policy.safetensors: tensors by the names of its
// graph.
#pragma once
#include "agent/agent.h"

// weights [n_floats of agent_graph]. Atomic.
enum status run_policy_save(const char *run_dir, const struct agent *agent, const float *weights);
// The policy of another run, for this run's tasks: the value heads, which belong to the tasks it
// was trained on, are left at 0. *weights: from malloc. ERR_CONFIG when the environment shows other
// observations or offers more choices than the policy has outputs for.
enum status run_policy_load(const char *run_dir, const struct agent *agent, float **weights);
