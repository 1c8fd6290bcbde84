#include "compute/cuda/candidate_state.h"
#include "compute/cuda/cuda_emulator.h"

#define X(name) extern const struct emulated_kernel cuda_host_##name;
CANDIDATE_KERNEL_LIST(X)
#undef X

void candidate_launch(const struct candidates *c, enum cuda_kernel_number kernel,
                      const struct cuda_grid *grid, const void *args, size_t bytes)
{
    static const struct emulated_kernel *const kernels[CUDA_KERNEL_COUNT] = {
#define X(name) [CUDA_##name] = &cuda_host_##name,
        CANDIDATE_KERNEL_LIST(X)
#undef X
    };
    (void)c, (void)bytes;
    emulator_launch(kernels[kernel], grid, args);
}
