#include "fuzz_agent.h"

void fuzz_agent(const struct trajectory_shape *shape, struct agent *out)
{
    static const int layers[] = {8, 4};
    static const struct int_list dense = {2, layers};
    static const struct agent_options options = {.dense = &dense,
                                                 .core = CORE_LSTM,
                                                 .hidden = 4,
                                                 .last_action = true,
                                                 .distribution = DISTRIBUTION_GAUSSIAN};
    const struct agent_shape sizes = {shape->n_obs, shape->n_choices, FUZZ_TASKS};
    agent_make(&options, &sizes, out);
}
