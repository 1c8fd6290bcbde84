#include "learner/methods/mutation.h"

#include "learner/methods/method_simple.h"

struct genome genome_of_trajectory(const struct trajectory *trajectory)
{
    return (struct genome){.steps = trajectory_steps(trajectory),
                           .actions = trajectory->action,
                           .choices = trajectory->choices};
}

static int mutate_choice(int action, int choices, struct rng *rng)
{
    if (rng_below(rng, 2) == 0) {
        return (int)rng_below(rng, (uint32_t)choices);
    }
    const int step = 1 + (int)rng_below(rng, 2);
    const int moved = rng_below(rng, 2) == 0 ? action - step : action + step;
    const int most = choices - 1;
    return moved < 0 ? 0 : moved < most ? moved : most;
}

void mutation_draw(const struct genome *parent, struct rng *rng, int16_t *given)
{
    for (int i = 0; i < parent->steps; i++) {
        given[i] = (int16_t)parent->actions[i];
    }
    const int changes = 1 + (int)rng_below(rng, 2);
    for (int i = 0; i < changes; i++) {
        const int step = (int)rng_below(rng, (uint32_t)parent->steps);
        given[step] = (int16_t)mutate_choice(given[step], parent->choices[step], rng);
    }
}
