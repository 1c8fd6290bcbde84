// Tasks whose episodes draw what they are played for. What a candidate costs is known; so a model
// learns what its accuracy is worth, from episodes of all objectives alike, and the rest is worked
// out.
#include "learner/model/advisor_internal.h"

void advisor_aim(struct advisor *advisor, int64_t episode)
{
    advisor->aim = episode;
}

bool advisor_is_drawn(const struct advisor *advisor, int task)
{
    const struct candidate_space *space = advisor->options.space;
    return space->value != NULL && space->tasks[task].draws;
}

double advisor_quality(const struct advisor *advisor, int task, const int16_t *choices,
                       double reward)
{
    const struct candidate_space *space = advisor->options.space;
    const double none = space->value(space->context, task, -1, choices, 0.0);
    const double slope = space->value(space->context, task, -1, choices, 1.0) - none;
    return slope > 0.0 ? (reward - none) / slope : 0.0;
}

double advisor_value(const struct advisor *advisor, int task, const int16_t *choices,
                     double quality)
{
    const struct candidate_space *space = advisor->options.space;
    return space->value(space->context, task, advisor->aim, choices, quality);
}

// A ranked model speaks in scores, which rewards are no straight line of: a deviation becomes what
// one upwards comes to.
void advisor_turn(const struct advisor *advisor, int task, const int16_t *choices, const double *x,
                  double *mean, double *sd)
{
    struct reward_model *model = advisor_pool_of(advisor, task)->model;
    double above = *mean + (sd != NULL ? *sd : 0.0);
    reward_model_rewards(model, x, 1, mean);
    *mean = advisor_value(advisor, task, choices, *mean);
    if (sd != NULL) {
        reward_model_rewards(model, x, 1, &above);
        above = advisor_value(advisor, task, choices, above);
        *sd = above > *mean ? above - *mean : 0.0;
    }
}
