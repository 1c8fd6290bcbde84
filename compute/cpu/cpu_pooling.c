// Pooling over windows: greatest value and mean, with their gradients. Channels are the inner loop.
// Padding never wins a maximum and counts as zeros in a mean, unless exclude_pad.
#include "compute/cpu/cpu_kernel_base.h"
#include "compute/cpu/cpu_kernels.h"
#include "compute/cpu/cpu_vector.h"

#include <math.h>

// The part of one output's window that lies on the input.
struct window {
    int h, w; // input row and column under tap (0, 0), may be negative
    int first_kh, end_kh, first_kw, end_kw; // taps on the input; at least one
    int step_h, step_w;                     // dilation: input rows and columns between taps
    int counted_kh, counted_kw; // taps before the end of the padding: all, but where output extents
                                // were rounded up
};

CPU_INLINE int least(int a, int b)
{
    return a < b ? a : b;
}

// Divides by a dilation, which is nearly always 1.
CPU_INLINE int steps_up(int distance, int step)
{
    return step == 1 ? distance : (distance + step - 1) / step;
}

CPU_INLINE void window_rows(const struct op *op, int oh, struct window *at)
{
    const int h = oh * op->stride[0] - op->pad[0], step = op->dilation[0];
    at->h = h;
    at->step_h = step;
    at->first_kh = h < 0 ? steps_up(-h, step) : 0;
    at->end_kh = least(op->kernel[0], steps_up(op->in_h - h, step));
    at->counted_kh = least(op->kernel[0], steps_up(op->in_h + op->pad[2] - h, step));
}

CPU_INLINE void window_columns(const struct op *op, int ow, struct window *at)
{
    const int w = ow * op->stride[1] - op->pad[1], step = op->dilation[1];
    at->w = w;
    at->step_w = step;
    at->first_kw = w < 0 ? steps_up(-w, step) : 0;
    at->end_kw = least(op->kernel[1], steps_up(op->in_w - w, step));
    at->counted_kw = least(op->kernel[1], steps_up(op->in_w + op->pad[3] - w, step));
}

// Element number of channel 0 of a pixel.
CPU_INLINE size_t in_at(const struct op *op, int n, int h, int w)
{
    const size_t row = (size_t)n * (size_t)op->in_h + (size_t)h;
    return (row * (size_t)op->in_w + (size_t)w) * (size_t)op->in_c;
}

CPU_INLINE size_t out_at(const struct op *op, int n, int oh, int ow)
{
    const size_t row = (size_t)n * (size_t)op->out_h + (size_t)oh;
    return (row * (size_t)op->out_w + (size_t)ow) * (size_t)op->in_c;
}

// Element number of channel 0 of the pixel under a tap, in image n.
CPU_INLINE size_t tap_at(const struct op *op, const struct window *at, int n, int kh, int kw)
{
    return in_at(op, n, at->h + kh * at->step_h, at->w + kw * at->step_w);
}

// An output, visited image by image and row by row.
struct place {
    int n, oh, ow;
    size_t out; // element number of its channel 0
    struct window at;
};

CPU_INLINE struct place first_place(const struct op *op)
{
    struct place place = {0};
    window_rows(op, 0, &place.at);
    window_columns(op, 0, &place.at);
    return place;
}

CPU_INLINE void next_place(const struct op *op, struct place *place)
{
    place->out += (size_t)op->in_c;
    if (++place->ow == op->out_w) {
        place->ow = 0;
        if (++place->oh == op->out_h) {
            place->oh = 0;
            place->n++;
        }
        window_rows(op, place->oh, &place->at);
    }
    window_columns(op, place->ow, &place->at);
}

// Elements between taps of one row.
CPU_INLINE size_t tap_step(const struct op *op)
{
    return (size_t)op->dilation[1] * (size_t)op->in_c;
}

static bool axis_tiles(const struct op *op, int axis, int in, int out)
{
    return op->pad[axis] == 0 && op->kernel[axis] * out == in &&
           (op->dilation[axis] == 1 || op->kernel[axis] == 1) &&
           (op->stride[axis] == op->kernel[axis] || out == 1);
}

// Windows lie side by side and cover the input: each input belongs to exactly one output.
static bool windows_tile(const struct op *op)
{
    return axis_tiles(op, 0, op->in_h, op->out_h) && axis_tiles(op, 1, op->in_w, op->out_w);
}

// ---- maximum. The first of equal values wins; NaN wins over everything.
// Pixels of few channels leave lanes empty. Where the tensors do not end, all lanes are read and
// written nevertheless: what lies behind a pixel is the next one, and outputs are visited by rising
// address, so what was written too far is overwritten with the right values.
struct ends {
    size_t in, out; // elements of the forward input and output
};

static struct ends ends_of(const struct op *op)
{
    return (struct ends){.in = cpu_op_count(op), .out = out_at(op, op->n, 0, 0)};
}

// Channels j .. j + count - 1 of one output. x: of the image; y, argmax (NULL = not wanted): of the
// output pixel.
CPU_INLINE void max_lanes(const struct op *op, const struct window *at, int j, int count,
                          const float *x, float *y, uint8_t *argmax)
{
    float best[CPU_BLOCK];
    int32_t taps[CPU_BLOCK];
    for (int k = 0; k < CPU_BLOCK; k++) {
        best[k] = -INFINITY;
        taps[k] = at->first_kh * op->kernel[1] + at->first_kw;
    }
    for (int kh = at->first_kh; kh < at->end_kh; kh++) {
        for (int kw = at->first_kw; kw < at->end_kw; kw++) {
            const int tap = kh * op->kernel[1] + kw;
            float v[CPU_BLOCK];
            cpu_block_load(x + tap_at(op, at, 0, kh, kw) + j, count, v);
            for (int k = 0; k < CPU_BLOCK; k++) {
                const bool wins = (v[k] > best[k]) | ((v[k] != v[k]) & (best[k] == best[k]));
                best[k] = wins ? v[k] : best[k];
                taps[k] = wins ? tap : taps[k];
            }
        }
    }
    cpu_block_store_part(best, count, y + j);
    if (argmax != NULL) {
        uint8_t bytes[CPU_BLOCK];
        for (int k = 0; k < CPU_BLOCK; k++) {
            bytes[k] = (uint8_t)taps[k];
        }
        memcpy(argmax + j, bytes, (size_t)count);
    }
}

CPU_INLINE void max_f32_all(const struct op *op, const float *x, float *y, uint8_t *argmax)
{
    const struct ends end = ends_of(op);
    for (struct place place = first_place(op); place.n < op->n; next_place(op, &place)) {
        const struct window at = place.at;
        const size_t first = in_at(op, place.n, 0, 0), to = place.out;
        const size_t last = tap_at(op, &at, place.n, at.end_kh - 1, at.end_kw - 1);
        for (int j = 0; j < op->in_c; j += CPU_BLOCK) {
            const size_t lanes_end = (size_t)j + CPU_BLOCK;
            uint8_t *taps = argmax != NULL ? argmax + to : NULL;
            if (last + lanes_end <= end.in && to + lanes_end <= end.out) {
                max_lanes(op, &at, j, CPU_BLOCK, x + first, y + to, taps);
            } else {
                max_lanes(op, &at, j, cpu_block_count(op->in_c, j), x + first, y + to, taps);
            }
        }
    }
}

CPU_CLONES static void max_f32(const struct op *op, const float *x, float *y, uint8_t *argmax)
{
    if (argmax != NULL) {
        max_f32_all(op, x, y, argmax);
    } else {
        max_f32_all(op, x, y, NULL);
    }
}

// Lets the pixel x [c] under tap number `tap` compete with the best so far.
#define DEFINE_COMPETE(name, type)                                                                 \
    CPU_INLINE void name(int c, uint8_t tap, const type x[restrict], type best[restrict],          \
                         uint8_t taps[restrict])                                                   \
    {                                                                                              \
        for (int j = 0; taps == NULL && j < c; j++) {                                              \
            best[j] = x[j] > best[j] ? x[j] : best[j];                                             \
        }                                                                                          \
        for (int j = 0; taps != NULL && j < c; j++) {                                              \
            taps[j] = x[j] > best[j] ? tap : taps[j];                                              \
            best[j] = x[j] > best[j] ? x[j] : best[j];                                             \
        }                                                                                          \
    }

DEFINE_COMPETE(compete_u8, uint8_t)
DEFINE_COMPETE(compete_s8, int8_t)

CPU_CLONES static void max_int8(const struct op *op, const char *x, char *y, uint8_t *argmax)
{
    const int c = op->in_c;
    for (struct place place = first_place(op); place.n < op->n; next_place(op, &place)) {
        const struct window at = place.at;
        const size_t to = place.out;
        uint8_t *taps = argmax != NULL ? argmax + to : NULL;
        memcpy(y + to, x + tap_at(op, &at, place.n, at.first_kh, at.first_kw), (size_t)c);
        if (taps != NULL) {
            memset(taps, at.first_kh * op->kernel[1] + at.first_kw, (size_t)c);
        }
        for (int kh = at.first_kh; kh < at.end_kh; kh++) {
            for (int kw = at.first_kw; kw < at.end_kw; kw++) {
                const void *from = x + tap_at(op, &at, place.n, kh, kw);
                const uint8_t tap = (uint8_t)(kh * op->kernel[1] + kw);
                if (op->in_type == DTYPE_U8) {
                    compete_u8(c, tap, from, (uint8_t *)y + to, taps);
                } else {
                    compete_s8(c, tap, from, (int8_t *)y + to, taps);
                }
            }
        }
    }
}

static void run_max(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    uint8_t *argmax = op->training ? args->out[1] : NULL;
    if (op->in_type == DTYPE_F32) {
        max_f32(op, args->in[0], args->out[0], argmax);
    } else {
        max_int8(op, args->in[0], args->out[0], argmax);
    }
}

// Channels 0 .. count - 1 of what an output gives to the input under its tap.
CPU_INLINE void give_lanes(int count, int tap, const float *dy, const uint8_t *argmax, float *dx)
{
    float given[CPU_BLOCK];
    uint8_t taps[CPU_BLOCK] = {0};
    memcpy(taps, argmax, (size_t)count);
    cpu_block_load(dy, count, given);
    for (int k = 0; k < CPU_BLOCK; k++) {
        given[k] = taps[k] == tap ? given[k] : 0.0F;
    }
    cpu_block_store_part(given, count, dx);
}

// One input pixel and the output whose window it lies in, both [c].
CPU_INLINE void give_pixel(const struct op *op, const struct ends *end, int tap, size_t from,
                           size_t to, const float *dy, const uint8_t *argmax, float *dx)
{
    for (int j = 0; j < op->in_c; j += CPU_BLOCK) {
        const size_t at = from + (size_t)j, into = to + (size_t)j;
        if (at + CPU_BLOCK <= end->out && into + CPU_BLOCK <= end->in) {
            give_lanes(CPU_BLOCK, tap, dy + at, argmax + at, dx + into);
        } else {
            give_lanes(cpu_block_count(op->in_c, j), tap, dy + at, argmax + at, dx + into);
        }
    }
}

// Windows that tile the input: each input is written once, by rising address.
CPU_CLONES static void max_backward_tiles(const struct op *op, const float *dy,
                                          const uint8_t *argmax, float *dx)
{
    const struct ends end = ends_of(op);
    const int taps = op->kernel[0] * op->kernel[1];
    size_t to = 0;
    for (int row = 0; row < op->n * op->out_h; row++) {
        for (int first_tap = 0; first_tap < taps; first_tap += op->kernel[1]) {
            size_t from = out_at(op, 0, row, 0);
            for (int ow = 0; ow < op->out_w; ow++, from += (size_t)op->in_c) {
                for (int kw = 0; kw < op->kernel[1]; kw++, to += (size_t)op->in_c) {
                    give_pixel(op, &end, first_tap + kw, from, to, dy, argmax, dx);
                }
            }
        }
    }
}

CPU_INLINE void add_given(int c, uint8_t tap, const float *restrict dy,
                          const uint8_t *restrict taps, float *restrict dx)
{
    for (int j = 0; j < c; j++) {
        dx[j] += taps[j] == tap ? dy[j] : 0.0F;
    }
}

// What one output gives to the inputs under its window. image: dx of the output's image.
CPU_CLONES static void give_window(const struct op *op, const struct window *at, const float *dy,
                                   const uint8_t *argmax, float *image)
{
    const size_t step = tap_step(op);
    for (int kh = at->first_kh; kh < at->end_kh; kh++) {
        float *to = image + tap_at(op, at, 0, kh, at->first_kw);
        for (int kw = at->first_kw; kw < at->end_kw; kw++, to += step) {
            add_given(op->in_c, (uint8_t)(kh * op->kernel[1] + kw), dy, argmax, to);
        }
    }
}

static void max_backward(const struct op *op, const float *dy, const uint8_t *argmax, float *dx)
{
    memset(dx, 0, cpu_op_count(op) * sizeof *dx);
    for (struct place place = first_place(op); place.n < op->n; next_place(op, &place)) {
        give_window(op, &place.at, dy + place.out, argmax + place.out,
                    dx + in_at(op, place.n, 0, 0));
    }
}

static void run_max_backward(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    if (windows_tile(op)) {
        max_backward_tiles(op, args->in[0], args->in[1], args->out[0]);
    } else {
        max_backward(op, args->in[0], args->in[1], args->out[0]);
    }
}

// ---- mean
CPU_INLINE int divisor(const struct op *op, const struct window *at)
{
    return op->exclude_pad ? (at->end_kh - at->first_kh) * (at->end_kw - at->first_kw)
                           : at->counted_kh * at->counted_kw;
}

#define DEFINE_ADD_ROW(name, type)                                                                 \
    CPU_INLINE void name(int c, const type *restrict x, float *restrict sum)                       \
    {                                                                                              \
        for (int j = 0; j < c; j++) {                                                              \
            sum[j] += (float)x[j];                                                                 \
        }                                                                                          \
    }

DEFINE_ADD_ROW(add_row_f32, float)
DEFINE_ADD_ROW(add_row_u8, uint8_t)
DEFINE_ADD_ROW(add_row_s8, int8_t)

CPU_INLINE void add_row(enum dtype type, int c, const void *x, float *sum)
{
    if (type == DTYPE_F32) {
        add_row_f32(c, x, sum);
    } else if (type == DTYPE_U8) {
        add_row_u8(c, x, sum);
    } else {
        add_row_s8(c, x, sum);
    }
}

CPU_INLINE void multiply_row(int c, float by, float *row)
{
    for (int j = 0; j < c; j++) {
        row[j] *= by;
    }
}

CPU_INLINE void average_all(const struct op *op, enum dtype type, double factor, const char *x,
                            float *y)
{
    const int c = op->in_c;
    const size_t size = dtype_bytes(type), step = tap_step(op) * size;
    memset(y, 0, (size_t)op->n * (size_t)op->out_h * (size_t)op->out_w * (size_t)c * sizeof *y);
    for (struct place place = first_place(op); place.n < op->n; next_place(op, &place)) {
        const struct window at = place.at;
        float *to = y + place.out;
        for (int kh = at.first_kh; kh < at.end_kh; kh++) {
            const char *from = x + tap_at(op, &at, place.n, kh, at.first_kw) * size;
            for (int kw = at.first_kw; kw < at.end_kw; kw++, from += step) {
                add_row(type, c, from, to);
            }
        }
        multiply_row(c, (float)(factor / divisor(op, &at)), to);
    }
}

CPU_CLONES static void average(const struct op *op, double factor, const void *x, float *y)
{
    if (op->in_type == DTYPE_F32) {
        average_all(op, DTYPE_F32, 1.0, x, y);
    } else if (op->in_type == DTYPE_U8) {
        average_all(op, DTYPE_U8, factor, x, y);
    } else {
        average_all(op, DTYPE_S8, factor, x, y);
    }
}

static void run_average(struct kernel *kernel, const struct op_args *args)
{
    const float factor = cpu_factor(kernel->op.in_type, args->in[1]);
    average(&kernel->op, (double)factor, args->in[0], args->out[0]);
}

CPU_INLINE void give_share(int c, float share, bool only, const float *restrict dy,
                           float *restrict dx)
{
    if (only) {
        for (int j = 0; j < c; j++) {
            dx[j] = dy[j] * share;
        }
    } else {
        for (int j = 0; j < c; j++) {
            dx[j] += dy[j] * share;
        }
    }
}

CPU_CLONES static void average_backward(const struct op *op, const float *dy, float *dx)
{
    const int c = op->in_c;
    const size_t step = tap_step(op);
    const bool only = windows_tile(op);
    if (!only) {
        memset(dx, 0, cpu_op_count(op) * sizeof *dx);
    }
    for (struct place place = first_place(op); place.n < op->n; next_place(op, &place)) {
        const struct window at = place.at;
        const float *from = dy + place.out;
        const float share = (float)(1.0 / divisor(op, &at));
        for (int kh = at.first_kh; kh < at.end_kh; kh++) {
            float *to = dx + tap_at(op, &at, place.n, kh, at.first_kw);
            for (int kw = at.first_kw; kw < at.end_kw; kw++, to += step) {
                give_share(c, share, only, from, to);
            }
        }
    }
}

static void run_average_backward(struct kernel *kernel, const struct op_args *args)
{
    average_backward(&kernel->op, args->in[0], args->out[0]);
}

const struct kernel_ops cpu_pool_max_kernel = {
    .open = cpu_kernel_open,
    .run = run_max,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_pool_max_backward_kernel = {
    .open = cpu_kernel_open,
    .run = run_max_backward,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_pool_avg_kernel = {
    .open = cpu_kernel_open,
    .run = run_average,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_pool_avg_backward_kernel = {
    .open = cpu_kernel_open,
    .run = run_average_backward,
    .close = cpu_kernel_close,
};
