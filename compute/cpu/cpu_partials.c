// Adds partials up range by range: a range of the sum stays in the nearest cache meanwhile, and
// ranges are what the lanes share.
#include "compute/cpu/cpu_partials.h"

#include "compute/cpu/cpu_backend.h"
#include "compute/cpu/cpu_vector.h"

// Floats; 32 KiB, and from 256 KiB on it pays to wake the other lanes.
enum { RANGE = 8192, SHARED = 65536 };

struct addition {
    const float *partials; // [n][count]
    float *sum;            // [count]
    size_t count;
    int n;
};

CPU_CLONES static void add_floats(size_t count, const float *restrict from, float *restrict sum)
{
    for (size_t i = 0; i < count; i++) {
        sum[i] += from[i];
    }
}

static void add_range(void *context, int index, int lane)
{
    (void)lane;
    const struct addition *a = context;
    const size_t first = (size_t)index * RANGE, rest = a->count - first;
    const size_t count = rest < RANGE ? rest : RANGE;
    memcpy(a->sum + first, a->partials + first, count * sizeof *a->sum);
    for (int k = 1; k < a->n; k++) {
        add_floats(count, a->partials + (size_t)k * a->count + first, a->sum + first);
    }
}

void cpu_partials_add(struct backend *backend, const void *partials, int n, size_t bytes,
                      float *sum)
{
    struct addition addition = {.partials = partials, .count = bytes / sizeof *sum, .n = n};
    addition.sum = sum;
    const int ranges = (int)((addition.count + RANGE - 1) / RANGE);
    if (addition.count >= SHARED) {
        lanes_run(((struct cpu_backend *)backend)->lanes, ranges, add_range, &addition);
        return;
    }
    for (int index = 0; index < ranges; index++) {
        add_range(&addition, index, 0);
    }
}
