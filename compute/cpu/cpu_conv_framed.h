// Convolutions with much padding: the input is laid into a frame of zeros first, and the
// convolution then has no padding. oneDNN 2.6 reads where it may not when windows hold few inputs.
#pragma once
#include "compute/backend.h"

// Padding of more than half of what the kernel covers, or a window without any input.
bool cpu_conv_needs_frame(const struct op *op);
// CONV, CONV_BACKWARD_DATA, CONV_BACKWARD_WEIGHTS.
enum status cpu_conv_framed_open(struct backend *backend, const struct op *op, struct kernel **out);
