// Activation functions: what they are called, which numbers they take, and their values and slopes
// in float64, as the reference computes them.
#pragma once
#include <stdbool.h>

enum activation_kind {
    ACT_NONE,         // x
    ACT_RELU,         // max(x, 0)
    ACT_CLIP,         // a = low, b = high: min(max(x, a), b). RELU6 is clip(0, 6)
    ACT_LEAKY,        // a = slope of what is below zero: x < 0 ? a * x : x
    ACT_SIGMOID,      // 1 / (1 + exp(-x))
    ACT_HARD_SIGMOID, // min(max(a * x + b, 0), 1)
    ACT_HARD_SWISH,   // x * min(max(x + 3, 0), 6) / 6
    ACT_SILU,         // x * sigmoid(x)
    ACT_KIND_COUNT
};

struct activation {
    enum activation_kind kind;
    float a, b; // by kind, else unused
};

// What the slope follows from: y = act(x) where that suffices, so that x need not be kept.
enum activation_source { ACT_FROM_OUTPUT, ACT_FROM_INPUT };

struct activation_type {
    const char *name;          // "relu", "leaky_relu", ...
    const char *parameters[2]; // names of a and b
    int n_parameters;
    enum activation_source source;
    double (*least)(struct activation act); // smallest output that can occur, perhaps -infinity
    double (*value)(struct activation act, double x);
    double (*slope)(struct activation act, double from); // from: y or x, by `source`
};

// CHECKs that there is such a kind.
const struct activation_type *activation_type(enum activation_kind kind);

// Whether a and b, as far as they are used, are in range. *why says what is wrong; may be NULL.
bool activation_is_valid(struct activation act, const char **why);
// One function: unused parameters do not count.
bool activation_same(struct activation a, struct activation b);
// No output is below zero, so 8-bit integers that hold it need no sign.
bool activation_is_nonnegative(struct activation act);

// NaN gives NaN. At a kink the slope is the one on the flat (or flatter) side.
double activation_value(struct activation act, double x);
double activation_slope(struct activation act, double from);
