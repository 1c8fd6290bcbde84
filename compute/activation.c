// One row per activation.
#include "compute/activation.h"

#include "core/status.h"

#include <math.h>
#include <stddef.h>

// The least values of x * sigmoid(x), at x = -1.2785, and of hard swish, at x = -1.5.
#define SILU_LEAST (-0.27846454276107380)
#define HARD_SWISH_LEAST (-0.375)

static double unbounded(struct activation act)
{
    (void)act;
    return -(double)INFINITY;
}

static double from_zero(struct activation act)
{
    (void)act;
    return 0.0;
}

static double clip_least(struct activation act)
{
    return (double)act.a;
}

static double hard_swish_least(struct activation act)
{
    (void)act;
    return HARD_SWISH_LEAST;
}

static double silu_least(struct activation act)
{
    (void)act;
    return SILU_LEAST;
}

// Comparisons are written so that NaN comes out as NaN.
static double clamp(double x, double low, double high)
{
    const double floored = x < low ? low : x;
    return floored > high ? high : floored;
}

static double none_value(struct activation act, double x)
{
    (void)act;
    return x;
}

static double none_slope(struct activation act, double y)
{
    (void)act, (void)y;
    return 1.0;
}

static double relu_value(struct activation act, double x)
{
    (void)act;
    return x < 0.0 ? 0.0 : x;
}

static double relu_slope(struct activation act, double y)
{
    (void)act;
    return y <= 0.0 ? 0.0 : 1.0;
}

static double clip_value(struct activation act, double x)
{
    return clamp(x, (double)act.a, (double)act.b);
}

static double clip_slope(struct activation act, double y)
{
    return y <= (double)act.a || y >= (double)act.b ? 0.0 : 1.0;
}

static double leaky_value(struct activation act, double x)
{
    return x < 0.0 ? (double)act.a * x : x;
}

static double leaky_slope(struct activation act, double y)
{
    return y <= 0.0 ? (double)act.a : 1.0;
}

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static double sigmoid_value(struct activation act, double x)
{
    (void)act;
    return sigmoid(x);
}

static double sigmoid_slope(struct activation act, double y)
{
    (void)act;
    return y * (1.0 - y);
}

static double hard_sigmoid_value(struct activation act, double x)
{
    return clamp((double)act.a * x + (double)act.b, 0.0, 1.0);
}

static double hard_sigmoid_slope(struct activation act, double y)
{
    return y <= 0.0 || y >= 1.0 ? 0.0 : (double)act.a;
}

static double hard_swish_value(struct activation act, double x)
{
    (void)act;
    return x <= -3.0 ? 0.0 : x * clamp(x + 3.0, 0.0, 6.0) / 6.0;
}

static double hard_swish_slope(struct activation act, double x)
{
    (void)act;
    return x <= -3.0 ? 0.0 : x >= 3.0 ? 1.0 : x / 3.0 + 0.5;
}

static double silu_value(struct activation act, double x)
{
    (void)act;
    return x < -700.0 ? 0.0 : x * sigmoid(x); // -infinity * 0 has no value
}

static double silu_slope(struct activation act, double x)
{
    (void)act;
    const double s = sigmoid(x);
    return isinf(x) ? s : s * (1.0 + x * (1.0 - s));
}

static const struct activation_type types[ACT_KIND_COUNT] = {
    [ACT_NONE] = {"none", {0}, 0, ACT_FROM_OUTPUT, unbounded, none_value, none_slope},
    [ACT_RELU] = {"relu", {0}, 0, ACT_FROM_OUTPUT, from_zero, relu_value, relu_slope},
    [ACT_CLIP] = {"clip", {"low", "high"}, 2, ACT_FROM_OUTPUT, clip_least, clip_value, clip_slope},
    [ACT_LEAKY] =
        {"leaky_relu", {"slope"}, 1, ACT_FROM_OUTPUT, unbounded, leaky_value, leaky_slope},
    [ACT_SIGMOID] = {"sigmoid", {0}, 0, ACT_FROM_OUTPUT, from_zero, sigmoid_value, sigmoid_slope},
    [ACT_HARD_SIGMOID] = {"hard_sigmoid",
                          {"alpha", "beta"},
                          2,
                          ACT_FROM_OUTPUT,
                          from_zero,
                          hard_sigmoid_value,
                          hard_sigmoid_slope},
    [ACT_HARD_SWISH] = {"hard_swish",
                        {0},
                        0,
                        ACT_FROM_INPUT,
                        hard_swish_least,
                        hard_swish_value,
                        hard_swish_slope},
    [ACT_SILU] = {"silu", {0}, 0, ACT_FROM_INPUT, silu_least, silu_value, silu_slope},
};

const struct activation_type *activation_type(enum activation_kind kind)
{
    CHECK((unsigned)kind < ACT_KIND_COUNT);
    return &types[kind];
}

bool activation_is_valid(struct activation act, const char **why)
{
    const char *wrong = NULL;
    if ((unsigned)act.kind >= ACT_KIND_COUNT) {
        wrong = "there is no such activation";
    } else if (act.kind == ACT_CLIP && !(act.a < act.b)) {
        wrong = "an activation that clips needs a low bound below its high one";
    } else if (act.kind == ACT_LEAKY && !(act.a > 0.0F && isfinite(act.a))) {
        wrong = "the slope of a leaky activation must be positive"; // y tells the sign of x
    } else if (act.kind == ACT_HARD_SIGMOID && !(isfinite(act.a) && isfinite(act.b))) {
        wrong = "the numbers of a hard sigmoid must be finite";
    }
    if (wrong != NULL && why != NULL) {
        *why = wrong;
    }
    return wrong == NULL;
}

bool activation_same(struct activation a, struct activation b)
{
    const int n = activation_type(a.kind)->n_parameters;
    return a.kind == b.kind && (n < 1 || a.a == b.a) && (n < 2 || a.b == b.b);
}

bool activation_is_nonnegative(struct activation act)
{
    return activation_type(act.kind)->least(act) >= 0.0;
}

double activation_value(struct activation act, double x)
{
    return isnan(x) ? x : activation_type(act.kind)->value(act, x);
}

double activation_slope(struct activation act, double from)
{
    return isnan(from) ? from : activation_type(act.kind)->slope(act, from);
}
