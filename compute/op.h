// The operations a backend makes executable. A `struct op` says completely what one call does:
// kind, shapes, attributes. Tensors are NHWC: row-major [n][h][w][c]. A vector per image is h = w =
// 1; a sequence is h = T, w = 1. A linear layer is a CONV whose kernel covers its whole input
// (kernel h x w, no padding, 1x1 out), so weights are OIHW everywhere, as PyTorch flattens them.
//
// in[] and out[] below are the argument slots of `struct op_args`. "NULL" means may be NULL.
// Chunks: a batch is cut into chunks of op.n images (a training's last one may be smaller, with
// kernels of its own); per-image operations run once per chunk,
// and what is summed over the batch leaves one partial per chunk. Two partials are added by ADD, or
// by BN_SUM where they are f64, always the same two (core/sum_tree.h), so results depend neither on
// how many threads there are nor on how many processes share the chunks.
//
// clang-format off
// kind                    in[]                                           out[]
// factor                  f32 [1], read where x or y are integers (real value -> integer; POOL_AVG: back), else NULL
// NORMALIZE               x u8, scale f32 [c], shift f32 [c]             y = x * scale + shift, f32 | u8 | s8 (nearest even, clamped)
// QUANTIZE                x f32, factor                                  y = round(x * factor), u8 | s8
// CONV                    x, packed weights (kernel->pack)               y = act(conv(x) + bias [+ y if sum]); f32, or int8
// CONV_BACKWARD_DATA      dy f32, packed weights                         dx f32
// CONV_BACKWARD_WEIGHTS   x f32, dy f32                                  partial (partial_bytes; two are added by ADD, kernel->unpack reads one)
// POOL_MAX                x f32 | u8 | s8                                y same type, [training] argmax u8: kh * kernel[1] + kw
// POOL_MAX_BACKWARD       dy f32, argmax u8                              dx f32
// POOL_AVG                x f32 | u8 | s8, factor                        y f32 (u8, s8: times factor). Padding counts unless exclude_pad
// POOL_AVG_BACKWARD       dy f32                                         dx f32
// SCALE_SHIFT             x f32, scale [c], shift [c], residual f32 NULL, factor   y = act(x * scale + shift + residual), f32 | u8 | s8 (round(y * factor)); of f32, RANGE's partial NULL
// BN_STATISTICS           x f32                                          partial f64 [2][c]: sum of x, sum of x*x over the chunk
// BN_SUM                  a f64 [2][c], b f64 [2][c] NULL                a + b; may be the same array as a or b
// BN_FINISH               sums f64 [2][c], gamma, beta f32 [c]           scale, shift, mean, inv_std f32 [c], running mean, variance (NULL both)
// BN_BACKWARD_REDUCE      dy f32, dy2 f32 NULL, y f32 NULL, x, mean, inv_std   g f32 NULL, partial f64 [2][c]: sum g, sum g * xhat
//                         g = (dy + dy2) * slope of act, which must follow from y (factor 1 if y is NULL); xhat = (x - mean) * inv_std
// BN_BACKWARD_FINISH      sums f64 [2][c], gamma, mean, inv_std f32 [c]  dgamma, dbeta f32 [c] (NULL both), k f32 [3][c]
// BN_BACKWARD_APPLY       g f32, x f32, k f32 [3][c]                     dx = k0 * g + k1 * x + k2
// ADD                     a f32, b f32 NULL, factor                      y = act(a + b), f32 | u8 | s8 (round(y * factor))
// MULTIPLY                a f32, b f32 (broadcast: [n][1][1][c]), factor y = act(a * b), f32 | u8 | s8 (round(y * factor)). Without act its gradients are MULTIPLY again, but for
// MULTIPLY_BACKWARD_VECTOR   dy f32, a f32                               db f32 [n][c]: sum over the map of dy * a
// ACT_BACKWARD            dy f32, dy2 f32 NULL, y f32 NULL               g, as in BN_BACKWARD_REDUCE; x instead of y where act is ACT_FROM_INPUT
// COPY_CHANNELS           x [n][h][w][in_c]                              y[..., to + i] = x[..., from + i], i < count; others untouched
// GATHER                  x f32, where the box begins                    y f32: a box of n x in_h x in_w x in_c values, dense, out of a tensor [any][out_h][out_w][out_c]
// SCATTER_ADD             x f32: such a box, dense                       y f32, where it begins: y[box] += alpha * x
// PAD                     x [n][h][w][in_c], f32 | u8 | s8               y same type: x in a frame of zeros, of which every stride-th row and column; `to` zero channels before, rest after
//                         y[oh][ow][to + c] = x[oh * stride[0] - pad[0]][ow * stride[1] - pad[1]][c], 0 outside; negative pad crops
// PAD_BACKWARD            dy f32                                         dx f32, zero where not sampled
// SHUFFLE                 x f32 | u8 | s8                                y same type: y[i * groups + g] = x[g * (c / groups) + i]. Its gradient is SHUFFLE with c / groups
// RESIZE                  x f32 | u8 | s8 (LINEAR: f32)                  y same type; which inputs it reads: resize.h
// RESIZE_BACKWARD         dy f32                                         dx f32
// DROPOUT                 x f32                                          y = x * keep / (1 - rate), keep from (seed, step, element); also its backward
// SOFTMAX                 x f32                                          y f32: over the channels of each pixel
// SOFTMAX_BACKWARD        dy f32, y f32                                  dx f32
// SOFTMAX_XENT            logits f32 [n][c], labels i32 [n], targets f32 [n][c] NULL   partial f64 [2]: loss sum, correct; dlogits f32 NULL
// LSTM                    x f32 [n][T][in], packed weights, h0 [n][H], c0 [n][H], reset f32 [n][T] NULL
//                                                                                y f32 [n][T][H], saved f32 [n][T][6H] (NULL in inference), last h and c [n][H] (NULL both)
// LSTM_BACKWARD           dy, x, packed weights, h0, c0, reset NULL, y, saved    dx NULL, partial f32 (as CONV_BACKWARD_WEIGHTS), dh0, dc0 (NULL both)
// RANGE                   x f32                                          partial f32 [n][2]: least and greatest value of each image
// SUM_SQUARES             x f32                                          partial f64 [2]: sum of x*x, 0
// CLIP                    sum f64 [2] of SUM_SQUARES                     norm f64 [1] = root of sum[0], scale f32 [1]: 1, or what makes the norm op.clip where that is exceeded; NaN where the norm is no finite number
// SGD                     gradient f32 [c], scale f32 [1] NULL           weights, momentum. All three multiply the gradient by scale first, and change nothing where that is NaN
// RMSPROP                 gradient, scale                                weights, mean square, momentum
// ADAM                    gradient, scale                                weights, first moment, second moment
// clang-format on
#pragma once
#include "compute/activation.h"
#include "compute/resize.h"
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OP_LIST(X)                                                                                 \
    X(NORMALIZE)                                                                                   \
    X(QUANTIZE)                                                                                    \
    X(CONV)                                                                                        \
    X(CONV_BACKWARD_DATA)                                                                          \
    X(CONV_BACKWARD_WEIGHTS)                                                                       \
    X(POOL_MAX)                                                                                    \
    X(POOL_MAX_BACKWARD)                                                                           \
    X(POOL_AVG)                                                                                    \
    X(POOL_AVG_BACKWARD)                                                                           \
    X(SCALE_SHIFT)                                                                                 \
    X(BN_STATISTICS)                                                                               \
    X(BN_SUM)                                                                                      \
    X(BN_FINISH)                                                                                   \
    X(BN_BACKWARD_REDUCE)                                                                          \
    X(BN_BACKWARD_FINISH)                                                                          \
    X(BN_BACKWARD_APPLY)                                                                           \
    X(ADD)                                                                                         \
    X(MULTIPLY)                                                                                    \
    X(MULTIPLY_BACKWARD_VECTOR)                                                                    \
    X(ACT_BACKWARD)                                                                                \
    X(COPY_CHANNELS)                                                                               \
    X(GATHER)                                                                                      \
    X(SCATTER_ADD)                                                                                 \
    X(PAD)                                                                                         \
    X(PAD_BACKWARD)                                                                                \
    X(SHUFFLE)                                                                                     \
    X(RESIZE)                                                                                      \
    X(RESIZE_BACKWARD)                                                                             \
    X(DROPOUT)                                                                                     \
    X(SOFTMAX)                                                                                     \
    X(SOFTMAX_BACKWARD)                                                                            \
    X(SOFTMAX_XENT)                                                                                \
    X(LSTM)                                                                                        \
    X(LSTM_BACKWARD)                                                                               \
    X(RANGE)                                                                                       \
    X(SUM_SQUARES)                                                                                 \
    X(CLIP)                                                                                        \
    X(SGD)                                                                                         \
    X(RMSPROP)                                                                                     \
    X(ADAM)

enum op_kind {
#define X(name) OP_##name,
    OP_LIST(X)
#undef X
        OP_COUNT
};

enum dtype { DTYPE_F32, DTYPE_U8, DTYPE_S8 };
size_t dtype_bytes(enum dtype dtype);

// Without gaps, so that equal ops are equal bytes (op_equal).
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"
struct op {
    enum op_kind kind;
    int n;                   // images in one call
    int in_h, in_w, in_c;    // of the forward input, also for backward kinds
    int out_h, out_w, out_c; // of the forward output
    enum dtype in_type, out_type;
    struct activation act;
    // CONV, POOL; PAD: stride and pad. [0] counts rows (height), [1] columns (width). Tap k of
    // output o lies on input o * stride - pad + k * dilation.
    int kernel[2], stride[2], dilation[2]; // at least 1
    int pad[4];                            // zeros above, left, below, right: ONNX's order
    int groups;                            // CONV: 1 = dense, in_c = depthwise. SHUFFLE: parts
    int like_n; // CONV_BACKWARD_WEIGHTS: partials are laid out as those of so many images; 0: n
    bool bias;  // packed weights carry a bias per output channel
    bool sum;   // CONV: add onto what y already holds, before act
    // CONV of a 1x1 kernel, f32: y of a pixel has the same bits however many images there are.
    bool by_row;
    bool exclude_pad; // POOL_AVG
    bool training;    // POOL_MAX: also write argmax; LSTM: also write saved
    bool broadcast;   // MULTIPLY: b is one vector per image
    uint8_t unused[2];
    enum resize_mode resize;
    enum resize_coordinates coordinates;
    // COPY_CHANNELS, PAD
    int from, to, count;
    // BN_FINISH: epsilon, momentum (of the running values, PyTorch's sense)
    float epsilon, momentum;
    float rate;         // DROPOUT
    float temperature;  // SOFTMAX_XENT with targets (distillation), 1 = plain
    float target_share; // SOFTMAX_XENT: loss = (1-share)*CE(labels) + share*T^2*KL(targets)
    float clip;         // CLIP: largest norm; 0 = any
    // SGD, RMSPROP, ADAM
    float decay, nesterov, alpha, beta1, beta2; // weight decay; 0/1; RMSPROP's alpha (SCATTER_ADD:
                                                // its factor); ADAM's betas
};
#pragma GCC diagnostic pop

bool op_equal(const struct op *a, const struct op *b);
uint64_t op_hash(const struct op *op); // of equal ops equal

// Values that change from run to run of a program, the same for all its calls. They lie in the
// backend's memory, so that recorded work (backend.h) goes by what they are when it runs.
struct op_run {
    uint64_t seed; // DROPOUT
    int64_t step;  // DROPOUT: update number; ADAM: 1, 2, ... for its bias correction
    float rate;    // SGD, RMSPROP, ADAM: learning rate
};

// Values of one call, the same in every run.
struct op_dynamic {
    double count;    // BN_*_FINISH: values per channel over the whole (global) batch; SOFTMAX_XENT:
                     // rows of it
    uint64_t stream; // DROPOUT: added to the run's seed, tells one from another
    int64_t first;   // DROPOUT: number of this chunk's first element in the batch
};

#define OP_MAX_IN 9
#define OP_MAX_OUT 6

// One call's arguments: addresses in the backend's memory.
struct op_args {
    const void *in[OP_MAX_IN];
    void *out[OP_MAX_OUT];
    void *scratch; // kernel->scratch_bytes, private to the lane
    int lane;      // 0 .. lanes - 1: which of the concurrent callers this is
    int piece;     // of a kernel that has pieces
    // In the backend's memory, as are in and out; NULL for kinds that need nothing of it.
    const struct op_run *run;
    struct op_dynamic dynamic;
};

// What an int8 convolution needs besides its f32 weights. real = integer * scale.
struct op_quantization {
    float in_scale;  // of x
    float out_scale; // of y; 1 when y is f32
    float sum_scale; // op.sum: of what y held before
};

const char *op_kind_name(enum op_kind kind);

// The slot in which kernels of this kind find the factor, -1 for kinds without.
int op_factor_slot(enum op_kind kind);

// Multiply-adds of one call of a CONV, 0 for every other kind.
int64_t op_macs(const struct op *op);

// The op in one line, for messages: "CONV 2 x [5 x 7 x 3] f32 -> [3 x 4 x 8] f32, kernel 3 x 3".
// `out` is always NUL-ended; 256 bytes hold any op.
void op_describe(const struct op *op, char *out, size_t out_bytes);

// Whether a window of this CONV or POOL holds no input at all: taps far apart can step over a small
// one.
// CONV: a dense layer over the channels of each pixel, in f32.
bool op_is_pointwise(const struct op *op);
bool op_has_empty_window(const struct op *op);

// Whether shapes, types and attributes fit together: ERR_INPUT when they do not, ERR_UNSUPPORTED
// for a combination that no backend has. kernel_open asks it first.
enum status op_check(const struct op *op);
