// The backends of this build. backend_open finds them by name; each is one const table, at the end
// of its folder's *_backend.c.
#pragma once
#include "compute/backend.h"

extern const struct backend_ops ref_backend_ops, cpu_backend_ops;
#ifdef DIKDIK_CUDA
extern const struct backend_ops cuda_backend_ops;
#endif
