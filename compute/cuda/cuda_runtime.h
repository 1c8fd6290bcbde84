// Shared by the files that call CUDA's runtime library. Only they include it.
#pragma once
#include "compute/backend.h"

enum { CUDA_LEAST_CAPABILITY = 80 }; // 10 x major + minor: the first that has bf16 and cp.async

// The backend's `ask`: which devices there are, what results depend on.
enum status cuda_ask(const struct backend_options *options, struct backend_facts *facts);
