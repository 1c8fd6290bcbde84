// What handles each element by itself: normalising, quantising, scaling with residual and
// activation, adding, the gradient of an activation, dropout, and the range of a tensor.
#include "compute/cpu/cpu_kernel_base.h"
#include "compute/cpu/cpu_kernels.h"
#include "compute/cpu/cpu_vector.h"
#include "core/rng.h"

#include <math.h>

// ---- least and greatest value
struct extremes {
    float least[CPU_BLOCK], greatest[CPU_BLOCK];
};

CPU_INLINE void extremes_begin(struct extremes *e)
{
    for (int j = 0; j < CPU_BLOCK; j++) {
        e->least[j] = INFINITY;
        e->greatest[j] = -INFINITY;
    }
}

// Once NaN, a bound stays NaN: every comparison with it is false.
CPU_INLINE void extremes_block(struct extremes *e, const float *v)
{
    for (int j = 0; j < CPU_BLOCK; j++) {
        e->least[j] = ((v[j] < e->least[j]) | (v[j] != v[j])) ? v[j] : e->least[j];
        e->greatest[j] = ((v[j] > e->greatest[j]) | (v[j] != v[j])) ? v[j] : e->greatest[j];
    }
}

// `count` values, fewer than a block.
CPU_INLINE void extremes_part(struct extremes *e, const float *v, size_t count)
{
    float padded[CPU_BLOCK];
    for (int j = 0; j < CPU_BLOCK; j++) {
        padded[j] = v[0];
    }
    memcpy(padded, v, count * sizeof *v);
    extremes_block(e, padded);
}

CPU_INLINE void extremes_end(const struct extremes *e, float *bounds)
{
    bounds[0] = e->least[0];
    bounds[1] = e->greatest[0];
    for (int j = 1; j < CPU_BLOCK; j++) {
        const float least = e->least[j], greatest = e->greatest[j];
        bounds[0] = least < bounds[0] || least != least ? least : bounds[0];
        bounds[1] = greatest > bounds[1] || greatest != greatest ? greatest : bounds[1];
    }
}

// ---- y = act(x * scale + shift + residual), per channel
struct affine {
    size_t count; // elements, c per pixel
    int c;
    enum dtype out_type;
    float factor;
    const float *scale, *shift; // patterns
    const float *residual;      // NULL: none
    void *y;
    float *bounds; // [n][2] least and greatest y of each image, y is f32; NULL: not wanted
};

static struct affine affine_make(const struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    float *room = args->scratch;
    return (struct affine){
        .count = cpu_op_count(op),
        .c = op->in_c,
        .out_type = op->out_type,
        .factor = op->kind == OP_SCALE_SHIFT ? cpu_factor(op->out_type, args->in[4]) : 1.0F,
        .scale = cpu_pattern_make(args->in[1], op->in_c, room),
        .shift = cpu_pattern_make(args->in[2], op->in_c, room + cpu_pattern_floats(op->in_c)),
        .residual = args->in[3],
        .y = args->out[0],
        .bounds = args->out[1],
    };
}

static enum status affine_open(struct backend *backend, const struct op *op, struct kernel **out)
{
    return cpu_kernel_open_scratch(backend, op, 2 * cpu_pattern_floats(op->in_c) * sizeof(float),
                                   out);
}

CPU_INLINE void scale_shift_block(struct activation act, const float *x, const float *scale,
                                  const float *shift, bool has_residual, const float *residual,
                                  float *v)
{
    for (int j = 0; j < CPU_BLOCK; j++) {
        v[j] = x[j] * scale[j] + shift[j];
    }
    if (has_residual) {
        for (int j = 0; j < CPU_BLOCK; j++) {
            v[j] += residual[j];
        }
    }
    cpu_block_activate(act, v);
}

// One loop per case: act.kind, has_residual, type and ranges are constants where this is inlined.
CPU_INLINE void scale_shift_all(struct activation act, const struct affine *a, const float *x,
                                bool has_residual, enum dtype type, bool ranges)
{
    const size_t count = a->count, size = dtype_bytes(type);
    const float *scale = a->scale, *shift = a->shift, *residual = a->residual;
    const int c = a->c;
    const float factor = a->factor;
    char *y = a->y;
    float v[CPU_BLOCK];
    struct extremes extremes;
    size_t i = 0;
    int at = 0;
    if (ranges) {
        extremes_begin(&extremes);
    }
    for (; i + CPU_BLOCK <= count; i += CPU_BLOCK) {
        scale_shift_block(act, x + i, scale + at, shift + at, has_residual,
                          has_residual ? residual + i : NULL, v);
        if (ranges) {
            extremes_block(&extremes, v);
        }
        cpu_block_store(type, factor, v, y + i * size);
        at = cpu_pattern_next(at, c);
    }
    if (i < count) {
        float last_x[CPU_BLOCK], last_residual[CPU_BLOCK], last_y[CPU_BLOCK];
        cpu_block_load(x + i, (int)(count - i), last_x);
        if (has_residual) {
            cpu_block_load(residual + i, (int)(count - i), last_residual);
        }
        scale_shift_block(act, last_x, scale + at, shift + at, has_residual, last_residual, v);
        if (ranges) {
            extremes_part(&extremes, v, count - i);
        }
        cpu_block_store(type, factor, v, last_y);
        memcpy(y + i * size, last_y, (count - i) * size);
    }
    if (ranges) {
        extremes_end(&extremes, a->bounds);
    }
}

CPU_INLINE void scale_shift_types(struct activation act, const struct affine *a, const float *x,
                                  bool has_residual)
{
    if (a->out_type == DTYPE_U8) {
        scale_shift_all(act, a, x, has_residual, DTYPE_U8, false);
    } else if (a->out_type == DTYPE_S8) {
        scale_shift_all(act, a, x, has_residual, DTYPE_S8, false);
    } else if (a->bounds != NULL) {
        scale_shift_all(act, a, x, has_residual, DTYPE_F32, true);
    } else {
        scale_shift_all(act, a, x, has_residual, DTYPE_F32, false);
    }
}

CPU_INLINE void scale_shift_residual(struct activation act, const struct affine *a, const float *x)
{
    if (a->residual != NULL) {
        scale_shift_types(act, a, x, true);
    } else {
        scale_shift_types(act, a, x, false);
    }
}

CPU_CLONES static void scale_shift(struct activation act, const struct affine *a, const float *x)
{
    CPU_EACH_ACTIVATION(act, scale_shift_residual, a, x);
}

static void run_scale_shift(struct kernel *kernel, const struct op_args *args)
{
    struct affine a = affine_make(kernel, args);
    const float *x = args->in[0];
    if (a.bounds == NULL) {
        scale_shift(kernel->op.act, &a, x);
        return;
    }
    // Image after image: each has a range of its own.
    const size_t images = (size_t)kernel->op.n, count = a.count / images;
    a.count = count;
    for (size_t i = 0; i < images; i++, x += count, a.bounds += 2) {
        scale_shift(kernel->op.act, &a, x);
        a.y = (float *)a.y + count;
        a.residual = a.residual != NULL ? a.residual + count : NULL;
    }
}

CPU_INLINE void normalize_all(const struct affine *a, const uint8_t *x, enum dtype type)
{
    const size_t count = a->count, size = dtype_bytes(type);
    const float *scale = a->scale, *shift = a->shift;
    const int c = a->c;
    char *y = a->y;
    int at = 0;
    for (size_t i = 0; i < count; i += CPU_BLOCK) {
        const size_t n = count - i < CPU_BLOCK ? count - i : CPU_BLOCK;
        float v[CPU_BLOCK], last[CPU_BLOCK];
        uint8_t pad[CPU_BLOCK] = {0};
        const uint8_t *from = x + i;
        if (n < CPU_BLOCK) {
            memcpy(pad, from, n);
            from = pad;
        }
        for (int j = 0; j < CPU_BLOCK; j++) {
            v[j] = from[j];
        }
        for (int j = 0; j < CPU_BLOCK; j++) {
            v[j] = v[j] * scale[at + j] + shift[at + j];
        }
        cpu_block_store(type, 1.0F, v, n < CPU_BLOCK ? (void *)last : y + i * size);
        if (n < CPU_BLOCK) {
            memcpy(y + i * size, last, n * size);
        }
        at = cpu_pattern_next(at, c);
    }
}

CPU_CLONES static void normalize(const struct affine *a, const uint8_t *x)
{
    switch (a->out_type) {
    case DTYPE_F32:
        normalize_all(a, x, DTYPE_F32);
        break;
    case DTYPE_U8:
        normalize_all(a, x, DTYPE_U8);
        break;
    case DTYPE_S8:
        normalize_all(a, x, DTYPE_S8);
        break;
    }
}

static void run_normalize(struct kernel *kernel, const struct op_args *args)
{
    const struct affine a = affine_make(kernel, args);
    normalize(&a, args->in[0]);
}

// ---- without channels
CPU_INLINE void add_block(struct activation act, const float *a, const float *b, float *v)
{
    for (int j = 0; j < CPU_BLOCK; j++) {
        v[j] = b != NULL ? a[j] + b[j] : a[j];
    }
    cpu_block_activate(act, v);
}

// y = act(a + b), b NULL: none; integers are round(y * factor).
CPU_INLINE void add_all(struct activation act, const struct op *op, enum dtype type, float factor,
                        const float *a, const float *b, char *y)
{
    const size_t count = cpu_op_count(op), size = dtype_bytes(type);
    float v[CPU_BLOCK];
    size_t i = 0;
    for (; i + CPU_BLOCK <= count; i += CPU_BLOCK) {
        add_block(act, a + i, b != NULL ? b + i : NULL, v);
        cpu_block_store(type, factor, v, y + i * size);
    }
    if (i < count) {
        float last_a[CPU_BLOCK], last_b[CPU_BLOCK], last_y[CPU_BLOCK];
        cpu_block_load(a + i, (int)(count - i), last_a);
        if (b != NULL) {
            cpu_block_load(b + i, (int)(count - i), last_b);
        }
        add_block(act, last_a, b != NULL ? last_b : NULL, v);
        cpu_block_store(type, factor, v, last_y);
        memcpy(y + i * size, last_y, (count - i) * size);
    }
}

CPU_INLINE void add_types(struct activation act, const struct op *op, float factor, const float *a,
                          const float *b, char *y)
{
    if (op->out_type == DTYPE_F32) {
        add_all(act, op, DTYPE_F32, factor, a, b, y);
    } else if (op->out_type == DTYPE_U8) {
        add_all(act, op, DTYPE_U8, factor, a, b, y);
    } else {
        add_all(act, op, DTYPE_S8, factor, a, b, y);
    }
}

CPU_CLONES static void add(const struct op *op, float factor, const float *a, const float *b,
                           char *y)
{
    CPU_EACH_ACTIVATION(op->act, add_types, op, factor, a, b, y);
}

static void run_add(struct kernel *kernel, const struct op_args *args)
{
    add(&kernel->op, cpu_factor(kernel->op.out_type, args->in[2]), args->in[0], args->in[1],
        args->out[0]);
}

CPU_CLONES static void quantize(const struct op *op, float factor, const float *x, char *y)
{
    const struct activation none = {.kind = ACT_NONE};
    if (op->out_type == DTYPE_U8) {
        add_all(none, op, DTYPE_U8, factor, x, NULL, y);
    } else {
        add_all(none, op, DTYPE_S8, factor, x, NULL, y);
    }
}

static void run_quantize(struct kernel *kernel, const struct op_args *args)
{
    quantize(&kernel->op, cpu_factor(kernel->op.out_type, args->in[1]), args->in[0], args->out[0]);
}

// ---- gradient of an activation
struct gradient {
    size_t count;
    const float *dy, *dy2, *y; // dy2, y: NULL = absent
    float *g;
};

CPU_INLINE void gradient_all(struct activation act, const struct gradient *p, bool has_dy2)
{
    const size_t count = p->count;
    const float *dy = p->dy, *dy2 = p->dy2, *y = p->y;
    float *g = p->g, t[CPU_BLOCK];
    size_t i = 0;
    for (; i + CPU_BLOCK <= count; i += CPU_BLOCK) {
        cpu_block_gradient(act, CPU_BLOCK, dy + i, has_dy2, has_dy2 ? dy2 + i : NULL,
                           act.kind != ACT_NONE ? y + i : NULL, t);
        cpu_block_store(DTYPE_F32, 1.0F, t, g + i);
    }
    if (i < count) {
        float last_dy[CPU_BLOCK], last_dy2[CPU_BLOCK], last_y[CPU_BLOCK];
        cpu_block_load(dy + i, (int)(count - i), last_dy);
        cpu_block_load(has_dy2 ? dy2 + i : dy + i, (int)(count - i), last_dy2);
        cpu_block_load(act.kind != ACT_NONE ? y + i : dy + i, (int)(count - i), last_y);
        cpu_block_gradient(act, CPU_BLOCK, last_dy, has_dy2, last_dy2, last_y, t);
        memcpy(g + i, t, (count - i) * sizeof *g);
    }
}

CPU_INLINE void gradient_second(struct activation act, const struct gradient *p)
{
    if (p->dy2 != NULL) {
        gradient_all(act, p, true);
    } else {
        gradient_all(act, p, false);
    }
}

CPU_CLONES static void act_backward(struct activation act, const struct gradient *p)
{
    CPU_EACH_ACTIVATION(act, gradient_second, p);
}

static void run_act_backward(struct kernel *kernel, const struct op_args *args)
{
    const struct gradient p = {.count = cpu_op_count(&kernel->op),
                               .dy = args->in[0],
                               .dy2 = args->in[1],
                               .y = args->in[2],
                               .g = args->out[0]};
    act_backward(p.y != NULL ? kernel->op.act : (struct activation){0}, &p);
}

// ---- dropout and range
// Srivastava et al. 2014, scaled while training. Element number `first + i` of the whole batch
// takes word `first + i` of the stream (see rng_at), read here in order.
static void run_dropout(struct kernel *kernel, const struct op_args *args)
{
    const struct op_dynamic *dynamic = &args->dynamic;
    const uint64_t seed = args->run->seed + dynamic->stream;
    const size_t count = cpu_op_count(&kernel->op);
    const float *x = args->in[0];
    float *y = args->out[0];
    const double rate = (double)kernel->op.rate, scale = 1.0 / (1.0 - rate);
    struct rng rng = rng_make(seed, RNG_DROPOUT, (uint64_t)args->run->step, 0);
    const uint32_t words = sizeof rng.block / sizeof rng.block[0];
    rng.counter[0] = (uint32_t)((uint64_t)dynamic->first / words);
    for (uint32_t skip = (uint32_t)((uint64_t)dynamic->first % words); skip > 0; skip--) {
        (void)rng_u32(&rng);
    }
    for (size_t i = 0; i < count; i++) {
        const bool keep = (double)rng_uniform(&rng) >= rate;
        y[i] = keep ? (float)((double)x[i] * scale) : 0.0F;
    }
}

CPU_CLONES static void range(size_t count, const float *x, float *bounds)
{
    struct extremes extremes;
    extremes_begin(&extremes);
    size_t i = 0;
    for (; i + CPU_BLOCK <= count; i += CPU_BLOCK) {
        extremes_block(&extremes, x + i);
    }
    if (i < count) {
        extremes_part(&extremes, x + i, count - i);
    }
    extremes_end(&extremes, bounds);
}

static void run_range(struct kernel *kernel, const struct op_args *args)
{
    const size_t images = (size_t)kernel->op.n, count = cpu_op_count(&kernel->op) / images;
    const float *x = args->in[0];
    float *bounds = args->out[0];
    for (size_t i = 0; i < images; i++) {
        range(count, x + i * count, bounds + 2 * i);
    }
}

const struct kernel_ops cpu_normalize_kernel = {
    .open = affine_open,
    .run = run_normalize,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_quantize_kernel = {
    .open = cpu_kernel_open,
    .run = run_quantize,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_scale_shift_kernel = {
    .open = affine_open,
    .run = run_scale_shift,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_add_kernel = {
    .open = cpu_kernel_open,
    .run = run_add,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_act_backward_kernel = {
    .open = cpu_kernel_open,
    .run = run_act_backward,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_dropout_kernel = {
    .open = cpu_kernel_open,
    .run = run_dropout,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_range_kernel = {
    .open = cpu_kernel_open,
    .run = run_range,
    .close = cpu_kernel_close,
};
