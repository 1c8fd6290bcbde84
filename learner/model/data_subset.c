// The best by a heap, since qsort may allocate.
#include "learner/model/data_subset.h"

#include <stdbool.h>
#include <string.h>

static bool better(const double *y, int32_t a, int32_t b)
{
    return y[a] > y[b] || (y[a] == y[b] && a < b);
}

static void sift_down(const double *y, int32_t *heap, int n, int at)
{
    const int32_t item = heap[at];
    for (int child = 2 * at + 1; child < n; child = 2 * at + 1) {
        if (child + 1 < n && better(y, heap[child + 1], heap[child])) {
            child++;
        }
        if (!better(y, heap[child], item)) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = item;
}

static void take_best(int n_best, int n, const double *y, int32_t *heap, uint8_t *taken)
{
    for (int i = 0; i < n; i++) {
        heap[i] = i;
    }
    for (int i = n / 2 - 1; i >= 0; i--) {
        sift_down(y, heap, n, i);
    }
    for (int i = 0; i < n_best; i++) {
        taken[heap[0]] = 1;
        heap[0] = heap[n - 1 - i];
        sift_down(y, heap, n - 1 - i, 0);
    }
}

static void take_newest(int n_newest, int n, uint8_t *taken)
{
    for (int i = n - 1; n_newest > 0; i--) {
        n_newest -= taken[i] == 0 ? 1 : 0;
        taken[i] = 1;
    }
}

// The first draws of a shuffle.
static void take_random(int n_random, int n, struct rng *rng, int32_t *rest, uint8_t *taken)
{
    int left = 0;
    for (int i = 0; i < n; i++) {
        if (taken[i] == 0) {
            rest[left++] = i;
        }
    }
    for (; n_random > 0; n_random--) {
        const uint32_t drawn = rng_below(rng, (uint32_t)left);
        taken[rest[drawn]] = 1;
        rest[drawn] = rest[--left];
    }
}

int data_subset_choose(const struct data_subset *subset, int n, const double *y, struct rng *rng,
                       int32_t *chosen, int32_t *order, uint8_t *taken)
{
    const bool all = n <= subset->n_best + subset->n_newest + subset->n_random;
    int count = 0;
    memset(taken, all ? 1 : 0, (size_t)n);
    if (!all) {
        take_best(subset->n_best, n, y, order, taken);
        take_newest(subset->n_newest, n, taken);
        take_random(subset->n_random, n, rng, order, taken);
    }
    for (int i = 0; i < n; i++) {
        if (taken[i] != 0) {
            chosen[count++] = i;
        }
    }
    return count;
}
