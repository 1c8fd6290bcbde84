// Sums of partial results, in the order that makes them the same bytes on any number of lanes.
#pragma once
#include "compute/backend.h"

// sum = partials added up, first to last; each `bytes` long (whole floats) and right after the one
// before. Large ones are shared out over the lanes, so: not from inside the backend's parallel().
void cpu_partials_add(struct backend *backend, const void *partials, int n, size_t bytes,
                      float *sum);
