// Resizing and its gradient. Which inputs an output reads is worked out once, when the kernel
// opens. Linear: two rows are blended into one, then its columns; channels are the inner loop.
#include "compute/backend.h"
#include "compute/cpu/cpu_copy_bytes.h"
#include "compute/cpu/cpu_kernels.h"
#include "compute/cpu/cpu_vector.h"

#include <stdlib.h>

struct resize {
    struct kernel base;
    struct resize_tap *rows, *columns; // [out_h], [out_w]; owned, one allocation
};

static void resize_close(struct kernel *kernel)
{
    struct resize *resize = (struct resize *)kernel;
    free(resize->rows);
    free(resize);
}

static enum status resize_open(struct backend *backend, const struct op *op, struct kernel **out)
{
    struct resize *resize = calloc(1, sizeof *resize);
    struct resize_tap *taps = malloc(((size_t)op->out_h + (size_t)op->out_w) * sizeof *taps);
    if (resize == NULL || taps == NULL) {
        free(resize);
        free(taps);
        FAIL(ERR_MEMORY, "no memory for a %s kernel", op_kind_name(op->kind));
    }
    resize->base = (struct kernel){.ops = backend->ops->kernels[op->kind],
                                   .backend = backend,
                                   .op = *op,
                                   .scratch_bytes = // one row of inputs
                                   (size_t)op->in_w * (size_t)op->in_c * sizeof(float)};
    resize->rows = taps;
    resize->columns = taps + op->out_h;
    for (int h = 0; h < op->out_h; h++) {
        resize->rows[h] = resize_tap_at(op->resize, op->coordinates, op->in_h, op->out_h, h);
    }
    for (int w = 0; w < op->out_w; w++) {
        resize->columns[w] = resize_tap_at(op->resize, op->coordinates, op->in_w, op->out_w, w);
    }
    *out = &resize->base;
    return OK;
}

// to = low + share * (high - low).
CPU_INLINE void blend(size_t n, float share, const float *restrict low, const float *restrict high,
                      float *restrict to)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = low[i] + share * (high[i] - low[i]);
    }
}

// to += from * by.
CPU_INLINE void add_share(size_t n, float by, const float *restrict from, float *restrict to)
{
    for (size_t i = 0; i < n; i++) {
        to[i] += by * from[i];
    }
}

// One row of outputs from one row of inputs.
CPU_CLONES static void widen(const struct resize *resize, const float *row, float *y)
{
    const size_t c = (size_t)resize->base.op.in_c;
    for (int w = 0; w < resize->base.op.out_w; w++, y += c) {
        const struct resize_tap tap = resize->columns[w];
        blend(c, (float)tap.share, row + (size_t)tap.low * c, row + (size_t)tap.high * c, y);
    }
}

CPU_CLONES static void blend_rows(size_t n, float share, const float *low, const float *high,
                                  float *to)
{
    blend(n, share, low, high, to);
}

static void run_linear(const struct resize *resize, const struct op_args *args)
{
    const struct op *op = &resize->base.op;
    const size_t row = (size_t)op->in_w * (size_t)op->in_c;
    const size_t out_row = (size_t)op->out_w * (size_t)op->in_c;
    const float *x = args->in[0];
    float *y = args->out[0];
    for (int n = 0; n < op->n; n++, x += (size_t)op->in_h * row) {
        for (int h = 0; h < op->out_h; h++, y += out_row) {
            const struct resize_tap tap = resize->rows[h];
            const float *from = x + (size_t)tap.low * row;
            if (tap.share != 0.0) {
                blend_rows(row, (float)tap.share, from, x + (size_t)tap.high * row, args->scratch);
                from = args->scratch;
            }
            widen(resize, from, y);
        }
    }
}

static void run_nearest(const struct resize *resize, const struct op_args *args)
{
    const struct op *op = &resize->base.op;
    const size_t pixel = (size_t)op->in_c * dtype_bytes(op->in_type);
    const size_t row = (size_t)op->in_w * pixel, out_row = (size_t)op->out_w * pixel;
    const unsigned char *x = args->in[0];
    unsigned char *y = args->out[0];
    for (int n = 0; n < op->n; n++, x += (size_t)op->in_h * row) {
        for (int h = 0; h < op->out_h; h++, y += out_row) {
            if (h > 0 && resize->rows[h].low == resize->rows[h - 1].low) {
                memcpy(y, y - out_row, out_row);
                continue;
            }
            const unsigned char *from = x + (size_t)resize->rows[h].low * row;
            for (int w = 0; w < op->out_w; w++) {
                cpu_copy_bytes(y + (size_t)w * pixel, from + (size_t)resize->columns[w].low * pixel,
                               pixel);
            }
        }
    }
}

static void run_resize(struct kernel *kernel, const struct op_args *args)
{
    const struct resize *resize = (const struct resize *)kernel;
    if (kernel->op.resize == RESIZE_LINEAR) {
        run_linear(resize, args);
    } else {
        run_nearest(resize, args);
    }
}

// What one row of outputs gives to one row of inputs: row [in_w * c] = the sums.
CPU_CLONES static void narrow(const struct resize *resize, const float *dy, float *row)
{
    const size_t c = (size_t)resize->base.op.in_c;
    memset(row, 0, (size_t)resize->base.op.in_w * c * sizeof *row);
    for (int w = 0; w < resize->base.op.out_w; w++, dy += c) {
        const struct resize_tap tap = resize->columns[w];
        add_share(c, (float)(1.0 - tap.share), dy, row + (size_t)tap.low * c);
        if (tap.share != 0.0) {
            add_share(c, (float)tap.share, dy, row + (size_t)tap.high * c);
        }
    }
}

CPU_CLONES static void add_rows(size_t n, float by, const float *from, float *to)
{
    add_share(n, by, from, to);
}

static void run_resize_backward(struct kernel *kernel, const struct op_args *args)
{
    const struct resize *resize = (const struct resize *)kernel;
    const struct op *op = &kernel->op;
    const size_t row = (size_t)op->in_w * (size_t)op->in_c;
    const size_t out_row = (size_t)op->out_w * (size_t)op->in_c;
    const float *dy = args->in[0];
    float *dx = args->out[0];
    memset(dx, 0, (size_t)op->n * (size_t)op->in_h * row * sizeof *dx);
    for (int n = 0; n < op->n; n++, dx += (size_t)op->in_h * row) {
        for (int h = 0; h < op->out_h; h++, dy += out_row) {
            const struct resize_tap tap = resize->rows[h];
            narrow(resize, dy, args->scratch);
            add_rows(row, (float)(1.0 - tap.share), args->scratch, dx + (size_t)tap.low * row);
            if (tap.share != 0.0) {
                add_rows(row, (float)tap.share, args->scratch, dx + (size_t)tap.high * row);
            }
        }
    }
}

const struct kernel_ops cpu_resize_kernel = {
    .open = resize_open,
    .run = run_resize,
    .close = resize_close,
};

const struct kernel_ops cpu_resize_backward_kernel = {
    .open = resize_open,
    .run = run_resize_backward,
    .close = resize_close,
};
