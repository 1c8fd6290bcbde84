// A graph made executable on one backend, for one batch size. Opening picks kernels and lays out
// memory; running allocates nothing. Three kinds:
//   infer       BatchNorm folded, bias, activation and residual sum fused; float32 or int8
//   train       forward, backward and the optimiser's step
//   statistics  forward with BatchNorm statistics taken from the batch itself; gives running values
//   and ranges
#pragma once
#include "compute/backend.h"
#include "nn/graph.h"

// How raw input becomes the network's: images are u8 NHWC, y = (x / 255 - mean) / std; samples f32
// NHWC, y = (x - mean) / std; vectors f32 as they are.
struct plan_input {
    bool f32;
    const float *mean, *std; // [c], copied; NULL: vectors
};

// ---- inference
struct infer_options {
    int batch;     // most images in one call
    int chunk;     // images of one chunk, which bits may depend on; 0: what suits batch and graph
    bool int8;     // needs ranges in load
    bool keep_all; // nothing is folded, every node's value stays readable: for probe.h
    struct plan_input input;
};
struct infer_plan;
// ERR_UNSUPPORTED: int8 on a backend without it.
enum status infer_open(struct backend *backend, const struct graph *graph,
                       const struct infer_options *options, struct infer_plan **out);
// Folds and packs weights [n_floats]; ranges: per node greatest |value|, from statistics_ranges;
// NULL for float32.
enum status infer_load(struct infer_plan *plan, const float *params, const float *ranges);
// images: u8 or f32 [n][h][w][c], host; logits: [n][h][w][c] of the first output, host. n <= batch.
// ERR_IO, here and below: the device failed.
enum status infer_run(struct infer_plan *plan, const void *images, int n, float *logits);
// The last n images once more, where they are: what a device does without their way to it. On a
// backend of the host's memory they are the caller's, and still there.
enum status infer_run_again(struct infer_plan *plan, int n, float *logits);
// Another output of the last run: values [n][h][w][c] of graph.outputs[output], n as in the run.
enum status infer_output(struct infer_plan *plan, int output, int n, float *values);
void infer_close(struct infer_plan *plan);

// ---- statistics
struct statistics_plan;
struct statistics_options {
    int batch;
    bool ranges; // also gather activation ranges
    struct plan_input input;
};
enum status statistics_open(struct backend *backend, const struct graph *graph,
                            const struct statistics_options *options, struct statistics_plan **out);
enum status statistics_begin(struct statistics_plan *plan,
                             const float *params); // uploads, forgets earlier batches
// One batch of exactly `batch` images. Every BatchNorm normalises with this batch's own statistics.
enum status statistics_run(struct statistics_plan *plan, const void *images);
// Writes mean and (unbiased) variance over all batches into params' running slices; nothing else
// changes.
void statistics_finish(struct statistics_plan *plan, float *params);
// ranges [n_nodes]: what int8 must span of each node's output: the greatest |value| of an image,
// averaged over the images in their order, so that one outlier does not coarsen every step, and
// neither chunks nor threads nor the backend have a part in it. 0 where not gathered:
// inside what an inference plan makes one step.
void statistics_ranges(const struct statistics_plan *plan, float *ranges);
void statistics_close(struct statistics_plan *plan);

// ---- training
struct program_memory; // program.h
enum optimizer_kind { OPTIMIZER_SGD, OPTIMIZER_RMSPROP, OPTIMIZER_ADAM };
struct optimizer_options {
    enum optimizer_kind kind;
    float momentum; // SGD, RMSPROP
    float weight_decay;
    bool nesterov;
    float alpha, epsilon, beta1, beta2;
    float clip; // largest global gradient norm; 0 = no clipping
};
// Adds up values over all ranks that train together. A rank holds the run of `total` chunks that is
// its share (sum_tree_share) as the nodes of core/sum_tree.h, values [nodes][count]; the sum of all
// comes into the first. Values are on the host. Collective.
struct plan_reducer {
    enum status (*sum_f32)(void *context, int total, float *values, size_t count);
    enum status (*sum_f64)(void *context, int total, double *values, size_t count);
    void *context;
    int rank, ranks;
    // BatchNorm statistics over all ranks' images, not only over this one's: without, the result
    // depends on the number of ranks.
    bool sync_batchnorm;
};
// A batch is cut into chunks of a size that depends on backend and graph alone, and each rank has a
// run of whole chunks, so that the trained network is the same bytes for any number of ranks and
// lanes. The last chunk has what is left of the batch. A backend that never cuts (chunk_bytes 0)
// has one chunk per rank.
struct train_share {
    int chunk;    // images of one
    int first, n; // this rank's chunks
    int total;    // chunks of the whole batch
    int images;   // of this rank
};
// ERR_CONFIG: more ranks than chunks; the message says what fits.
enum status train_share(const struct backend *backend, const struct graph *graph, int batch,
                        int rank, int ranks, struct train_share *out);
// The same with chunks of so many images, for graphs that train on one batch together.
enum status train_share_chunks(int chunk, int batch, int rank, int ranks, struct train_share *out);
struct train_options {
    int batch; // images per update, over all ranks
    struct plan_input input;
    struct optimizer_options optimizer;
    const struct plan_reducer *reducer; // NULL: alone
    float bn_momentum;                  // of running values, PyTorch's sense (0.1)
    float label_share, temperature;     // distillation: see SOFTMAX_XENT; label_share 1 = plain
    uint64_t seed;                      // dropout
    int chunk; // images of a chunk; 0: what suits graph and backend (train_share)
    // Weights and updates are the caller's, who reaches the plan's by train_params_address and
    // train_gradients_address: there is no optimiser, and train_step may not be called.
    bool gradient_only;
    bool keep_outputs; // for train_outputs
    // For plans that run in turn, see program.h; NULL: its own. Outputs and results of a run are
    // there until another plan runs or is opened.
    struct program_memory *memory;
};
struct train_result {
    double loss;    // mean over this call's (global) batch
    double correct; // share
    double gradient_norm;
};
struct train_plan;
enum status train_open(struct backend *backend, const struct graph *graph,
                       const struct train_options *options, struct train_plan **out);
enum status train_load(struct train_plan *plan,
                       const float *params); // weights in; optimiser state zeroed
// Images, labels i32 and targets f32 [classes] (the teacher's logits; NULL without distillation) of
// this rank's share of the batch.
enum status train_step(struct train_plan *plan, const void *images, const int32_t *labels,
                       const float *targets, float learning_rate, struct train_result *result);
// Another step with the last one's images, labels and targets, likewise.
enum status train_step_again(struct train_plan *plan, float learning_rate,
                             struct train_result *result);
// Forward and backward only: gradients stay in the plan (train_gradients).
enum status train_gradient(struct train_plan *plan, const void *images, const int32_t *labels,
                           const float *targets, struct train_result *result);
enum status train_gradients(const struct train_plan *plan, float *gradients); // [n_trainable]
// In the backend's memory: the weights [n_floats] that the next run reads, running values too; and
// the gradient [n_trainable] of the last train_gradient, over all ranks.
float *train_params_address(const struct train_plan *plan);
float *train_gradients_address(const struct train_plan *plan);
// What the network said in the last run: [images of this rank][classes], host, until the next one.
// With keep_outputs.
const float *train_outputs(const struct train_plan *plan);
void train_set_step(struct train_plan *plan, int64_t step); // number of the update, for dropout
// [n_floats], running values too
enum status train_params(const struct train_plan *plan, float *params);
size_t train_state_count(const struct train_plan *plan); // floats of optimiser state
enum status train_save_state(const struct train_plan *plan, float *state, int64_t *step);
enum status train_load_state(struct train_plan *plan, const float *state, int64_t step);
void train_close(struct train_plan *plan);
