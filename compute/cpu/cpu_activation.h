// Activations without a loop of their own in cpu_vector.h: one call per block.
#pragma once
#include "compute/activation.h"

// v = act(v) for CPU_BLOCK values.
void cpu_activate_block(struct activation act, float *v);
// t *= slope of act, which follows from `from`: y or x, by the activation's type. width <=
// CPU_BLOCK.
void cpu_slope_block(struct activation act, int width, const float *from, float *t);
