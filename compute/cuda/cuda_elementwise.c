// Kinds of which each thread makes one element.
#include "compute/cuda/cuda_backend.h"

enum { THREADS = 256 };

static void launch_each(struct kernel *kernel, enum cuda_kernel_number number,
                        struct cuda_call *call, int64_t count)
{
    call->count = (int)count;
    if (count > 0) {
        cuda_launch_each(kernel->backend, number, count, THREADS, call, sizeof *call);
    }
}

static void run_over_inputs(struct kernel *kernel, const struct op_args *args,
                            enum cuda_kernel_number number)
{
    struct cuda_call call = cuda_call_of(kernel, args);
    launch_each(kernel, number, &call, cuda_in_count(&kernel->op));
}

// Four by four where addresses allow it and `whole` is a multiple of four.
static void run_over_fours(struct kernel *kernel, const struct op_args *args,
                           enum cuda_kernel_number number, int64_t whole)
{
    struct cuda_call call = cuda_call_of(kernel, args);
    call.vector = whole % 4 == 0 && cuda_aligned(args);
    launch_each(kernel, number, &call, cuda_in_count(&kernel->op) / (call.vector ? 4 : 1));
}

static void run_over_runs(struct kernel *kernel, const struct op_args *args,
                          enum cuda_kernel_number number)
{
    run_over_fours(kernel, args, number, cuda_in_count(&kernel->op));
}

// The same where elements of one run are of neighbouring channels.
static void run_over_pixels(struct kernel *kernel, const struct op_args *args,
                            enum cuda_kernel_number number)
{
    run_over_fours(kernel, args, number, kernel->op.in_c);
}

static void run_over_outputs(struct kernel *kernel, const struct op_args *args,
                             enum cuda_kernel_number number)
{
    struct cuda_call call = cuda_call_of(kernel, args);
    launch_each(kernel, number, &call, cuda_out_count(&kernel->op));
}

static void run_over_channels(struct kernel *kernel, const struct op_args *args,
                              enum cuda_kernel_number number)
{
    struct cuda_call call = cuda_call_of(kernel, args);
    launch_each(kernel, number, &call, kernel->op.in_c);
}

static void run_COPY_CHANNELS(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    struct cuda_call call = cuda_call_of(kernel, args);
    launch_each(kernel, CUDA_copy_channels, &call, cuda_in_count(op) / op->in_c * op->count);
}

static void run_BN_SUM(struct kernel *kernel, const struct op_args *args)
{
    struct cuda_call call = cuda_call_of(kernel, args);
    launch_each(kernel, CUDA_bn_sum, &call, 2 * (int64_t)kernel->op.in_c);
}

// PAD and its gradient. Runs of four channels must lie so on both sides.
static void run_padding(struct kernel *kernel, const struct op_args *args,
                        enum cuda_kernel_number number, int64_t count)
{
    const struct op *op = &kernel->op;
    struct cuda_call call = cuda_call_of(kernel, args);
    call.vector = op->in_type == DTYPE_F32 && op->in_c % 4 == 0 && op->out_c % 4 == 0 &&
                  op->to % 4 == 0 && cuda_aligned(args);
    launch_each(kernel, number, &call, count / (call.vector ? 4 : 1));
}

static void run_PAD(struct kernel *kernel, const struct op_args *args)
{
    run_padding(kernel, args, CUDA_pad, cuda_out_count(&kernel->op));
}

static void run_PAD_BACKWARD(struct kernel *kernel, const struct op_args *args)
{
    run_padding(kernel, args, CUDA_pad_backward, cuda_in_count(&kernel->op));
}

// kind, kernel, what its threads go through.
#define SIMPLE_KINDS(X)                                                                            \
    X(NORMALIZE, normalize, inputs)                                                                \
    X(QUANTIZE, quantize, inputs)                                                                  \
    X(ADD, add, runs)                                                                              \
    X(MULTIPLY, multiply, inputs)                                                                  \
    X(ACT_BACKWARD, act_backward, runs)                                                            \
    X(DROPOUT, dropout, inputs)                                                                    \
    X(SHUFFLE, shuffle, inputs)                                                                    \
    X(GATHER, gather, inputs)                                                                      \
    X(SCATTER_ADD, scatter_add, inputs)                                                            \
    X(RESIZE, resize, outputs)                                                                     \
    X(RESIZE_BACKWARD, resize_backward, inputs)                                                    \
    X(POOL_MAX, pool_max, outputs)                                                                 \
    X(POOL_MAX_BACKWARD, pool_max_backward, inputs)                                                \
    X(POOL_AVG, pool_avg, outputs)                                                                 \
    X(POOL_AVG_BACKWARD, pool_avg_backward, inputs)                                                \
    X(BN_FINISH, bn_finish, channels)                                                              \
    X(BN_BACKWARD_FINISH, bn_backward_finish, channels)                                            \
    X(BN_BACKWARD_APPLY, bn_backward_apply, pixels)                                                \
    X(SGD, sgd, inputs)                                                                            \
    X(RMSPROP, rmsprop, inputs)                                                                    \
    X(ADAM, adam, inputs)

#define X(kind, name, over)                                                                        \
    static void run_##kind(struct kernel *kernel, const struct op_args *args)                      \
    {                                                                                              \
        run_over_##over(kernel, args, CUDA_##name);                                                \
    }
SIMPLE_KINDS(X)
#undef X

#define TABLE(kind)                                                                                \
    const struct kernel_ops cuda_kernel_##kind = {                                                 \
        .open = cuda_kernel_open,                                                                  \
        .run = run_##kind,                                                                         \
        .close = cuda_kernel_close,                                                                \
    };
#define X(kind, name, over) TABLE(kind)
SIMPLE_KINDS(X)
#undef X
TABLE(COPY_CHANNELS)
TABLE(BN_SUM)
TABLE(PAD)
TABLE(PAD_BACKWARD)
