// int8 3x3 convolutions with few channels, as the first layers of small and slimmed networks have
// them: oneDNN spends a whole 16-wide vector on a pixel's outputs however few they are, and much of
// its time on calls.
#pragma once
#include "compute/backend.h"

// u8 in, u8 out, 3x3, stride 1, padding 1 (above and below: at most 1), dense, in_c and out_c <= 16
// and one of them <= 8, on a processor with AVX512-VNNI.
bool cpu_conv_narrow_fits(const struct backend *backend, const struct op *op);
enum status cpu_conv_narrow_open(struct backend *backend, const struct op *op, struct kernel **out);
