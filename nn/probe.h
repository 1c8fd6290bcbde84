// Every intermediate value of a network on a batch of images, node by node: nothing fused,
// BatchNorm with its running statistics. For what looks inside a network (refit, criteria that need
// activations); slower than an inference plan and holds the values of all nodes.
#pragma once
#include "compute/backend.h"
#include "nn/plan.h"

struct probe;
// batch: most images in one run. graph is borrowed.
enum status probe_open(struct backend *backend, const struct graph *graph, int batch,
                       const struct plan_input *input, struct probe **out);
enum status probe_load(struct probe *probe, const float *params); // [n_floats]
// images: u8 or f32 [n][h][w][c], host. n <= batch.
enum status probe_run(struct probe *probe, const void *images, int n);
// The output of `node` on the images of the last run, f32 [n][h][w][c]. Borrowed until the next
// call on this probe.
const float *probe_output(struct probe *probe, int node);
void probe_close(struct probe *probe); // NULL is fine
