#include "learner/methods/nondominated.h"

#include <math.h>
#include <stdlib.h>

static const double *point_at(const double *points, int i, int dims)
{
    return points + (size_t)i * (size_t)dims;
}

// The paper keeps for each point the list of those that it dominates; here it is found again where
// it is needed, once: as many comparisons twice, and no memory that grows with n^2.
enum status nondominated_rank(const double *points, int n, int dims, struct arena *scratch,
                              int32_t *rank)
{
    int32_t *dominators, *queue; // [n] not ranked yet; points in the order of their ranks
    int ranked = 0;
    ARENA_NEW(scratch, dominators, (size_t)n + 1);
    ARENA_NEW(scratch, queue, (size_t)n + 1);
    for (int i = 0; i < n; i++) {
        dominators[i] = 0;
        for (int k = 0; k < n; k++) {
            dominators[i] +=
                front_dominates(point_at(points, k, dims), point_at(points, i, dims), dims) ? 1 : 0;
        }
        if (dominators[i] == 0) {
            rank[i] = 0;
            queue[ranked++] = i;
        }
    }
    for (int at = 0; at < ranked; at++) {
        const int32_t better = queue[at];
        for (int i = 0; i < n; i++) {
            if (front_dominates(point_at(points, better, dims), point_at(points, i, dims), dims) &&
                --dominators[i] == 0) {
                rank[i] = rank[better] + 1;
                queue[ranked++] = i;
            }
        }
    }
    CHECK(ranked == n);
    return OK;
}

struct place {
    double value;
    int32_t rank, point;
};

static int by_rank_and_value(const void *a, const void *b)
{
    const struct place *one = a, *other = b;
    if (one->rank != other->rank) {
        return one->rank < other->rank ? -1 : 1;
    }
    if (one->value < other->value || one->value > other->value) {
        return one->value < other->value ? -1 : 1;
    }
    return one->point < other->point ? -1 : one->point > other->point;
}

// One objective of one front: places [n] in order.
static void add_gaps(const struct place *places, int n, double *distance)
{
    const double range = places[n - 1].value - places[0].value;
    distance[places[0].point] = distance[places[n - 1].point] = INFINITY;
    for (int i = 1; i + 1 < n && range > 0.0; i++) {
        distance[places[i].point] += (places[i + 1].value - places[i - 1].value) / range;
    }
}

enum status nondominated_crowding(const double *points, int n, int dims, const int32_t *rank,
                                  struct arena *scratch, double *distance)
{
    struct place *places;
    ARENA_NEW(scratch, places, (size_t)n + 1);
    for (int i = 0; i < n; i++) {
        distance[i] = 0.0;
    }
    for (int k = 0; k < dims; k++) {
        for (int i = 0; i < n; i++) {
            places[i] = (struct place){point_at(points, i, dims)[k], rank[i], i};
        }
        qsort(places, (size_t)n, sizeof *places, by_rank_and_value);
        for (int first = 0, end = 0; first < n; first = end) {
            while (end < n && places[end].rank == places[first].rank) {
                end++;
            }
            add_gaps(places + first, end - first, distance);
        }
    }
    return OK;
}
