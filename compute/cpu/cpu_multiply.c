// Products of two tensors, or of a tensor and one vector per image (the gates of squeeze-and-excite
// blocks), with the vector's gradient.
#include "compute/cpu/cpu_kernel_base.h"
#include "compute/cpu/cpu_kernels.h"
#include "compute/cpu/cpu_vector.h"

enum { BLOCK_ROWS = 32 };

// A run of elements: the whole tensor, or one image and its vector's pattern.
struct product {
    size_t count;
    int c; // 0: b is a tensor like a
    float factor;
    enum dtype type;
    const float *a, *b;
    char *y;
};

CPU_INLINE void product_block(struct activation act, const float *a, const float *b, float *v)
{
    for (int j = 0; j < CPU_BLOCK; j++) {
        v[j] = a[j] * b[j];
    }
    cpu_block_activate(act, v);
}

CPU_INLINE void product_all(struct activation act, const struct product *p, bool broadcast,
                            enum dtype type)
{
    const size_t count = p->count, size = dtype_bytes(type);
    const float *a = p->a, *b = p->b;
    const float factor = p->factor;
    char *y = p->y;
    float v[CPU_BLOCK];
    size_t i = 0;
    int at = 0;
    for (; i + CPU_BLOCK <= count; i += CPU_BLOCK) {
        product_block(act, a + i, broadcast ? b + at : b + i, v);
        cpu_block_store(type, factor, v, y + i * size);
        at = broadcast ? cpu_pattern_next(at, p->c) : 0;
    }
    if (i < count) {
        float last_a[CPU_BLOCK], last_b[CPU_BLOCK], last_y[CPU_BLOCK];
        cpu_block_load(a + i, (int)(count - i), last_a);
        cpu_block_load(broadcast ? b + at : b + i, (int)(count - i), last_b);
        product_block(act, last_a, last_b, v);
        cpu_block_store(type, factor, v, last_y);
        memcpy(y + i * size, last_y, (count - i) * size);
    }
}

CPU_INLINE void product_types(struct activation act, const struct product *p, bool broadcast)
{
    if (p->type == DTYPE_F32) {
        product_all(act, p, broadcast, DTYPE_F32);
    } else if (p->type == DTYPE_U8) {
        product_all(act, p, broadcast, DTYPE_U8);
    } else {
        product_all(act, p, broadcast, DTYPE_S8);
    }
}

CPU_INLINE void product_cases(struct activation act, const struct product *p)
{
    if (p->c > 0) {
        product_types(act, p, true);
    } else {
        product_types(act, p, false);
    }
}

CPU_CLONES static void multiply(struct activation act, const struct product *p)
{
    switch (act.kind) {
    case ACT_NONE:
        product_cases((struct activation){.kind = ACT_NONE}, p);
        break;
    default:
        product_cases(act, p);
    }
}

static void run_multiply(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const size_t images = op->broadcast ? (size_t)op->n : 1, image = cpu_op_count(op) / images;
    struct product p = {.count = image,
                        .c = op->broadcast ? op->in_c : 0,
                        .factor = cpu_factor(op->out_type, args->in[2]),
                        .type = op->out_type};
    for (size_t n = 0; n < images; n++) {
        const float *b = args->in[1];
        p.a = (const float *)args->in[0] + n * image;
        p.b =
            op->broadcast ? cpu_pattern_make(b + n * (size_t)op->in_c, op->in_c, args->scratch) : b;
        p.y = (char *)args->out[0] + n * image * dtype_bytes(op->out_type);
        multiply(op->act, &p);
    }
}

static enum status multiply_open(struct backend *backend, const struct op *op, struct kernel **out)
{
    const size_t floats = op->broadcast ? cpu_pattern_floats(op->in_c) : 0;
    return cpu_kernel_open_scratch(backend, op, floats * sizeof(float), out);
}

// Adds up `rows` pixels of a block of channels, of which `count` exist in memory.
CPU_INLINE void add_products(size_t rows, size_t c, int count, const float *dy, const float *a,
                             float *sum)
{
    for (size_t row = 0; row < rows; row++, dy += c, a += c) {
        float x[CPU_BLOCK], y[CPU_BLOCK];
        cpu_block_load(dy, count, x);
        cpu_block_load(a, count, y);
        for (int j = 0; j < CPU_BLOCK; j++) {
            sum[j] += x[j] * y[j];
        }
    }
}

// One image, channels from `first` on. end: floats from dy on to the end of the tensor; what lies
// behind a pixel's channels is read along where there is something, and not used.
CPU_CLONES static void vector_block(size_t pixels, size_t c, size_t first, size_t end,
                                    const float *dy, const float *a, float *db)
{
    const int count = cpu_block_count((int)c, (int)first);
    double sums[CPU_BLOCK] = {0};
    for (size_t row = 0; row < pixels; row += BLOCK_ROWS) {
        const size_t rows = pixels - row < BLOCK_ROWS ? pixels - row : BLOCK_ROWS;
        const size_t at = row * c + first;
        float sum[CPU_BLOCK] = {0};
        if (at + (rows - 1) * c + CPU_BLOCK <= end) {
            add_products(rows, c, CPU_BLOCK, dy + at, a + at, sum);
        } else {
            add_products(rows, c, count, dy + at, a + at, sum);
        }
        for (int j = 0; j < CPU_BLOCK; j++) {
            sums[j] += (double)sum[j];
        }
    }
    for (int j = 0; j < count; j++) {
        db[first + (size_t)j] = (float)sums[j];
    }
}

static void run_backward_vector(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const size_t c = (size_t)op->in_c, count = cpu_op_count(op), image = count / (size_t)op->n;
    const float *dy = args->in[0], *a = args->in[1];
    float *db = args->out[0];
    for (size_t at = 0; at < count; at += image, db += c) {
        for (size_t first = 0; first < c; first += CPU_BLOCK) {
            vector_block(image / c, c, first, count - at, dy + at, a + at, db);
        }
    }
}

const struct kernel_ops cpu_multiply_kernel = {
    .open = multiply_open,
    .run = run_multiply,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_multiply_backward_vector_kernel = {
    .open = cpu_kernel_open,
    .run = run_backward_vector,
    .close = cpu_kernel_close,
};
