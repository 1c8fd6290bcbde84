#include "compute/cuda/cuda_profile.h"

#include "core/log.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_TOLD 500.0 // milliseconds

struct kernel_time {
    double milliseconds;
    long long launches;
    const char *name;
};

struct cuda_profile {
    struct kernel_time kernels[CUDA_KERNEL_COUNT];
    double all, told; // milliseconds; told: when it was last logged
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

static int by_time(const void *a, const void *b)
{
    const struct kernel_time *first = a, *second = b;
    return (first->milliseconds < second->milliseconds) -
           (first->milliseconds > second->milliseconds);
}

static void tell(struct cuda_profile *profile)
{
    struct kernel_time kernels[CUDA_KERNEL_COUNT];
    memcpy(kernels, profile->kernels, sizeof kernels);
    qsort(kernels, CUDA_KERNEL_COUNT, sizeof *kernels, by_time);
    log_info("the device has computed for %.3f s, of which", profile->all / 1e3);
    for (int i = 0; i < CUDA_KERNEL_COUNT && kernels[i].launches > 0; i++) {
        log_info("  %5.1f%%  %9.1f us each, %lld times  %s",
                 100.0 * kernels[i].milliseconds / profile->all,
                 1e3 * kernels[i].milliseconds / (double)kernels[i].launches, kernels[i].launches,
                 kernels[i].name);
    }
    profile->told = profile->all;
}

void cuda_profile_add(struct cuda_profile *profile, enum cuda_kernel_number number,
                      double milliseconds)
{
    profile->kernels[number].milliseconds += milliseconds;
    profile->kernels[number].launches++;
    profile->all += milliseconds;
    if (profile->all >= FIRST_TOLD && profile->all >= 1.5 * profile->told) {
        tell(profile);
    }
}

void cuda_profile_close(struct cuda_profile *profile)
{
    if (profile != NULL && profile->all > profile->told) {
        tell(profile);
    }
    free(profile);
}
