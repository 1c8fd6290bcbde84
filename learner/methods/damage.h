// From the measurements of a sensitivity analysis to what each choice of each step costs in terms
// of the reward, were it alone: curves whose sum a combination keeps small.
#pragma once
#include "learner/methods/sensing.h"

// How damages add up.
enum damage_sum {
    DAMAGE_LOSS,   // the reward that is lost
    DAMAGE_LOG,    // minus the logarithm of the share of the reward that is left
    DAMAGE_SQUARE, // the square of the reward that is lost
};
struct damage_kind {
    enum damage_sum sum;
    double power; // between and beyond what was measured, damage goes with (-ln share)^power
};
enum { DAMAGE_KINDS = 6 };
extern const struct damage_kind damage_kinds[DAMAGE_KINDS];
// loss [steps][stride] out, by choice: 0 for the last one, never less for a smaller one. Parts
// without any measurement are taken to be like their neighbours, and all the more like the average
// the more of the differences `noise`, the standard deviation of a reward, explains. False: nothing
// is known.
bool damage_curves(const struct sensing *sensing, struct damage_kind kind, double noise, int stride,
                   double *loss);
