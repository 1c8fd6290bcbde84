// Weight gradients of depthwise convolutions by loops of our own, for kernels beyond 3x3 and taps
// apart: there oneDNN 2.6 took its loops for any groups, 3 to 13 times as long as for the input's
// gradient (AVX2; not measured with AVX-512).
#pragma once
#include "compute/backend.h"

// CONV_BACKWARD_WEIGHTS with one input and one output per group, and such a kernel.
bool cpu_conv_depthwise_fits(const struct op *op);
enum status cpu_conv_depthwise_open(struct backend *backend, const struct op *op,
                                    struct kernel **out);
