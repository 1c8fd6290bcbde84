// Fronts of several objectives. A point is a row of `dims` numbers, 1 to FRONT_MOST_DIMS, all of
// which are better when smaller: errors and costs.
#pragma once
#include "core/arena.h"
#include "core/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { FRONT_MOST_DIMS = 4 };

// Whether a is nowhere worse than b and somewhere better. Equal points do not dominate each other.
bool front_dominates(const double *a, const double *b, int dims);
// Numbers of the points [n][dims] that no other dominates, ascending, into kept [n]; of equal ones
// the first. Returns how many.
int front_select(const double *points, int n, int dims, int32_t *kept);
// The volume that the points [n][dims] dominate, up to the reference [dims], exactly; points that
// are not below the reference in everything add nothing. Time grows with n^(dims - 1). Scratch from
// `arena`.
enum status front_hypervolume(const double *points, int n, int dims, const double *reference,
                              struct arena *arena, double *out);
