// Adds partials up piece by piece: a piece of the sum stays in the nearest cache meanwhile. Ranges
// of pieces are what the lanes share.
#include "compute/cpu/cpu_partials.h"

#include "compute/cpu/cpu_backend.h"
#include "compute/cpu/cpu_vector.h"

// Floats; 32 KiB, and from 256 KiB on it pays to wake the other lanes.
enum { RANGE = 8192, SHARED = 65536, PIECE = 1024, PIECE_F64 = 256 };

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

// n partials, `stride` floats apart, of which the first `count` <= PIECE floats are added.
static void add_halves(const float *partials, int n, size_t stride, size_t count, float *sum)
{
    if (n == 1) {
        memcpy(sum, partials, count * sizeof *sum);
        return;
    }
    float second[PIECE];
    add_halves(partials, n / 2, stride, count, sum);
    add_halves(partials + (size_t)(n / 2) * stride, n - n / 2, stride, count, second);
    add_floats(count, second, sum);
}

static void add_range(void *context, int index, int lane)
{
    (void)lane;
    const struct addition *a = context;
    const size_t first = (size_t)index * RANGE;
    const size_t end = a->count - first < RANGE ? a->count : first + RANGE;
    for (size_t i = first; i < end; i += PIECE) {
        const size_t count = end - i < PIECE ? end - i : PIECE;
        add_halves(a->partials + i, a->n, a->count, count, a->sum + i);
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

static void add_halves_f64(const double *partials, int n, size_t stride, size_t count, double *sum)
{
    if (n == 1) {
        memcpy(sum, partials, count * sizeof *sum);
        return;
    }
    double second[PIECE_F64];
    add_halves_f64(partials, n / 2, stride, count, sum);
    add_halves_f64(partials + (size_t)(n / 2) * stride, n - n / 2, stride, count, second);
    for (size_t i = 0; i < count; i++) {
        sum[i] += second[i];
    }
}

void cpu_partials_add_f64(const double *partials, int n, size_t count, double *sum)
{
    for (size_t i = 0; i < count; i += PIECE_F64) {
        const size_t piece = count - i < PIECE_F64 ? count - i : PIECE_F64;
        add_halves_f64(partials + i, n, count, piece, sum + i);
    }
}
