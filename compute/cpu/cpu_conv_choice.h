// Which kernel an int8 convolution gets where both can: one of our own (cpu_conv_narrow.h,
// cpu_conv_direct_int8.h) or oneDNN's. They give the same bytes, so whichever is faster on this
// processor is taken.
#pragma once
#include "compute/backend.h"

// Whether a kernel of our own fits this op and is the faster one. Measured once per process for
// each class of channel counts, a few milliseconds each; DIKDIK_INT8_KERNELS=own or =onednn in the
// environment settles it instead.
bool cpu_conv_takes_own_int8(struct backend *backend, const struct op *op);
enum status cpu_conv_own_int8_open(struct backend *backend, const struct op *op,
                                   struct kernel **out);

// A convolution by oneDNN, whatever is faster. The op needs no frame (cpu_conv_framed.h).
enum status cpu_conv_dnnl_open(struct backend *backend, const struct op *op, struct kernel **out);
