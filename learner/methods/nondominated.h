// Sorting points of several objectives, all better when smaller, into fronts, and how crowded each
// is among its own (Deb et al. 2002, "A fast and elitist multiobjective genetic algorithm:
// NSGA-II", III.A and III.B). points [n][dims], 1 <= dims <= FRONT_MOST_DIMS.
#pragma once
#include "core/arena.h"
#include "learner/front.h"

// rank [n] out: 0 of points that none dominates, 1 of those that only rank 0 does, and so on.
enum status nondominated_rank(const double *points, int n, int dims, struct arena *scratch,
                              int32_t *rank);
// distance [n] out, among the points of equal rank: the sum over objectives of the gap between a
// point's two neighbours, as a share of the range; INFINITY at either end.
enum status nondominated_crowding(const double *points, int n, int dims, const int32_t *rank,
                                  struct arena *scratch, double *distance);
