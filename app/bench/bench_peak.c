// The convolution peak: the backend's own kernel on shapes that suit it best, one call per lane
// side by side.
#include "app/bench/bench.h"
#include "core/clock.h"
#include "core/rng.h"

#include <stdlib.h>

#define PEAK_IMAGES 4          // per call
#define PEAK_DEVICE_IMAGES 256 // a device works in parallel inside a call
#define PEAK_CALLS_PER_LANE 4  // per repeat: evens out lanes that start late
#define PEAK_MOST_REPEATS 4096

static const struct {
    int size, channels;
} peak_shapes[] = {{32, 64}, {16, 64}, {16, 128}, {16, 256}, {8, 256}};
#define N_SHAPES ((int)(sizeof peak_shapes / sizeof peak_shapes[0]))

struct peak {
    struct backend *backend;
    struct kernel *kernel;
    // In the backend's memory, owned.
    void *weights, *bias, *packed;
    void **x, **y, **scratch; // [lanes]
};

static struct op peak_op(const struct backend *backend, int shape, bool int8)
{
    const int size = peak_shapes[shape].size;
    const int channels = peak_shapes[shape].channels;
    return (struct op){
        .kind = OP_CONV,
        .n = backend->ops->device ? PEAK_DEVICE_IMAGES : PEAK_IMAGES,
        .in_h = size,
        .in_w = size,
        .in_c = channels,
        .out_h = size,
        .out_w = size,
        .out_c = channels,
        .in_type = int8 ? DTYPE_U8 : DTYPE_F32,
        .out_type = int8 ? DTYPE_U8 : DTYPE_F32,
        .act = {.kind = ACT_RELU},
        .kernel = {3, 3},
        .stride = {1, 1},
        .dilation = {1, 1},
        .pad = {1, 1, 1, 1},
        .groups = 1,
        .bias = true,
    };
}

// Memory of the backend filled with `count` random values: f32 in [-1, 1), or bytes.
static enum status alloc_random(struct backend *backend, size_t count, enum dtype dtype, void **out)
{
    const size_t bytes = count * dtype_bytes(dtype);
    void *host = malloc(bytes);
    if (host == NULL) {
        FAIL(ERR_MEMORY, "no memory for %zu bytes", bytes);
    }
    struct rng rng = rng_make(0, RNG_TEST, count, 0);
    for (size_t i = 0; i < count; i++) {
        if (dtype == DTYPE_F32) {
            ((float *)host)[i] = 2 * rng_uniform(&rng) - 1;
        } else {
            ((uint8_t *)host)[i] = (uint8_t)(rng_u32(&rng) & 127);
        }
    }
    const enum status code = backend->ops->alloc(backend, bytes, out);
    if (code == OK) {
        backend->ops->upload(backend, *out, host, bytes);
    }
    free(host);
    return code;
}

static enum status fill(struct peak *peak, const struct op *op)
{
    struct backend *backend = peak->backend;
    const size_t values = (size_t)op->n * (size_t)op->in_h * (size_t)op->in_w * (size_t)op->in_c;
    const size_t weights = (size_t)op->out_c * (size_t)op->in_c * 9;
    TRY(alloc_random(backend, weights, DTYPE_F32, &peak->weights));
    TRY(alloc_random(backend, (size_t)op->out_c, DTYPE_F32, &peak->bias));
    TRY(backend->ops->alloc(backend, peak->kernel->packed_bytes, &peak->packed));
    const struct op_quantization quantization = {
        .in_scale = 1.0F / 127, .out_scale = (float)op->in_c / 127, .sum_scale = 1};
    TRY(peak->kernel->ops->pack(peak->kernel, peak->weights, peak->bias,
                                op->in_type == DTYPE_F32 ? NULL : &quantization, peak->packed, 0));
    for (int lane = 0; lane < backend->lanes; lane++) {
        TRY(alloc_random(backend, values, op->in_type, &peak->x[lane]));
        TRY(alloc_random(backend, values, op->out_type, &peak->y[lane]));
        TRY(backend->ops->alloc(backend, peak->kernel->scratch_bytes, &peak->scratch[lane]));
    }
    return OK;
}

static void run_piece(void *context, int index, int lane)
{
    (void)index;
    struct peak *peak = context;
    const struct op_args args = {
        .in = {peak->x[lane], peak->packed},
        .out = {peak->y[lane]},
        .scratch = peak->scratch[lane],
        .lane = lane,
    };
    peak->kernel->ops->run(peak->kernel, &args);
}

static enum status best_rate(struct peak *peak, const struct op *op, double seconds, double *out)
{
    struct backend *backend = peak->backend;
    const int pieces = backend->lanes * PEAK_CALLS_PER_LANE;
    const double operations = 2 * (double)op_macs(op) * pieces;
    const double end = clock_seconds() + seconds;
    double best = 0;
    for (int i = 0; i < PEAK_MOST_REPEATS && (i < 2 || clock_seconds() < end); i++) {
        const double start = clock_seconds();
        backend->ops->parallel(backend, pieces, run_piece, peak);
        TRY(backend->ops->sync(backend));
        const double rate = operations / (clock_seconds() - start) * 1e-9;
        best = rate > best ? rate : best;
    }
    *out = best;
    return OK;
}

static void release(struct backend *backend, void *address)
{
    if (address != NULL) {
        backend->ops->release(backend, address);
    }
}

static void peak_close(struct peak *peak)
{
    struct backend *backend = peak->backend;
    for (int lane = 0; lane < backend->lanes; lane++) {
        release(backend, peak->x[lane]);
        release(backend, peak->y[lane]);
        release(backend, peak->scratch[lane]);
        peak->x[lane] = NULL;
        peak->y[lane] = NULL;
        peak->scratch[lane] = NULL;
    }
    release(backend, peak->weights);
    release(backend, peak->bias);
    release(backend, peak->packed);
    peak->weights = NULL;
    peak->bias = NULL;
    peak->packed = NULL;
    kernel_close(peak->kernel);
    peak->kernel = NULL;
}

static enum status measure_shapes(struct peak *peak, bool int8, double seconds, double *out)
{
    double best = 0;
    for (int shape = 0; shape < N_SHAPES; shape++) {
        const struct op op = peak_op(peak->backend, shape, int8);
        TRY(kernel_open(peak->backend, &op, &peak->kernel));
        TRY(fill(peak, &op));
        double rate;
        TRY(best_rate(peak, &op, seconds / N_SHAPES, &rate));
        best = rate > best ? rate : best;
        peak_close(peak);
    }
    *out = best;
    return OK;
}

enum status bench_peak(struct backend *backend, bool int8, double seconds, double *out)
{
    struct arena arena = {0};
    struct peak peak = {.backend = backend};
    const size_t lanes = (size_t)backend->lanes;
    void **slots = arena_alloc(&arena, 3 * lanes, sizeof *slots);
    if (slots == NULL) {
        return ERR_MEMORY;
    }
    peak.x = slots;
    peak.y = slots + lanes;
    peak.scratch = slots + 2 * lanes;
    const enum status code = measure_shapes(&peak, int8, seconds, out);
    peak_close(&peak);
    arena_close(&arena);
    return code;
}
