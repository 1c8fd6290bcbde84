// Batch normalisation (Ioffe & Szegedy 2015) in steps: sums over a chunk, sums over the batch, then
// per-channel numbers that turn normalising and its gradient into one multiply-add per element.
// Sums run in float for BLOCK_ROWS rows and are then added to doubles, always in the same order.
#include "compute/cpu/cpu_kernel_base.h"
#include "compute/cpu/cpu_kernels.h"
#include "compute/cpu/cpu_vector.h"

#include <math.h>

enum { BLOCK_ROWS = 32, PIVOT_PIXELS = 8 };

// Few channels do not fill a vector, so `repeats` pixels are taken as one row of `width` columns;
// column j holds channel j % c. The pixels after the last full row come singly.
struct fold {
    int c, repeats, width; // width = c * repeats: a multiple of CPU_LANES up to c = CPU_BLOCK
    size_t rows, rest;     // full rows; pixels after them
};

static struct fold fold_make(const struct op *op)
{
    const int c = op->in_c;
    int repeats = 1;
    while (c <= CPU_BLOCK && (repeats * c % CPU_LANES != 0 || repeats * c < CPU_BLOCK)) {
        repeats *= 2;
    }
    const size_t pixels = cpu_op_pixels(op);
    return (struct fold){.c = c,
                         .repeats = repeats,
                         .width = c * repeats,
                         .rows = pixels / (size_t)repeats,
                         .rest = pixels % (size_t)repeats};
}

// Scratch: two rows [width] (one repeated from a vector [c], one to be overwritten), then two sums
// per column.
static size_t fold_row_floats(const struct fold *fold)
{
    return ((size_t)fold->width + CPU_LANES - 1) / CPU_LANES * CPU_LANES;
}

static enum status fold_open(struct backend *backend, const struct op *op, struct kernel **out)
{
    const struct fold fold = fold_make(op);
    const size_t bytes =
        2 * fold_row_floats(&fold) * sizeof(float) + 2 * (size_t)fold.width * sizeof(double);
    return cpu_kernel_open_scratch(backend, op, bytes, out);
}

static double *fold_sums(const struct fold *fold, float *scratch)
{
    return (double *)(scratch + 2 * fold_row_floats(fold));
}

// Repeats the first c values of a row over the row.
static void fold_repeat(const struct fold *fold, float *row)
{
    for (int j = fold->c; j < fold->width; j++) {
        row[j] = row[j - fold->c];
    }
}

// The two sums of each channel, [2][c], from those of the columns, [2][width].
static void fold_collapse(const struct fold *fold, const double *columns, double *out)
{
    for (int half = 0; half < 2; half++) {
        for (int c = 0; c < fold->c; c++) {
            double sum = 0.0;
            for (int j = c; j < fold->width; j += fold->c) {
                sum += columns[half * fold->width + j];
            }
            out[half * fold->c + c] = sum;
        }
    }
}

// ---- sums of x and x * x
// A pivot near the mean is taken off first: otherwise the squares of a mean 10 standard deviations
// from zero would leave the variance only its last digits.
static void make_pivot(const struct fold *fold, const float *x, float *pivot)
{
    const size_t pixels = fold->rows * (size_t)fold->repeats + fold->rest;
    const size_t n = pixels < PIVOT_PIXELS ? pixels : PIVOT_PIXELS;
    for (int c = 0; c < fold->c; c++) {
        float sum = 0.0F;
        for (size_t i = 0; i < n; i++) {
            sum += x[i * (size_t)fold->c + (size_t)c];
        }
        pivot[c] = sum / (float)n;
    }
    fold_repeat(fold, pivot);
}

// Adds sums over `rows` rows of `columns` <= CPU_BLOCK columns; those before `skip` are not added.
CPU_INLINE void statistics_slab(size_t rows, int width, int columns, int skip, const float *x,
                                const float *pivot, double *sums)
{
    float sum[CPU_BLOCK] = {0}, squares[CPU_BLOCK] = {0};
    for (size_t row = 0; row < rows; row++, x += width) {
        for (int j = 0; j < columns; j++) {
            const float d = x[j] - pivot[j];
            sum[j] += d;
            squares[j] += d * d;
        }
    }
    for (int j = skip; j < columns; j++) {
        sums[j] += (double)sum[j];
        sums[width + j] += (double)squares[j];
    }
}

CPU_CLONES static void statistics_rows(const struct fold *fold, const float *x, const float *pivot,
                                       double *sums)
{
    const int width = fold->width;
    for (size_t row = 0; row < fold->rows; row += BLOCK_ROWS) {
        const size_t rows = fold->rows - row < BLOCK_ROWS ? fold->rows - row : BLOCK_ROWS;
        const float *from = x + row * (size_t)width;
        int j = 0;
        for (; j + CPU_BLOCK <= width; j += CPU_BLOCK) {
            statistics_slab(rows, width, CPU_BLOCK, 0, from + j, pivot + j, sums + j);
        }
        for (; j + CPU_LANES <= width; j += CPU_LANES) {
            statistics_slab(rows, width, CPU_LANES, 0, from + j, pivot + j, sums + j);
        }
        if (j < width) { // the last full vector again, of which only the end is new
            const int back = width - CPU_LANES;
            statistics_slab(rows, width, CPU_LANES, j - back, from + back, pivot + back,
                            sums + back);
        }
    }
}

static void run_statistics(struct kernel *kernel, const struct op_args *args)
{
    const struct fold fold = fold_make(&kernel->op);
    const float *x = args->in[0];
    float *pivot = args->scratch;
    double *sums = fold_sums(&fold, args->scratch), *partial = args->out[0];
    make_pivot(&fold, x, pivot);
    memset(sums, 0, 2 * (size_t)fold.width * sizeof *sums);
    statistics_rows(&fold, x, pivot, sums);
    const float *last = x + fold.rows * (size_t)fold.width;
    for (size_t i = 0; i < fold.rest * (size_t)fold.c; i++) {
        const double d = (double)last[i] - (double)pivot[i];
        sums[i] += d;
        sums[(size_t)fold.width + i] += d * d;
    }
    fold_collapse(&fold, sums, partial);
    const double pixels = (double)cpu_op_pixels(&kernel->op);
    for (int c = 0; c < fold.c; c++) {
        const double k = (double)pivot[c], sum = partial[c];
        partial[c] = sum + pixels * k;
        partial[fold.c + c] += k * (2.0 * sum + pixels * k);
    }
}

// ---- sums over the batch, and what follows from them
static void run_sum(struct kernel *kernel, const struct op_args *args)
{
    const double *a = args->in[0], *b = args->in[1];
    double *sums = args->out[0];
    const size_t count = 2 * (size_t)kernel->op.in_c;
    if (b == NULL) {
        memmove(sums, a, count * sizeof *sums);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        sums[i] = a[i] + b[i];
    }
}

static float blend(float old, double new, float momentum)
{
    return (float)((1.0 - (double)momentum) * (double)old + (double)momentum * new);
}

// Normalises with the biased variance; the running one is unbiased, as in PyTorch.
static void run_finish(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const double *sums = args->in[0];
    const float *gamma = args->in[1], *beta = args->in[2];
    float *scale = args->out[0], *shift = args->out[1], *mean_out = args->out[2];
    float *inv_std = args->out[3], *running_mean = args->out[4], *running_variance = args->out[5];
    const double count = args->dynamic.count;
    CHECK(count >= 1.0 && (running_mean == NULL) == (running_variance == NULL));
    for (int c = 0; c < op->in_c; c++) {
        const double mean = sums[c] / count;
        const double difference = sums[op->in_c + c] / count - mean * mean;
        const double variance = difference < 0.0 ? 0.0 : difference; // rounding; NaN stays NaN
        const double inverse = 1.0 / sqrt(variance + (double)op->epsilon);
        mean_out[c] = (float)mean;
        inv_std[c] = (float)inverse;
        scale[c] = (float)((double)gamma[c] * inverse);
        shift[c] = (float)((double)beta[c] - mean * (double)gamma[c] * inverse);
        if (running_mean != NULL) {
            const double unbiased = count > 1.0 ? variance * count / (count - 1.0) : variance;
            running_mean[c] = blend(running_mean[c], mean, op->momentum);
            running_variance[c] = blend(running_variance[c], unbiased, op->momentum);
        }
    }
}

// ---- backward: g, sum of g and sum of g * (x - mean) in one pass
struct reduce {
    const float *dy, *dy2, *y, *x; // dy2, y: NULL = absent
    const float *mean;             // [width]
    float *g;
    size_t g_row; // from one row of g to the next; 0: all into one row that nobody reads
    double *sums; // [2][width]
};

static struct reduce reduce_from_row(const struct reduce *all, const struct fold *fold, size_t row)
{
    struct reduce from = *all;
    const size_t element = row * (size_t)fold->width;
    from.dy += element;
    from.dy2 = all->dy2 != NULL ? all->dy2 + element : NULL;
    from.y = all->y != NULL ? all->y + element : NULL;
    from.x += element;
    from.g += row * all->g_row;
    return from;
}

// As statistics_slab, for the columns from `at` on. act.kind and has_dy2 are constants where this
// is inlined. g may be dy itself.
CPU_INLINE void reduce_slab(struct activation act, bool has_dy2, size_t rows, int width,
                            int columns, int skip, const struct reduce *r, int at)
{
    const float *dy = r->dy + at, *x = r->x + at, *mean = r->mean + at;
    const float *dy2 = has_dy2 ? r->dy2 + at : NULL, *y = act.kind != ACT_NONE ? r->y + at : NULL;
    float *g = r->g + at;
    float sum[CPU_BLOCK] = {0}, products[CPU_BLOCK] = {0};
    for (size_t row = 0; row < rows; row++, g += r->g_row) {
        const size_t i = row * (size_t)width;
        float t[CPU_BLOCK];
        cpu_block_gradient(act, columns, dy + i, has_dy2, has_dy2 ? dy2 + i : NULL,
                           act.kind != ACT_NONE ? y + i : NULL, t);
        for (int j = 0; j < columns; j++) {
            sum[j] += t[j];
            products[j] += t[j] * (x[i + (size_t)j] - mean[j]);
        }
        for (int j = skip; j < columns; j++) {
            g[j] = t[j];
        }
    }
    double *sums = r->sums + at;
    for (int j = skip; j < columns; j++) {
        sums[j] += (double)sum[j];
        sums[width + j] += (double)products[j];
    }
}

CPU_INLINE void reduce_case_rows(struct activation act, bool has_dy2, const struct fold *fold,
                                 const struct reduce *all)
{
    const int width = fold->width;
    for (size_t row = 0; row < fold->rows; row += BLOCK_ROWS) {
        const size_t rows = fold->rows - row < BLOCK_ROWS ? fold->rows - row : BLOCK_ROWS;
        const struct reduce from = reduce_from_row(all, fold, row);
        int j = 0;
        for (; j + CPU_BLOCK <= width; j += CPU_BLOCK) {
            reduce_slab(act, has_dy2, rows, width, CPU_BLOCK, 0, &from, j);
        }
        for (; j + CPU_LANES <= width; j += CPU_LANES) {
            reduce_slab(act, has_dy2, rows, width, CPU_LANES, 0, &from, j);
        }
        if (j < width) { // the last full vector again, of which only the end is new
            const int back = width - CPU_LANES;
            reduce_slab(act, has_dy2, rows, width, CPU_LANES, j - back, &from, back);
        }
    }
}

CPU_INLINE void reduce_act_rows(struct activation act, const struct fold *fold,
                                const struct reduce *all)
{
    if (all->dy2 != NULL) {
        reduce_case_rows(act, true, fold, all);
    } else {
        reduce_case_rows(act, false, fold, all);
    }
}

CPU_CLONES static void reduce_rows(struct activation act, const struct fold *fold,
                                   const struct reduce *all)
{
    CPU_EACH_ACTIVATION(act, reduce_act_rows, fold, all);
}

// The pixels after the last full row: less than a row.
static void reduce_rest(struct activation act, const struct fold *fold, const struct reduce *all)
{
    const struct reduce from = reduce_from_row(all, fold, fold->rows);
    for (size_t i = 0; i < fold->rest * (size_t)fold->c; i++) {
        float g = 0.0F;
        cpu_block_gradient(act, 1, from.dy + i, from.dy2 != NULL,
                           from.dy2 != NULL ? from.dy2 + i : NULL,
                           from.y != NULL ? from.y + i : NULL, &g);
        all->sums[i] += (double)g;
        all->sums[(size_t)fold->width + i] +=
            (double)g * ((double)from.x[i] - (double)all->mean[i]);
        from.g[i] = g;
    }
}

static void run_backward_reduce(struct kernel *kernel, const struct op_args *args)
{
    const struct fold fold = fold_make(&kernel->op);
    float *mean = args->scratch, *g = args->out[0];
    const struct reduce all = {.dy = args->in[0],
                               .dy2 = args->in[1],
                               .y = args->in[2],
                               .x = args->in[3],
                               .mean = mean,
                               .g = g != NULL ? g : mean + fold_row_floats(&fold),
                               .g_row = g != NULL ? (size_t)fold.width : 0,
                               .sums = fold_sums(&fold, args->scratch)};
    const float *inv_std = args->in[5];
    double *partial = args->out[1];
    const struct activation act = all.y != NULL ? kernel->op.act : (struct activation){0};
    memcpy(mean, args->in[4], (size_t)fold.c * sizeof *mean);
    fold_repeat(&fold, mean);
    memset(all.sums, 0, 2 * (size_t)fold.width * sizeof *all.sums);
    reduce_rows(act, &fold, &all);
    reduce_rest(act, &fold, &all);
    fold_collapse(&fold, all.sums, partial);
    for (int c = 0; c < fold.c; c++) {
        partial[fold.c + c] *= (double)inv_std[c];
    }
}

// dx = gamma * inv_std * (g - sum(g) / N - xhat * sum(g * xhat) / N), written as k0*g + k1*x + k2
// (Ioffe & Szegedy 2015, section 3).
static void run_backward_finish(struct kernel *kernel, const struct op_args *args)
{
    const int n = kernel->op.in_c;
    const double *sums = args->in[0];
    const float *gamma = args->in[1], *mean = args->in[2], *inv_std = args->in[3];
    float *dgamma = args->out[0], *dbeta = args->out[1], *coefficients = args->out[2];
    const double count = args->dynamic.count;
    CHECK(count >= 1.0);
    for (int c = 0; c < n; c++) {
        const double k0 = (double)gamma[c] * (double)inv_std[c];
        const double k1 = -k0 * (double)inv_std[c] * sums[n + c] / count;
        coefficients[c] = (float)k0;
        coefficients[n + c] = (float)k1;
        coefficients[2 * n + c] = (float)(-k0 * sums[c] / count - k1 * (double)mean[c]);
        if (dgamma != NULL) {
            dgamma[c] = (float)sums[n + c];
        }
        if (dbeta != NULL) {
            dbeta[c] = (float)sums[c];
        }
    }
}

CPU_INLINE void apply_block(const float *g, const float *x, const float *k0, const float *k1,
                            const float *k2, float *v)
{
    for (int j = 0; j < CPU_BLOCK; j++) {
        v[j] = k0[j] * g[j] + (k1[j] * x[j] + k2[j]);
    }
}

// k[i]: patterns.
CPU_CLONES static void backward_apply(size_t count, int c, const float *const k[3], const float *g,
                                      const float *x, float *dx)
{
    const float *k0 = k[0], *k1 = k[1], *k2 = k[2];
    float v[CPU_BLOCK];
    size_t i = 0;
    int at = 0;
    for (; i + CPU_BLOCK <= count; i += CPU_BLOCK) {
        apply_block(g + i, x + i, k0 + at, k1 + at, k2 + at, v);
        cpu_block_store(DTYPE_F32, 1.0F, v, dx + i);
        at = cpu_pattern_next(at, c);
    }
    if (i < count) {
        float last_g[CPU_BLOCK], last_x[CPU_BLOCK];
        cpu_block_load(g + i, (int)(count - i), last_g);
        cpu_block_load(x + i, (int)(count - i), last_x);
        apply_block(last_g, last_x, k0 + at, k1 + at, k2 + at, v);
        memcpy(dx + i, v, (count - i) * sizeof *dx);
    }
}

static enum status apply_open(struct backend *backend, const struct op *op, struct kernel **out)
{
    return cpu_kernel_open_scratch(backend, op, 3 * cpu_pattern_floats(op->in_c) * sizeof(float),
                                   out);
}

static void run_backward_apply(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *coefficients = args->in[2]; // [3][c]
    float *room = args->scratch;
    const float *k[3];
    for (int i = 0; i < 3; i++) {
        k[i] = cpu_pattern_make(coefficients + (size_t)i * (size_t)op->in_c, op->in_c,
                                room + (size_t)i * cpu_pattern_floats(op->in_c));
    }
    backward_apply(cpu_op_count(op), op->in_c, k, args->in[0], args->in[1], args->out[0]);
}

const struct kernel_ops cpu_bn_statistics_kernel = {
    .open = fold_open,
    .run = run_statistics,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_bn_sum_kernel = {
    .open = cpu_kernel_open,
    .run = run_sum,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_bn_finish_kernel = {
    .open = cpu_kernel_open,
    .run = run_finish,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_bn_backward_reduce_kernel = {
    .open = fold_open,
    .run = run_backward_reduce,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_bn_backward_finish_kernel = {
    .open = cpu_kernel_open,
    .run = run_backward_finish,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_bn_backward_apply_kernel = {
    .open = apply_open,
    .run = run_backward_apply,
    .close = cpu_kernel_close,
};
