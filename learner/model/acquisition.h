// How much an evaluation is worth, from what a reward model says of its candidate.
#pragma once

// How far a reward N(mean, sd^2) is above `best` on average, what falls below counting as 0 (Jones
// et al. 1998, expected improvement). sd >= 0. Never negative, and 0 more than some 38 deviations
// below `best`.
double expected_improvement(double mean, double sd, double best);
