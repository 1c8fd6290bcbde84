// The CPU backend: oneDNN for convolutions and linear layers, our own loops between them. Every
// kernel runs on one thread; a batch is spread over the lanes by chunks, so results do not depend
// on the number of threads.
#include "compute/cpu/cpu_backend.h"

#include "compute/backend_list.h"
#include "compute/blas.h"
#include "compute/cpu/cpu_dnnl.h"
#include "compute/cpu/cpu_kernels.h"
#include "core/machine.h"

#include <stdlib.h>
#include <string.h>

enum {
    ALIGNMENT = 64,
    CHUNK_BYTES = 512 * 1024
}; // two or three tensors of a chunk fit a core's 1 to 2 MiB of L2

static enum status cpu_alloc(struct backend *backend, size_t bytes, void **out)
{
    (void)backend;
    const size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *address = aligned_alloc(ALIGNMENT, rounded > 0 ? rounded : ALIGNMENT);
    if (address == NULL) {
        FAIL(ERR_MEMORY, "no memory for %zu bytes; use a smaller batch", bytes);
    }
    memset(address, 0, rounded);
    *out = address;
    return OK;
}

static void cpu_release(struct backend *backend, void *address)
{
    (void)backend;
    free(address);
}

static void cpu_upload(struct backend *backend, void *to, const void *from_host, size_t bytes)
{
    (void)backend;
    memcpy(to, from_host, bytes);
}

static enum status cpu_download(struct backend *backend, void *to_host, const void *from,
                                size_t bytes)
{
    (void)backend;
    memcpy(to_host, from, bytes);
    return OK;
}

static void cpu_zero(struct backend *backend, void *address, size_t bytes)
{
    (void)backend;
    memset(address, 0, bytes);
}

static enum status cpu_sync(struct backend *backend)
{
    (void)backend; // calls return when their work is done
    return OK;
}

static void cpu_parallel(struct backend *backend, int n,
                         void (*body)(void *context, int index, int lane), void *context)
{
    lanes_run(((struct cpu_backend *)backend)->lanes, n, body, context);
}

static enum status cpu_ask(const struct backend_options *options, struct backend_facts *facts)
{
    (void)options;
    cpu_dnnl_say(facts);
    facts->int8 = machine_has_vnni();
    return OK;
}

static void cpu_close(struct backend *backend)
{
    struct cpu_backend *cpu = (struct cpu_backend *)backend;
    for (int lane = 0; cpu->streams != NULL && lane < cpu->base.lanes; lane++) {
        if (cpu->streams[lane] != NULL) {
            dnnl_stream_destroy(cpu->streams[lane]);
        }
    }
    if (cpu->engine != NULL) {
        dnnl_engine_destroy(cpu->engine);
    }
    lanes_close(cpu->lanes);
    free(cpu->streams);
    free(cpu);
}

static enum status open_engine(struct cpu_backend *cpu)
{
    TRY(blas_reserve(cpu->base.lanes));
    TRY(lanes_open(cpu->base.lanes, &cpu->lanes));
    if (dnnl_engine_create(&cpu->engine, dnnl_cpu, 0) != dnnl_success) {
        FAIL(ERR_UNSUPPORTED, "oneDNN cannot open its CPU engine");
    }
    for (int lane = 0; lane < cpu->base.lanes; lane++) {
        if (dnnl_stream_create(&cpu->streams[lane], cpu->engine, dnnl_stream_default_flags) !=
            dnnl_success) {
            FAIL(ERR_MEMORY, "oneDNN cannot open stream %d", lane);
        }
    }
    return OK;
}

static enum status cpu_open(const struct backend_options *options, struct backend **out)
{
    struct cpu_backend *cpu = calloc(1, sizeof *cpu);
    const int lanes = options->threads > 0 ? options->threads : machine_cores();
    dnnl_stream_t *streams = calloc((size_t)lanes, sizeof(dnnl_stream_t));
    if (cpu == NULL || streams == NULL) {
        free(cpu);
        free(streams);
        FAIL(ERR_MEMORY, "no memory for the cpu backend");
    }
    cpu->streams = streams;
    cpu->base = (struct backend){.ops = &cpu_backend_ops,
                                 .lanes = lanes,
                                 .host_memory = true,
                                 .int8 = machine_has_vnni(),
                                 .chunk_bytes = CHUNK_BYTES};
    blas_set_threads(1);
    const enum status status = open_engine(cpu);
    if (status != OK) {
        cpu_close(&cpu->base);
        return status;
    }
    *out = &cpu->base;
    return OK;
}

const struct backend_ops cpu_backend_ops = {
    .name = "cpu",
    .ask = cpu_ask,
    .open = cpu_open,
    .close = cpu_close,
    .alloc = cpu_alloc,
    .release = cpu_release,
    .alloc_pinned = cpu_alloc,
    .release_pinned = cpu_release,
    .upload = cpu_upload,
    .download = cpu_download,
    .zero = cpu_zero,
    .sync = cpu_sync,
    .parallel = cpu_parallel,
    .kernels =
        {
            [OP_NORMALIZE] = &cpu_normalize_kernel,
            [OP_QUANTIZE] = &cpu_quantize_kernel,
            [OP_CONV] = &cpu_conv_kernel,
            [OP_CONV_BACKWARD_DATA] = &cpu_conv_backward_data_kernel,
            [OP_CONV_BACKWARD_WEIGHTS] = &cpu_conv_backward_weights_kernel,
            [OP_POOL_MAX] = &cpu_pool_max_kernel,
            [OP_POOL_MAX_BACKWARD] = &cpu_pool_max_backward_kernel,
            [OP_POOL_AVG] = &cpu_pool_avg_kernel,
            [OP_POOL_AVG_BACKWARD] = &cpu_pool_avg_backward_kernel,
            [OP_SCALE_SHIFT] = &cpu_scale_shift_kernel,
            [OP_BN_STATISTICS] = &cpu_bn_statistics_kernel,
            [OP_BN_SUM] = &cpu_bn_sum_kernel,
            [OP_BN_FINISH] = &cpu_bn_finish_kernel,
            [OP_BN_BACKWARD_REDUCE] = &cpu_bn_backward_reduce_kernel,
            [OP_BN_BACKWARD_FINISH] = &cpu_bn_backward_finish_kernel,
            [OP_BN_BACKWARD_APPLY] = &cpu_bn_backward_apply_kernel,
            [OP_ADD] = &cpu_add_kernel,
            [OP_MULTIPLY] = &cpu_multiply_kernel,
            [OP_MULTIPLY_BACKWARD_VECTOR] = &cpu_multiply_backward_vector_kernel,
            [OP_ACT_BACKWARD] = &cpu_act_backward_kernel,
            [OP_COPY_CHANNELS] = &cpu_copy_channels_kernel,
            [OP_GATHER] = &cpu_gather_kernel,
            [OP_SCATTER_ADD] = &cpu_scatter_add_kernel,
            [OP_PAD] = &cpu_pad_kernel,
            [OP_PAD_BACKWARD] = &cpu_pad_backward_kernel,
            [OP_SHUFFLE] = &cpu_shuffle_kernel,
            [OP_RESIZE] = &cpu_resize_kernel,
            [OP_RESIZE_BACKWARD] = &cpu_resize_backward_kernel,
            [OP_DROPOUT] = &cpu_dropout_kernel,
            [OP_SOFTMAX] = &cpu_softmax_kernel,
            [OP_SOFTMAX_BACKWARD] = &cpu_softmax_backward_kernel,
            [OP_SOFTMAX_XENT] = &cpu_softmax_xent_kernel,
            [OP_LSTM] = &cpu_lstm_kernel,
            [OP_LSTM_BACKWARD] = &cpu_lstm_backward_kernel,
            [OP_RANGE] = &cpu_range_kernel,
            [OP_SUM_SQUARES] = &cpu_sum_squares_kernel,
            [OP_CLIP] = &cpu_clip_kernel,
            [OP_SGD] = &cpu_sgd_kernel,
            [OP_RMSPROP] = &cpu_rmsprop_kernel,
            [OP_ADAM] = &cpu_adam_kernel,
        },
};
