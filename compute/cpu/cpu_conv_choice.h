// Which of two kernels an int8 convolution gets where both can: the narrow one (cpu_conv_narrow.h)
// or oneDNN's. They give the same bytes, so whichever is faster on this processor is taken.
#pragma once
#include "compute/backend.h"

// Whether the narrow kernel fits this op and is the faster one. Measured once per process for each
// of four classes of shapes, some milliseconds each; DIKDIK_INT8_KERNELS=narrow or =onednn in the
// environment settles it instead.
bool cpu_conv_takes_narrow(struct backend *backend, const struct op *op);

// A convolution by oneDNN, whatever is faster. The op needs no frame (cpu_conv_framed.h).
enum status cpu_conv_dnnl_open(struct backend *backend, const struct op *op, struct kernel **out);
