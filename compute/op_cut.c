// Cutting an op by output rows or channels.
#include "compute/op_cut.h"

// A piece must be worth waking up for and waiting for the others at its end: about two
// microseconds of work.
enum { LEAST_MACS = 100000, LEAST_VALUES = 4096 };
// Kernels take so many rows of outputs, or channels, at once.
enum { ROW_STEP = 4, CHANNEL_STEP = 16 };

enum cut { CUT_NONE, CUT_WINDOWS, CUT_PAD, CUT_ROWS, CUT_CHANNELS };

static enum cut cut_of(const struct op *op)
{
    if (op->n != 1) {
        return CUT_NONE;
    }
    switch (op->kind) {
    case OP_CONV:
        if (op->out_h == 1 && op->out_w == 1) {
            return op->groups == 1 ? CUT_CHANNELS : CUT_NONE;
        }
        return CUT_WINDOWS;
    case OP_POOL_MAX:
        return op->training ? CUT_NONE : CUT_WINDOWS;
    case OP_POOL_AVG:
        return CUT_WINDOWS;
    case OP_PAD:
        return CUT_PAD;
    case OP_NORMALIZE:
    case OP_QUANTIZE:
    case OP_SCALE_SHIFT:
    case OP_ADD:
    case OP_MULTIPLY:
    case OP_COPY_CHANNELS:
    case OP_SHUFFLE:
    case OP_SOFTMAX:
        return CUT_ROWS;
    default:
        return CUT_NONE;
    }
}

static bool is_map(const struct op *op) // one output per input, of which out_* may say nothing
{
    return op->out_h == 0 && op->out_w == 0 && op->out_c == 0;
}

static int rows_of(const struct op *op)
{
    return is_map(op) ? op->in_h : op->out_h;
}

// Where piece `index` of `count` begins among n rows or channels.
static int border(int n, int step, int index, int count)
{
    const int even = (int)((int64_t)n * index / count);
    const bool coarse = n / count >= 2 * step;
    return index == count || !coarse ? even : (even + step / 2) / step * step;
}

// The rows of inputs that outputs first .. end - 1 see, and the padding around those.
struct rows {
    int first, end, before, after;
};

static struct rows rows_seen(const struct op *op, int first, int end)
{
    const int covered = (op->kernel[0] - 1) * op->dilation[0] + 1;
    const int top = first * op->stride[0] - op->pad[0];
    const int bottom = (end - 1) * op->stride[0] - op->pad[0] + covered;
    struct rows rows = {.first = top > 0 ? top : 0,
                        .end = bottom < op->in_h ? bottom : op->in_h,
                        .before = top < 0 ? -top : 0,
                        .after = bottom > op->in_h ? bottom - op->in_h : 0};
    if (end == op->out_h) { // what lies behind the last window decides how it is padded
        rows.end = op->in_h;
        rows.after = op->pad[2];
    }
    return rows;
}

// Whether every piece sees at least one row of the input.
static bool windows_fit(const struct op *op, int count)
{
    const int covered = (op->kernel[0] - 1) * op->dilation[0] + 1;
    for (int i = 0; i < count; i++) {
        const struct rows rows = rows_seen(op, border(op->out_h, ROW_STEP, i, count),
                                           border(op->out_h, ROW_STEP, i + 1, count));
        if (rows.first >= rows.end || rows.before >= covered || rows.after >= covered) {
            return false;
        }
    }
    return !op_has_empty_window(op);
}

int op_cut_count(const struct op *op, int most)
{
    const enum cut cut = cut_of(op);
    const int extent = cut == CUT_CHANNELS ? op->out_c / CHANNEL_STEP : rows_of(op);
    const int64_t values = is_map(op) ? (int64_t)op->in_h * op->in_w * op->in_c
                                      : (int64_t)op->out_h * op->out_w * op->out_c;
    const int64_t worth = op->kind == OP_CONV ? op_macs(op) / LEAST_MACS : values / LEAST_VALUES;
    int count = worth < most ? (int)worth : most;
    count = extent < count ? extent : count;
    if (cut == CUT_NONE || count < 2 || (cut == CUT_WINDOWS && !windows_fit(op, count))) {
        return 1;
    }
    return count;
}

static void cut_windows(const struct op *op, int first, int end, struct op_piece *piece)
{
    const struct rows rows = rows_seen(op, first, end);
    piece->op.in_h = rows.end - rows.first;
    piece->op.out_h = end - first;
    piece->op.pad[0] = rows.before;
    piece->op.pad[2] = rows.after;
    piece->in_bytes[0] =
        (size_t)rows.first * (size_t)op->in_w * (size_t)op->in_c * dtype_bytes(op->in_type);
}

// The input stays whole: a frame that begins elsewhere is one with other padding.
static void cut_pad(const struct op *op, int first, int end, struct op_piece *piece)
{
    piece->op.out_h = end - first;
    piece->op.pad[0] = op->pad[0] - first * op->stride[0];
    piece->op.pad[2] = (piece->op.out_h - 1) * op->stride[0] + 1 - op->in_h - piece->op.pad[0];
}

static void cut_rows(const struct op *op, int first, int end, struct op_piece *piece)
{
    const size_t row = (size_t)op->in_w * (size_t)op->in_c;
    piece->op.in_h = end - first;
    piece->op.out_h = is_map(op) ? 0 : end - first;
    piece->in_bytes[0] = (size_t)first * row * dtype_bytes(op->in_type);
    if (op->kind == OP_ADD || (op->kind == OP_MULTIPLY && !op->broadcast)) {
        piece->in_bytes[1] = piece->in_bytes[0];
    } else if (op->kind == OP_SCALE_SHIFT) {
        piece->in_bytes[3] = piece->in_bytes[0];
    }
}

static void cut_channels(const struct op *op, int first, int end, struct op_piece *piece)
{
    piece->op.out_c = end - first;
    piece->first_channel = first;
    piece->out_bytes[0] = (size_t)first * dtype_bytes(op->out_type);
}

struct op_piece op_cut_piece(const struct op *op, int index, int count)
{
    struct op_piece piece = {.op = *op};
    const enum cut cut = cut_of(op);
    const bool channels = cut == CUT_CHANNELS;
    const int n = channels ? op->out_c : rows_of(op);
    const int step = channels ? CHANNEL_STEP : ROW_STEP;
    const int first = border(n, step, index, count), end = border(n, step, index + 1, count);
    if (channels) {
        cut_channels(op, first, end, &piece);
        return piece;
    }
    if (cut == CUT_WINDOWS) {
        cut_windows(op, first, end, &piece);
    } else if (cut == CUT_PAD) {
        cut_pad(op, first, end, &piece);
    } else {
        cut_rows(op, first, end, &piece);
    }
    const size_t pixel = (size_t)(is_map(op) ? op->in_c : op->out_c) * dtype_bytes(op->out_type);
    piece.out_bytes[0] = (size_t)first * (size_t)(is_map(op) ? op->in_w : op->out_w) * pixel;
    return piece;
}
