#include "reward_case.h"

#include "test_unit.h"

#include <math.h>

struct reward_model *reward_case_open(int own_inputs, int linear_inputs, int most_points,
                                      double noise_floor)
{
    const struct reward_model_options options = {.n_inputs = CASE_INPUTS,
                                                 .own_inputs = own_inputs,
                                                 .linear_inputs = linear_inputs,
                                                 .capacity = CASE_MOST,
                                                 .most_points = most_points,
                                                 .most_joint = CASE_JOINT,
                                                 .noise_floor = noise_floor,
                                                 .seed = 3};
    struct reward_model *model;
    assert_ok(reward_model_open(REWARD_MODEL_GP, &options, &model));
    return model;
}

double reward_case_sample(uint64_t stream, int i, double *x)
{
    struct rng rng = rng_make(1, RNG_TEST, stream, (uint32_t)i);
    for (int g = 0; g < CASE_INPUTS; g++) {
        x[g] = -2.0 * (double)rng_uniform(&rng);
    }
    return 60.0 + 9.0 * x[0] + 4.0 * sin(3.0 * x[1]) * x[2] + 0.2 * (double)rng_normal(&rng);
}

void reward_case_add(struct reward_model *model, int from, int to)
{
    for (int i = from; i < to; i++) {
        double x[CASE_INPUTS];
        const double y = reward_case_sample(0, i, x);
        reward_model_add(model, x, y);
    }
}

void reward_case_candidates(int n, double *x)
{
    for (int i = 0; i < n; i++) {
        reward_case_sample(1, i, x + i * CASE_INPUTS);
    }
}
