// Sums of partial results by halves (see compute/op.h): the same bytes on any number of lanes.
#pragma once
#include "compute/backend.h"

// sum = partials added up; each `bytes` long (whole floats) and right after the one before. Large
// ones are shared out over the lanes, so: not from inside the backend's parallel().
void cpu_partials_add(struct backend *backend, const void *partials, int n, size_t bytes,
                      float *sum);

// The same for n partials of `count` doubles, on the caller alone. sum [count].
void cpu_partials_add_f64(const double *partials, int n, size_t count, double *sum);
