// The optimiser's step over a flat block: the norm of the whole gradient, then the update clipped
// by it, all on the backend. Cut into pieces that run on all lanes; a backend that never cuts takes
// the block as one.
#pragma once
#include "nn/plan.h"

struct optimizer;
// count: floats of weights. ERR_CONFIG for values out of range.
enum status optimizer_open(struct backend *backend, const struct optimizer_options *options,
                           size_t count, struct optimizer **out);
void optimizer_close(struct optimizer *optimizer); // NULL is fine
void optimizer_reset(struct optimizer *optimizer); // state to zero, step to 0
// Gives one update to the backend's queue. weights, gradients: [count] in the backend's memory. A
// gradient whose norm is not finite changes nothing.
enum status optimizer_step(struct optimizer *optimizer, float *weights, float *gradients,
                           float rate);
// Waits for it. *norm: the gradient's, before clipping; where that is not finite the step does not
// count.
enum status optimizer_finish(struct optimizer *optimizer, double *norm);
size_t optimizer_state_count(const struct optimizer *optimizer); // floats
enum status optimizer_save(const struct optimizer *optimizer, float *state, int64_t *step);
void optimizer_load(struct optimizer *optimizer, const float *state, int64_t step);
