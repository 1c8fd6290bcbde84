// One op with all its arguments, ready to run on any backend: how every kernel is tested. The
// arguments of each kind follow from its shapes, filled with numbers that depend on slot and
// position alone, so that golden.py can make the same ones.
#pragma once
#include "compute/backend.h"
#include "core/arena.h"

enum case_type { CASE_NONE, CASE_F32, CASE_F64, CASE_I32, CASE_U8, CASE_S8 };

size_t case_type_bytes(enum case_type type); // 0 for CASE_NONE

struct case_array {
    enum case_type type; // CASE_NONE: the argument is NULL
    size_t count;
    void *values; // arena; of an output: what it holds before the call
};

// Every kind with usual parameters; CASE_ACTIVATIONS of them. The first three: none, relu, clip(0,
// 6).
enum { CASE_ACTIVATIONS = ACT_KIND_COUNT };
struct activation case_activation(int i);

struct op_case {
    struct op op;
    struct op_run run;
    struct op_dynamic dynamic;
    struct case_array in[OP_MAX_IN], out[OP_MAX_OUT];
    // CONV, CONV_BACKWARD_DATA, LSTM: in[1] is packed from these, LSTM_BACKWARD: in[2].
    struct case_array weights, bias;
    struct op_quantization quantization;
    // CONV_BACKWARD_WEIGHTS: the inputs hold this many chunks of op.n images; out[0] and out[1] are
    // the gradients after reduce. LSTM_BACKWARD: out[1] is, of one chunk.
    int partials;
    int most_pieces; // kernel_cut.h; 0 and 1: whole
    struct arena arena;
};

// Pseudo-random in [-1, 1), a multiple of 2^-23: exact in f32, and in golden.py's case_number.
double case_number(size_t i, unsigned salt);

// Every argument of the op, optional ones too. Real inputs of slot s are case_number(i, s + 1),
// weights salt 11, bias salt 12, LSTM's w_ih, w_hh, b salts 11, 12, 13; outputs hold bytes 0xFF
// (NaN). The op must pass op_check.
void case_open(struct op_case *c, const struct op *op);
void case_close(struct op_case *c);
float *case_f32(struct case_array *array);
double *case_f64(struct case_array *array);
// The factor of a case with integers; first 0.037 for POOL_AVG, 150 for QUANTIZE (which clamps
// some), else 60.
void case_set_factor(struct op_case *c, float factor);
// The scale of an optimiser's gradient; first 1.
void case_set_scale(struct op_case *c, float scale);
void case_drop(struct case_array *array); // the argument becomes NULL
// Gives an input (or what an output holds before) the values of an earlier result.
void case_set(struct case_array *array, const struct case_array *from);
// Fills reals with case_number(i, salt) * scale, integers with the whole range of their type.
void case_fill(struct case_array *array, unsigned salt, double scale);

// What the outputs hold afterwards; owned, case_result_close.
struct case_result {
    struct case_array out[OP_MAX_OUT];
};
// Fails the test when the kernel does not open or writes past an output.
void case_run(struct backend *backend, const struct op_case *c, struct case_result *result);
void case_result_close(struct case_result *result);

// sum of values[i] * case_number(i, salt); and the same with absolute values, to measure errors by.
double case_project(const struct case_array *array, unsigned salt, double *size);

// The backend under test, and the reference in plain memory.
struct bench {
    const char *name; // "ref", "check" or "cpu"
    struct backend *backend, *ref;
};
// The main of a program that runs its tests on the backend named on the command line: each gets a
// const struct bench * as its state. Returns the exit code.
struct CMUnitTest;
int bench_main(int argc, char **argv, const struct CMUnitTest *tests, size_t n);

// Runs the case on both and fails the test unless reals agree within tolerance * the greatest value
// and integers within `steps`, nearly all of them exactly (rounding may differ, but not as a
// habit).
void bench_match(const struct bench *bench, const struct op_case *c, double tolerance, int steps);

// Fails unless the array's projection on case_number(., salt) is `expected`, within tolerance.
void expect_projection(const struct op_case *c, const struct case_array *array, unsigned salt,
                       double expected, double tolerance, const char *what);

// Central differences (4 points) of `loss` by every of some elements of `values` and along random
// directions, against the analytic gradient.
struct gradient_check {
    double (*loss)(void *context);
    void *context;
    float *values; // moved by multiples of `step` and put back
    size_t count;
    const float *analytic; // [count]
    double step, tolerance;
    const char *what;
};
void expect_gradient(const struct gradient_check *check);

// The usual loss: out[0] of a case run on `backend`, projected on case_number(., 1). context:
// struct case_loss *.
struct case_loss {
    struct backend *backend;
    const struct op_case *forward;
};
double case_loss(void *context);
