#include "compute/cuda/cuda_profile.h"

#include "core/log.h"

#include <stdlib.h>

struct kernel_time {
    double milliseconds;
    long long launches;
    const char *name;
};

struct cuda_profile {
    struct kernel_time kernels[CUDA_KERNEL_COUNT];
};

struct cuda_profile *cuda_profile_open(void)
{
    static const char *const names[CUDA_KERNEL_COUNT] = {
#define X(name) [CUDA_##name] = #name,
        CUDA_KERNEL_LIST(X)
#undef X
    };
    struct cuda_profile *profile = calloc(1, sizeof *profile);
    for (int i = 0; profile != NULL && i < CUDA_KERNEL_COUNT; i++) {
        profile->kernels[i].name = names[i];
    }
    return profile;
}

void cuda_profile_add(struct cuda_profile *profile, enum cuda_kernel_number number,
                      double milliseconds)
{
    profile->kernels[number].milliseconds += milliseconds;
    profile->kernels[number].launches++;
}

static int by_time(const void *a, const void *b)
{
    const struct kernel_time *first = a, *second = b;
    return (first->milliseconds < second->milliseconds) -
           (first->milliseconds > second->milliseconds);
}

void cuda_profile_close(struct cuda_profile *profile)
{
    double all = 0.0;
    for (int i = 0; profile != NULL && i < CUDA_KERNEL_COUNT; i++) {
        all += profile->kernels[i].milliseconds;
    }
    if (all > 0.0) {
        qsort(profile->kernels, CUDA_KERNEL_COUNT, sizeof *profile->kernels, by_time);
        log_info("the device computed for %.3f s, of which", all / 1e3);
    }
    for (int i = 0; all > 0.0 && i < CUDA_KERNEL_COUNT && profile->kernels[i].launches > 0; i++) {
        const struct kernel_time *kernel = &profile->kernels[i];
        log_info("  %5.1f%%  %9.1f us each, %lld times  %s", 100.0 * kernel->milliseconds / all,
                 1e3 * kernel->milliseconds / (double)kernel->launches, kernel->launches,
                 kernel->name);
    }
    free(profile);
}
