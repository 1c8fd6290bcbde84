// Kinds that add up or compare: over rows for each channel, over images, over the channels of a
// pixel. In an order that the shape alone decides.
#include "compute/cuda/cuda_backend.h"

enum { ROW_THREADS = 128, ROWS_PER_BLOCK = ROW_THREADS / 32, END_THREADS = 256 };

static int64_t pixels(const struct op *op)
{
    return (int64_t)op->n * op->in_h * op->in_w;
}

// Scratch: [splits][2][channels] f64.
static enum status open_columns(struct backend *backend, const struct op *op, struct kernel **out)
{
    TRY(cuda_kernel_open(backend, op, out));
    const int whole = cuda_column_splits(pixels(op), op->in_c);
    const int quads = cuda_column_splits(pixels(op), (op->in_c + 3) / 4);
    (*out)->scratch_bytes =
        (size_t)(whole > quads ? whole : quads) * 2 * (size_t)op->in_c * sizeof(double);
    return OK;
}

static void run_columns(struct kernel *kernel, const struct op_args *args,
                        enum cuda_kernel_number number, enum cuda_kernel_number end)
{
    const struct op *op = &kernel->op;
    struct cuda_call call = cuda_call_of(kernel, args);
    call.vector = op->in_c % 4 == 0 && cuda_aligned(args);
    const int runs = call.vector ? op->in_c / 4 : op->in_c; // of channels, one for a thread
    call.count = (int)pixels(op);
    call.width = cuda_column_width(runs);
    call.splits = cuda_column_splits(pixels(op), runs);
    const struct cuda_grid grid = {cuda_tiles(runs, call.width), call.splits, 1,
                                   CUDA_COLUMN_THREADS, CUDA_COLUMN_SHARED_BYTES};
    cuda_launch(kernel->backend, number, &grid, &call, sizeof call);
    cuda_launch_columns_end(kernel->backend, end, 2 * op->in_c, &call, sizeof call);
}

static void run_statistics(struct kernel *kernel, const struct op_args *args)
{
    run_columns(kernel, args, CUDA_bn_statistics, CUDA_bn_statistics_end);
}

static void run_backward_reduce(struct kernel *kernel, const struct op_args *args)
{
    run_columns(kernel, args, CUDA_bn_backward_reduce, CUDA_bn_backward_reduce_end);
}

enum { MOST_IMAGES = 65535 }; // the grid's z

static enum status open_backward_vector(struct backend *backend, const struct op *op,
                                        struct kernel **out)
{
    if (op->n > MOST_IMAGES) {
        FAIL(ERR_UNSUPPORTED, "a batch of more than %d images; use a smaller one", MOST_IMAGES);
    }
    return cuda_kernel_open(backend, op, out);
}

static void run_backward_vector(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    struct cuda_call call = cuda_call_of(kernel, args);
    call.count = op->in_h * op->in_w;
    call.width = cuda_column_width(op->in_c);
    const struct cuda_grid grid = {cuda_tiles(op->in_c, call.width), 1, op->n, CUDA_COLUMN_THREADS,
                                   CUDA_COLUMN_SHARED_BYTES};
    cuda_launch(kernel->backend, CUDA_multiply_backward_vector, &grid, &call, sizeof call);
}

// One block for each image.
static void launch_range(struct kernel *kernel, const struct op_args *args,
                         enum cuda_kernel_number number)
{
    const struct op *op = &kernel->op;
    struct cuda_call call = cuda_call_of(kernel, args);
    call.count = op->in_h * op->in_w * op->in_c;
    const int threads = call.count >= 1024 ? 1024 : cuda_tiles(call.count, 32) * 32;
    const struct cuda_grid grid = {op->n, 1, 1, threads, 2 * 32 * sizeof(float)};
    cuda_launch(kernel->backend, number, &grid, &call, sizeof call);
}

static void run_range(struct kernel *kernel, const struct op_args *args)
{
    launch_range(kernel, args, CUDA_range);
}

static void run_scale_shift(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    struct cuda_call call = cuda_call_of(kernel, args);
    call.vector = op->in_c % 4 == 0 && cuda_aligned(args);
    call.count = (int)cuda_in_count(op) / (call.vector ? 4 : 1);
    cuda_launch_each(kernel->backend, CUDA_scale_shift, call.count, END_THREADS, &call,
                     sizeof call);
    if (args->out[1] != NULL && op->out_type == DTYPE_F32) {
        launch_range(kernel, args, CUDA_scale_shift_range);
    }
}

// One warp for each pixel.
static void launch_rows(struct kernel *kernel, const struct op_args *args,
                        enum cuda_kernel_number number)
{
    struct cuda_call call = cuda_call_of(kernel, args);
    call.count = (int)pixels(&kernel->op);
    const struct cuda_grid grid = {cuda_tiles(call.count, ROWS_PER_BLOCK), 1, 1, ROW_THREADS, 0};
    cuda_launch(kernel->backend, number, &grid, &call, sizeof call);
}

static void run_softmax(struct kernel *kernel, const struct op_args *args)
{
    launch_rows(kernel, args, CUDA_softmax);
}

static void run_softmax_backward(struct kernel *kernel, const struct op_args *args)
{
    launch_rows(kernel, args, CUDA_softmax_backward);
}

// Scratch: each row's loss and whether it is right, f64.
static enum status open_softmax_xent(struct backend *backend, const struct op *op,
                                     struct kernel **out)
{
    TRY(cuda_kernel_open(backend, op, out));
    (*out)->scratch_bytes = (size_t)pixels(op) * 2 * sizeof(double);
    return OK;
}

static void run_softmax_xent(struct kernel *kernel, const struct op_args *args)
{
    launch_rows(kernel, args, CUDA_softmax_xent);
    struct cuda_call call = cuda_call_of(kernel, args);
    call.count = (int)pixels(&kernel->op);
    const struct cuda_grid grid = {1, 1, 1, END_THREADS, END_THREADS / 32 * 2 * sizeof(double)};
    cuda_launch(kernel->backend, CUDA_softmax_xent_end, &grid, &call, sizeof call);
}

enum { SUM_THREADS = 256, SUM_MOST_SPLITS = 256, SUM_SHARED_BYTES = SUM_THREADS / 32 * 8 };

// Scratch: one f64 for each block.
static int sum_splits(const struct op *op)
{
    const int64_t blocks = (cuda_in_count(op) + 8 * SUM_THREADS - 1) / (8 * SUM_THREADS);
    return blocks > SUM_MOST_SPLITS ? SUM_MOST_SPLITS : (int)blocks;
}

static enum status open_sum_squares(struct backend *backend, const struct op *op,
                                    struct kernel **out)
{
    TRY(cuda_kernel_open(backend, op, out));
    (*out)->scratch_bytes = (size_t)sum_splits(op) * sizeof(double);
    return OK;
}

static void run_sum_squares(struct kernel *kernel, const struct op_args *args)
{
    struct cuda_call call = cuda_call_of(kernel, args);
    call.count = (int)cuda_in_count(&kernel->op);
    call.splits = sum_splits(&kernel->op);
    struct cuda_grid grid = {call.splits, 1, 1, SUM_THREADS, SUM_SHARED_BYTES};
    cuda_launch(kernel->backend, CUDA_sum_squares, &grid, &call, sizeof call);
    grid.x = 1;
    cuda_launch(kernel->backend, CUDA_sum_squares_end, &grid, &call, sizeof call);
}

static void run_clip(struct kernel *kernel, const struct op_args *args)
{
    const struct cuda_call call = cuda_call_of(kernel, args);
    cuda_launch_each(kernel->backend, CUDA_clip, 1, 32, &call, sizeof call);
}

const struct kernel_ops cuda_kernel_SUM_SQUARES = {
    .open = open_sum_squares,
    .run = run_sum_squares,
    .close = cuda_kernel_close,
};

const struct kernel_ops cuda_kernel_CLIP = {
    .open = cuda_kernel_open,
    .run = run_clip,
    .close = cuda_kernel_close,
};

const struct kernel_ops cuda_kernel_BN_STATISTICS = {
    .open = open_columns,
    .run = run_statistics,
    .close = cuda_kernel_close,
};

const struct kernel_ops cuda_kernel_BN_BACKWARD_REDUCE = {
    .open = open_columns,
    .run = run_backward_reduce,
    .close = cuda_kernel_close,
};

const struct kernel_ops cuda_kernel_MULTIPLY_BACKWARD_VECTOR = {
    .open = open_backward_vector,
    .run = run_backward_vector,
    .close = cuda_kernel_close,
};

const struct kernel_ops cuda_kernel_RANGE = {
    .open = cuda_kernel_open,
    .run = run_range,
    .close = cuda_kernel_close,
};

const struct kernel_ops cuda_kernel_SCALE_SHIFT = {
    .open = cuda_kernel_open,
    .run = run_scale_shift,
    .close = cuda_kernel_close,
};

const struct kernel_ops cuda_kernel_SOFTMAX = {
    .open = cuda_kernel_open,
    .run = run_softmax,
    .close = cuda_kernel_close,
};

const struct kernel_ops cuda_kernel_SOFTMAX_BACKWARD = {
    .open = cuda_kernel_open,
    .run = run_softmax_backward,
    .close = cuda_kernel_close,
};

const struct kernel_ops cuda_kernel_SOFTMAX_XENT = {
    .open = open_softmax_xent,
    .run = run_softmax_xent,
    .close = cuda_kernel_close,
};
