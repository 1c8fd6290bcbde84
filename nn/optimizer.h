// The optimiser's step over a flat block: cut into pieces that run on all lanes.
#pragma once
#include "nn/plan.h"

struct optimizer;
// count: floats of weights. ERR_CONFIG for values out of range.
enum status optimizer_open(struct backend *backend, const struct optimizer_options *options,
                           size_t count, struct optimizer **out);
void optimizer_close(struct optimizer *optimizer); // NULL is fine
void optimizer_reset(struct optimizer *optimizer); // state to zero, step to 0
// One update. weights, gradients: [count] in the backend's memory. *norm: the gradient's, before
// clipping.
void optimizer_step(struct optimizer *optimizer, float *weights, const float *gradients, float rate,
                    double *norm);
// The same in two parts. Norm of the whole gradient, in the backend's memory.
double optimizer_norm(struct optimizer *optimizer, const float *gradients);
// The update, clipped by that norm.
void optimizer_update(struct optimizer *optimizer, float *weights, const float *gradients,
                      float rate, double norm);
size_t optimizer_state_count(const struct optimizer *optimizer); // floats
void optimizer_save(const struct optimizer *optimizer, float *state, int64_t *step);
void optimizer_load(struct optimizer *optimizer, const float *state, int64_t step);
