// Where a device's time goes, kernel by kernel.
#pragma once
#include "compute/cuda/cuda_kernel_list.h"

struct cuda_profile;

// NULL where there is no memory for it: nothing is timed then.
struct cuda_profile *cuda_profile_open(void);
// Logs them also every so often, the one with the most time first: a worker that is told to go does
// not close anything.
void cuda_profile_add(struct cuda_profile *profile, enum cuda_kernel_number number,
                      double milliseconds);
// Logs what has not been told. NULL is fine.
void cuda_profile_close(struct cuda_profile *profile);
