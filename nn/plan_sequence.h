// Plans for networks over sequences: time runs along the height of the graph's input ([T][1][C] per
// sequence), dense layers are 1x1 convolutions, LSTM nodes carry state. Forward, and backward from
// a gradient that the caller computes (policy gradients, actor-critic), then an optimiser's step.
#pragma once
#include "nn/plan.h"

struct sequence_options {
    int batch;                          // sequences per run, B
    bool training;                      // false: forward only, less memory
    bool input_gradient;                // sequence_backward may ask for it
    struct optimizer_options optimizer; // training
};
struct sequence_plan;
// The graph's input is f32 [T][1][C]; its output [T][1][n_out]. graph is borrowed.
enum status sequence_open(struct backend *backend, const struct graph *graph,
                          const struct sequence_options *options, struct sequence_plan **out);
void sequence_close(struct sequence_plan *plan); // NULL is fine

// Weights [n_floats], host. load keeps the optimiser's state.
void sequence_load(struct sequence_plan *plan, const float *params);
enum status sequence_params(const struct sequence_plan *plan, float *params);

// Floats of recurrent state per sequence: h, then c, of each LSTM in node order. 0 without LSTM.
size_t sequence_state_count(const struct graph *graph);

// Without training, what a sequence of 1x1 convolutions and LSTMs gives is the same to the bit
// whichever others there are.
// inputs [B][T][C]. reset [B][T]: not 0 where the state is zeroed before that step; NULL = nowhere.
// state [B][state_count]: where the sequences begin, replaced by where they end; NULL = zeros, and
// not wanted. output [B][T][n_out]. All host. Allocates nothing. ERR_IO, here and below: the device
// failed.
enum status sequence_forward(struct sequence_plan *plan, const float *inputs, const float *reset,
                             float *state, float *output);
// After a forward of a training plan: d_output [B][T][n_out], the gradient of the caller's loss;
// the parameters' gradients stay in the plan. d_inputs [B][T][C] (options.input_gradient) or NULL.
// No gradient flows into the initial state.
enum status sequence_backward(struct sequence_plan *plan, const float *d_output, float *d_inputs);
enum status sequence_gradients(const struct sequence_plan *plan, float *gradients); // [n_trainable]

// One update from the gradients of the last backward, clipped as the options say. *norm: of the
// gradient before clipping. When it is not finite nothing changes.
enum status sequence_step(struct sequence_plan *plan, float rate, double *norm);
size_t sequence_optimizer_count(const struct sequence_plan *plan); // floats of optimiser state
enum status sequence_save_optimizer(const struct sequence_plan *plan, float *state, int64_t *step);
void sequence_load_optimizer(struct sequence_plan *plan, const float *state, int64_t step);
