// float32 3x3 convolutions, and their input gradients, on maps as small networks have them: oneDNN
// 2.6 pads both kinds of channels to whole vectors, which costs slimmed networks much of what their
// odd widths save.
#pragma once
#include "compute/backend.h"

// CONV and CONV_BACKWARD_DATA: f32, 3x3, stride 1, padding 1 (of CONV above and below: at most 1),
// dense, in_c and out_c <= 256, rows of a multiple of 4 pixels and at least 8, no activation but a
// bound, on a processor with AVX-512.
bool cpu_conv_direct_fits(const struct op *op);
enum status cpu_conv_direct_open(struct backend *backend, const struct op *op, struct kernel **out);
