// Any bytes as the policy file of another run.
#include "fuzz_agent.h"
#include "fuzz_file.h"
#include "run/run_policy.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const struct trajectory_shape shape = {.rows = 5, .n_obs = 6, .n_choices = 4};
    struct agent agent;
    float *weights;
    fuzz_agent(&shape, &agent);
    fuzz_write("policy.safetensors", bytes, n);
    if (run_policy_load(fuzz_folder(), &agent, &weights) == OK) {
        struct graph graph;
        CHECK(agent_graph(&agent, 1, &graph) == OK);
        for (size_t i = 0; i < graph.n_floats; i++) {
            CHECK(isfinite(weights[i]));
        }
        graph_close(&graph);
        free(weights);
    }
    return 0;
}
