// sd (z Phi(z) + phi(z)) with z = (mean - best) / sd. Far below, where the two terms all but
// cancel, erfc keeps the tail's digits: at z = -30 nine of them are left.
#include "learner/model/acquisition.h"

#include <math.h>

double expected_improvement(double mean, double sd, double best)
{
    const double far = 40.0; // deviations: past these one of the terms is 0 in double
    const double inverse_root_2 = 0.70710678118654752440,
                 inverse_root_2_pi = 0.39894228040143267794;
    const double gain = mean - best;
    if (fabs(gain) >= far * sd) {
        return gain > 0.0 ? gain : 0.0;
    }
    const double z = gain / sd;
    const double below = 0.5 * erfc(-z * inverse_root_2);
    const double value = gain * below + sd * inverse_root_2_pi * exp(-0.5 * z * z);
    return value > 0.0 ? value : 0.0;
}
