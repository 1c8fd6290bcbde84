// SGD, RMSProp and Adam over a flat block of weights, with clipping by global norm.
#include "nn/optimizer.h"

#include <math.h>
#include <stdlib.h>

enum { PIECE = 16384, NORM_COLUMNS = 64 }; // floats of one piece

struct optimizer {
    struct backend *backend;
    struct optimizer_options options;
    size_t count;
    int n_pieces;
    struct kernel *update[2], *norm[2]; // for full pieces and for the last one
    int norm_columns[2];
    float *state[2];  // [count] in the backend's memory
    double *partials; // [pieces][2][NORM_COLUMNS] in the backend's memory
    double *host;     // the same, here
    char *scratch;    // [lanes][scratch_bytes] in the backend's memory
    size_t scratch_bytes;
    int64_t step;
    // The update in progress.
    float *weights;
    const float *gradients;
    struct op_dynamic dynamic;
};

static size_t piece_size(const struct optimizer *o, int piece)
{
    const size_t first = (size_t)piece * PIECE;
    return o->count - first < PIECE ? o->count - first : PIECE;
}

static struct op update_op(const struct optimizer_options *options, size_t count)
{
    const enum op_kind kinds[] = {OP_SGD, OP_RMSPROP, OP_ADAM};
    return (struct op){.kind = kinds[options->kind],
                       .n = 1,
                       .in_h = 1,
                       .in_w = 1,
                       .in_c = (int)count,
                       .out_h = 1,
                       .out_w = 1,
                       .out_c = (int)count,
                       .groups = 1,
                       .momentum = options->momentum,
                       .decay = options->weight_decay,
                       .nesterov = options->nesterov ? 1.0F : 0.0F,
                       .alpha = options->alpha,
                       .epsilon = options->epsilon,
                       .beta1 = options->beta1,
                       .beta2 = options->beta2};
}

// The sum of squares of a piece, by the kernel that sums squares per channel.
static struct op norm_op(size_t count, int columns)
{
    const int rows = (int)count / columns;
    return (struct op){.kind = OP_BN_STATISTICS,
                       .n = 1,
                       .in_h = rows,
                       .in_w = 1,
                       .in_c = columns,
                       .out_h = rows,
                       .out_w = 1,
                       .out_c = columns,
                       .groups = 1};
}

static void need_scratch(struct optimizer *o, const struct kernel *kernel)
{
    const size_t bytes = (kernel->scratch_bytes + 63) / 64 * 64;
    o->scratch_bytes = bytes > o->scratch_bytes ? bytes : o->scratch_bytes;
}

static enum status open_kernels(struct optimizer *o)
{
    for (int last = 0; last < 2; last++) {
        const size_t size = piece_size(o, last ? o->n_pieces - 1 : 0);
        const int columns = size % NORM_COLUMNS == 0 ? NORM_COLUMNS : 1;
        const struct op update = update_op(&o->options, size), norm = norm_op(size, columns);
        o->norm_columns[last] = columns;
        TRY(kernel_open(o->backend, &update, &o->update[last]));
        TRY(kernel_open(o->backend, &norm, &o->norm[last]));
        need_scratch(o, o->update[last]);
        need_scratch(o, o->norm[last]);
    }
    return OK;
}

static enum status open_memory(struct optimizer *o)
{
    void *address = NULL;
    for (int i = 0; i < 2; i++) {
        TRY(o->backend->ops->alloc(o->backend, o->count * sizeof(float), &address));
        o->state[i] = address;
    }
    const size_t partials = (size_t)o->n_pieces * 2 * NORM_COLUMNS;
    TRY(o->backend->ops->alloc(o->backend, partials * sizeof(double), &address));
    o->partials = address;
    TRY(o->backend->ops->alloc(o->backend, o->scratch_bytes * (size_t)o->backend->lanes + 1,
                               &address));
    o->scratch = address;
    o->host = calloc(partials, sizeof(double));
    if (o->host == NULL) {
        FAIL(ERR_MEMORY, "no memory for gradient norms");
    }
    optimizer_reset(o);
    return OK;
}

enum status optimizer_open(struct backend *backend, const struct optimizer_options *options,
                           size_t count, struct optimizer **out)
{
    struct optimizer *o = calloc(1, sizeof *o);
    if (o == NULL) {
        FAIL(ERR_MEMORY, "no memory for an optimiser");
    }
    o->backend = backend;
    o->options = *options;
    o->count = count;
    o->n_pieces = (int)((count + PIECE - 1) / PIECE);
    enum status status = open_kernels(o);
    if (status == OK) {
        status = open_memory(o);
    }
    if (status != OK) {
        optimizer_close(o);
        return status;
    }
    *out = o;
    return OK;
}

void optimizer_close(struct optimizer *o)
{
    if (o == NULL) {
        return;
    }
    for (int i = 0; i < 2; i++) {
        kernel_close(o->update[i]);
        kernel_close(o->norm[i]);
        if (o->state[i] != NULL) {
            o->backend->ops->release(o->backend, o->state[i]);
        }
    }
    if (o->partials != NULL) {
        o->backend->ops->release(o->backend, o->partials);
    }
    if (o->scratch != NULL) {
        o->backend->ops->release(o->backend, o->scratch);
    }
    free(o->host);
    free(o);
}

void optimizer_reset(struct optimizer *o)
{
    for (int i = 0; i < 2; i++) {
        o->backend->ops->zero(o->backend, o->state[i], o->count * sizeof(float));
    }
    o->step = 0;
}

static void norm_piece(void *context, int piece, int lane)
{
    const struct optimizer *o = context;
    struct kernel *kernel = o->norm[piece == o->n_pieces - 1];
    struct op_args args = {.lane = lane, .scratch = o->scratch + (size_t)lane * o->scratch_bytes};
    args.in[0] = o->gradients + (size_t)piece * PIECE;
    args.out[0] = o->partials + (size_t)piece * 2 * NORM_COLUMNS;
    kernel->ops->run(kernel, &args);
}

static void update_piece(void *context, int piece, int lane)
{
    const struct optimizer *o = context;
    struct kernel *kernel = o->update[piece == o->n_pieces - 1];
    const size_t first = (size_t)piece * PIECE;
    struct op_args args = {.lane = lane,
                           .scratch = o->scratch + (size_t)lane * o->scratch_bytes,
                           .dynamic = o->dynamic};
    args.in[0] = o->gradients + first;
    args.out[0] = o->weights + first;
    args.out[1] = o->state[0] + first;
    args.out[2] = o->state[1] + first;
    kernel->ops->run(kernel, &args);
}

double optimizer_norm(struct optimizer *o, const float *gradients)
{
    const struct backend_ops *ops = o->backend->ops;
    o->gradients = gradients;
    ops->parallel(o->backend, o->n_pieces, norm_piece, o);
    ops->download(o->backend, o->host, o->partials,
                  (size_t)o->n_pieces * 2 * NORM_COLUMNS * sizeof(double));
    double sum = 0.0;
    for (int piece = 0; piece < o->n_pieces; piece++) {
        const int columns = o->norm_columns[piece == o->n_pieces - 1];
        const double *squares = o->host + (size_t)piece * 2 * NORM_COLUMNS + columns;
        for (int i = 0; i < columns; i++) {
            sum += squares[i];
        }
    }
    return sqrt(sum);
}

void optimizer_update(struct optimizer *o, float *weights, const float *gradients, float rate,
                      double norm)
{
    o->weights = weights;
    o->gradients = gradients;
    const double limit = (double)o->options.clip;
    o->step++;
    o->dynamic =
        (struct op_dynamic){.rate = rate,
                            .scale = limit > 0.0 && norm > limit ? (float)(limit / norm) : 1.0F,
                            .step = o->step};
    o->backend->ops->parallel(o->backend, o->n_pieces, update_piece, o);
    o->backend->ops->sync(o->backend);
}

void optimizer_step(struct optimizer *o, float *weights, const float *gradients, float rate,
                    double *norm)
{
    *norm = optimizer_norm(o, gradients);
    optimizer_update(o, weights, gradients, rate, *norm);
}

size_t optimizer_state_count(const struct optimizer *o)
{
    return 2 * o->count;
}

void optimizer_save(const struct optimizer *o, float *state, int64_t *step)
{
    for (size_t i = 0; i < 2; i++) {
        o->backend->ops->download(o->backend, state + i * o->count, o->state[i],
                                  o->count * sizeof(float));
    }
    *step = o->step;
}

void optimizer_load(struct optimizer *o, const float *state, int64_t step)
{
    for (size_t i = 0; i < 2; i++) {
        o->backend->ops->upload(o->backend, o->state[i], state + i * o->count,
                                o->count * sizeof(float));
    }
    o->step = step;
}
