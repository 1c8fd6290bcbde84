// int8 3x3 convolutions on maps as small networks have them, as cpu_conv_direct.h has them in
// float32.
#pragma once
#include "compute/backend.h"

// u8 in, u8 out, 3x3, stride 1, padding 1 (above and below: at most 1), dense, in_c and out_c <=
// 256, rows of a multiple of 4 pixels and at least 8, no activation but a bound (a clip: from 0),
// on a processor with AVX512-VNNI.
bool cpu_conv_direct_int8_fits(const struct backend *backend, const struct op *op);
enum status cpu_conv_direct_int8_open(struct backend *backend, const struct op *op,
                                      struct kernel **out);
