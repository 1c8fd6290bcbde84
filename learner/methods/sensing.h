// What a sensitivity analysis measures of one model: the whole network, and networks of which one
// part alone was cut. A part is one step of an episode, or some neighbouring ones together where
// there are more steps than measurements.
#pragma once
#include "learner/candidate_space.h"

enum sensing_state {
    SENSING_WANTED,
    SENSING_OUT,   // under way
    SENSING_KNOWN, // its reward is there
    SENSING_NONE,  // came to nothing, or there is nothing to measure
};
// Measurement 0 is the whole network, 1 + level * parts + part cuts one part to a level; level 0
// is the deepest, levels are even in the logarithm of what is kept.
struct sensing {
    const struct candidate_task *task; // any one of the model; borrowed
    double deepest;                    // share that is kept of a part at level 0
    int parts, levels, n;              // n: measurements, 1 + parts * levels or 0
    int32_t *state;                    // [n] enum sensing_state; borrowed, as all here
    int64_t *episode;                  // [n] SENSING_OUT: of its ticket
    double *reward;                    // [n]
};
// At most `most` measurements, none where those few would say nothing; first one level of all
// parts, more of them only where there is plenty. The arrays come with sensing_place.
void sensing_init(const struct candidate_task *task, int most, double deepest, struct sensing *out);
// state, episode, reward [n], zeroed.
void sensing_place(struct sensing *sensing, int32_t *state, int64_t *episode, double *reward);
int sensing_part(const struct sensing *sensing, int step);
// The choice of a step when its part is cut to this level.
int sensing_choice(const struct sensing *sensing, int step, int level);
// The next measurement that is wanted, -1 = none, and the choices [steps] of it.
int sensing_next(const struct sensing *sensing);
void sensing_choices(const struct sensing *sensing, int measurement, int16_t *choices);
// Measurement 1 + level * parts + part, NAN while it is not known.
double sensing_reward(const struct sensing *sensing, int part, int level);
// The measurement that this episode makes, -1 = none.
int sensing_find(const struct sensing *sensing, int64_t episode);
