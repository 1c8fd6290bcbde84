// What the sum of single inputs and the linear part add to a mean. All candidates are made of the
// same few values of each input, so what an input adds is worked out once per value.
#pragma once
#include "learner/model/gp_kernel.h"

struct gp_parts {
    int *n;                 // [n_own] values known
    double *values, *means; // [n_own][GP_PARTS_VALUES]
    double *weights;        // [gp_linear_columns]
    double *row;            // [most points] scratch
};
enum { GP_PARTS_VALUES = 64 }; // of each input; others are worked out each time

enum status gp_parts_open(const struct gp_form *form, int most_points, struct arena *arena,
                          struct gp_parts *out);
// For a mean that is sum_i alpha_i k(x, x_i) over the first n points.
void gp_parts_begin(struct gp_parts *parts, const struct gp_points *points, int n,
                    const double *alpha);
// What both parts add at candidate i, of the mean that was begun with.
double gp_parts_mean(struct gp_parts *parts, const struct gp_points *points, int n,
                     const double *alpha, const double *params, const struct gp_points *candidates,
                     int i);
