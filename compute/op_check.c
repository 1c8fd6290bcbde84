// Which ops are well-formed: shapes that fit together, types that go together, attributes in range.
#include "compute/op.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

// int8 sums are kept in i32: 255 * 128 * 65536 is the longest that cannot overflow.
enum { MOST_INT8_TERMS = 65536, MOST_TAPS = 256 };

enum {
    F32 = 1 << DTYPE_F32,
    U8 = 1 << DTYPE_U8,
    S8 = 1 << DTYPE_S8,
};

static enum status misfit(enum status code, const struct op *op, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum status misfit(enum status code, const struct op *op, const char *format, ...)
{
    char what[256], text[256];
    op_describe(op, text, sizeof text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    FAIL(code, "%s: %s", text, what);
}

#define NEED(condition, ...)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return misfit(ERR_INPUT, op, __VA_ARGS__);                                             \
        }                                                                                          \
    } while (0)

static enum status check_types(const struct op *op)
{
    // Kinds not listed are f32 to f32.
    static const struct {
        int in, out;
    } types[OP_COUNT] = {
        [OP_NORMALIZE] = {U8, F32 | U8 | S8},
        [OP_QUANTIZE] = {F32, U8 | S8},
        [OP_CONV] = {F32 | U8 | S8, F32 | U8 | S8},
        [OP_POOL_MAX] = {F32 | U8 | S8, F32 | U8 | S8},
        [OP_POOL_AVG] = {F32 | U8 | S8, F32},
        [OP_SCALE_SHIFT] = {F32, F32 | U8 | S8},
        [OP_ADD] = {F32, F32 | U8 | S8},
        [OP_MULTIPLY] = {F32, F32 | U8 | S8},
        [OP_SHUFFLE] = {F32 | U8 | S8, F32 | U8 | S8},
        [OP_RESIZE] = {F32 | U8 | S8, F32 | U8 | S8},
        [OP_COPY_CHANNELS] = {F32 | U8 | S8, F32 | U8 | S8},
        [OP_PAD] = {F32 | U8 | S8, F32 | U8 | S8},
    };
    const int in = types[op->kind].in != 0 ? types[op->kind].in : F32;
    const int out = types[op->kind].out != 0 ? types[op->kind].out : F32;
    const bool known = op->in_type <= DTYPE_S8 && op->out_type <= DTYPE_S8;
    bool fits = known && (in >> op->in_type & 1) != 0 && (out >> op->out_type & 1) != 0;
    if (op->kind == OP_POOL_MAX || op->kind == OP_COPY_CHANNELS || op->kind == OP_PAD ||
        op->kind == OP_SHUFFLE || op->kind == OP_RESIZE) {
        fits = fits && op->in_type == op->out_type;
    }
    if (op->kind == OP_RESIZE && op->resize == RESIZE_LINEAR) {
        fits = fits && op->in_type == DTYPE_F32;
    }
    if (op->kind == OP_CONV && op->in_type == DTYPE_F32) {
        fits = fits && op->out_type == DTYPE_F32;
    }
    if (!fits) {
        return misfit(ERR_UNSUPPORTED, op, "%s does not take these element types",
                      op_kind_name(op->kind));
    }
    return OK;
}

// A window along one axis, 0 for rows and 1 for columns.
struct axis {
    int in, out, kernel, stride, dilation, before, after;
};

static struct axis axis_of(const struct op *op, int axis)
{
    return (struct axis){.in = axis == 0 ? op->in_h : op->in_w,
                         .out = axis == 0 ? op->out_h : op->out_w,
                         .kernel = op->kernel[axis],
                         .stride = op->stride[axis],
                         .dilation = op->dilation[axis],
                         .before = op->pad[axis],
                         .after = op->pad[2 + axis]};
}

// From a window's first tap to its last.
static int64_t covered(const struct axis *a)
{
    return (int64_t)(a->kernel - 1) * a->dilation + 1;
}

// Output extent, rounded down; 0 when the window does not fit even once.
static int outputs_floor(const struct axis *a)
{
    const int64_t room = (int64_t)a->in + a->before + a->after - covered(a);
    return room < 0 ? 0 : (int)(room / a->stride) + 1;
}

// Rounded up, as PyTorch and ONNX do: a last window may end behind the padding if it begins before
// it.
static int outputs_ceil(const struct axis *a)
{
    const int floor = outputs_floor(a);
    const int64_t room = (int64_t)a->in + a->before + a->after - covered(a);
    const bool more = room > 0 && room % a->stride != 0 &&
                      (int64_t)floor * a->stride < (int64_t)a->in + a->before;
    return floor + more;
}

static enum status check_window(const struct op *op)
{
    const struct axis axes[2] = {axis_of(op, 0), axis_of(op, 1)};
    for (int i = 0; i < 2; i++) {
        const struct axis *a = &axes[i];
        NEED(a->kernel >= 1, "the kernel must be at least 1 x 1");
        NEED(a->stride >= 1, "the stride must be at least 1");
        NEED(a->dilation >= 1, "the dilation must be at least 1");
        // A window that lies in the padding alone would have nothing to look at.
        NEED(a->before >= 0 && a->before < covered(a) && a->after >= 0 && a->after < covered(a),
             "padding must be from 0 to less than what the kernel covers, %lld",
             (long long)covered(a));
        NEED(outputs_floor(a) >= 1, "the kernel is larger than the padded input");
    }
    return OK;
}

bool op_is_pointwise(const struct op *op)
{
    return op->kernel[0] == 1 && op->kernel[1] == 1 && op->stride[0] == 1 && op->stride[1] == 1 &&
           op->pad[0] + op->pad[1] + op->pad[2] + op->pad[3] == 0 && op->groups == 1 &&
           op->in_type == DTYPE_F32;
}

static enum status check_conv(const struct op *op)
{
    TRY(check_window(op));
    const struct axis rows = axis_of(op, 0), columns = axis_of(op, 1);
    const int h = outputs_floor(&rows), w = outputs_floor(&columns);
    NEED(op->out_h == h && op->out_w == w, "the output must be %d x %d", h, w);
    NEED(op->out_c >= 1, "the output needs at least one channel");
    NEED(op->groups >= 1 && op->in_c % op->groups == 0 && op->out_c % op->groups == 0,
         "the groups must divide input and output channels");
    NEED(!op->by_row || (op->kind == OP_CONV && op_is_pointwise(op) && !op->sum),
         "by row there are only plain 1x1 convolutions in f32");
    const int64_t terms = (int64_t)(op->in_c / op->groups) * op->kernel[0] * op->kernel[1];
    if (op->in_type != DTYPE_F32 && terms > MOST_INT8_TERMS) {
        return misfit(ERR_UNSUPPORTED, op,
                      "%lld products per output could overflow the 32-bit sum; run it in f32",
                      (long long)terms);
    }
    return OK;
}

static bool axis_has_empty_window(const struct axis *a)
{
    for (int o = 0; a->dilation > 1 && o < a->out; o++) {
        bool empty = true;
        for (int k = 0; empty && k < a->kernel; k++) {
            const int64_t i = (int64_t)o * a->stride - a->before + (int64_t)k * a->dilation;
            empty = i < 0 || i >= a->in;
        }
        if (empty) {
            return true;
        }
    }
    return false;
}

bool op_has_empty_window(const struct op *op)
{
    const struct axis rows = axis_of(op, 0), columns = axis_of(op, 1);
    return axis_has_empty_window(&rows) || axis_has_empty_window(&columns);
}

static enum status check_pool(const struct op *op)
{
    TRY(check_window(op));
    for (int i = 0; i < 2; i++) {
        const struct axis a = axis_of(op, i);
        const int least = outputs_floor(&a), most = outputs_ceil(&a);
        NEED(a.out == least || a.out == most, "the output must have %d or, rounded up, %d %s",
             least, most, i == 0 ? "rows" : "columns");
    }
    if (op_has_empty_window(op)) { // no greatest value, no mean
        return misfit(ERR_UNSUPPORTED, op, "a window would hold nothing but padding");
    }
    NEED(op->out_c == op->in_c, "pooling keeps the number of channels");
    const bool argmax =
        op->kind == OP_POOL_MAX_BACKWARD || (op->kind == OP_POOL_MAX && op->training);
    NEED(!argmax || (int64_t)op->kernel[0] * op->kernel[1] <= MOST_TAPS,
         "argmax is stored in a byte, so the kernel may have at most %d taps", MOST_TAPS);
    return OK;
}

static enum status check_pad(const struct op *op)
{
    NEED(op->stride[0] >= 1 && op->stride[1] >= 1, "the stride must be at least 1");
    const int64_t frame_h = (int64_t)op->in_h + op->pad[0] + op->pad[2];
    const int64_t frame_w = (int64_t)op->in_w + op->pad[1] + op->pad[3];
    NEED(frame_h >= 1 && frame_w >= 1, "padding crops the whole input away");
    const int64_t h = (frame_h - 1) / op->stride[0] + 1, w = (frame_w - 1) / op->stride[1] + 1;
    NEED(op->out_h == h && op->out_w == w, "the output must be %lld x %lld", (long long)h,
         (long long)w);
    NEED(op->to >= 0 && op->out_c >= 1 && op->to <= op->out_c - op->in_c,
         "%d zero channels and the input's do not fit into the output's", op->to);
    return OK;
}

static enum status check_resize(const struct op *op)
{
    NEED((unsigned)op->resize < RESIZE_MODE_COUNT, "unknown resize mode %d", (int)op->resize);
    NEED((unsigned)op->coordinates < RESIZE_COORDINATES_COUNT, "unknown coordinates %d",
         (int)op->coordinates);
    NEED(op->out_h >= 1 && op->out_w >= 1, "the output must have at least one pixel");
    NEED(op->out_c == op->in_c, "resizing keeps the number of channels");
    return OK;
}

static enum status check_copy(const struct op *op)
{
    NEED(op->out_h == op->in_h && op->out_w == op->in_w, "copying channels keeps height and width");
    NEED(op->count >= 0 && op->from >= 0 && op->from <= op->in_c - op->count,
         "channels %d + %d are outside the input", op->from, op->count);
    NEED(op->to >= 0 && op->to <= op->out_c - op->count, "channels %d + %d are outside the output",
         op->to, op->count);
    return OK;
}

static enum status check_box(const struct op *op)
{
    NEED(op->in_h <= op->out_h && op->in_w <= op->out_w && op->in_c <= op->out_c,
         "the box does not fit into the tensor");
    return OK;
}

static enum status check_lstm(const struct op *op)
{
    NEED(op->in_w == 1 && op->out_w == 1, "a sequence is [n][steps][1][features]");
    NEED(op->out_h == op->in_h, "the output has as many steps as the input");
    NEED(op->out_c >= 1, "the hidden state needs at least one unit");
    return OK;
}

// What maps every element to one of the same place; out_* may be left 0.
static enum status check_same(const struct op *op)
{
    const bool unset = op->out_h == 0 && op->out_w == 0 && op->out_c == 0;
    NEED(unset || (op->out_h == op->in_h && op->out_w == op->in_w && op->out_c == op->in_c),
         "input and output must have one shape");
    return OK;
}

static enum status check_shapes(const struct op *op)
{
    switch (op->kind) {
    case OP_CONV:
    case OP_CONV_BACKWARD_DATA:
    case OP_CONV_BACKWARD_WEIGHTS:
        return check_conv(op);
    case OP_POOL_MAX:
    case OP_POOL_MAX_BACKWARD:
    case OP_POOL_AVG:
    case OP_POOL_AVG_BACKWARD:
        return check_pool(op);
    case OP_PAD:
    case OP_PAD_BACKWARD:
        return check_pad(op);
    case OP_RESIZE:
    case OP_RESIZE_BACKWARD:
        return check_resize(op);
    case OP_COPY_CHANNELS:
        return check_copy(op);
    case OP_GATHER:
    case OP_SCATTER_ADD:
        return check_box(op);
    case OP_LSTM:
    case OP_LSTM_BACKWARD:
        return check_lstm(op);
    case OP_NORMALIZE:
    case OP_QUANTIZE:
    case OP_SCALE_SHIFT:
    case OP_ADD:
    case OP_MULTIPLY:
    case OP_SHUFFLE:
    case OP_SOFTMAX:
    case OP_SOFTMAX_BACKWARD:
    case OP_ACT_BACKWARD:
    case OP_BN_BACKWARD_REDUCE:
    case OP_BN_BACKWARD_APPLY:
    case OP_DROPOUT:
        return check_same(op);
    default:
        return OK; // the output is a few numbers: out_* has no meaning
    }
}

static bool is_share(float value)
{
    return value >= 0.0F && value <= 1.0F;
}

static enum status check_optimizer(const struct op *op)
{
    NEED(op->momentum >= 0.0F && op->decay >= 0.0F && op->epsilon >= 0.0F,
         "momentum %g, weight decay %g and epsilon %g must not be negative", (double)op->momentum,
         (double)op->decay, (double)op->epsilon);
    NEED(op->kind != OP_SGD || op->nesterov == 0.0F || op->nesterov == 1.0F,
         "nesterov is 0 or 1, not %g", (double)op->nesterov);
    NEED(op->kind != OP_RMSPROP || is_share(op->alpha), "alpha %g is outside [0, 1]",
         (double)op->alpha);
    NEED(op->kind != OP_ADAM ||
             (op->beta1 >= 0.0F && op->beta1 < 1.0F && op->beta2 >= 0.0F && op->beta2 < 1.0F),
         "beta1 %g and beta2 %g must lie in [0, 1)", (double)op->beta1, (double)op->beta2);
    return OK;
}

static enum status check_attributes(const struct op *op)
{
    const char *why = NULL;
    NEED(activation_is_valid(op->act, &why), "%s", why);
    switch (op->kind) {
    case OP_BN_BACKWARD_REDUCE:
        if (activation_type(op->act.kind)->source != ACT_FROM_OUTPUT) {
            return misfit(ERR_UNSUPPORTED, op, "the slope of %s does not follow from y",
                          activation_type(op->act.kind)->name);
        }
        return OK;
    case OP_SHUFFLE:
        NEED(op->groups >= 1 && op->in_c % op->groups == 0, "%d parts do not divide the channels",
             op->groups);
        return OK;
    case OP_BN_FINISH:
        NEED(op->epsilon >= 0.0F && is_share(op->momentum),
             "epsilon %g must not be negative, momentum %g must lie in [0, 1]", (double)op->epsilon,
             (double)op->momentum);
        return OK;
    case OP_DROPOUT:
        NEED(op->rate >= 0.0F && op->rate < 1.0F, "rate %g is outside [0, 1)", (double)op->rate);
        return OK;
    case OP_SOFTMAX_XENT:
        NEED(is_share(op->target_share), "target share %g is outside [0, 1]",
             (double)op->target_share);
        NEED(op->target_share == 0.0F || op->temperature > 0.0F, "temperature %g must be positive",
             (double)op->temperature);
        return OK;
    case OP_CLIP:
        NEED(op->clip >= 0.0F, "the largest norm %g must not be negative", (double)op->clip);
        return OK;
    case OP_SGD:
    case OP_RMSPROP:
    case OP_ADAM:
        return check_optimizer(op);
    default:
        return OK;
    }
}

enum status op_check(const struct op *op)
{
    if ((unsigned)op->kind >= OP_COUNT) {
        FAIL(ERR_INPUT, "there is no op kind %d", (int)op->kind);
    }
    NEED(op->n >= 1 && op->in_h >= 1 && op->in_w >= 1 && op->in_c >= 1,
         "the input must have at least one element in every dimension");
    TRY(check_types(op));
    TRY(check_shapes(op));
    return check_attributes(op);
}
