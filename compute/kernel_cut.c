// A cut kernel is its pieces' kernels, each opened on the backend as any other.
#include "compute/kernel_cut.h"

#include "compute/op_cut.h"

#include <stdlib.h>

struct piece {
    struct op_piece what;
    struct kernel *kernel; // owned
    size_t packed;         // where its packed weights begin
};

struct cut_kernel {
    struct kernel base;
    struct piece *pieces; // [base.pieces], owned
};

static void cut_close(struct kernel *kernel)
{
    struct cut_kernel *cut = (struct cut_kernel *)kernel;
    for (int i = 0; i < cut->base.pieces; i++) {
        kernel_close(cut->pieces[i].kernel);
    }
    free(cut->pieces);
    free(cut);
}

static void cut_run(struct kernel *kernel, const struct op_args *args)
{
    const struct cut_kernel *cut = (const struct cut_kernel *)kernel;
    const struct piece *piece = &cut->pieces[args->piece];
    const struct op_piece *what = &piece->what;
    struct op_args own = *args;
    CHECK(kernel->op.kind != OP_SCALE_SHIFT || args->out[1] == NULL); // one range of the whole
    for (int i = 0; i < OP_MAX_IN; i++) {
        own.in[i] = args->in[i] != NULL ? (const char *)args->in[i] + what->in_bytes[i] : NULL;
    }
    for (int i = 0; i < OP_MAX_OUT; i++) {
        own.out[i] = args->out[i] != NULL ? (char *)args->out[i] + what->out_bytes[i] : NULL;
    }
    if (kernel->op.kind == OP_CONV) {
        own.in[1] = (const char *)args->in[1] + piece->packed;
    }
    piece->kernel->ops->run(piece->kernel, &own);
}

static enum status cut_pack(struct kernel *kernel, const float *weights, const float *bias,
                            const struct op_quantization *quantization, void *packed, int lane)
{
    const struct cut_kernel *cut = (const struct cut_kernel *)kernel;
    const struct op *op = &kernel->op;
    const size_t row = (size_t)(op->in_c / op->groups) * (size_t)op->kernel[0] *
                       (size_t)op->kernel[1]; // weights of one output channel
    for (int i = 0; i < kernel->pieces; i++) {
        struct piece *piece = &cut->pieces[i];
        const size_t first = (size_t)piece->what.first_channel;
        TRY(piece->kernel->ops->pack(piece->kernel, weights + first * row,
                                     bias != NULL ? bias + first : NULL, quantization,
                                     (char *)packed + piece->packed, lane));
    }
    return OK;
}

static const struct kernel_ops cut_ops = {.run = cut_run, .pack = cut_pack, .close = cut_close};

static size_t align_up(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

// Bands read the same weights; where their kernels want them alike, they are there once.
static void place_weights(struct cut_kernel *cut)
{
    const struct piece *first = &cut->pieces[0];
    for (int i = 0; i < cut->base.pieces; i++) {
        struct piece *piece = &cut->pieces[i];
        const bool shared = i > 0 && piece->what.op.out_c == cut->base.op.out_c &&
                            piece->kernel->packing != 0 &&
                            piece->kernel->packing == first->kernel->packing &&
                            piece->kernel->packed_bytes == first->kernel->packed_bytes;
        piece->packed = shared ? first->packed : cut->base.packed_bytes;
        cut->base.packed_bytes += shared ? 0 : align_up(piece->kernel->packed_bytes);
    }
}

static enum status open_pieces(struct cut_kernel *cut)
{
    for (int i = 0; i < cut->base.pieces; i++) {
        struct piece *piece = &cut->pieces[i];
        piece->what = op_cut_piece(&cut->base.op, i, cut->base.pieces);
        TRY(kernel_open(cut->base.backend, &piece->what.op, &piece->kernel));
        const size_t scratch = piece->kernel->scratch_bytes;
        cut->base.scratch_bytes =
            scratch > cut->base.scratch_bytes ? scratch : cut->base.scratch_bytes;
        cut->base.keeps_weights = cut->base.keeps_weights || piece->kernel->keeps_weights;
    }
    return OK;
}

enum status kernel_open_cut(struct backend *backend, const struct op *op, int most,
                            struct kernel **out)
{
    TRY(op_check(op));
    const int count = op_cut_count(op, most);
    if (count < 2) {
        return kernel_open(backend, op, out);
    }
    struct cut_kernel *cut = calloc(1, sizeof *cut);
    struct piece *pieces = calloc((size_t)count, sizeof *pieces);
    if (cut == NULL || pieces == NULL) {
        free(cut);
        free(pieces);
        FAIL(ERR_MEMORY, "no memory for a kernel in %d pieces", count);
    }
    cut->base = (struct kernel){.ops = &cut_ops, .backend = backend, .op = *op, .pieces = count};
    cut->pieces = pieces;
    const enum status status = open_pieces(cut);
    if (status != OK) {
        cut_close(&cut->base);
        return status;
    }
    place_weights(cut);
    *out = &cut->base;
    return OK;
}
