#include "learner/front.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool front_dominates(const double *a, const double *b, int dims)
{
    bool better = false;
    for (int i = 0; i < dims; i++) {
        if (!(a[i] <= b[i])) {
            return false;
        }
        better = better || a[i] < b[i];
    }
    return better;
}

static const double *point_at(const double *points, int i, int dims)
{
    return points + (size_t)i * (size_t)dims;
}

int front_select(const double *points, int n, int dims, int32_t *kept)
{
    const size_t bytes = (size_t)dims * sizeof *points;
    int n_kept = 0;
    for (int i = 0; i < n; i++) {
        const double *point = point_at(points, i, dims);
        bool stays = true;
        for (int k = 0; k < n && stays; k++) {
            const double *other = point_at(points, k, dims);
            stays = !front_dominates(other, point, dims) &&
                    !(k < i && memcmp(other, point, bytes) == 0);
        }
        if (stays) {
            kept[n_kept++] = i;
        }
    }
    return n_kept;
}

// Points by number, in the order of one of their dimensions.
struct slicing {
    const double *points, *reference;
    int dims;       // of a point
    int32_t *order; // [FRONT_MOST_DIMS][n] scratch, a level for each dimension
    int n;
};

static double value_of(const struct slicing *s, int32_t point, int dimension)
{
    return point_at(s->points, point, s->dims)[dimension];
}

// In place; insertion sort, since levels below the first come almost sorted.
static void sort_by(const struct slicing *s, int dimension, int32_t *order, int n)
{
    for (int i = 1; i < n; i++) {
        const int32_t point = order[i];
        const double value = value_of(s, point, dimension);
        int at = i;
        for (; at > 0 && value_of(s, order[at - 1], dimension) > value; at--) {
            order[at] = order[at - 1];
        }
        order[at] = point;
    }
}

// Of the listed points [n], n >= 1, in their first two dimensions.
static double area_of(const struct slicing *s, int32_t *listed, int n)
{
    double area = 0.0, lowest = s->reference[1];
    sort_by(s, 0, listed, n);
    for (int i = 0; i < n; i++) {
        const double height = value_of(s, listed[i], 1);
        if (height < lowest) {
            area += (s->reference[0] - value_of(s, listed[i], 0)) * (lowest - height);
            lowest = height;
        }
    }
    return area;
}

// In the first `dims` dimensions: slices along the last of them, in each of which the points that
// have begun dominate the same volume of one dimension less (While et al. 2006, HSO).
static double volume_of(const struct slicing *s, int dims, const int32_t *listed, int n)
{
    int32_t *order = s->order + (size_t)(dims - 1) * (size_t)s->n;
    memcpy(order, listed, (size_t)n * sizeof *order);
    if (dims == 2) {
        return area_of(s, order, n);
    }
    sort_by(s, dims - 1, order, n);
    double volume = 0.0;
    for (int i = 0; i < n; i++) {
        const double from = value_of(s, order[i], dims - 1);
        const double to = i + 1 < n ? value_of(s, order[i + 1], dims - 1) : s->reference[dims - 1];
        if (dims == 1) {
            return s->reference[0] - from;
        }
        if (to > from) {
            volume += (to - from) * volume_of(s, dims - 1, order, i + 1);
        }
    }
    return volume;
}

enum status front_hypervolume(const double *points, int n, int dims, const double *reference,
                              struct arena *arena, double *out)
{
    struct slicing s = {.points = points, .reference = reference, .dims = dims, .n = n};
    int32_t *kept;
    int inside = 0;
    CHECK(dims >= 1 && dims <= FRONT_MOST_DIMS && n >= 0);
    ARENA_NEW(arena, kept, (size_t)n + 1);
    ARENA_NEW(arena, s.order, (size_t)dims * (size_t)n + 1);
    const int n_kept = front_select(points, n, dims, kept);
    for (int i = 0; i < n_kept; i++) {
        bool below = true;
        for (int k = 0; k < dims; k++) {
            below = below && value_of(&s, kept[i], k) < reference[k];
        }
        kept[inside] = kept[i];
        inside += below ? 1 : 0;
    }
    *out = inside > 0 ? volume_of(&s, dims, kept, inside) : 0.0;
    return OK;
}
